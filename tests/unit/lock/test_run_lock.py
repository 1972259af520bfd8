from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from time import time as wall

import pytest

from mode_catalog_provider.errors import ConfigurationError, LockHeldError, LockLostError, LockTimeoutError
from mode_catalog_provider.lock import Holder, Lease, LeaseRecord, Observation, RunLock, Watch
from mode_catalog_provider.lock.store import open_store

RUN = {"installation": "blue", "dag_id": "sync", "run_id": "r1", "task_id": "acquire_lock"}


# -- taking, holding, giving back ---


def test_a_lease_holds_from_acquire_to_release(machine, holder):
    lock = machine()
    assert lock.state() is None
    lease = lock.try_acquire(holder())
    lock.check(lease)
    assert lock.release(lease) is True
    with pytest.raises(LockLostError, match="was released"):
        lock.check(lease)
    assert lock.state().describe() == "free"


def test_every_lease_has_a_higher_number_than_the_one_before(machine, holder):
    lock = machine()
    numbers = []
    for _ in range(3):
        lease = lock.try_acquire(holder())
        numbers.append(lease.generation)
        lock.release(lease)
    assert numbers == [1, 2, 3]


def test_a_lease_travels_as_json(machine, holder):
    lease = machine().try_acquire(holder())
    assert Lease.from_json(json.loads(json.dumps(lease.to_json()))) == lease


@pytest.mark.parametrize(
    "stored", [{}, {"path": "x"}, {"path": "x", "generation": "one", "token": "t", "ttl": 1}, {"ttl": -1}]
)
def test_what_is_not_a_lease_is_refused(stored):
    with pytest.raises(ConfigurationError, match="not a lease"):
        Lease.from_json(stored)


def test_a_held_lock_is_refused_with_holder_since_and_until(machine, holder, time):
    machine("a").try_acquire(holder(**RUN))
    with pytest.raises(LockHeldError) as refused:
        machine("b").try_acquire(holder())
    assert str(refused.value).endswith(
        "is held by DAG 'sync', run 'r1' (task 'acquire_lock', process 7 on a) "
        "since 2027-01-15 08:00:00 UTC, until 2027-01-15 08:01:00 UTC unless renewed."
    )
    assert refused.value.state.claim.holder == holder(**RUN)


def test_a_renewal_moves_the_end_and_counts(machine, holder, time):
    lock = machine()
    lease = lock.try_acquire(holder())
    time.now += 20
    lock.renew(lease)
    claim = lock.state().claim
    assert claim.renewals == 1
    assert claim.until.timestamp() == time.now + 60
    assert claim.acquired_at.timestamp() == time.now - 20


def test_a_release_may_be_repeated_also_after_somebody_else_has_taken_the_lock(machine, holder):
    lock = machine()
    lease = lock.try_acquire(holder())
    assert lock.release(lease) is True
    assert lock.release(lease) is True
    other = lock.try_acquire(holder())
    assert lock.release(lease) is True
    lock.check(other)


def test_a_lease_that_was_taken_over_cannot_be_released_and_its_successor_keeps_holding(
    machine, holder, time
):
    lock = machine()
    lease = lock.try_acquire(holder())
    time.now += 61
    successor = lock.try_acquire(holder())
    assert lock.release(lease) is False
    lock.check(successor)


def test_a_stopped_holder_that_goes_on_after_a_takeover_learns_who_holds_now(machine, holder, time):
    lock = machine()
    lease = lock.try_acquire(holder("first"))
    time.now += 61
    lock.try_acquire(holder("second"))
    for step in (lock.check, lock.renew):
        with pytest.raises(LockLostError, match="taken over; the lock is held by second"):
            step(lease)


def test_a_holder_that_was_stopped_beyond_its_ttl_goes_on_when_nobody_came(machine, holder, time):
    lock = machine()
    lease = lock.try_acquire(holder())
    time.now += 10_000
    lock.check(lease)
    lock.renew(lease)
    with pytest.raises(LockHeldError):
        machine("b").try_acquire(holder())


# -- who may take over, and when ---


def test_on_the_same_machine_a_lease_expires_with_its_ttl(machine, holder, time):
    machine("a").try_acquire(holder())
    time.now += 60
    with pytest.raises(LockHeldError):
        machine("a").try_acquire(holder())
    time.now += 1
    assert machine("a").try_acquire(holder()).generation == 2


