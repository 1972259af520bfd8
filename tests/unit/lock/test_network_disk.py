"""What a disk of another machine does that a local one does not."""

from __future__ import annotations

import errno
import os
from datetime import timedelta

import pytest

from mode_catalog_provider.errors import LockHeldError
from mode_catalog_provider.lock import Holder, RunLock

HOUR = timedelta(hours=1)
HOLDER = Holder.here("mode-catalog extract")


def stale(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let so many readings fail as NFS does when a file is replaced after it was opened."""
    read, left = os.read, [None] * times

    def read_stale(descriptor: int, length: int) -> bytes:
        if left:
            left.pop()
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return read(descriptor, length)

    monkeypatch.setattr(os, "read", read_stale)


def test_a_lease_that_is_renewed_while_it_is_read_is_read_again(tmp_path, monkeypatch):
    lock = RunLock(tmp_path, ttl=HOUR)
    lock.try_acquire(HOLDER)
    stale(monkeypatch, times=1)
    with pytest.raises(LockHeldError, match="mode-catalog extract"):
        lock.try_acquire(HOLDER)


def test_a_disk_that_stays_stale_is_named(tmp_path, monkeypatch):
    lock = RunLock(tmp_path, ttl=HOUR)
    lock.try_acquire(HOLDER)
    stale(monkeypatch, times=2)
    with pytest.raises(OSError, match=f"Stale.*{tmp_path}"):
        lock.try_acquire(HOLDER)
