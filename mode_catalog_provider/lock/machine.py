"""Whether a process of this very machine still lives."""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")


def process_mark(pid: int) -> str | None:
    """Return what no other process of any machine is called at any time: machine, boot, start time.

    :param pid: process id, as this process sees it.
    :return: ``None`` without such a process, or where the system does not tell (it is asked as Linux is).
    """
    here, started = _here(), _start_time(pid)
    return None if here is None or started is None else f"{here} {pid} {started}"


def is_gone(mark: str | None) -> bool:
    """Return whether a marked process certainly lives no more.

    ``False`` for one of another machine, another boot or another container: its number means nothing here.

    :param mark: what :func:`process_mark` gave, wherever that was; ``None`` is never gone.
    """
    here = _here()
    if mark is None or here is None or not mark.startswith(f"{here} "):
        return False
    number, _, started = mark[len(here) + 1 :].partition(" ")
    if not (number.isascii() and number.isdigit() and 0 < len(number) < 10 and started):
        return False
    try:
        # Not by looking into /proc, where processes of other users may be hidden.
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    now = _start_time(int(number))
    return now is not None and now != started


def _here() -> str | None:
    """Return a name of the running kernel, and of the containers that decide what a process id means."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        spaces = [str((_PROC / "self/ns" / kind).readlink()) for kind in ("pid", "time")]
    except OSError:
        return None
    return " ".join([boot, *spaces]) if boot else None


def _start_time(pid: int) -> str | None:
    """Return when a process was started, in ticks since the boot; ``dead`` while it waits to be cleared."""
    try:
        # Behind the name, which may hold anything, in brackets.
        fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        return "dead" if fields[0] in {"Z", "X"} else fields[19]
    except (OSError, IndexError):
        return None
