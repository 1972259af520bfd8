"""The run lock around a command, the same one that the DAGs take."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from mode_catalog_provider.lock import Holder, LeaseKeeper, RunLock

# A command that was killed frees the folder after this time.
TTL = timedelta(minutes=5)


@contextmanager
def locked(
    arguments: argparse.Namespace, folder: Path, *, on_lost: Callable[[], None] = lambda: None
) -> Iterator[Callable[[], None]]:
    """Hold the lock of ``folder`` (or of ``--lock``) and yield the fence that proves it.

    :param on_lost: called from another thread as soon as the lock is known to be lost.
    :raises LockHeldError: somebody else holds it, and ``--lock-timeout`` is 0.
    :raises LockTimeoutError: somebody else still holds it after ``--lock-timeout`` seconds.
    """
    lock = RunLock(
        Path(arguments.lock).expanduser().absolute() if arguments.lock else folder / ".lock", ttl=TTL
    )
    holder = Holder(host=socket.gethostname(), pid=os.getpid(), program=f"mode-catalog {arguments.command}")
    lease = lock.acquire(holder, timeout=timedelta(seconds=arguments.lock_timeout))
    try:
        with LeaseKeeper(lease, lock, on_lost=on_lost) as keeper:
            yield keeper.check
    finally:
        lock.release(lease)
