"""A process that takes the lock over and over, and writes down when its checks passed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from upath import UPath

from mode_catalog_provider.errors import LockLostError
from mode_catalog_provider.lock import Holder, Lease, RunLock

#: Checks that each holder makes before it lets go.
CHECKS = 3


@dataclass(frozen=True, kw_only=True)
class Contest:
    """What the contenders fight for, and where they write.

    :param directory: of the lock.
    :param options: of the object store, ``None`` for the local disk.
    :param folder: local folder for the witness and the sign to stop.
    :param ttl: seconds.
    :param poll: seconds between two looks.
    :param patience: seconds after which a wait counts as endless.
    """

    directory: str
    options: dict[str, Any] | None
    folder: Path
    ttl: float
    poll: float
    patience: float

    def lock(self) -> RunLock:
        directory = Path(self.directory) if self.options is None else UPath(self.directory, **self.options)
        return RunLock(directory, ttl=timedelta(seconds=self.ttl))

    @property
    def witness(self) -> Path:
        """A line per check that passed: generation, process, start and end by the machine's one clock."""
        return self.folder / "witness"

    @property
    def stop(self) -> Path:
        return self.folder / "stop"


def contend(contest: Contest) -> None:
    """Go on until told to stop; an endless wait ends the process with an error."""
    lock = contest.lock()
    holder = Holder.here("contender")
    # Lines of several processes do not mix: each is one append.
    witness = os.open(contest.witness, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    while not contest.stop.exists():
        lease = lock.acquire(
            holder, timeout=timedelta(seconds=contest.patience), poll=timedelta(seconds=contest.poll)
        )
        try:
            for started, ended in passed_checks(lock, lease):
                os.write(witness, f"{lease.generation} {os.getpid()} {started} {ended}\n".encode())
            lock.renew(lease)
        except LockLostError:
            continue
        lock.release(lease)


def passed_checks(lock: RunLock, lease: Lease) -> Iterator[tuple[int, int]]:
    for _ in range(CHECKS):
        started = time.monotonic_ns()
        lock.check(lease)
        yield started, time.monotonic_ns()