@pytest.mark.parametrize("off_by", [-1800, 1800])
def test_the_clock_of_another_machine_is_not_trusted(machine, holder, time, off_by):
    machine("a", off_by=off_by).try_acquire(holder())
    time.now += 61
    with pytest.raises(LockHeldError):
        machine("b").try_acquire(holder())


def test_a_lease_of_another_machine_that_ended_more_than_an_hour_ago_is_taken_at_first_sight(
    machine, holder, time
):
    machine("a").try_acquire(holder())
    time.now += 60 + 3601
    assert machine("b").try_acquire(holder()).generation == 2


@pytest.mark.parametrize("off_by", [-3600, 0, 7200])
def test_a_waiter_takes_over_what_it_saw_unchanged_for_the_ttl_whatever_the_clocks_say(
    machine, holder, time, off_by
):
    machine("a", off_by=off_by).try_acquire(holder())
    waiter, started = machine("b"), time.now
    lease = waiter.acquire(holder(), timeout=timedelta(hours=1))
    assert lease.generation == 2
    assert time.now - started == 60


def test_a_holder_that_renews_is_never_taken_over(machine, holder, time):
    lock, waiter = machine("a"), machine("b")
    lease = lock.try_acquire(holder())
    watch = Watch(monotonic=lambda: time.now)
    for _ in range(20):
        time.now += 20
        lock.renew(lease)
        time.now += 20
        with pytest.raises(LockHeldError):
            waiter.try_acquire(holder(), watch=watch)
    lock.check(lease)


def test_the_ttl_that_counts_is_the_holders(machine, holder, time):
    machine("a", ttl=timedelta(seconds=120)).try_acquire(holder())
    waiter, started = machine("b", ttl=timedelta(seconds=6)), time.now
    waiter.acquire(holder(), timeout=timedelta(hours=1))
    assert time.now - started == 120


def test_a_slow_store_does_not_make_a_lease_look_older(time):
    watch = Watch(monotonic=lambda: time.now)
    record = LeaseRecord.read(1, b"{}", released=False)
    asked_at = time.now
    time.now += 1000  # the first reading took so long
    watch.note(record, asked_at=asked_at)
    assert watch.seen.unchanged_for == 0
    asked_at = time.now + 10
    time.now += 1000
    watch.note(record, asked_at=asked_at)
    assert watch.seen.unchanged_for == 10


def test_what_was_watched_elsewhere_counts_if_nothing_has_changed_since(machine, holder, time):
    lock = machine("a")
    lease = lock.try_acquire(holder())
    record = lock.state()
    seen = Observation(generation=record.generation, fingerprint=record.fingerprint, unchanged_for=60.0)
    carried = Observation.from_json(json.loads(json.dumps(seen.to_json())))
    lock.renew(lease)
    with pytest.raises(LockHeldError):
        machine("b").try_acquire(holder(), watch=Watch(seen=carried))
    renewed = Observation.begin(lock.state())
    seen = Observation(generation=1, fingerprint=renewed.fingerprint, unchanged_for=60.0)
    assert machine("b").try_acquire(holder(), watch=Watch(seen=seen)).generation == 2


def test_a_lease_whose_holders_run_is_over_is_taken_at_once(machine, holder):
    machine("a").try_acquire(holder(**RUN))
    with pytest.raises(LockHeldError):
        machine("b").try_acquire(holder(), holder_is_over=lambda other: other.run_id == "another")
    lease = machine("b").try_acquire(holder(), holder_is_over=lambda other: other.run_id == "r1")
    assert lease.generation == 2


def test_another_try_of_the_same_task_takes_its_own_lease_over_at_once(machine, holder):
    first = machine("a").try_acquire(holder(**RUN))
    second = machine("b").try_acquire(holder(host="b", **RUN))
    with pytest.raises(LockLostError):
        machine("a").check(first)
    machine("b").check(second)


@pytest.mark.parametrize(
    "other",
    [
        {},
        {**RUN, "task_id": "other"},
        {**RUN, "run_id": "r2"},
        {**RUN, "installation": "green"},
        {key: value for key, value in RUN.items() if key != "installation"},
    ],
)
def test_another_task_or_run_does_not(machine, holder, other):
    machine("a").try_acquire(holder(**RUN))
    with pytest.raises(LockHeldError):
        machine("a").try_acquire(holder(**other))


def test_the_same_task_of_an_installation_that_is_not_known_is_another(machine, holder):
    ids = {key: value for key, value in RUN.items() if key != "installation"}
    machine("a").try_acquire(holder(**ids))
    with pytest.raises(LockHeldError):
        machine("b").try_acquire(holder(host="b", **ids))


