"""One real run of the sync DAG in a process of its own: what consumers of OpenLineage and of OTLP receive."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.airflow.environment import REPOSITORY
from tests.airflow.openlineage_shapes import faults_of
from tests.airflow.receivers import Receiver
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape

pytestmark = pytest.mark.timeout(900)

DAG = "mode_catalog_sync"


@pytest.fixture(scope="module")
def told(airflow_home, tmp_path_factory):
    """What a run told, and what it did."""
    shape = WorkspaceShape(collections=4, reports=12, members=5, nasty=True, seed=7)
    mode = ModeSwitches(limiter="off", batch=404)
    folder = tmp_path_factory.mktemp("told")
    receiver = Receiver()
    with Sandbox(shape=shape, mode=mode, time_scale=0.01) as sandbox:
        sandbox.catalog.ingest_warehouse()
        sandbox.mode.fault("spaces/*/reports", status=503, times=1)
        refreshed = sandbox.mode.expected()["report"][0]["token"]
        transport = {"type": "http", "url": receiver.url, "endpoint": "api/v1/lineage"}
        environment = {
            **os.environ,
            **sandbox.environment(),
            "AIRFLOW__MODE_CATALOG__OUTPUT_DIR": str(folder / "staging"),
            "AIRFLOW__MODE_CATALOG__REPORTS": refreshed,
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
            "AIRFLOW__METRICS__OTEL_ON": "True",
            "AIRFLOW__METRICS__OTEL_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__OTEL_PORT": str(receiver.port),
        }
        command = [sys.executable, "-m", "tests.airflow.dag_run_process", DAG, "manual"]
        log = folder / "run.log"
        with log.open("wb") as output:
            done = subprocess.run(
                [*command, "2026-11-12T00:00:00+00:00"],
                cwd=REPOSITORY,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        receiver.close()
        assert done.returncode == 0, log.read_text()[-3000:]
        yield SimpleNamespace(
            events=receiver.events,
            points=list(receiver.points),
            refreshed=refreshed,
            assets=asset_events(),
            source=sandbox.catalog.source_id,
            host=sandbox.mode.url.removeprefix("http://"),
            asked=len(sandbox.mode.requests),
            queries=sandbox.mode.expected()["query"],
            secrets=[sandbox.mode.credentials().secret, sandbox.catalog.token, sandbox.catalog.read_token],
        )


def asset_events():
    """Extra of the events of each asset."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = session.execute(
            select(AssetModel.name, AssetEvent.extra).join(AssetModel, AssetModel.id == AssetEvent.asset_id)
        )
        return dict(found.all())


def names(datasets):
    return [(one["namespace"], one["name"]) for one in datasets]


def completed(told, task):
    (event,) = [
        event
        for event in told.events
        if event["eventType"] == "COMPLETE" and event["job"]["name"] == f"{DAG}.{task}"
    ]
    return event


def of_reports(told):
    return [event for event in told.events if event["job"]["namespace"].startswith("mode://")]


def test_every_event_is_as_openlineages_schemas_want_it(told):
    assert len(told.events) > 20
    faults = {event["job"]["name"]: faults_of(event) for event in told.events}
    assert {name: found for name, found in faults.items() if found} == {}


def test_files_go_from_mode_to_catalog(told):
    extracted, uploaded = completed(told, "extract"), completed(told, "upload")
    assert names(extracted["inputs"]) == [(f"mode://{told.host}", "acme")]
    assert len(extracted["outputs"]) == 6
    assert names(extracted["outputs"]) == names(uploaded["inputs"])
    ((namespace, name),) = names(uploaded["outputs"])
    assert namespace.startswith("coalesce-catalog://")
    assert name.startswith("sources/")


def test_each_report_is_a_job_of_its_own_that_reads_tables_of_the_warehouse(told):
    reports = of_reports(told)
    assert reports
    extraction = completed(told, "extract")["run"]["runId"]
    for event in reports:
        assert names(event["outputs"]) == [(f"mode://{told.host}", event["job"]["name"])]
        assert {namespace.partition(":")[0] for namespace, _ in names(event["inputs"])} <= {
            "snowflake",
            "bigquery",
        }
        assert event["run"]["facets"]["parent"]["run"]["runId"] == extraction
        token = event["job"]["name"].rpartition("/")[2]
        texts = " ".join(query["raw_query"] for query in told.queries if query["report_token"] == token)
        for _, table in names(event["inputs"]):
            assert table.rpartition(".")[2].lower() in texts.lower()


def test_a_refresh_writes_the_report_that_it_ran(told):
    outputs = names(completed(told, "refresh_mode_results")["outputs"])
    assert outputs == [(f"mode://{told.host}", f"acme/reports/{told.refreshed}")]


def test_other_dags_hear_that_catalog_was_fed_and_that_mode_is_fresh(told):
    assert told.assets["catalog_fed"]["source_id"] == told.source
    assert told.assets["catalog_fed"]["rows"]["query"] == len(told.queries)
    assert told.assets["mode_fresh"]["reports"] == [told.refreshed]


def test_no_event_holds_a_secret(told):
    text = json.dumps([told.events, told.assets])
    assert [secret for secret in told.secrets if secret in text] == []


def test_counters_arrive_by_otlp_with_their_tags(told):
    # Each export has the sum so far.
    requests = {}
    for name, tags, value in told.points:
        if name == "airflow.mode_catalog.http.requests" and tags["service"] == "mode":
            key = (tags["operation"], tags["outcome"])
            requests[key] = max(value, requests.get(key, 0))
    assert requests["reports", "5xx"] == 1
    assert requests["reports", "2xx"] >= 1
    assert sum(requests.values()) == told.asked
    gauges = {
        (name.removeprefix("airflow.mode_catalog."), *tags.values()): value
        for name, tags, value in told.points
    }
    assert gauges["extract.rows", "query"] == len(told.queries)
    assert gauges["lock.held_since",] == 0
