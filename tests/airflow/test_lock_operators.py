"""The lock's operators and trigger by themselves: kill, odd events, a triggerer that sees something else."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.module_loading import import_string

from mode_catalog_provider.errors import CancelledError, LockError, ModeCatalogError
from mode_catalog_provider.lock import Clocks, Holder, Lease, RunLock
from mode_catalog_provider.operators.lock import AcquireLockOperator, ReleaseLockOperator, run_lock
from mode_catalog_provider.tasks import metrics
from mode_catalog_provider.tasks.compat import AirflowFailException, AirflowSkipException
from mode_catalog_provider.triggers import lock as lock_trigger
from mode_catalog_provider.triggers.lock import RunLockTrigger
from tests.airflow_exceptions import TaskDeferred

HOUR = timedelta(hours=1)
VARIABLE = "AIRFLOW_VAR_MODE_CATALOG_INSTALLATION"


@pytest.fixture(autouse=True)
def _this_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tasks run without an Airflow that could be asked for its mark."""
    monkeypatch.setenv(VARIABLE, "this one")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "lock"


@pytest.fixture
def lock(directory: Path) -> RunLock:
    return RunLock(directory, ttl=HOUR)


def context(run_id: str = "this-run", map_index: int = -1) -> Any:
    task = SimpleNamespace(dag_id="sync", run_id=run_id, task_id="acquire_lock", map_index=map_index)
    return {"ti": task}


def acquiring(directory: Path, **arguments: Any) -> AcquireLockOperator:
    return AcquireLockOperator(
        **{"task_id": "acquire_lock", "path": str(directory), "poll_interval": timedelta(0), **arguments}
    )


def trigger(directory: Path, **arguments: Any) -> RunLockTrigger:
    return RunLockTrigger(
        **{
            "path": str(directory),
            "ttl": 3600.0,
            "generation": 1,
            "deadline": time.time() + 60,
            "poll_interval": 0.01,
            **arguments,
        }
    )


def event_of(trigger: RunLockTrigger) -> dict[str, Any]:
    async def first() -> dict[str, Any]:
        async for event in trigger.run():
            return event.payload
        raise AssertionError("the trigger ended without an event")

    return asyncio.run(first())


# -- the operator -------------------------------------------------------------------------------------------


def test_the_lease_that_is_returned_is_json_and_holds(directory, lock):
    lease = acquiring(directory).execute(context())
    assert lease == json.loads(json.dumps(lease))
    lock.check(Lease.from_json(lease))
    holder = lock.state().claim.holder
    assert (holder.dag_id, holder.run_id, holder.task_id) == ("sync", "this-run", "acquire_lock")


def test_a_repeated_try_of_the_same_task_takes_over_its_own_earlier_lease(directory):
    acquiring(directory).execute(context())
    assert acquiring(directory).execute(context())["generation"] == 2


def test_the_same_task_and_run_of_another_airflow_keep_the_lock(directory, lock, monkeypatch):
    monkeypatch.setenv(VARIABLE, "another one")
    lease = acquiring(directory).execute(context())
    monkeypatch.setenv(VARIABLE, "this one")
    with pytest.raises(AirflowFailException, match="held by DAG 'sync', run 'this-run'"):
        acquiring(directory, conflict="fail").execute(context())
    lock.check(Lease.from_json(lease))


def test_an_airflow_that_does_not_tell_its_mark_takes_nothing_over_early(directory, lock, monkeypatch):
    monkeypatch.delenv(VARIABLE)
    lease = acquiring(directory).execute(context())
    with pytest.raises(AirflowFailException, match="held by DAG 'sync', run 'this-run'"):
        acquiring(directory, conflict="fail").execute(context())
    lock.check(Lease.from_json(lease))


def test_a_word_that_is_no_policy_is_refused_before_anything_is_taken(directory, lock):
    with pytest.raises(AirflowFailException, match="conflict='typo' is not known; use one of"):
        acquiring(directory, conflict="typo").execute(context())
    assert lock.state() is None


def test_a_refusal_says_how_to_free_the_lock(directory, lock):
    lock.try_acquire(Holder.here("mode-catalog"))
    with pytest.raises(AirflowFailException, match=f"mode-catalog unlock --lock {directory}$"):
        acquiring(directory, conflict="fail").execute(context())


def test_a_mapped_task_does_not_take_the_lease_of_its_sibling(directory):
    acquiring(directory).execute(context(map_index=0))
    with pytest.raises(AirflowFailException, match=r"task 'acquire_lock\[0\]'"):
        acquiring(directory, conflict="fail").execute(context(map_index=1))


def test_an_unknown_conflict_policy_is_refused_by_name(directory):
    with pytest.raises(AirflowFailException, match="conflict='ignore'"):
        acquiring(directory, conflict="ignore").execute(context())


