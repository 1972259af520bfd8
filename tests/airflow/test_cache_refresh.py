from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from mode_catalog_provider.operators.cache_refresh import ModeCacheRefreshOperator
from mode_catalog_provider.tasks.compat import AirflowFailException
from tests.airflow_versions import needs_task_memory
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.sandbox.mode import ModeSandbox

SHAPE = WorkspaceShape(collections=1, reports=10, members=1, datasets=1, personal_reports=0, nasty=False)
BOTH_WAYS = pytest.mark.parametrize("dag_id", ["refresh_deferred", "refresh_waiting"])


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    switches = ModeSwitches(limiter="off", run_seconds=0.1)
    with Sandbox(shape=SHAPE, mode=switches) as sandbox:
        yield sandbox


@pytest.fixture
def mode(sandbox: Sandbox) -> ModeSandbox:
    return sandbox.mode


@pytest.fixture
def reports(mode: ModeSandbox) -> list[str]:
    return [report.token for report in mode.world.reports if not report.is_dataset]


@pytest.fixture
def dataset(mode: ModeSandbox) -> str:
    return next(report.token for report in mode.world.reports if report.is_dataset)


@pytest.fixture
def refresh(run_dag: Callable[..., Any], sandbox: Sandbox) -> Callable[..., Any]:
    """Run a refresh DAG: ``refresh("refresh_deferred", reports=[...], ...)``."""

    def run(dag_id: str, adjust: Callable[[Any], None] | None = None, **conf: Any) -> Any:
        return run_dag(dag_id, conf, sandbox.environment(), adjust=adjust)

    return run


def posts(mode: ModeSandbox) -> list[str]:
    return [request.path.split("/")[-2] for request in mode.requests if request.method == "POST"]


def retry_once(dag: Any) -> None:
    dag.get_task("refresh").retries = 1


@BOTH_WAYS
def test_a_refresh_runs_each_target_once_and_tells_how_it_went(refresh, mode, reports, dataset, dag_id):
    run = refresh(dag_id, reports=reports, datasets=[dataset], max_concurrent_runs=3)
    assert run.state == "success"
    assert sorted(posts(mode)) == sorted([*reports, dataset])
    assert posts(mode)[0] == dataset
    result = run.result("refresh")
    assert list(result) == ["runs", "started", "joined", "skipped", "failed"]
    assert (result["started"], result["joined"], result["skipped"], result["failed"]) == (11, 0, 0, 0)
    assert [row["report"] for row in result["runs"]] == [dataset, *reports]
    assert all(list(row) == ["report", "run", "state", "seconds", "error"] for row in result["runs"])
    assert {row["state"] for row in result["runs"]} == {"succeeded"}


@BOTH_WAYS
def test_ids_and_link_of_the_runs_are_there_for_people_to_follow(refresh, mode, reports, dag_id):
    run = refresh(dag_id, reports=reports[:1])
    token = mode.runs.started()[0].token
    assert run.result("refresh", "runs") == [f"reports/{reports[0]}/runs/{token}"]
    assert run.result("refresh", "_link_ModeRunLink") == (
        f"{mode.url}/{mode.workspace}/reports/{reports[0]}/runs/{token}"
    )


@BOTH_WAYS
def test_with_nothing_to_refresh_the_task_is_skipped_without_a_call(refresh, mode, dag_id):
    run = refresh(dag_id, reports=[], datasets=[])
    assert run.tasks == {"refresh": "skipped"}
    assert mode.requests == []


@BOTH_WAYS
@pytest.mark.parametrize(
    ("failure", "max_failed", "state"),
    [
        ("fail", 0, "failed"),
        ("threshold", 2, "failed"),
        ("threshold", 3, "success"),
        ("warn", 0, "success"),
    ],
)
def test_three_failing_reports_of_ten_under_each_policy(
    refresh, mode, reports, dag_id, failure, max_failed, state
):
    for report in reports[:3]:
        mode.runs.script(report, outcome="failed", error_code="42P01", error_message="no such table")
    run = refresh(dag_id, reports=reports, failure=failure, max_failed=max_failed)
    assert run.state == state
    assert len(posts(mode)) == 10
    result = run.result("refresh")
    assert (result["started"], result["failed"]) == (10, 3)
    assert all("[42P01] no such table" in row["error"] for row in result["runs"][:3])


