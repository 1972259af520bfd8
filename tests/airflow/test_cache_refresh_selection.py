"""What the operator makes of its selection: what is run, what is left alone, what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.airflow_versions import needs_task_memory
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.sandbox.objects import stamp

SHAPE = WorkspaceShape(collections=2, reports=10, members=1, datasets=1, personal_reports=0, nasty=False)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(shape=SHAPE, mode=ModeSwitches(limiter="off", run_seconds=0.05)) as sandbox:
        yield sandbox


@pytest.fixture
def refresh(run_dag: Callable[..., Any], sandbox: Sandbox) -> Callable[..., Any]:
    return lambda **conf: run_dag("refresh_selection", conf, sandbox.environment())


@pytest.fixture
def reports(sandbox):
    return [one for one in sandbox.mode.world.reports if not one.is_dataset]


def posts(sandbox):
    return [one.path.split("/")[-2] for one in sandbox.mode.requests if one.method == "POST"]


def test_only_what_is_older_than_catalogs_last_ingestion_is_run_and_the_plan_says_why(
    refresh, sandbox, reports
):
    now = datetime.now(UTC)
    sandbox.catalog.ingest_warehouse(now - timedelta(hours=1))
    for report in reports[:4]:
        report.last_run_at = report.last_successfully_run_at = stamp(now)
    warehouse = sandbox.catalog.source(sandbox.catalog.warehouse_id).name
    run = refresh(collections=["*"], stale_since=warehouse)
    assert run.state == "success"
    result = run.result("refresh")
    everything = [one for one in sandbox.mode.world.reports if not one.archived]
    assert sorted(posts(sandbox)) == sorted(one.token for one in everything if one not in reports[:4])
    assert sandbox.mode.world.report(posts(sandbox)[0]).is_dataset
    assert result["started"] == len(result["runs"]) == len(posts(sandbox))
    assert result["skipped"] == len(sandbox.mode.world.reports) - result["started"]
    plan = {one["target"]: one for one in run.result("refresh", "plan")}
    assert "its last good run ended" in plan[f"reports/{reports[0].token}"]["why"]
    assert plan[f"reports/{reports[0].token}"]["run"] is False


def test_too_many_runs_are_refused_before_any_is_started_and_not_tried_again(refresh, sandbox):
    run = refresh(collections=["*"], max_runs=3)
    assert (run.state, run.tries) == ("failed", {"refresh": 1})
    assert posts(sandbox) == []


def test_a_dry_run_lists_what_would_be_run_and_starts_nothing(refresh, sandbox, reports):
    run = refresh(reports=[reports[0].name, reports[1].token], dry_run=True, max_runs=1)
    assert run.state == "success"
    assert posts(sandbox) == []
    assert [one["report"] for one in run.result("refresh")["runs"]] == [one.token for one in reports[:2]]
    assert run.result("refresh")["started"] == 0
    assert [one["run"] for one in run.result("refresh", "plan")] == [True, True]


def test_a_schema_update_is_asked_for_once_for_each_connection(refresh, sandbox):
    run = refresh(refresh="schema", data_sources=["*"])
    assert run.state == "success"
    assert len(posts(sandbox)) == len(sandbox.mode.world.data_sources)
    assert run.result("refresh")["started"] == len(sandbox.mode.world.data_sources)


@needs_task_memory
def test_a_retry_asks_for_no_schema_update_twice(refresh, sandbox):
    sandbox.mode.fault("*/schema_updates", method="POST", reset=True, after=True)
    run = refresh(refresh="schema", data_sources=["*"])
    assert (run.state, run.tries) == ("failed", {"refresh": 2})
    assert len(sandbox.mode.runs.schema_updates) == len(sandbox.mode.world.data_sources)


@pytest.mark.parametrize(
    "conf",
    [
        {"refresh": "schema", "reports": ["0a1b2c3d4e5f"]},
        {"refresh": "endpoint"},
        {"refresh": "endpoint", "endpoint": "/api/acme/reports/purge"},
        {"reports": ["No such report"]},
        {"reports": ["0a1b2c3d4e5f"], "stale_since": "No such warehouse"},
    ],
    ids=["schema of a report", "Mode's cloud", "a purge", "an unknown name", "an unknown warehouse"],
)
def test_what_cannot_work_fails_at_once_and_starts_nothing(refresh, sandbox, conf):
    run = refresh(**conf)
    assert (run.state, run.tries) == ("failed", {"refresh": 1})
    assert sandbox.mode.runs.started() == []


def test_a_private_cache_endpoint_is_called_once_and_nothing_is_run(refresh, sandbox):
    sandbox.mode.fault("/api/acme/caches", method="POST", body=b"{}")
    run = refresh(refresh="endpoint", endpoint="/api/acme/caches")
    assert run.state == "success"
    posted = [one.path for one in sandbox.mode.requests if one.method == "POST"]
    assert posted == ["/api/acme/caches"]
    assert sandbox.mode.runs.started() == []


def test_reports_are_run_with_the_parameters(refresh, sandbox, reports):
    assert refresh(reports=[reports[0].token], parameters={"region": "EU"}).state == "success"
    assert [one.parameters for one in sandbox.mode.runs.started()] == [{"region": "EU"}]


def test_a_limit_and_a_dry_run_hold_for_schema_updates_too(refresh, sandbox):
    assert refresh(refresh="schema", data_sources=["*"], max_runs=1).tries == {"refresh": 1}
    run = refresh(refresh="schema", data_sources=["*"], dry_run=True)
    assert sandbox.mode.runs.schema_updates == []
    planned = [one["target"] for one in run.result("refresh", "plan")]
    assert planned == [f"data_sources/{one.token}" for one in sandbox.mode.world.data_sources]
