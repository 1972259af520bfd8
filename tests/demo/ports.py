"""Ports of this machine that two processes looking at the same moment do not both take."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path

#: Ports that this process has taken, each with the lock file that tells others.
_taken: dict[int, int] = {}


class NoFreePortError(RuntimeError):
    """All ports that were tried are in use."""


def take_port(preferred: int) -> int:
    """Return ``preferred``, or the next port above it that nobody listens on or has taken here.

    A port that is merely looked at is free for everybody who looks: between the look and the listening a lock
    file keeps it for this process, until :func:`give_port_back` or its end.
    """
    for port in range(preferred, preferred + 200):
        if port in _taken or (held := _lock(port)) is None:
            continue
        with socket.socket() as probe:
            # Airflow binds without SO_REUSEADDR tricks; a plain bind is the test it will face.
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                os.close(held)
                continue
        _taken[port] = held
        return port
    raise NoFreePortError(f"No port from {preferred} to {preferred + 199} is free; stop what listens there.")


def give_port_back(port: int) -> None:
    """Let others take the port."""
    if (held := _taken.pop(port, None)) is not None:
        os.close(held)


def _lock(port: int) -> int | None:
    """Return the descriptor of the port's lock file, ``None`` when another process holds it."""
    name = Path(tempfile.gettempdir()) / f"mode-catalog-port-{os.getuid()}-{port}.lock"
    held = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        return None
    return held
