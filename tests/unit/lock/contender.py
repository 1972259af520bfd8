"""A process that takes the lock over and over, and writes down when its checks passed.

``python -m tests.unit.lock.contender DIRECTORY LOG TTL`` runs until the file ``LOG`` plus ``.stop`` appears.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta
from pathlib import Path

from mode_catalog_provider.errors import LockLostError
from mode_catalog_provider.lock import Holder, LeaseKeeper, RunLock


def contend(directory: Path, log: Path, ttl: float) -> None:
    lock = RunLock(directory, ttl=timedelta(seconds=ttl))
    stop = log.with_name("stop")
    file = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    while not stop.exists():
        lease = lock.acquire(
            Holder.here("contender"), timeout=timedelta(minutes=1), poll=timedelta(milliseconds=5)
        )
        try:
            with LeaseKeeper(lease, lock) as keeper:
                for _ in range(3):
                    started = time.monotonic_ns()
                    keeper.check()
                    ended = time.monotonic_ns()
                    os.write(file, f"{lease.generation} {started} {ended}\n".encode())
                    time.sleep(0.005)
        except LockLostError:
            continue
        lock.release(lease)


if __name__ == "__main__":
    contend(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
