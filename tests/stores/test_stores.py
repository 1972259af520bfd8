"""What must hold on every kind of object store, for the lock and for the staging area."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from upath import UPath

from mode_catalog_provider.errors import (
    ConfigurationError,
    LockHeldError,
    LockLostError,
    SnapshotNotFoundError,
)
from mode_catalog_provider.lock import Holder, RunLock
from mode_catalog_provider.lock.run_lock import Clocks
from mode_catalog_provider.lock.store import open_store
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.output import create_exclusively
from mode_catalog_provider.snapshot.reader import Snapshot, open_snapshot, verify
from mode_catalog_provider.snapshot.retention import prune
from mode_catalog_provider.tasks.key_memory import first_seen
from tests.integration.upload_cases import AT, ORDER, make_snapshot, on_disk, push, stored
from tests.stores import servers
from tests.stores.servers import Open
from tests.unit.catalog.serving import running_catalog

HOUR = timedelta(hours=1)
HOLDER = Holder.here("mode-catalog extract")
SERVERS = {
    "S3: moto": servers.moto,
    "S3: SeaweedFS": servers.seaweedfs,
    "Azure: Azurite": servers.azurite,
    "GCS: fake-gcs-server": servers.fake_gcs_server,
}


@pytest.fixture(scope="module", params=list(SERVERS))
def opened(request: pytest.FixtureRequest) -> Iterator[Open]:
    with SERVERS[request.param]() as path:
        yield path


@pytest.fixture
def path(opened: Open) -> Open:
    """Paths below a prefix of its own, with nothing in it, each with a client of its own."""
    prefix = uuid.uuid4().hex
    return lambda *parts: opened(prefix, *parts)


@pytest.fixture
def catalog():  # type: ignore[no-untyped-def]
    with running_catalog() as sandbox:
        yield sandbox


def as_another_machine_sees(snapshot: Snapshot) -> Snapshot:
    """The same snapshot, by its URL alone and with nothing remembered."""
    return open_snapshot(elsewhere(snapshot.manifest_path, str(snapshot.manifest_path)))


def elsewhere(place: UPath, url: str) -> UPath:
    """Another path of the same store, with a client of its own."""
    return UPath(url, **{**place.storage_options, "skip_instance_cache": True})


def lock(path: Open, *, ttl: timedelta = HOUR) -> RunLock:
    return RunLock(path("lock"), ttl=ttl)


def test_the_lock_holds_from_acquire_to_release(path: Open) -> None:
    first, other = lock(path), lock(path)
    lease = first.try_acquire(HOLDER)
    with pytest.raises(LockHeldError):
        other.try_acquire(HOLDER)
    first.renew(lease)
    assert other.state().claim.renewals == 1
    assert first.release(lease)
    assert other.try_acquire(HOLDER).generation == 2
    with pytest.raises(LockLostError, match="taken over"):
        first.check(lease)


def test_of_many_who_create_one_file_one_succeeds(path: Open) -> None:
    stores = [open_store(path("race")) for _ in range(8)]

    def create(store):  # type: ignore[no-untyped-def]
        return [store.create(f"{name:012d}.lease", b"mine") for name in range(25)]

    with ThreadPoolExecutor(len(stores)) as pool:
        won = list(pool.map(create, stores))
    assert [sum(column) for column in zip(*won, strict=True)] == [1] * 25


def test_a_created_file_keeps_its_first_content(path: Open) -> None:
    place = path("1795000000.partial")
    assert create_exclusively(place, b"x") is True
    assert create_exclusively(place, b"y") is False
    assert path("1795000000.partial").read_bytes() == b"x"


def test_a_key_is_remembered(path: Open) -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    first_seen(path("keys"), "2f4e6a8c0b1d", now)
    assert first_seen(path("keys"), "2f4e6a8c0b1d", now + HOUR) == now


def test_the_lease_of_a_dead_holder_is_taken_over(path: Open) -> None:
    """By a machine whose clock is past the lease's end; the first one then knows that it lost it."""
    first = lock(path)
    lease = first.try_acquire(HOLDER)
    later = RunLock(
        path("lock"), ttl=HOUR, clocks=Clocks(wall=lambda: time.time() + 2 * HOUR.total_seconds())
    )
    assert later.try_acquire(Holder.here("another")).generation == 2
    with pytest.raises(LockLostError, match="taken over"):
        first.check(lease)


def test_a_holder_whose_run_is_over_is_followed_at_once(path: Open) -> None:
    lock(path).try_acquire(HOLDER)
    assert lock(path).try_acquire(HOLDER, holder_is_over=lambda holder: True).generation == 2


def test_a_snapshot_is_pushed_from_there_by_another_machine(catalog, path: Open) -> None:  # type: ignore[no-untyped-def]
    snapshot = make_snapshot(path("staging"))
    again = as_another_machine_sees(snapshot)
    assert push(catalog, again).pushed == ORDER
    assert stored(catalog) == on_disk(snapshot)
    assert push(catalog, as_another_machine_sees(snapshot)).already_there == ORDER


def test_old_snapshots_are_pruned(path: Open) -> None:
    snapshots = [make_snapshot(path("staging"), at=AT + day * 86_400) for day in range(3)]
    assert prune(Layout.nested(path("staging"), "acme"), 1) == [AT, AT + 86_400]
    verify(as_another_machine_sees(snapshots[2]))
    with pytest.raises(SnapshotNotFoundError):
        as_another_machine_sees(snapshots[0])


# SeaweedFS answers 500, which says nothing of the bucket.
@pytest.mark.parametrize("opened", [name for name in SERVERS if name != "S3: SeaweedFS"], indirect=True)
def test_a_bucket_or_container_that_does_not_exist_is_told(path: Open) -> None:
    nowhere = elsewhere(path(), str(path("lock")).replace("//staging/", "//nosuch/"))
    with pytest.raises(ConfigurationError, match="does not exist"):
        RunLock(nowhere, ttl=HOUR).try_acquire(HOLDER)


def test_a_store_that_ignores_the_condition_keeps_no_lock() -> None:
    with (
        servers.s3rver() as path,
        pytest.raises(ConfigurationError, match="cannot create a file exclusively"),
    ):
        lock(path).try_acquire(HOLDER)