@pytest.mark.parametrize("blank", RUN)
def test_what_is_empty_on_both_sides_makes_no_two_tasks_the_same(blank):
    here, there = (Holder(program="airflow", host=host, pid=1, **{**RUN, blank: ""}) for host in "ab")
    assert not here.same_task(there)


def test_two_commands_without_a_run_are_not_the_same_task(machine, holder):
    machine("a").try_acquire(holder())
    with pytest.raises(LockHeldError):
        machine("a").try_acquire(holder())


# -- waiting ---


def test_waiting_ends_with_the_release(machine, holder, time):
    lock, waiter = machine("a"), machine("b")
    lease = lock.try_acquire(holder("first"))
    told = []

    def on_wait(record):
        told.append(record.describe())
        lock.release(lease)

    assert waiter.acquire(holder(), timeout=timedelta(minutes=1), on_wait=on_wait).generation == 2
    assert len(told) == 1
    assert "held by first" in told[0]


def test_waiting_ends_at_its_deadline_and_names_the_holder(machine, holder, time):
    machine("a", ttl=timedelta(hours=9)).try_acquire(holder("the long one"))
    started = time.now
    with pytest.raises(LockTimeoutError, match=r"held by the long one.*within 42 seconds"):
        machine("b").acquire(holder(), timeout=timedelta(seconds=42))
    assert time.now - started == 42


def test_a_timeout_of_zero_tries_once(machine, holder, time):
    machine("a").try_acquire(holder())
    with pytest.raises(LockTimeoutError):
        machine("b").acquire(holder(), timeout=timedelta(0))
    assert machine("c").state().generation == 1


def test_each_change_of_the_holder_is_told_once(machine, holder, time):
    lock = machine("a", ttl=timedelta(hours=9))
    lease = lock.try_acquire(holder())
    told = []

    def on_wait(record):
        told.append(record.claim.renewals)
        if len(told) < 3:
            lock.renew(lease)

    with pytest.raises(LockTimeoutError):
        machine("b").acquire(holder(), timeout=timedelta(seconds=60), on_wait=on_wait)
    assert told == [0, 1, 2]


# -- odd contents of the directory ---


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"version": 2}', b"\xff\xfe", b"[" * 5000, b'{"version": 1, "ttl": 1e999}'],
)
def test_a_record_that_cannot_be_read_is_held_until_it_was_seen_unchanged_for_the_ttl(
    machine, holder, directory, time, content
):
    store = open_store(directory)
    if content:
        store.create("000000000004.lease", content)
    else:
        store.create("000000000004.lease", b"x")
        store.replace("000000000004.lease", b"")
    time.now = wall()  # that of the file
    lock, started = machine(), time.now
    with pytest.raises(LockHeldError, match="generation 4\\) cannot be read"):
        lock.try_acquire(holder())
    assert lock.acquire(holder(), timeout=timedelta(hours=1)).generation == 5
    assert time.now - started == 60


def test_other_files_in_the_directory_are_ignored(machine, holder, directory):
    store = open_store(directory)
    for name in ("README", "99.lease", "000000000009.lease.bak", "000000000008.released", ".lease"):
        store.create(name, b"not ours")
    assert machine().try_acquire(holder()).generation == 1


def test_old_generations_are_deleted_and_the_last_ones_kept(machine, holder, directory):
    lock = machine()
    for _ in range(20):
        lock.release(lock.try_acquire(holder()))
    names = sorted(open_store(directory).names())
    assert names[0] == "000000000005.lease"
    assert len(names) == 32


def test_a_lease_whose_file_was_deleted_is_lost(machine, holder, directory):
    lock = machine()
    lease = lock.try_acquire(holder())
    open_store(directory).delete("000000000001.lease")
    with pytest.raises(LockLostError, match="file is gone"):
        lock.check(lease)
    with pytest.raises(LockLostError):
        lock.renew(lease)
    assert lock.release(lease) is False
    assert lock.state() is None


def test_a_lock_taken_afresh_after_its_directory_was_deleted_is_not_the_old_one(tmp_path, holder):
    lock = RunLock(tmp_path / "lock", ttl=timedelta(hours=1))
    old = lock.try_acquire(holder())
    shutil.rmtree(tmp_path / "lock")
    new = lock.try_acquire(holder())
    assert old.generation == new.generation
    with pytest.raises(LockLostError, match="replaced"):
        lock.check(old)
    assert lock.release(old) is False
    lock.check(new)


