"""What must hold on any S3 server, on one that words its refusals differently from the usual one."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from upath import UPath

from mode_catalog_provider.errors import LockHeldError, LockLostError
from mode_catalog_provider.lock import Holder, RunLock
from mode_catalog_provider.lock.store import open_store
from mode_catalog_provider.snapshot.output import create_exclusively
from mode_catalog_provider.tasks.key_memory import first_seen
from tests.object_store.seaweed import SeaweedServer

HOUR = timedelta(hours=1)
HOLDER = Holder.here("mode-catalog extract")


@pytest.fixture(scope="module")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedServer]:
    with SeaweedServer(tmp_path_factory.mktemp("weed")) as server:
        yield server


@pytest.fixture
def folder(weed: SeaweedServer) -> UPath:
    """A prefix of its own, with nothing in it."""
    return weed.path(uuid.uuid4().hex)


def test_the_lock_holds_from_acquire_to_release(weed, folder):
    lock, other = RunLock(folder / "lock", ttl=HOUR), RunLock(weed.path(folder.name, "lock"), ttl=HOUR)
    lease = lock.try_acquire(HOLDER)
    with pytest.raises(LockHeldError):
        other.try_acquire(HOLDER)
    lock.renew(lease)
    assert other.state().claim.renewals == 1
    assert lock.release(lease)
    assert other.try_acquire(HOLDER).generation == 2
    with pytest.raises(LockLostError, match="taken over"):
        lock.check(lease)


def test_of_many_who_create_one_file_one_succeeds(weed, folder):
    stores = [open_store(weed.path(folder.name)) for _ in range(6)]

    def create(store):
        return [store.create(f"{name:012d}.lease", b"mine") for name in range(5)]

    with ThreadPoolExecutor(len(stores)) as pool:
        won = list(pool.map(create, stores))
    assert [sum(column) for column in zip(*won, strict=True)] == [1] * 5


def test_a_snapshots_file_is_created_once(folder):
    assert create_exclusively(folder / "1795000000.partial", b"x") is True
    assert create_exclusively(folder / "1795000000.partial", b"y") is False
    assert (folder / "1795000000.partial").read_bytes() == b"x"


def test_a_key_is_remembered(folder):
    now = datetime(2026, 11, 21, tzinfo=UTC)
    first_seen(folder, "2f4e6a8c0b1d", now)
    assert first_seen(folder, "2f4e6a8c0b1d", now + HOUR) == now
