"""The DAG ``mode_cache_refresh``, and the sync DAG's refresh as far as it depends on the warehouse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from mode_catalog_provider.tasks.compat import only_runs
from tests.airflow.conftest import parse_dag
from tests.sandbox.objects import stamp


@pytest.fixture
def refresh(run_dag, sandbox):
    def look_often(dag):
        dag.get_task("refresh").check_interval = 0.05

    return lambda conf=None, **env: run_dag(
        "mode_cache_refresh", conf, {**sandbox.environment(), **env}, adjust=look_often
    )


def posts(sandbox):
    started = [
        one.path for one in sandbox.mode.requests if one.method == "POST" and one.path.endswith("/runs")
    ]
    return [path.split("/")[-2] for path in started]


def usable(sandbox):
    world = sandbox.mode.world
    shared = {one.token for one in world.collections if not one.personal and not one.refused}
    return [
        one
        for one in world.reports
        if not (one.is_dataset or one.archived or one.vanishes or one.refused) and one.collection in shared
    ]


def test_a_manual_run_refreshes_what_the_configuration_says(refresh, sandbox):
    token = usable(sandbox)[0].token
    run = refresh(AIRFLOW__MODE_CATALOG__REPORTS=token)
    assert run.state == "success"
    assert posts(sandbox) == [token]


def test_the_form_narrows_one_run(refresh, sandbox):
    one, other = (report.token for report in usable(sandbox)[:2])
    run = refresh({"reports": [other], "dry_run": False}, AIRFLOW__MODE_CATALOG__REPORTS=one)
    assert run.state == "success"
    assert posts(sandbox) == [other]


def test_with_nothing_configured_the_task_is_skipped(refresh, sandbox):
    assert refresh().tasks == {"refresh": "skipped"}
    assert posts(sandbox) == []


def scheduled_by(dag):
    return sorted(asset.name for asset in dag.timetable.asset_condition.objects)


@pytest.mark.parametrize(
    ("asset", "kinds"), [("dbt_done", {"asset_triggered", "manual"}), ("", {"manual"})], ids=["asset", "none"]
)
def test_no_backfill_is_allowed_where_airflow_can_forbid_it(monkeypatch, asset, kinds):
    monkeypatch.setenv("AIRFLOW__MODE_CATALOG__WAREHOUSE_ASSET", asset)
    dag = parse_dag("mode_cache_refresh")
    possible = bool(only_runs("manual"))
    assert possible is hasattr(dag, "allowed_run_types")
    if possible:
        assert {run_type.value for run_type in dag.allowed_run_types} == kinds


def test_it_is_started_by_the_asset_of_the_configured_name(monkeypatch):
    monkeypatch.setenv("AIRFLOW__MODE_CATALOG__WAREHOUSE_ASSET", "dbt_done")
    assert scheduled_by(parse_dag("mode_cache_refresh")) == ["dbt_done"]


def test_a_run_started_by_the_asset_leaves_alone_what_ran_since_its_newest_event():
    loaded_at = parse_dag("mode_cache_refresh").user_defined_macros["loaded_at"]
    old, new = (SimpleNamespace(timestamp=datetime(2026, 11, day, tzinfo=UTC)) for day in (1, 2))
    assert loaded_at({"warehouse": [old, new], "other": [old]}) == new.timestamp
    assert loaded_at({}) == ""


def test_every_field_of_the_form_has_a_title_a_help_text_and_a_section():
    for name, param in parse_dag("mode_cache_refresh").params.items():
        assert {"title", "description_md", "section"} <= set(param.schema), name


def test_the_sync_refreshes_only_what_is_older_than_the_warehouse_that_it_waited_for(sync, sandbox):
    sandbox.catalog.ingest_warehouse(datetime.now(UTC) - timedelta(hours=2))
    fresh, stale = usable(sandbox)[:2]
    fresh.last_run_at = fresh.last_successfully_run_at = stamp(datetime.now(UTC) - timedelta(hours=1))

    def look_often(dag):
        dag.get_task("refresh_mode_results").check_interval = 0.05

    run = sync({"reports": [fresh.token, stale.token]}, adjust=look_often)
    assert run.state == "success"
    assert posts(sandbox) == [stale.token]
    assert run.result("refresh_mode_results")["skipped"] == 1


def test_the_sync_can_be_started_by_the_ingestion_of_each_warehouse(monkeypatch):
    monkeypatch.setenv("AIRFLOW__MODE_CATALOG__SCHEDULE", "ingestion")
    monkeypatch.setenv("AIRFLOW__MODE_CATALOG__WAREHOUSE_SOURCES", "Snowflake, BigQuery EU")
    assert scheduled_by(parse_dag("mode_catalog_sync")) == [
        "catalog_ingested_bigquery_eu",
        "catalog_ingested_snowflake",
    ]