def test_a_relative_path_is_refused():
    with pytest.raises(AirflowFailException, match="absolute"):
        acquiring(Path("locks")).execute(context())


def test_skip_says_who_holds(directory, lock):
    lock.try_acquire(Holder.here("mode-catalog extract"))
    with pytest.raises(AirflowSkipException, match="held by mode-catalog extract"):
        acquiring(directory, conflict="skip").execute(context())


def test_a_wait_is_deferred_and_its_event_brings_the_lock(directory, lock):
    held = lock.try_acquire(Holder.here("mode-catalog"))
    operator = acquiring(directory)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context())
    lock.release(held)
    event = event_of(deferred.value.trigger)
    assert event["status"] == "free"
    resumed = getattr(acquiring(directory), deferred.value.method_name)
    assert resumed(context(), event=json.loads(json.dumps(event)))["generation"] == 2


def test_a_task_that_must_wait_is_counted_and_one_that_need_not_is_not(directory, lock, monkeypatch):
    counted: list[str] = []
    monkeypatch.setattr(metrics, "count", lambda metric, *_, **__: counted.append(metric.name))
    lock.release(lock.try_acquire(Holder.here("mode-catalog")))
    acquiring(directory).execute(context())
    assert metrics.LOCK_WAITS.name not in counted
    lock.free(lock.state())
    lock.try_acquire(Holder.here("mode-catalog"))
    with pytest.raises(TaskDeferred):
        acquiring(directory).execute(context())
    assert counted.count(metrics.LOCK_WAITS.name) == 1


def test_whoever_loses_the_race_after_the_wait_waits_on_with_the_same_deadline(directory, lock):
    held = lock.try_acquire(Holder.here("mode-catalog"))
    with pytest.raises(TaskDeferred) as deferred:
        acquiring(directory).execute(context())
    lock.release(held)
    event = event_of(deferred.value.trigger)
    lock.try_acquire(Holder.here("somebody quicker"))
    with pytest.raises(TaskDeferred) as again:
        acquiring(directory).execute_complete(context(), event=event)
    assert again.value.trigger.deadline == deferred.value.trigger.deadline
    assert again.value.trigger.generation == 2


def test_a_shorter_execution_timeout_ends_the_wait(directory, lock):
    lock.try_acquire(Holder.here("mode-catalog"))
    with pytest.raises(TaskDeferred) as deferred:
        acquiring(directory, execution_timeout=timedelta(minutes=5)).execute(context())
    assert deferred.value.trigger.deadline <= time.time() + 300


@pytest.mark.parametrize("event", [None, {}, {"status": "done"}])
def test_an_event_that_is_missing_or_unknown_fails_the_task(directory, event):
    with pytest.raises(ModeCatalogError, match="not understood"):
        acquiring(directory).execute_complete(context(), event=event)


def test_a_kill_before_the_lock_was_taken_gives_it_back(directory, lock):
    operator = acquiring(directory)
    operator.on_kill()
    with pytest.raises(CancelledError):
        operator.execute(context())
    assert lock.state().released


def test_a_kill_after_the_lock_was_taken_gives_it_back(directory, lock):
    operator = acquiring(directory)
    operator.execute(context())
    operator.on_kill()
    assert lock.state().released


def test_a_wait_on_the_worker_that_is_over_is_not_tried_again_and_names_the_holder(directory, lock):
    lock.try_acquire(Holder.here("mode-catalog"))
    waiting = acquiring(directory, deferrable=False, timeout=timedelta(seconds=0.1))
    with pytest.raises(AirflowFailException, match="mode-catalog"):
        waiting.execute(context())


def test_a_kill_ends_a_wait_on_the_worker(directory, lock):
    held = lock.try_acquire(Holder.here("mode-catalog"))
    operator = acquiring(directory, deferrable=False, poll_interval=HOUR)
    timer = threading.Timer(0.05, operator.on_kill)
    timer.start()
    with pytest.raises(CancelledError):
        operator.execute(context())
    timer.join()
    lock.check(held)


def test_releasing_twice_succeeds_and_touches_nobody_else(directory, lock):
    lease = acquiring(directory).execute(context())
    release = ReleaseLockOperator(task_id="release_lock", lease=lease)
    assert release.execute({}) is True
    other = lock.try_acquire(Holder.here("the next one"))
    assert release.execute({}) is True
    lock.check(other)


def test_releasing_without_a_lease_does_nothing():
    assert ReleaseLockOperator(task_id="release_lock", lease=None).execute({}) is False


def test_the_two_tasks_are_setup_and_teardown_and_unpack():
    with DAG(dag_id="wired", schedule=None):
        tasks = run_lock("/tmp/lock")
    acquire, release = tasks
    assert acquire.is_setup
    assert release.is_teardown
    assert release.on_failure_fail_dagrun is False
    assert acquire.downstream_task_ids == {"release_lock"}
    assert tasks.lease.operator is acquire


