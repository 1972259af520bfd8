"""The run lock in real DAG runs: setup, work, teardown, and waiting in a trigger."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mode_catalog_provider.lock import Clocks, Holder, RunLock
from mode_catalog_provider.tasks.lock_holder import INSTALLATION

ALL_GREEN = {"acquire_lock": "success", "work": "success", "release_lock": "success"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "lock"


@pytest.fixture
def lock(directory: Path) -> RunLock:
    return RunLock(directory, ttl=timedelta(hours=1))


@pytest.fixture
def run(run_dag: Callable, directory: Path) -> Callable:
    dates = (datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 32))

    def start(env: dict[str, str] | None = None, **conf: str):
        # Each with a date of its own: dag.test() deletes an earlier run of the same date.
        return run_dag("lock_probe", {"path": str(directory), **conf}, env, logical_date=next(dates))

    return start


def left_by(run_id: str) -> Holder:
    """A holder that is a task of this Airflow, after a first run has made its mark."""
    from airflow.models.variable import Variable

    return Holder.here(
        "airflow",
        installation=Variable.get(INSTALLATION),
        dag_id="lock_probe",
        run_id=run_id,
        task_id="acquire_lock",
    )


class TaskLog:
    """What the tasks and triggers of this test have logged so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._lines: list[str] = []

    def __contains__(self, text: str) -> bool:
        out, err = self._capsys.readouterr()
        self._lines += [out, err]
        return text in "".join(self._lines)


@pytest.fixture
def task_log(capsys: pytest.CaptureFixture[str]) -> TaskLog:
    return TaskLog(capsys)


@contextmanager
def once_waited_for(task_log: TaskLog, then: Callable[[], object]) -> Iterator[None]:
    """Do something as soon as a task, or a trigger, says that it waits."""
    over = threading.Event()

    def watch() -> None:
        while "Waiting: the lock at" not in task_log and not over.wait(0.02):
            pass
        then()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_the_lock_is_held_while_work_runs_and_free_afterwards(run, lock):
    finished = run()
    assert finished.tasks == ALL_GREEN
    assert finished.result("acquire_lock")["generation"] == finished.result("work") == 1
    assert finished.result("release_lock") is True
    assert lock.state().released


def test_the_lock_is_free_after_work_that_failed(run, lock):
    finished = run(work="fail")
    assert finished.state == "failed"
    assert finished.tasks == {"acquire_lock": "success", "work": "failed", "release_lock": "success"}
    assert lock.state().released


def test_a_second_try_of_the_work_goes_on_under_the_same_lease(run):
    finished = run(work="fail once")
    assert finished.tasks == ALL_GREEN
    assert finished.tries["work"] == 2
    assert finished.result("work") == 1


@pytest.mark.parametrize("deferrable", ["true", "false"])
def test_a_run_waits_until_the_lock_is_released(run, lock, task_log, deferrable):
    lease = lock.try_acquire(Holder.here("mode-catalog"))
    with once_waited_for(task_log, lambda: lock.release(lease)):
        finished = run({"LOCK_DEFERRABLE": deferrable})
    assert finished.tasks == ALL_GREEN
    assert finished.result("acquire_lock")["generation"] == 2
    assert "is held by mode-catalog (process" in task_log


@pytest.mark.parametrize("deferrable", ["true", "false"])
def test_a_dead_holder_is_taken_over_when_its_lease_stood_still_for_its_ttl(run, directory, deferrable):
    # Its own times say nothing to us: its clock runs an hour ahead of ours.
    ahead = Clocks(wall=lambda: time.time() + 3600)
    other = RunLock(directory, ttl=timedelta(seconds=0.3), host="elsewhere", clocks=ahead)
    other.try_acquire(Holder.here("mode-catalog"))
    finished = run({"LOCK_DEFERRABLE": deferrable})
    assert finished.tasks == ALL_GREEN
    assert finished.result("acquire_lock")["generation"] == 2


def test_a_lock_left_behind_by_a_run_that_is_over_is_taken_at_once(run, lock):
    over = run()
    lock.try_acquire(left_by(over.run_id))
    finished = run({"LOCK_TIMEOUT": "0"})
    assert finished.tasks == ALL_GREEN
    assert finished.result("acquire_lock")["generation"] == 3


def test_all_tasks_of_one_airflow_carry_its_mark_and_the_first_makes_it(run, lock, airflow_home):
    from airflow.models.variable import Variable

    Variable.delete(INSTALLATION)
    run()
    first = lock.state().claim.holder.installation
    run()
    assert first == lock.state().claim.holder.installation == Variable.get(INSTALLATION)


def test_another_airflow_keeps_the_lock_although_its_run_has_the_name_of_one_that_is_over_here(run, lock):
    over = run()
    lease = lock.try_acquire(replace(left_by(over.run_id), installation="another one"))
    finished = run({"LOCK_TIMEOUT": "0"})
    assert finished.tasks["acquire_lock"] == "failed"
    lock.check(lease)


def test_a_lock_of_a_run_that_ends_while_we_wait_is_taken_then(run, lock, task_log, airflow_home):
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    holding = run().run_id
    with create_session() as session:
        session.query(DagRun).filter(DagRun.run_id == holding).update({"state": "running"})
    lock.try_acquire(left_by(holding))

    def end_the_run() -> None:
        with create_session() as session:
            session.query(DagRun).filter(DagRun.run_id == holding).update({"state": "failed"})

    with once_waited_for(task_log, end_the_run):
        finished = run()
    assert finished.tasks == ALL_GREEN
    assert "its holder's run is over" in task_log


def test_a_wait_that_takes_too_long_fails_once_and_names_the_holder(run, lock, task_log):
    # A run that this Airflow does not know: nobody can say that it is over.
    lock.try_acquire(Holder.here("airflow", dag_id="nightly", run_id="deleted-run", task_id="acquire_lock"))
    finished = run({"LOCK_TIMEOUT": "0.2"})
    assert finished.state == "failed"
    assert finished.tasks == {
        "acquire_lock": "failed",
        "work": "upstream_failed",
        "release_lock": "upstream_failed",
    }
    assert finished.tries["acquire_lock"] == 1
    assert "DAG 'nightly', run 'deleted-run'" in task_log
    assert not lock.state().released


def test_skip_skips_the_work_and_names_the_holder(run, lock, task_log):
    lease = lock.try_acquire(Holder.here("airflow", dag_id="nightly", run_id="r1", task_id="acquire_lock"))
    finished = run(conflict="skip")
    assert finished.state == "success"
    assert set(finished.tasks.values()) == {"skipped"}
    assert "DAG 'nightly', run 'r1'" in task_log
    lock.check(lease)


def test_fail_fails_at_once_and_names_the_holder(run, lock, task_log):
    lease = lock.try_acquire(Holder.here("airflow", dag_id="nightly", run_id="r1", task_id="acquire_lock"))
    finished = run(conflict="fail")
    assert finished.tasks["acquire_lock"] == "failed"
    assert finished.tries["acquire_lock"] == 1
    assert "DAG 'nightly', run 'r1'" in task_log
    lock.check(lease)


def test_a_lease_that_was_taken_over_is_left_to_its_new_holder(run, lock, task_log):
    finished = run(work="lose")
    assert finished.state == "success"
    assert finished.result("release_lock") is False
    assert "was taken over" in task_log
    assert lock.state().claim.holder.program == "somebody else"
    assert not lock.state().released
