"""The DAG ``mode_catalog_arrival``, from the upload over Catalog's ingestion to the reconciliation."""

from __future__ import annotations

import pytest

from mode_catalog_provider.tasks.compat import only_runs
from tests.airflow.conftest import parse_dag


@pytest.fixture
def arrival(run_dag, sandbox, staging):
    environment = {**sandbox.environment(), "AIRFLOW__MODE_CATALOG__OUTPUT_DIR": str(staging)}
    return lambda conf=None: run_dag("mode_catalog_arrival", conf, environment)


def test_what_was_uploaded_and_ingested_is_found_in_catalog(sync, arrival, sandbox, staging):
    assert sync().state == "success"
    sandbox.catalog.ingest_mode()
    lost = sandbox.catalog.dashboards.pop()
    run = arrival()
    assert run.state == "success"
    result = run.result("reconcile")
    assert result["arrived"] == result["reports"] - 1 > 0
    assert result["counts"]["missing"] == 1
    assert [finding["token"] for finding in result["first"]["missing"]] == [lost["slug"]]
    assert len(list(staging.glob("*/*.arrival"))) == 1


def test_a_share_that_is_missed_fails_the_run_once_and_keeps_the_result(sync, arrival, sandbox):
    sync()
    sandbox.catalog.ingest_mode()
    sandbox.catalog.dashboards.pop()
    run = arrival({"min_arrived": 1.0})
    assert run.state == "failed"
    assert run.tries["reconcile"] == 1
    assert run.result("reconcile")["counts"]["missing"] == 1
    assert arrival({"min_arrived": 0.5}).state == "success"


def test_without_an_upload_the_message_says_what_makes_one(arrival, capsys):
    assert arrival().state == "failed"
    assert "Upload first: mode_catalog_sync does." in capsys.readouterr().out


def test_it_is_started_by_the_ingestion_of_a_bi_source_and_cannot_be_backfilled():
    dag = parse_dag("mode_catalog_arrival")
    (asset,) = dag.schedule if isinstance(dag.schedule, list) else [dag.timetable.asset_condition.objects[0]]
    assert asset.name == "catalog_ingested_visualization"
    if only_runs("manual"):
        assert {run_type.value for run_type in dag.allowed_run_types} == {"asset_triggered", "manual"}