# -- the trigger --------------------------------------------------------------------------------------------


def test_the_trigger_is_rebuilt_from_json_scalars(directory):
    path, arguments = trigger(directory).serialize()
    assert all(value is None or isinstance(value, str | int | float) for value in arguments.values())
    rebuilt = import_string(path)(**json.loads(json.dumps(arguments)))
    assert rebuilt.serialize() == (path, arguments)


def test_the_trigger_hands_back_how_long_it_watched_the_lease_stand_still(directory):
    ahead = Clocks(wall=lambda: time.time() + 3600)
    RunLock(directory, ttl=timedelta(seconds=0.2), host="elsewhere", clocks=ahead).try_acquire(
        Holder.here("mode-catalog")
    )
    event = event_of(trigger(directory))
    assert event["status"] == "free"
    assert event["seen"]["unchanged_for"] >= 0.2
    lease = acquiring(directory).execute_complete(context(), event=event)
    assert lease["generation"] == 2


def test_the_trigger_ends_at_its_deadline_and_the_task_names_the_holder(directory, lock):
    lock.try_acquire(Holder.here("mode-catalog extract"))
    event = event_of(trigger(directory, deadline=time.time() + 0.05))
    assert event["status"] == "timeout"
    with pytest.raises(AirflowFailException, match="mode-catalog extract"):
        acquiring(directory).execute_complete(context(), event=event)


def test_a_triggerer_that_sees_another_directory_is_found_out(directory, lock, tmp_path):
    lock.try_acquire(Holder.here("mode-catalog"))
    event = event_of(trigger(tmp_path / "not mounted"))
    assert event["status"] == "blind"
    with pytest.raises(AirflowFailException, match="triggerer does not see"):
        acquiring(directory).execute_complete(context(), event=event)


def test_a_lock_directory_deleted_while_waiting_is_taken_afresh(directory, lock):
    lock.try_acquire(Holder.here("mode-catalog"))
    shutil.rmtree(directory)
    event = event_of(trigger(directory))
    assert acquiring(directory).execute_complete(context(), event=event)["generation"] == 1


def test_brief_errors_while_watching_are_tolerated(directory, lock, monkeypatch):
    lock.release(lock.try_acquire(Holder.here("mode-catalog")))
    failing = iter([OSError("stale file handle"), OSError("stale file handle")])
    look = RunLockTrigger._look

    def flaky(self: RunLockTrigger) -> Any:
        for error in failing:
            raise error
        return look(self)

    monkeypatch.setattr(RunLockTrigger, "_look", flaky)
    assert event_of(trigger(directory))["status"] == "free"


class HungDisk:
    """Answers nobody until it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.threads: set[threading.Thread] = set()
        self._over = threading.Event()

    def look(self, _trigger: RunLockTrigger) -> Any:
        self.asked += 1
        self.threads.add(threading.current_thread())
        self._over.wait()
        raise OSError("the disk is back")

    def come_back(self) -> None:
        self._over.set()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def hung_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[HungDisk]:
    disk = HungDisk()
    monkeypatch.setattr(RunLockTrigger, "_look", lambda self: disk.look(self))
    monkeypatch.setattr(lock_trigger, "LOOK_SECONDS", 0.01)
    yield disk
    disk.come_back()


def test_a_disk_that_hangs_is_asked_once_and_said_to_hang(directory, hung_disk):
    event = event_of(trigger(directory))
    assert (event["status"], event["permanent"]) == ("blind", False)
    assert "TimeoutError: the last look has been hanging for" in event["message"]
    assert hung_disk.asked == 1


def test_a_disk_that_hangs_leaves_the_loops_threads_to_others(directory, hung_disk):
    async def waiters_and_another() -> str:
        async def wait() -> None:
            async for _ in trigger(directory).run():
                return

        await asyncio.gather(*(wait() for _ in range(40)))
        return await asyncio.to_thread(lambda: "served")

    assert asyncio.run(waiters_and_another()) == "served"
    assert len(hung_disk.threads) == 40
    assert all(thread.daemon for thread in hung_disk.threads)


def test_errors_that_go_on_send_the_task_to_a_worker_that_may_be_retried(directory, lock, monkeypatch):
    lock.try_acquire(Holder.here("mode-catalog"))

    def broken(self: RunLockTrigger) -> Any:
        raise OSError("stale file handle")

    monkeypatch.setattr(RunLockTrigger, "_look", broken)
    event = event_of(trigger(directory))
    assert (event["status"], event["permanent"]) == ("blind", False)
    with pytest.raises(LockError, match="stale file handle"):
        acquiring(directory).execute_complete(context(), event=event)
