"""The sync DAG when it must not go on: the run fails, says why, and pushes nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.airflow.conftest import parse_dag

SOON = {"AIRFLOW__MODE_CATALOG__WAREHOUSE_TIMEOUT_HOURS": str(0.5 / 3600)}


def poll_quickly(dag):
    dag.get_task("wait_for_warehouse").poke_interval = 0.05


def test_a_warehouse_that_is_not_ingested_in_time_fails_the_run_before_mode_is_asked(sync, sandbox, capfd):
    sandbox.catalog.ingest_warehouse(datetime.now(UTC) - timedelta(days=3))
    run = sync(env=SOON, adjust=poll_quickly)
    assert run.state == "failed"
    assert run.tasks["wait_for_warehouse"] == "failed"
    assert run.tasks["acquire_lock"] == run.tasks["extract"] == "upstream_failed"
    assert run.tries["wait_for_warehouse"] == 1
    assert not [one for one in sandbox.mode.requests if one.matches("data_sources")]
    assert "was last ingested" in capfd.readouterr().out


def test_a_run_waits_until_the_warehouse_is_ingested(sync, sandbox):
    sandbox.catalog.ingest_warehouse(datetime.now(UTC) - timedelta(days=3))
    sandbox.catalog.fault("graphql", nth=4, do=sandbox.catalog.ingest_warehouse)
    run = sync(adjust=poll_quickly)
    assert run.state == "success"
    looks = [one for one in sandbox.catalog.requests if one.matches("graphql")]
    listed = next(one for one in sandbox.mode.requests if one.matches("data_sources"))
    assert listed.at > looks[3].at


def test_a_deleted_warehouse_fails_the_run_at_once(sync, sandbox):
    sandbox.catalog.source(sandbox.catalog.warehouse_id).deleted_at = datetime.now(UTC)
    warehouse = {"AIRFLOW__MODE_CATALOG__WAREHOUSE_SOURCES": sandbox.catalog.warehouse_id}
    run = sync(env=warehouse)
    assert run.state == "failed"
    assert run.tries["wait_for_warehouse"] == 1


def test_a_refused_mode_key_fails_at_once_and_says_what_to_do(sync, sandbox, capfd):
    suffix, token = sandbox.mode.token[-4:], sandbox.mode.token
    environment = sandbox.environment()
    sandbox.mode.rotate()
    run = sync(env=environment)
    assert run.state == "failed"
    assert run.tasks["preflight"] == "failed"
    assert run.tries["preflight"] == 1
    assert sandbox.catalog.uploads == []
    assert {one.path for one in sandbox.mode.requests} == {"/api/verify"}
    said = capfd.readouterr().out
    assert f"…{suffix}" in said
    assert "'mode_default'" in said
    assert token not in said
    assert "airflow backfill create --dag-id mode_catalog_sync --from-date" in said
    assert "airflow dags trigger mode_catalog_sync" in said


def test_a_refused_catalog_token_fails_before_the_expensive_extraction(sync, sandbox):
    environment = sandbox.environment()
    sandbox.catalog.rotate()
    run = sync(env=environment)
    assert run.state == "failed"
    assert run.tries["preflight"] == 1
    # Preflight tells all faults at once, so Mode is asked whether its key is good.
    assert not [one for one in sandbox.mode.requests if one.matches("spaces") or one.matches("data_sources")]


def test_a_snapshot_that_shrank_is_refused_until_somebody_accepts_it(sync, sandbox):
    assert sync().state == "success"
    world = sandbox.mode.world
    for report in list(world.reports)[: len(world.reports) * 2 // 3]:
        world.remove_report(report)

    refused = sync()
    assert refused.state == "failed"
    assert refused.tasks["extract"] == "success"
    assert refused.tries["upload"] == 1
    assert refused.tasks["release_lock"] == "success"
    assert len(sandbox.catalog.uploads) == 6

    accepted = sync({"accept_shrink": True})
    assert accepted.state == "success"
    assert len(sandbox.catalog.uploads) == 12
    reports = json.loads(sandbox.catalog.uploads[8].content)
    assert len(reports) == len(sandbox.mode.expected()["report"])


@pytest.mark.parametrize("option", ["strategy", "members"])
def test_a_setting_that_no_form_field_knows_is_an_import_error_not_a_bad_run(option, monkeypatch):
    monkeypatch.setenv(f"AIRFLOW__MODE_CATALOG__{option.upper()}", "fastest")
    with pytest.raises(AssertionError, match=rf"\[mode_catalog\] {option} is"):
        parse_dag("mode_catalog_sync")
