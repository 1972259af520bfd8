"""What is told of a lock: why it was taken over, who holds it, what stands in its files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest

from mode_catalog_provider.errors import LockHeldError, LockLostError, LockTimeoutError
from mode_catalog_provider.lock import Holder, LeaseRecord, Observation, RunLock, Watch
from mode_catalog_provider.lock.machine import process_mark
from mode_catalog_provider.lock.store import open_store
from tests.unit.lock.conftest import TTL

RUN = {"installation": "blue", "dag_id": "sync", "run_id": "r1", "task_id": "acquire_lock"}
HELD = "held by mode-catalog extract (process 7 on a) since 2027-01-15 08:00:00 UTC, until"
HELD_BY_RUN = (
    "held by DAG 'sync', run 'r1' (task 'acquire_lock', process 7 on a) since 2027-01-15 08:00:00 UTC, until"
)


@pytest.fixture
def place(tmp_path):
    return tmp_path / "lock"


@pytest.fixture
def lock(place, time):
    return RunLock(place, ttl=TTL, host="a", clocks=time.clocks())


def seen(lock, seconds):
    record = lock.state()
    return Watch(
        seen=Observation(generation=record.generation, fingerprint=record.fingerprint, unchanged_for=seconds)
    )


def test_what_was_given_back_is_taken_without_a_word(lock, holder, caplog):
    lease = lock.try_acquire(holder())
    assert lock.took_over is False
    lock.release(lease)
    lock.try_acquire(holder())
    assert lock.took_over is False
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("run", "passed", "watched", "over", "reason"),
    [
        ({}, 61, 0, None, "it has expired"),
        ({}, 0, 60, None, "it was not renewed for 60 s, by the clock of the waiter"),
        (RUN, 0, 0, None, "it was left by an earlier try of the same task"),
        ({"dag_id": "other"}, 0, 0, lambda other: True, "its holder's run is over"),
    ],
)
def test_a_takeover_is_in_the_log_with_its_reason(
    lock, place, holder, time, caplog, run, passed, watched, over, reason
):
    lock.try_acquire(holder(**RUN))
    time.now += passed
    again = RunLock(place, ttl=TTL, host="a", clocks=time.clocks())
    watch = seen(lock, float(watched))
    lease = again.try_acquire(holder(**run), watch=watch, holder_is_over=over)
    assert lease.generation == 2
    assert again.took_over
    assert caplog.messages == [
        f"Taking over the lock at {place}, {HELD_BY_RUN} 2027-01-15 08:01:00 UTC unless renewed: {reason}."
    ]
    again.release(lease)
    again.try_acquire(holder())
    assert not again.took_over


def test_a_holder_whose_process_was_killed_is_told_to_be_gone(lock, holder, caplog):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        mark = process_mark(process.pid)
        process.kill()
    lock.try_acquire(Holder(program="mode-catalog extract", host="a", pid=7, process=mark))
    lock.try_acquire(holder())
    assert [message.rpartition(": ")[2] for message in caplog.messages] == [
        "its process on this machine is gone."
    ]


def test_who_gives_up_is_told_who_holds_how_long_it_waited_and_what_to_do(lock, place, holder):
    lock.try_acquire(holder())
    how = f"If that work is dead, free the lock: mode-catalog unlock --lock {place}"
    waiter = RunLock(place, ttl=TTL, host="b", clocks=lock.clocks)
    until = f"The lock at {place} is {HELD} 2027-01-15 08:01:00 UTC unless renewed."
    with pytest.raises(LockTimeoutError) as refused:
        waiter.acquire(holder(), timeout=timedelta(seconds=42))
    assert str(refused.value) == f"{until} It did not become free within 42 seconds. {how}"
    with pytest.raises(LockTimeoutError) as refused:
        waiter.acquire(holder(), timeout=timedelta(0))
    assert str(refused.value) == f"{until} {how}"


def test_a_waiter_looks_every_five_seconds_and_at_the_end_of_the_lease(lock, place, holder, time):
    lock.try_acquire(holder())
    looks = []
    clocks = time.clocks()
    started = time.now

    def sleep(seconds):
        clocks.sleep(seconds)
        looks.append(time.now - started)

    waiting = type(clocks)(wall=clocks.wall, monotonic=clocks.monotonic, sleep=sleep)
    waiter = RunLock(place, ttl=TTL, host="b", clocks=waiting)
    waiter.acquire(holder(), timeout=timedelta(hours=1), poll=timedelta(seconds=25))
    assert looks == [25, 50, 60]
    looks.clear()
    with pytest.raises(LockTimeoutError):
        RunLock(place, ttl=TTL, host="c", clocks=waiting).acquire(holder(), timeout=timedelta(seconds=12))
    assert looks == [65, 70, 72]


def test_the_files_of_a_lease_say_who_holds_and_who_gave_it_back(lock, place, holder, time):
    lease = lock.try_acquire(holder(**RUN))
    time.now += 20
    RunLock(place, ttl=TTL, host="b", clocks=time.clocks()).renew(lease)
    files = open_store(place)
    assert json.loads(files.read("000000000001.lease").content) == {
        "version": 1,
        "token": lease.token,
        "holder": {"program": "mode-catalog extract", "host": "a", "pid": 7, "process": None, **RUN},
        "ttl": 60.0,
        "acquired_at": "2027-01-15T08:00:00+00:00",
        "renewed_at": "2027-01-15T08:00:20+00:00",
        "renewed_on": "b",
        "renewals": 1,
    }
    lock.release(lease)
    assert files.read("000000000001.released").content == b"released at 2027-01-15T08:00:20+00:00 on a"


def test_a_person_frees_the_lease_that_was_shown_and_no_other(lock, holder, time):
    first = lock.try_acquire(holder())
    shown = lock.state()
    assert lock.free(shown) is True
    assert lock.free(shown) is True
    second = lock.try_acquire(holder())
    assert lock.free(shown) is False
    lock.check(second)
    with pytest.raises(LockLostError):
        lock.check(first)


def test_a_lost_lease_is_told_with_its_number_its_place_and_the_end_of_the_work(lock, place, holder):
    lease = lock.try_acquire(holder())
    lock.release(lease)
    start = f"Lease 1 of the lock at {place} no longer holds: "
    end = " Nothing more is written or pushed by this task."
    with pytest.raises(LockLostError) as lost:
        lock.check(lease)
    assert str(lost.value) == f"{start}it was released. Start again.{end}"
    lock.try_acquire(holder())
    with pytest.raises(LockLostError) as lost:
        lock.check(lease)
    assert str(lost.value) == (
        f"{start}it was taken over; the lock is {HELD} 2027-01-15 08:01:00 UTC unless renewed.{end}"
    )


def test_a_holder_names_this_process_and_what_it_was_told():
    here = Holder.here("airflow", **RUN)
    assert here == Holder(program="airflow", host=os.uname().nodename, pid=os.getpid(), **RUN)


def test_who_is_refused_has_the_record_of_the_holder(lock, holder):
    lock.try_acquire(holder())
    with pytest.raises(LockHeldError) as refused:
        lock.try_acquire(holder())
    assert refused.value.state == lock.state()


def record(content=b"{}", *, modified_at=None):
    return LeaseRecord.read(1, content, released=False, modified_at=modified_at)


def test_a_watch_says_whether_the_lease_changed_and_goes_on_with_what_was_seen_elsewhere(time):
    elsewhere = Watch(monotonic=lambda: time.now)
    elsewhere.note(record(), asked_at=time.now)
    assert elsewhere.changed
    time.now += 20
    elsewhere.note(record(), asked_at=time.now)
    assert not elsewhere.changed

    time.now += 1000  # on the way from one machine to the other
    here = Watch(seen=elsewhere.seen, monotonic=lambda: time.now)
    here.note(record(), asked_at=time.now)
    assert (here.seen.unchanged_for, here.changed) == (20, False)
    time.now += 30
    here.note(record(), asked_at=time.now)
    assert (here.seen.unchanged_for, here.changed) == (50, False)
    here.note(record(b"renewed"), asked_at=time.now)
    assert (here.seen.unchanged_for, here.changed) == (0, True)
    here.note(None, asked_at=time.now)
    assert (here.seen, here.changed) == (None, True)


@pytest.mark.parametrize(
    ("age", "why"), [(None, None), (61, None), (60 + 3600, None), (60 + 3601, "it has expired")]
)
def test_a_record_that_cannot_be_read_is_as_old_as_its_file_by_a_clock_that_is_not_trusted(
    lock, time, age, why
):
    unread = record(modified_at=None if age is None else time.now - age)
    assert lock.expiry.why_free(unread) == why


@pytest.mark.parametrize(
    ("still_for", "pause"), [(0.0, 7.0), (53.0, 7.0), (58.0, 2.0), (59.5, 0.5), (60.0, 7.0), (70.0, 7.0)]
)
def test_the_next_look_is_when_the_lease_ends_if_that_is_before_the_next_poll(lock, holder, still_for, pause):
    lock.try_acquire(holder())
    assert lock.expiry.pause(lock.state(), seen(lock, still_for), timedelta(seconds=7)) == pause
