"""The cache refresh and the Catalog events in a real Airflow: scheduler, workers, a triggerer that dies."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.airflow_versions import (
    needs_refused_backfills,
    needs_shared_streams,
    needs_trigger_kill,
)
from tests.demo.standalone import StandaloneAirflow
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape

DAG_ID = "mode_cache_refresh"
REFRESH = f"""from airflow.sdk import DAG  # so that Airflow reads this file

from mode_catalog_provider.dags import refresh_dag

refresh_dag(
    "{DAG_ID}",
    mode_conn_id="mode_refresh",
    catalog_conn_id="catalog_refresh",
    refresh_collections=["*"],
    warehouse_asset="etl_done",
)
"""
#: An ETL that says when it is done, and a DAG that runs on each ingestion of Catalog.
AROUND_IT = """from datetime import timedelta

from airflow.sdk import DAG, Asset, task

from mode_catalog_provider.assets import catalog_ingested

with DAG("etl", schedule=None):

    @task(outlets=[Asset(name="etl_done")])
    def load():
        return 1

    load()

ingested = catalog_ingested(catalog_conn_id="catalog_refresh", check_interval=timedelta(seconds=2))

with DAG("on_ingestion", schedule=[ingested]):

    @task
    def told(triggering_asset_events=None):
        [event] = [one for events in triggering_asset_events.values() for one in events]
        return event.extra["payload"]["source"]["last_refreshed_at"]

    told()
"""
SHAPE = WorkspaceShape(collections=1, reports=3, members=1, datasets=0, personal_reports=0, nasty=False)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def workspace(airflow: StandaloneAirflow) -> Iterator[Sandbox]:
    """A workspace and DAGs of its own, with connections of their own."""
    with Sandbox(shape=SHAPE, mode=ModeSwitches(limiter="off", run_seconds=2)) as sandbox:
        sandbox.catalog.ingest_warehouse(datetime.now(UTC) - timedelta(hours=3))
        ids = {"mode_default": "mode_refresh", "coalesce_catalog_default": "catalog_refresh"}
        for name, text in sandbox.connections().items():
            fields = json.loads(text)
            body = {**fields, "connection_id": ids[name], "extra": json.dumps(fields["extra"])}
            airflow.api("POST", "connections", json=body)
        (airflow.dags / f"{DAG_ID}.py").write_text(REFRESH)
        (airflow.dags / "around_the_refresh.py").write_text(AROUND_IT)
        for dag_id in (DAG_ID, "etl", "on_ingestion"):
            airflow.wait_for_dag(dag_id)
        yield sandbox
        for dag_id in (DAG_ID, "etl", "on_ingestion"):
            airflow.api("PATCH", f"dags/{dag_id}", json={"is_paused": True})


@pytest.fixture
def mode(workspace: Sandbox) -> Iterator[Any]:
    workspace.mode.switches.throw(run_seconds=2)
    yield workspace.mode
    for run in workspace.mode.runs.started():
        workspace.mode.runs.end(run)


def until(condition: Callable[[], Any], *, timeout: float = 400) -> Any:
    """Wait until something holds, and return what it is."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.5)
    return found


def runs(airflow: StandaloneAirflow, dag_id: str = DAG_ID) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = airflow.api("GET", f"dags/{dag_id}/dagRuns")["dag_runs"]
    return found


def posts(mode: Any) -> int:
    return sum(request.method == "POST" for request in mode.requests)


def state(airflow: StandaloneAirflow, run_id: str) -> str | None:
    return airflow.task_states(DAG_ID, run_id).get("refresh")


def test_the_etls_event_starts_the_refresh_and_each_report_is_run_once(
    airflow: StandaloneAirflow, mode: Any
) -> None:
    before = posts(mode)
    airflow.trigger("etl", run_id="load")
    [run] = until(lambda: [run for run in runs(airflow) if run["state"] in {"success", "failed"}])
    assert (run["run_type"], run["state"]) == ("asset_triggered", "success")
    assert posts(mode) - before == 3
    assert airflow.xcom(DAG_ID, run["dag_run_id"], "refresh")["started"] == 3


