from __future__ import annotations

import asyncio
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from airflow.sdk.module_loading import import_string
from airflow.triggers.base import TriggerEvent

from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.refresh.progress import Progress, to_json
from mode_catalog_provider.triggers.mode_runs import ModeRunsTrigger
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.sandbox.mode import ModeSandbox
from tests.sandbox.runs import Run

SHAPE = WorkspaceShape(collections=1, reports=4, members=1, datasets=0, personal_reports=0, nasty=False)


@pytest.fixture
def mode(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModeSandbox]:
    """A Mode whose runs never end by themselves, behind the default connection."""
    with Sandbox(shape=SHAPE, mode=ModeSwitches(limiter="off", run_seconds=math.inf)) as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        yield sandbox.mode


@pytest.fixture
def runs(mode: ModeSandbox) -> list[Run]:
    return [mode.runs.start(report, by="the task") for report in mode.world.reports]


def trigger_for(runs: list[Run], *, joined: tuple[Run, ...] = (), **options: Any) -> ModeRunsTrigger:
    progress = [
        Progress(
            target=f"reports/{run.report.token}",
            run=f"reports/{run.report.token}/runs/{run.token}",
            ours=run not in joined,
            state="enqueued",
        )
        for run in runs
    ]
    arguments = {"each": False, "deadline": time.time() + 30, "check_interval": 0.02, **options}
    return ModeRunsTrigger(mode_conn_id="mode_default", progress=to_json(progress), **arguments)


