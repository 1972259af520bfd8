from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mode_catalog_provider.errors import CancelledError, LockLostError
from mode_catalog_provider.lock import Holder, LeaseKeeper, RunLock, Watch
from mode_catalog_provider.lock.lease import Lease
from mode_catalog_provider.lock.takeover import Observation

HOLDER = Holder.here("mode-catalog extract")
SOON = 10.0  # seconds after which a test gives up waiting for an event


class Lock(RunLock):
    """Tells of each renewal, and fails where the test wants it to."""

    def __init__(self, directory: Path, *, ttl: float) -> None:
        super().__init__(directory, ttl=timedelta(seconds=ttl))
        self.renewals = threading.Semaphore(0)
        self.failure: Exception | None = None

    def renew(self, lease: Lease) -> None:
        try:
            if self.failure is not None:
                raise self.failure
            super().renew(lease)
        finally:
            self.renewals.release()

    def wait_for_renewals(self, count: int) -> None:
        for _ in range(count):
            assert self.renewals.acquire(timeout=SOON)

    def take_over(self) -> Lease:
        record = self.state()
        assert record is not None
        still = Observation(generation=record.generation, fingerprint=record.fingerprint, unchanged_for=1e9)
        return self.try_acquire(Holder.here("somebody else"), watch=Watch(seen=still))


@pytest.fixture
def lock(tmp_path: Path) -> Callable[[float], Lock]:
    return lambda ttl: Lock(tmp_path, ttl=ttl)


def test_a_lease_is_renewed_as_long_as_work_runs_and_no_longer(lock):
    lock = lock(0.06)
    lease = lock.try_acquire(HOLDER)
    with LeaseKeeper(lease, lock) as keeper:
        lock.wait_for_renewals(4)
        keeper.check()
        # A renewal that hangs in the store must not keep the program from ending.
        assert [one.daemon for one in threading.enumerate() if one.name == "lease-keeper"] == [True]
    assert lock.state().claim.renewals >= 4
    assert "lease-keeper" not in {thread.name for thread in threading.enumerate()}


def test_the_keeper_renews_at_once_so_that_a_lost_lease_does_no_work(lock):
    lock = lock(3600)
    lease = lock.try_acquire(HOLDER)
    lock.take_over()
    with pytest.raises(LockLostError, match="held by somebody else"), LeaseKeeper(lease, lock):
        raise AssertionError("the work must not begin")


def test_a_lease_lost_during_work_stops_the_work_and_fails_the_fence(lock):
    lock = lock(0.1)
    lost = threading.Event()
    with LeaseKeeper(lock.try_acquire(HOLDER), lock, on_lost=lost.set) as keeper:
        lock.take_over()
        assert lost.wait(SOON)
        with pytest.raises(LockLostError, match="held by somebody else"):
            keeper.check()


def test_the_fence_reads_the_store_and_waits_for_no_renewal(lock):
    lock = lock(3600)
    with LeaseKeeper(lock.try_acquire(HOLDER), lock) as keeper:
        keeper.check()
        lock.take_over()
        with pytest.raises(LockLostError):
            keeper.check()


def test_work_that_was_cancelled_because_of_the_lost_lease_ends_with_the_reason(lock):
    lock = lock(0.1)
    lost = threading.Event()

    def work() -> None:
        with LeaseKeeper(lock.try_acquire(HOLDER), lock, on_lost=lost.set):
            lock.take_over()
            assert lost.wait(SOON)
            raise CancelledError("the client was told to stop")

    with pytest.raises(LockLostError, match="taken over"):
        work()


def test_other_errors_of_the_work_are_left_as_they_are(lock):
    lock = lock(3600)
    with pytest.raises(CancelledError), LeaseKeeper(lock.try_acquire(HOLDER), lock):
        raise CancelledError("the task was killed")


def test_errors_while_renewing_are_tolerated_for_a_while(lock):
    lock = lock(0.1)
    # To the keeper no time passes, however busy the machine is.
    with LeaseKeeper(lock.try_acquire(HOLDER), lock, monotonic=lambda: 1000.0) as keeper:
        lock.wait_for_renewals(1)
        lock.failure = OSError("the network disk is away")
        lock.wait_for_renewals(2)
        lock.failure = None
        before = lock.state().claim.renewals
        lock.wait_for_renewals(2)
        assert lock.state().claim.renewals > before
        keeper.check()


def test_a_lease_that_cannot_be_renewed_counts_as_lost_before_its_ttl_is_over(lock):
    lock = lock(0.3)
    lost = threading.Event()
    lease = lock.try_acquire(HOLDER)
    with LeaseKeeper(lease, lock, on_lost=lost.set) as keeper:
        lock.failure = OSError("the network disk is away")
        assert lost.wait(SOON)
        with pytest.raises(LockLostError, match=r"could not be renewed.*the network disk is away"):
            keeper.check()
    # Nobody has come yet, and still nothing more is pushed.
    lock.check(lease)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses of a keeper, each over at once; after the 13th its thread ends."""
    taken: list[float] = []

    class Event(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if timeout is None:
                return super().wait()
            taken.append(timeout)
            return len(taken) > 12

    monkeypatch.setattr(threading, "Event", Event)
    return taken


def test_a_lease_is_renewed_each_third_of_its_ttl_and_sooner_after_a_renewal_that_failed(lock, pauses):
    lock = lock(60)

    def now() -> float:
        lock.failure = OSError("the network disk is away") if len(pauses) in {2, 3} else None
        return 0.0

    with LeaseKeeper(lock.try_acquire(HOLDER), lock, monotonic=now):
        pass
    assert pauses == [20, 20, 4, 4, *[20] * 9]


def test_a_lease_counts_as_lost_when_its_ttl_would_be_over_before_the_next_try(lock, pauses):
    lock = lock(60)
    lost = []

    def now() -> float:
        if pauses:
            lock.failure = OSError("the network disk is away")
        return sum(pauses)

    lease = lock.try_acquire(HOLDER)
    with LeaseKeeper(lease, lock, on_lost=lambda: lost.append(sum(pauses)), monotonic=now) as keeper:
        pass
    assert lost == [56]
    with pytest.raises(LockLostError) as told:
        keeper.check()
    assert str(told.value) == (
        f"Lease 1 of the lock at {lock.path} could not be renewed for 56 s (the network disk is away), so "
        "others may take it over. Nothing more is written or pushed by this task."
    )


def test_a_lease_that_was_taken_over_is_told_to_be_lost_once(lock, pauses):
    lock = lock(60)
    lost = []

    def now() -> float:
        if len(pauses) == 1:
            lock.take_over()
        return 0.0

    lease = lock.try_acquire(HOLDER)
    with LeaseKeeper(lease, lock, on_lost=lambda: lost.append(sum(pauses)), monotonic=now):
        pass
    assert lost == [20]