def test_a_path_that_other_machines_do_not_share_is_explained(tmp_path, holder):
    lease = RunLock(tmp_path / "here", ttl=timedelta(hours=1)).try_acquire(holder())
    with pytest.raises(LockLostError, match="a path that all machines share"):
        RunLock(Path("/nonexistent/there"), ttl=timedelta(hours=1)).check(lease)


@pytest.mark.parametrize("ttl", [timedelta(0), timedelta(seconds=-1), timedelta(days=32), timedelta.max])
def test_a_ttl_out_of_range_is_refused(tmp_path, ttl):
    with pytest.raises(ConfigurationError, match="above 0 and at most 31 days"):
        RunLock(tmp_path, ttl=ttl)


def test_a_record_that_claims_a_hundred_years_holds_no_longer_than_one_that_cannot_be_read(
    machine, holder, directory, time
):
    machine("a").try_acquire(holder())
    store = open_store(directory)
    claim = json.loads(store.read("000000000001.lease").content)
    store.replace("000000000001.lease", json.dumps({**claim, "ttl": 100 * 365 * 86400}).encode())
    waiter = machine("b")
    time.now = wall()
    started = time.now
    assert waiter.acquire(holder(), timeout=timedelta(hours=1)).generation == 2
    assert time.now - started == 60


def test_a_record_of_another_version_is_not_read_even_where_it_looks_alike(machine, holder, directory):
    lock = machine()
    lease = lock.try_acquire(holder())
    store = open_store(directory)
    claim = json.loads(store.read("000000000001.lease").content)
    store.replace("000000000001.lease", json.dumps({**claim, "version": 2}).encode())
    assert lock.state().claim is None
    with pytest.raises(LockLostError):
        lock.check(lease)


def test_a_record_from_before_installations_were_told_apart_is_read(machine, holder, directory):
    lock = machine()
    lease = lock.try_acquire(holder(dag_id="sync", run_id="r1", task_id="acquire_lock"))
    store = open_store(directory)
    claim = json.loads(store.read("000000000001.lease").content)
    for name in ("installation", "process"):
        del claim["holder"][name]
    store.replace("000000000001.lease", json.dumps(claim).encode())
    lock.check(lease)
    assert lock.state().claim.holder.run_id == "r1"


def test_a_record_that_ends_after_the_last_year_cannot_be_read(machine, holder, directory):
    lock = machine()
    lock.try_acquire(holder())
    store = open_store(directory)
    claim = json.loads(store.read("000000000001.lease").content)
    claim["renewed_at"] = "9999-12-31T23:59:59+00:00"
    store.replace("000000000001.lease", json.dumps(claim).encode())
    assert lock.state().claim is None
    assert "cannot be read" in lock.state().describe()


def test_between_two_looks_at_what_was_not_watched_yet_lies_the_whole_poll(machine, holder):
    lock, poll = machine(), timedelta(seconds=7)
    assert lock.expiry.pause(None, Watch(), poll) == 7
    lock.try_acquire(holder())
    assert lock.expiry.pause(lock.state(), Watch(), poll) == 7


def test_what_a_later_version_adds_to_a_holder_does_not_make_it_unreadable(machine, holder, directory):
    lock = machine()
    lease = lock.try_acquire(holder())
    store = open_store(directory)
    claim = json.loads(store.read("000000000001.lease").content)
    claim["holder"]["moon"] = "full"
    store.replace("000000000001.lease", json.dumps(claim).encode())
    lock.check(lease)


def test_a_refusal_for_good_says_how_to_free_the_lock(tmp_path, holder):
    place = tmp_path / "two words"
    lock = RunLock(place, ttl=timedelta(hours=1))
    lock.try_acquire(holder())
    with pytest.raises(LockTimeoutError) as refused:
        lock.acquire(holder(), timeout=timedelta(0))
    assert str(refused.value).endswith(f"free the lock: mode-catalog unlock --lock '{place}'")
    assert "within" not in str(refused.value)  # nobody waited


@pytest.mark.parametrize(("run", "cure"), [(RUN, "clear the acquiring task too"), ({}, "Start again.")])
def test_a_holder_that_was_freed_by_hand_is_told_what_it_can_do(machine, holder, run, cure):
    lock = machine()
    lease = lock.try_acquire(holder(**run))
    lock.free(lock.state())
    with pytest.raises(LockLostError, match=f"was released.*{cure}"):
        lock.check(lease)