def fire(trigger: ModeRunsTrigger, meanwhile: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """Run the trigger until its event, with something going on beside it."""

    async def first_event() -> TriggerEvent:
        event = asyncio.ensure_future(anext(trigger.run()))
        await asyncio.to_thread(meanwhile)
        return await event

    return asyncio.run(first_event()).payload


def polled(mode: ModeSandbox, times: int) -> None:
    """Wait until Mode was asked so many more times."""
    goal = len(mode.requests) + times
    for _ in range(500):
        if len(mode.requests) >= goal:
            return
        time.sleep(0.01)
    raise AssertionError("the trigger does not ask")


def test_the_trigger_survives_being_stored_and_made_again(runs):
    trigger = trigger_for(runs, each=True, cancel_on_kill=False)
    path, arguments = trigger.serialize()
    again = import_string(path)(**json.loads(json.dumps(arguments)))
    assert again.serialize() == trigger.serialize()


def test_the_trigger_fires_when_all_runs_are_over_and_gives_back_what_it_was_given(mode, runs):
    trigger = trigger_for(runs)

    def end_one_after_the_other() -> None:
        for run in runs:
            polled(mode, 4)
            mode.runs.end(run)

    event = fire(trigger, end_one_after_the_other)
    assert event["status"] == "changed"
    assert event["progress"] == trigger.progress
    assert event["deadline"] == trigger.deadline


def test_the_trigger_fires_at_the_first_end_when_each_one_counts(mode, runs):
    event = fire(trigger_for(runs, each=True), lambda: mode.runs.end(runs[2], "failed"))
    assert event["status"] == "changed"
    assert event["message"] == "1 of 4 Mode runs are over."


def test_the_trigger_starts_nothing_and_changes_nothing(mode, runs):
    fire(trigger_for(runs), lambda: [mode.runs.end(run) for run in runs])
    assert {request.method for request in mode.requests} == {"GET"}


@pytest.mark.parametrize("status", [403, 404])
def test_a_run_that_cannot_be_seen_any_more_is_over_for_the_trigger(mode, runs, status):
    mode.fault("*/runs*", status=status, times=None)
    assert fire(trigger_for(runs))["status"] == "changed"


def test_the_deadline_is_the_triggers_own_and_comes_with_an_event(runs):
    event = fire(trigger_for(runs, deadline=time.time() - 1))
    assert event["status"] == "timeout"
    assert event["message"] == "4 of 4 Mode runs are not over in time."


def test_a_run_that_ended_before_the_deadline_was_seen_still_counts(mode, runs):
    for run in runs:
        mode.runs.end(run)
    assert fire(trigger_for(runs, deadline=time.time() - 1))["status"] == "changed"


def test_a_brief_error_is_waited_out(mode, runs):
    mode.fault("*/runs/*", html=True, times=4)
    assert fire(trigger_for(runs), lambda: [mode.runs.end(run) for run in runs])["status"] == "changed"


def test_a_refused_key_is_handed_to_a_worker_at_once(mode, runs):
    mode.rotate()
    event = fire(trigger_for(runs))
    assert event["status"] == "error"
    assert mode.secret not in json.dumps(event)


def test_a_missing_connection_is_handed_to_a_worker(mode, runs, monkeypatch, airflow_home):
    monkeypatch.delenv("AIRFLOW_CONN_MODE_DEFAULT")
    assert fire(trigger_for(runs))["status"] == "error"


def test_a_task_that_a_person_ends_cancels_its_runs_and_not_the_joined_ones(mode, runs):
    asyncio.run(trigger_for(runs, joined=(runs[1],)).on_kill())
    states = [run.state(mode.service_now()) for run in runs]
    assert states == ["cancelled", "enqueued", "cancelled", "cancelled"]


def test_a_task_that_shall_not_cancel_does_not_even_ask(mode, runs):
    asyncio.run(trigger_for(runs, cancel_on_kill=False).on_kill())
    assert mode.requests == []


def test_a_cancellation_that_fails_is_only_logged(mode, runs):
    mode.fault("*/cancel", status=403, times=2)
    asyncio.run(trigger_for(runs).on_kill())
    assert [run.over(mode.service_now()) for run in runs].count(True) == 2


@pytest.mark.parametrize("busy_with", ["reading the connection", "asking Mode", "sleeping"])
def test_a_cancelled_trigger_keeps_the_reason_by_which_airflow_calls_on_kill(
    mode, runs, monkeypatch, busy_with
):
    busy = threading.Event()
    read_credentials = ModeHook.credentials

    def read_slowly(hook: ModeHook) -> Any:
        busy.set()
        time.sleep(0.2)
        return read_credentials(hook)

    if busy_with == "reading the connection":
        monkeypatch.setattr(ModeHook, "credentials", read_slowly)
    elif busy_with == "asking Mode":
        mode.when("*/runs/*", do=lambda: (busy.set(), time.sleep(0.2)))
    else:
        mode.when("*/runs/*", nth=len(runs), do=lambda: threading.Timer(0.1, busy.set).start())

    async def cancel() -> tuple[Any, ...]:
        task = asyncio.ensure_future(anext(trigger_for(runs, check_interval=30).run()))
        await asyncio.to_thread(busy.wait)
        task.cancel("by a person")
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await task
        return cancelled.value.args

    assert asyncio.run(cancel()) == ("by a person",)


def test_it_stays_away_as_long_as_mode_asks_for(mode, runs, monkeypatch):
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr("mode_catalog_provider.triggers.mode_runs.asyncio.sleep", note)
    mode.fault("*/runs/*", status=429, headers={"Retry-After": "25"})
    event = fire(trigger_for(runs, each=True), lambda: mode.runs.end(runs[0]))
    assert event["status"] == "changed"
    assert pauses[0] >= 25
    assert all(pause < 1 for pause in pauses[1:])


def test_a_cancellation_that_airflow_repeats_does_not_break_off_the_cancelling_of_runs(
    mode, runs, monkeypatch
):
    reading, all_cancelled = threading.Event(), threading.Event()
    read_credentials = ModeHook.credentials

    def read_slowly(hook: ModeHook) -> Any:
        reading.set()
        time.sleep(0.2)
        return read_credentials(hook)

    monkeypatch.setattr(ModeHook, "credentials", read_slowly)
    mode.when("*/cancel", method="PUT", nth=len(runs), do=all_cancelled.set)

    async def kill_and_cancel_again() -> bool:
        kill = asyncio.ensure_future(trigger_for(runs).on_kill())
        await asyncio.to_thread(reading.wait)
        kill.cancel("by a person")
        with pytest.raises(asyncio.CancelledError):
            await kill
        return await asyncio.to_thread(all_cancelled.wait, 20)

    assert asyncio.run(kill_and_cancel_again())
