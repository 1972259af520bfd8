"""What only object stores do: ignore conditions, lose answers, list late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from upath import UPath

from mode_catalog_provider.errors import ConfigurationError, LockHeldError, LockLostError
from mode_catalog_provider.lock import Holder, RunLock
from mode_catalog_provider.lock.store import MAX_BYTES, StoragePath, open_store
from tests.object_store import S3Server

HOUR = timedelta(hours=1)
HOLDER = Holder.here("mode-catalog extract")


def elsewhere(directory: StoragePath) -> RunLock:
    """The same lock as another process sees it, with nothing remembered."""
    assert isinstance(directory, UPath)
    return RunLock(UPath(str(directory), **directory.storage_options, skip_instance_cache=True), ttl=HOUR)


@pytest.fixture
def careless(s3: S3Server) -> Iterator[S3Server]:
    """A lookalike that does not know conditional writes."""
    s3.conditional_writes = False
    yield s3
    s3.conditional_writes = True


@pytest.mark.usefixtures("careless")
def test_a_store_that_ignores_the_condition_is_refused_at_its_first_use_and_ever_after(s3_folder):
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="cannot create a file exclusively"):
            RunLock(s3_folder, ttl=HOUR).try_acquire(HOLDER)


def test_a_store_that_forgets_conditions_later_is_noticed_by_the_next_who_takes_the_lock(s3, s3_folder):
    lock = RunLock(s3_folder, ttl=HOUR)
    lock.release(lock.try_acquire(HOLDER))
    s3.conditional_writes = False
    try:
        with pytest.raises(ConfigurationError, match="cannot create a file exclusively"):
            lock.try_acquire(HOLDER)
    finally:
        s3.conditional_writes = True


@pytest.mark.parametrize("file", [".lease", ".released"])
def test_an_answer_that_is_lost_costs_nothing(s3, s3_folder, file):
    s3.lose_answer(file)
    lock = RunLock(s3_folder, ttl=HOUR)
    lease = lock.try_acquire(HOLDER)
    lock.check(lease)
    assert lock.release(lease)
    assert lock.state().released


def test_a_holder_whose_listing_lags_still_learns_that_it_was_superseded(s3, s3_folder):
    holder, others = RunLock(s3_folder, ttl=HOUR), elsewhere(s3_folder)
    lease = holder.try_acquire(HOLDER)
    with s3.stale_listings():
        holder.check(lease)
        others.try_acquire(Holder.here("airflow"), holder_is_over=lambda _: True)
        with pytest.raises(LockLostError, match="taken over"):
            holder.check(lease)


def test_a_listing_that_lags_hides_neither_a_release_nor_a_holder(s3, s3_folder):
    behind, others = RunLock(s3_folder, ttl=HOUR), elsewhere(s3_folder)
    lease = others.try_acquire(HOLDER)
    with s3.stale_listings():
        assert not behind.state().released
        others.release(lease)
        assert behind.state().released
        for _ in range(3):
            others.release(others.try_acquire(HOLDER))
        others.try_acquire(HOLDER)
        with pytest.raises(LockHeldError):
            behind.try_acquire(HOLDER)


def test_a_conflict_with_another_write_under_way_is_tried_again(s3, s3_folder):
    with s3.refused_creates(409, "ConditionalRequestConflict", times=2):
        lease = RunLock(s3_folder, ttl=HOUR).try_acquire(HOLDER)
    assert lease.generation == 1
    assert set(s3.objects(s3_folder.name)) == {"000000000001.lease"}


def test_a_store_that_does_not_know_conditions_and_says_so_is_refused(s3, s3_folder):
    with (
        s3.refused_creates(501, "NotImplemented"),
        pytest.raises(ConfigurationError, match="cannot create a file exclusively"),
    ):
        RunLock(s3_folder, ttl=HOUR).try_acquire(HOLDER)


def test_a_refused_condition_means_that_the_file_exists_also_without_the_name_of_the_condition(s3, s3_folder):
    lock = RunLock(s3_folder, ttl=HOUR)
    with s3.refused_creates(412, "PreconditionFailed", times=1), pytest.raises(LockHeldError):
        lock.try_acquire(HOLDER)


@pytest.mark.parametrize(("written", "read"), [(b"", 0), (b"x", 1), (b"x" * (MAX_BYTES + 9), MAX_BYTES)])
def test_of_an_object_that_is_no_lease_of_ours_only_the_start_is_read(s3_folder, written, read):
    (s3_folder / "000000000001.lease").write_bytes(written)
    found = open_store(s3_folder).read("000000000001.lease")
    assert found is not None
    assert len(found.content) == read


def test_a_user_without_rights_is_told_so(s3, s3_folder):
    with s3.refused_creates(403, "AccessDenied"), pytest.raises(ConfigurationError, match="may not read or"):
        RunLock(s3_folder, ttl=HOUR).try_acquire(HOLDER)


def test_a_bucket_that_does_not_exist_is_explained(s3):
    with pytest.raises(ConfigurationError, match="bucket or container does not exist"):
        RunLock(UPath("s3://no-such-bucket/lock", **s3.options), ttl=HOUR).try_acquire(HOLDER)
