"""What a refresh leaves in Airflow's database stays small, whatever its selection is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from mode_catalog_provider.operators.cache_refresh import ModeCacheRefreshOperator
from tests.airflow_exceptions import TaskDeferred
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.sandbox.mode import ModeSandbox

SHAPE = WorkspaceShape(collections=1, reports=600, members=1, datasets=0, personal_reports=0, nasty=False)


@pytest.fixture
def mode(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModeSandbox]:
    """A Mode of many archived reports and six that are not; their runs never end by themselves."""
    with Sandbox(shape=SHAPE, mode=ModeSwitches(limiter="off", run_seconds=float("inf"))) as sandbox:
        for name, value in sandbox.environment().items():
            monkeypatch.setenv(name, value)
        for report in sandbox.mode.world.reports[6:]:
            report.archived = True
        yield sandbox.mode


class TaskInstance:
    """As much of one as the operator uses; its XComs are as JSON, as Airflow stores them."""

    task_id, max_tries, map_index = "refresh", 0, -1

    def __init__(self) -> None:
        self.xcoms: dict[str, str] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = json.dumps(value)

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: int) -> Any:
        assert (task_ids, map_indexes) == (self.task_id, self.map_index)
        return json.loads(self.xcoms[key]) if key in self.xcoms else None


def defer(call: Any, *arguments: Any) -> tuple[dict[str, Any], int]:
    """Let the operator wait; give back the trigger's arguments, and how many bytes of JSON they are."""
    with pytest.raises(TaskDeferred) as deferred:
        call(*arguments)
    stored = json.dumps(deferred.value.trigger.serialize()[1])
    return json.loads(stored), len(stored)


def go_on(operator: ModeCacheRefreshOperator, ti: TaskInstance, kwargs: dict[str, Any]) -> tuple[Any, ...]:
    event = {"status": "changed", "message": "", **kwargs}
    return operator.execute_complete, {"ti": ti}, event


def test_what_a_refresh_skips_travels_neither_through_the_triggerer_nor_through_xcom(mode):
    ti = TaskInstance()
    operator = ModeCacheRefreshOperator(
        task_id="refresh", collections="*", deferrable=True, max_concurrent_runs=4
    )
    kwargs, size = defer(operator.execute, {"ti": ti})
    assert [len(kwargs["progress"]), len(json.loads(ti.xcoms["plan"]))] == [4, 200]
    assert size < 1500
    assert all(len(text) < 40_000 for text in ti.xcoms.values())
    assert [row["run"] for row in json.loads(ti.xcoms["plan"])[:7]] == [True] * 6 + [False]


def test_the_result_counts_all_the_same_what_was_skipped_and_what_ended_before_the_wait(mode):
    ti = TaskInstance()
    make = {"task_id": "refresh", "collections": "*", "deferrable": True, "max_concurrent_runs": 4}
    kwargs, _ = defer(ModeCacheRefreshOperator(**make).execute, {"ti": ti})
    mode.runs.end(mode.runs.started()[0])
    kwargs, _ = defer(*go_on(ModeCacheRefreshOperator(**make), ti, kwargs))
    for run in mode.runs.started():
        mode.runs.end(run)
    kwargs, _ = defer(*go_on(ModeCacheRefreshOperator(**make), ti, kwargs))
    for run in mode.runs.started():
        mode.runs.end(run)
    call, *arguments = go_on(ModeCacheRefreshOperator(**make), ti, kwargs)
    result = call(*arguments)
    assert len(mode.runs.started()) == 6
    assert (result["started"], result["skipped"], result["failed"]) == (6, 594, 0)
    assert {row["state"] for row in result["runs"]} == {"succeeded"}


def test_a_task_that_waited_with_an_earlier_version_goes_on(mode):
    """Its trigger carried everything, what was skipped as well."""
    report = mode.world.reports[0]
    run = mode.runs.start(report, by="us")
    mode.runs.end(run)
    path = f"reports/{report.token}"
    carried = [
        {"target": path, "run": f"{path}/runs/{run.token}", "ours": True, "state": "enqueued"},
        {"target": "reports/000000000001", "state": "skipped", "over": True},
    ]
    operator = ModeCacheRefreshOperator(task_id="refresh", reports=[report.token])
    event = {"status": "changed", "message": "", "progress": carried, "deadline": 4e9}
    result = operator.execute_complete({"ti": TaskInstance()}, event)
    assert (result["started"], result["skipped"]) == (1, 1)


def test_a_refresh_of_nothing_says_so_in_its_log(mode, caplog):
    from mode_catalog_provider.tasks.compat import AirflowSkipException

    operator = ModeCacheRefreshOperator(task_id="refresh")
    with pytest.raises(AirflowSkipException):
        operator.execute({"ti": TaskInstance()})
    assert "nothing was selected" in caplog.text
