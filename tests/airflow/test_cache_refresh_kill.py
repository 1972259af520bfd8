from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from mode_catalog_provider.errors import CancelledError, RefreshFailedError
from mode_catalog_provider.operators.cache_refresh import ModeCacheRefreshOperator
from mode_catalog_provider.refresh.progress import Progress, to_json
from mode_catalog_provider.tasks.kill_switch import KillSwitch
from mode_catalog_provider.tasks.refresh_plan import plan_runs
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.sandbox.mode import ModeSandbox

SHAPE = WorkspaceShape(collections=1, reports=4, members=1, datasets=0, personal_reports=0, nasty=False)


@pytest.fixture
def mode(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModeSandbox]:
    """A Mode whose runs never end by themselves, behind the default connection."""
    with Sandbox(shape=SHAPE, mode=ModeSwitches(limiter="off", run_seconds=math.inf)) as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        yield sandbox.mode


class TaskInstance:
    """As much of one as the operator uses."""

    max_tries = 0

    def xcom_push(self, key: str, value: Any) -> None:
        """Forget it."""


def execute_and_kill(operator: ModeCacheRefreshOperator, when: Callable[[], object]) -> None:
    """Run the operator in this thread, and its ``on_kill`` from another as soon as ``when`` returns."""
    killer = threading.Thread(target=lambda: (when(), operator.on_kill()))
    killer.start()
    try:
        with pytest.raises(CancelledError):
            operator.execute({"ti": TaskInstance()})  # type: ignore[arg-type,typeddict-item]
    finally:
        killer.join()


def waiting_operator(
    mode: ModeSandbox, *, deferrable: bool = False, **arguments: Any
) -> ModeCacheRefreshOperator:
    reports = [report.token for report in mode.world.reports]
    return ModeCacheRefreshOperator(
        task_id="refresh", reports=reports, check_interval=3600, deferrable=deferrable, **arguments
    )


def test_a_killed_task_stops_at_once_and_cancels_what_it_started(mode):
    joined = mode.runs.start(mode.world.reports[0], by="a person")

    def all_started() -> None:
        while len(mode.runs.started()) < 4:
            time.sleep(0.01)

    execute_and_kill(waiting_operator(mode), all_started)
    states = {run.token: run.state(mode.service_now()) for run in mode.runs.started()}
    assert states.pop(joined.token) == "enqueued"
    assert set(states.values()) == {"cancelled"}


def test_a_run_whose_start_was_under_way_when_the_kill_came_is_cancelled_too(mode):
    post_received = threading.Event()
    mode.when("*/runs", method="POST", nth=2, do=lambda: (post_received.set(), time.sleep(0.3)))
    execute_and_kill(waiting_operator(mode), post_received.wait)
    assert len(mode.runs.started()) == 2
    assert {run.state(mode.service_now()) for run in mode.runs.started()} == {"cancelled"}


def test_a_task_that_is_killed_before_it_is_deferred_is_not_deferred(mode):
    post_received = threading.Event()
    mode.when("*/runs", method="POST", nth=4, do=lambda: (post_received.set(), time.sleep(0.3)))
    execute_and_kill(waiting_operator(mode, deferrable=True), post_received.wait)
    assert {run.state(mode.service_now()) for run in mode.runs.started()} == {"cancelled"}


def test_a_killed_task_that_shall_not_cancel_only_stops(mode):
    post_received = threading.Event()
    mode.when("*/runs", method="POST", nth=4, do=post_received.set)
    execute_and_kill(waiting_operator(mode, cancel_on_kill=False), post_received.wait)
    assert {run.state(mode.service_now()) for run in mode.runs.started()} == {"enqueued"}


def test_a_kill_before_anything_was_started_is_no_error(mode):
    waiting_operator(mode).on_kill()
    assert mode.requests == []


def test_a_task_that_ran_out_of_its_execution_timeout_is_killed_after_its_work_and_still_cancels():
    """Airflow calls ``on_kill`` after ``execute`` then: nobody else waits for the cancelling."""
    cancelled: list[str] = []
    switch = KillSwitch(started=lambda: ["run"], cancel=lambda run: bool(cancelled.append(run)))
    with pytest.raises(KeyboardInterrupt), switch:
        raise KeyboardInterrupt
    switch.pull()
    assert cancelled == ["run"]


