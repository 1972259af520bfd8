"""What a repeated try and a cleared task start, with and without (below 3.3) Airflow's memory of a task."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from mode_catalog_provider.operators.cache_refresh import ModeCacheRefreshOperator
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.sandbox.mode import ModeSandbox

SHAPE = WorkspaceShape(collections=1, reports=4, members=1, datasets=0, personal_reports=0, nasty=False)


class Store(dict[str, Any]):
    """As much of Airflow's task state store as is used."""

    set = dict.__setitem__


@dataclass
class TaskInstance:
    """As much of one as the operator uses."""

    max_tries: int
    pushed: dict[str, Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        """Keep it."""
        self.pushed[key] = value


class WorkerLostError(BaseException):
    """The worker is gone."""


@pytest.fixture
def mode(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModeSandbox]:
    """A Mode whose runs never end by themselves, behind the default connection."""
    with Sandbox(shape=SHAPE, mode=ModeSwitches(limiter="off", run_seconds=math.inf)) as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        yield sandbox.mode


@pytest.fixture
def attempt(mode: ModeSandbox) -> Callable[..., dict[str, Any]]:
    """Run one try of a task; while it waits for the first time, ``meanwhile`` happens."""

    def run(
        store: Store | None, meanwhile: Callable[[], object], *, max_tries: int = 1, **arguments: Any
    ) -> dict[str, Any]:
        operator = Operator(
            task_id="refresh",
            reports=[report.token for report in mode.world.reports],
            check_interval=0.01,
            deferrable=False,
            **arguments,
        )
        operator.meanwhile = meanwhile
        context: dict[str, Any] = {"ti": TaskInstance(max_tries)}
        if store is not None:
            context["task_state_store"] = store
        return operator.execute(context)  # type: ignore[arg-type]

    return run


class Operator(ModeCacheRefreshOperator):
    """Something happens when it begins to wait."""

    meanwhile: Callable[[], object]

    def _go_on(self, context: Any, client: Any, policy: Any, switch: Any, *rest: Any) -> dict[str, Any]:
        sleep = switch.sleep

        def sleep_after_it(seconds: float) -> None:
            if seconds:
                self.meanwhile()
            sleep(seconds)

        switch.sleep = sleep_after_it
        return super()._go_on(context, client, policy, switch, *rest)


def lose_the_worker() -> None:
    raise WorkerLostError


def end_all(mode: ModeSandbox) -> Callable[[], None]:
    return lambda: [mode.runs.end(run) for run in mode.runs.started()] and None


def posts(mode: ModeSandbox) -> int:
    return sum(request.method == "POST" for request in mode.requests)


def test_a_repeated_try_starts_nothing_again(mode, attempt):
    store = Store()
    with pytest.raises(WorkerLostError):
        attempt(store, lose_the_worker)
    mode.runs.end(mode.runs.started()[0])
    result = attempt(store, end_all(mode))
    assert posts(mode) == 4
    assert (result["started"], result["joined"], result["failed"]) == (4, 0, 0)


def test_without_a_memory_a_repeated_try_joins_what_goes_on_and_starts_the_rest_again(mode, attempt):
    with pytest.raises(WorkerLostError):
        attempt(None, lose_the_worker)
    mode.runs.end(mode.runs.started()[0])
    result = attempt(None, end_all(mode))
    assert posts(mode) == 5
    assert (result["started"], result["joined"], result["failed"]) == (1, 3, 0)


def test_a_cleared_task_starts_all_anew(mode, attempt):
    store = Store()
    attempt(store, end_all(mode), max_tries=1)
    attempt(store, end_all(mode), max_tries=3)
    assert posts(mode) == 8


def test_a_try_after_success_that_nobody_cleared_starts_nothing(mode, attempt):
    store = Store()
    attempt(store, end_all(mode))
    result = attempt(store, end_all(mode))
    assert posts(mode) == 4
    assert result["started"] == 4


def test_a_limit_that_let_the_first_try_pass_lets_the_second_pass(mode, attempt):
    store = Store()
    with pytest.raises(WorkerLostError):
        attempt(store, lose_the_worker, max_runs=4)
    attempt(store, end_all(mode), max_runs=4)
    assert posts(mode) == 4