@needs_refused_backfills
def test_a_backfill_is_refused(airflow: StandaloneAirflow, mode: Any) -> None:
    dates = {"from_date": "2026-11-10T00:00:00Z", "to_date": "2026-11-11T00:00:00Z"}
    before, known = posts(mode), len(runs(airflow))
    with pytest.raises(requests.HTTPError, match="backfill"):
        airflow.api(
            "POST", "backfills", json={"dag_id": DAG_ID, **dates, "run_backwards": False, "dag_run_conf": {}}
        )
    assert (posts(mode), len(runs(airflow))) == (before, known)


def test_clearing_the_task_runs_everything_anew(airflow: StandaloneAirflow, mode: Any) -> None:
    before = posts(mode)
    airflow.trigger(DAG_ID, run_id="cleared")
    assert airflow.wait_for_run(DAG_ID, "cleared") == "success"
    assert posts(mode) - before == 3
    clear = {"dry_run": False, "dag_run_id": "cleared", "task_ids": ["refresh"], "only_failed": False}
    airflow.api("POST", f"dags/{DAG_ID}/clearTaskInstances", json=clear)
    until(lambda: posts(mode) - before == 6)
    assert airflow.wait_for_run(DAG_ID, "cleared") == "success"
    assert posts(mode) - before == 6


@needs_trigger_kill
def test_a_task_marked_as_failed_while_deferred_cancels_its_runs_and_not_the_one_it_joined(
    airflow: StandaloneAirflow, mode: Any
) -> None:
    mode.switches.throw(run_seconds=math.inf)
    before, old = posts(mode), mode.runs.started()
    joined = mode.runs.start(mode.world.reports[0], by="a person")
    airflow.trigger(DAG_ID, run_id="marked")
    until(lambda: state(airflow, "marked") == "deferred")
    assert posts(mode) - before == 2
    path = f"dags/{DAG_ID}/dagRuns/marked/taskInstances/refresh"
    airflow.api("PATCH", path, json={"new_state": "failed"})
    ours = [run for run in mode.runs.started() if run not in old and run is not joined]
    until(lambda: {run.state(mode.service_now()) for run in ours} == {"cancelled"})
    assert not joined.over(mode.service_now())
    assert posts(mode) - before == 2


def test_a_triggerer_that_dies_costs_no_second_run(airflow: StandaloneAirflow, mode: Any) -> None:
    mode.switches.throw(run_seconds=math.inf)
    before = posts(mode)
    airflow.trigger(DAG_ID, run_id="triggerer_dies")
    until(lambda: state(airflow, "triggerer_dies") == "deferred")
    airflow.kill_triggerer()
    for run in mode.runs.started():
        mode.runs.end(run)
    airflow.start_triggerer()
    assert airflow.wait_for_run(DAG_ID, "triggerer_dies", timeout=400) == "success"
    assert posts(mode) - before == 3


@needs_shared_streams
def test_an_ingestion_while_no_triggerer_runs_is_told_once(
    airflow: StandaloneAirflow, workspace: Sandbox
) -> None:
    def looks() -> int:
        return sum(request.matches("graphql") for request in workspace.catalog.requests)

    seen = looks()
    until(lambda: looks() > seen + 1)
    assert runs(airflow, "on_ingestion") == []
    airflow.kill_triggerer()
    moment = datetime.now(UTC).replace(microsecond=0)
    workspace.catalog.ingest_warehouse(moment)
    airflow.start_triggerer()
    [run] = until(lambda: [one for one in runs(airflow, "on_ingestion") if one["state"] == "success"])
    told = airflow.xcom("on_ingestion", run["dag_run_id"], "told")
    assert datetime.fromisoformat(told) == moment
    seen = looks()
    until(lambda: looks() > seen + 3)
    assert len(runs(airflow, "on_ingestion")) == 1