@BOTH_WAYS
def test_out_of_time_the_runs_we_started_are_cancelled_and_the_joined_one_is_not(
    refresh, mode, reports, dag_id
):
    joined = mode.runs.start(mode.world.report(reports[0]), by="a person")
    joined.seconds = math.inf
    mode.runs.script(reports[1], seconds=math.inf)
    run = refresh(dag_id, reports=reports[:2], timeout=0.3)
    assert run.state == "failed"
    assert not joined.over(mode.service_now())
    assert mode.runs.started(reports[1])[0].state(mode.service_now()) == "cancelled"
    assert run.result("refresh")["failed"] == 2


@BOTH_WAYS
def test_out_of_time_nothing_is_cancelled_when_that_is_not_wanted(refresh, mode, reports, dag_id):
    mode.runs.script(reports[0], seconds=math.inf)
    run = refresh(dag_id, reports=reports[:1], timeout=0.3, cancel_on_kill=False)
    assert run.state == "failed"
    assert not mode.runs.started()[0].over(mode.service_now())


@needs_task_memory
@BOTH_WAYS
def test_a_retry_runs_again_only_what_failed(refresh, mode, reports, dag_id):
    mode.runs.script(reports[0], outcome="failed")
    run = refresh(dag_id, adjust=retry_once, reports=reports[:3])
    assert run.state == "success"
    assert run.tries == {"refresh": 2}
    assert sorted(posts(mode)) == sorted([*reports[:3], reports[0]])
    assert run.result("refresh")["started"] == 3


@needs_task_memory
def test_a_retry_after_a_lost_worker_finds_the_runs_of_the_first_try(refresh, mode, reports):
    run = refresh("refresh_loses_its_worker", reports=reports, max_concurrent_runs=4)
    assert run.state == "success"
    assert run.tries == {"refresh": 2}
    assert sorted(posts(mode)) == sorted(reports)
    assert run.result("refresh")["started"] == 10
    assert run.result("refresh")["joined"] == 0
    assert len(run.result("refresh", "runs")) == 10


@BOTH_WAYS
def test_without_waiting_everything_is_started_and_that_is_all(refresh, mode, reports, dag_id):
    for report in reports:
        mode.runs.script(report, seconds=math.inf)
    run = refresh(dag_id, reports=reports, wait_for_completion=False, max_concurrent_runs=2)
    assert run.state == "success"
    assert len(posts(mode)) == 10
    assert {row["state"] for row in run.result("refresh")["runs"]} == {"enqueued"}


@BOTH_WAYS
def test_a_refused_key_fails_the_task_without_a_retry(refresh, mode, sandbox, reports, dag_id, run_dag):
    environment = sandbox.environment()
    mode.rotate()
    run = run_dag(dag_id, {"reports": reports}, environment, adjust=retry_once)
    assert run.state == "failed"
    assert run.tries == {"refresh": 1}
    assert posts(mode) == []


@BOTH_WAYS
def test_an_argument_that_makes_no_sense_fails_the_task_without_a_retry(refresh, mode, reports, dag_id):
    run = refresh(dag_id, adjust=retry_once, reports=reports, failure="sometimes")
    assert (run.state, run.tries) == ("failed", {"refresh": 1})
    assert mode.requests == []


@BOTH_WAYS
def test_a_shorter_execution_timeout_takes_the_place_of_the_timeout(refresh, mode, reports, dag_id):
    def allow_ten_seconds(dag: Any) -> None:
        dag.get_task("refresh").execution_timeout = timedelta(seconds=10)

    mode.runs.script(reports[0], seconds=math.inf)
    run = refresh(dag_id, adjust=allow_ten_seconds, reports=reports[:1], timeout=3600)
    assert run.state == "failed"
    assert "when the time allowed was over" in run.result("refresh")["runs"][0]["error"]
    assert mode.runs.started(reports[0])[0].state(mode.service_now()) == "cancelled"


def test_an_event_that_is_not_understood_is_refused():
    operator = ModeCacheRefreshOperator(task_id="refresh", reports=["0123456789ab"])
    for event in (None, {}, {"status": "well"}, {"status": "changed"}, {"status": "changed", "progress": []}):
        with pytest.raises(AirflowFailException, match="not understood"):
            operator.execute_complete({}, event)  # type: ignore[typeddict-item]


@needs_task_memory
def test_mapped_tasks_refresh_their_own_part_and_remember_it_apart(refresh, mode, reports):
    mode.runs.script(reports[1], outcome="failed")
    run = refresh("refresh_mapped", reports=reports[:3])
    assert run.state == "success"
    assert sorted(posts(mode)) == sorted([*reports[:3], reports[1]])
