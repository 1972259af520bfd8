"""The run lock around a command, the same one that the DAGs take."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from mode_catalog_provider.cli.places import place_of
from mode_catalog_provider.cli.values import seconds
from mode_catalog_provider.lock import Holder, LeaseKeeper, RunLock

# A command that was killed frees the folder after this time.
TTL = timedelta(minutes=5)


def add_lock(command: argparse.ArgumentParser, default: str) -> None:
    """Add where the lock is and how long it is waited for.

    :param default: whose lock it is when none is named, for the help.
    """
    group = command.add_argument_group("one run at a time")
    group.add_argument("--lock", metavar="PLACE", help=f"folder or URL of the run lock (default: {default})")
    group.add_argument(
        "--lock-timeout",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="wait so long for the lock before giving up (default 0)",
    )


def default_place(folder: Path) -> Path:
    """Return the lock of a folder: its own, or that of the staging area whose snapshot it is.

    A lock inside a snapshot would be nobody else's, and would keep the folder from being removed.
    """
    is_staged = folder.name.isdecimal() and len(folder.name) == 10
    return (folder.parents[1] if is_staged and len(folder.parents) > 1 else folder) / ".lock"


@contextmanager
def locked(
    arguments: argparse.Namespace, folder: Path, *, on_lost: Callable[[], None] = lambda: None
) -> Iterator[Callable[[], None]]:
    """Hold the lock of ``folder`` (or of ``--lock``) and yield the fence that proves it.

    :param on_lost: called from another thread as soon as the lock is known to be lost.
    :raises LockHeldError: somebody else holds it, and ``--lock-timeout`` is 0.
    :raises LockTimeoutError: somebody else still holds it after ``--lock-timeout`` seconds.
    """
    lock = RunLock(place_of(arguments.lock) if arguments.lock else default_place(folder), ttl=TTL)
    holder = Holder(host=socket.gethostname(), pid=os.getpid(), program=f"mode-catalog {arguments.command}")
    lease = lock.acquire(holder, timeout=timedelta(seconds=arguments.lock_timeout))
    try:
        with LeaseKeeper(lease, lock, on_lost=on_lost) as keeper:
            yield keeper.check
    finally:
        lock.release(lease)
