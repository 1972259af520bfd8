"""When the warehouse is loaded: run Mode's reports again, so that people see today's numbers.

The DAG starts on each event of one asset, which stands for "warehouse loaded": put it into the `outlets` of
the task that ends your ETL. Its name, and what is refreshed, come from section ``[mode_catalog]`` of
Airflow's configuration; the form of a manual run starts from them. Reports with a good run since the load are
left alone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Asset, Param

from mode_catalog_provider.dags.settings import read_settings
from mode_catalog_provider.operators.cache_refresh import ModeCacheRefreshOperator
from mode_catalog_provider.tasks.compat import only_runs

settings = read_settings()


def words(default: tuple[str, ...], title: str, description: str) -> Param:
    """A list in the form: one entry per line."""
    return Param(
        list(default),
        type=["array", "null"],
        items={"type": "string"},
        title=title,
        description_md=description,
        section=WHAT,
    )


def loaded_at(events: Any) -> Any:
    """When the newest of the events that started a run came; empty for a run started by hand."""
    return max((event.timestamp for of_asset in events.values() for event in of_asset), default="")


RUN, WHAT, HOW = "This run", "What is refreshed", "How"

PARAMS = {
    "dry_run": Param(
        False,
        type="boolean",
        title="Dry run",
        description_md="Find and log what would be run, and why; start nothing.",
        section=RUN,
    ),
    "stale_since": Param(
        None,
        type=["string", "null"],
        title="Only what is older than",
        description_md="A time (2026-11-20T05:30:00+00:00), or the id or name of a warehouse in Catalog, "
        "for the time of its last ingestion. Empty: everything, or, when the asset starts the run, what has "
        "no good run since its event.",
        section=RUN,
    ),
    "reports": words(settings.reports, "Reports", "Tokens or names, one per line."),
    "datasets": words(
        settings.datasets, "Datasets", "Tokens or names, one per line; run before the reports."
    ),
    "collections": words(
        settings.refresh_collections,
        "Collections",
        "Tokens, names or globs (Finance*), one per line: all their reports and datasets.",
    ),
    "data_sources": words(
        settings.refresh_data_sources,
        "Connections",
        "Tokens, names or globs of Mode's connections, one per line: all reports and datasets on them.",
    ),
    "include_archived": Param(
        False,
        type="boolean",
        title="Archived reports",
        description_md="Run archived reports as well.",
        section=WHAT,
    ),
    "refresh": Param(
        "results",
        type="string",
        enum=["results", "schema"],
        values_display={
            "results": "results: run reports and datasets",
            "schema": "schema: read the connections' tables anew, for Mode's editor",
        },
        title="What to do",
        description_md="A schema update takes connections only.",
        section=HOW,
    ),
    "max_runs": Param(
        settings.refresh_max_runs,
        type="integer",
        minimum=0,
        title="Runs at most",
        description_md="A refresh that could start more is refused before it starts any.",
        section=HOW,
    ),
    "max_concurrent_runs": Param(
        4,
        type="integer",
        minimum=1,
        title="Runs at a time",
        description_md="Runs that may be in flight at once; each one loads the warehouse.",
        section=HOW,
    ),
    "failure": Param(
        "fail",
        type="string",
        enum=["fail", "warn", "threshold"],
        values_display={
            "fail": "fail: no run may fail",
            "warn": "warn: failed runs are only reported",
            "threshold": "threshold: so many may fail",
        },
        title="Failed runs",
        description_md="What failed runs mean for this task.",
        section=HOW,
    ),
    "max_failed": Param(
        0,
        type="integer",
        minimum=0,
        title="Failed runs at most",
        description_md="For threshold.",
        section=HOW,
    ),
}

with DAG(
    dag_id="mode_cache_refresh",
    dag_display_name="Refresh Mode's results",
    description="Runs Mode reports and datasets again when the warehouse is loaded.",
    doc_md=__doc__,
    schedule=[Asset(name=settings.warehouse_asset)] if settings.warehouse_asset else None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["mode"],
    params=PARAMS,
    user_defined_macros={"loaded_at": loaded_at},
    default_args={
        "retries": settings.retries,
        "retry_delay": timedelta(minutes=1),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=10),
    },
    # What Mode stores is of now: a run for a day that is past could only do today's work again.
    **only_runs(*(["asset_triggered"] if settings.warehouse_asset else []), "manual"),
) as dag:
    ModeCacheRefreshOperator(
        task_id="refresh",
        mode_conn_id=settings.mode_conn_id,
        catalog_conn_id=settings.catalog_conn_id,
        reports="{{ params.reports }}",
        datasets="{{ params.datasets }}",
        collections="{{ params.collections }}",
        data_sources="{{ params.data_sources }}",
        refresh="{{ params.refresh }}",
        stale_since="{{ params.stale_since or loaded_at(triggering_asset_events) }}",
        include_archived="{{ params.include_archived }}",
        max_runs="{{ params.max_runs }}",
        dry_run="{{ params.dry_run }}",
        max_concurrent_runs="{{ params.max_concurrent_runs }}",
        failure="{{ params.failure }}",
        max_failed="{{ params.max_failed }}",
        timeout=settings.refresh_timeout,
        deferrable=True,
    )