def test_a_second_kill_cancels_nothing_twice():
    cancelled: list[str] = []
    switch = KillSwitch(started=lambda: ["run"], cancel=lambda run: bool(cancelled.append(run)))
    switch.pull()
    switch.pull()
    assert cancelled == ["run"]


def test_work_that_does_not_look_at_the_switch_is_broken_off_in_the_end(monkeypatch):
    monkeypatch.setattr("mode_catalog_provider.tasks.kill_switch._SECONDS", 0.05)
    aborted = threading.Event()
    switch = KillSwitch(abort=aborted.set)
    with switch:
        switch.pull()
        assert aborted.wait(5)


def test_a_task_that_is_killed_while_it_still_plans_starts_nothing(mode):
    planning = threading.Event()
    mode.when("*/spaces", do=lambda: (planning.set(), time.sleep(0.3)))
    operator = ModeCacheRefreshOperator(task_id="refresh", collections=["*"], deferrable=False)
    execute_and_kill(operator, planning.wait)
    assert mode.runs.started() == []


def test_a_task_that_is_killed_between_two_schema_updates_asks_for_no_more(mode):
    asked = threading.Event()
    mode.when("*/schema_updates", method="POST", do=lambda: (asked.set(), time.sleep(0.3)))
    operator = ModeCacheRefreshOperator(task_id="refresh", refresh="schema", data_sources=["*"])
    execute_and_kill(operator, asked.wait)
    assert len(mode.runs.schema_updates) == 1


def test_many_runs_are_cancelled_side_by_side_because_airflow_waits_five_seconds_only(monkeypatch):
    monkeypatch.setattr("mode_catalog_provider.tasks.kill_switch._SECONDS", 20.0)
    together = threading.Barrier(5, timeout=10)
    cancelled: list[int] = []
    switch = KillSwitch(
        started=lambda: list("abcde"), cancel=lambda run: bool(cancelled.append(together.wait()))
    )
    switch.pull()
    assert len(cancelled) == 5


def test_a_kill_is_not_forgotten_when_the_work_ends_by_another_error():
    cancelled: list[str] = []
    late: list[str] = []
    switch = KillSwitch(started=lambda: ["run", *late], cancel=lambda run: bool(cancelled.append(run)))

    def lose_the_connection() -> None:
        switch.pull()
        late.append("started meanwhile")
        raise ConnectionError

    with pytest.raises(ConnectionError), switch:
        lose_the_connection()
    assert cancelled == ["run", "started meanwhile"]


def test_the_time_that_planning_takes_counts_against_the_time_allowed(mode, monkeypatch):
    now = [0.0]

    def plan_for_an_hour(*arguments: Any) -> Any:
        now[0] += 3600
        return plan_runs(*arguments)

    module = "mode_catalog_provider.operators.cache_refresh"
    monkeypatch.setattr(f"{module}.time", SimpleNamespace(time=lambda: now[0]))
    monkeypatch.setattr(f"{module}.plan_runs", plan_for_an_hour)
    with pytest.raises(RefreshFailedError, match="when the time allowed was over; the run was cancelled"):
        waiting_operator(mode, timeout=3000).execute({"ti": TaskInstance()})  # type: ignore[arg-type,typeddict-item]
    assert {run.state(mode.service_now()) for run in mode.runs.started()} == {"cancelled"}


def test_when_the_triggerers_clock_says_that_time_is_over_it_is_over(mode):
    run = mode.runs.start(mode.world.reports[0], by="us")
    target = f"reports/{run.report.token}"
    one = Progress(target=target, run=f"{target}/runs/{run.token}", ours=True, state="enqueued")
    event = {"status": "timeout", "message": "", "progress": to_json([one]), "deadline": time.time() + 3600}
    with pytest.raises(RefreshFailedError, match="when the time allowed was over; the run was cancelled"):
        waiting_operator(mode).execute_complete({"ti": TaskInstance()}, event)  # type: ignore[arg-type,typeddict-item]
