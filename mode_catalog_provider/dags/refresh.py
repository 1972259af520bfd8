"""The DAG that refreshes the results that Mode keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import DAG, Asset, Param

from mode_catalog_provider.assets import mode_fresh, when_true
from mode_catalog_provider.dags import texts
from mode_catalog_provider.dags.form import dag_arguments, lines, refresh_retries
from mode_catalog_provider.dags.settings import Settings, settings_for
from mode_catalog_provider.operators.cache_refresh import ModeCacheRefreshOperator
from mode_catalog_provider.tasks.compat import only_runs

RUN, WHAT, HOW = "This run", "What is refreshed", "How"


def refresh_dag(
    dag_id: str = "mode_cache_refresh",
    settings: Settings | None = None,
    *,
    dag_options: Mapping[str, Any] | None = None,
    **overrides: Any,
) -> DAG:
    """Build the DAG that runs Mode's reports and datasets again when the warehouse is loaded.

    Arguments, result and errors are those of :func:`~mode_catalog_provider.dags.sync.sync_dag`.
    """
    settings = settings_for(settings, overrides)
    asset = settings.warehouse_asset
    own = {
        "description": "Runs Mode reports and datasets again when the warehouse is loaded.",
        "doc_md": texts.REFRESH,
        "tags": ["mode"],
        "params": refresh_params(settings),
        "user_defined_macros": {"loaded_at": loaded_at},
        # What Mode stores is of now: a run for a day that is past could only do today's work again.
        **only_runs(*(["asset_triggered"] if asset else []), "manual"),
    }
    with DAG(
        dag_id, schedule=[Asset(name=asset)] if asset else None, **dag_arguments(settings, own, dag_options)
    ) as dag:
        ModeCacheRefreshOperator(
            task_id="refresh",
            doc_md=texts.REFRESH,
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
            retries=refresh_retries(settings),
            deferrable=True,
            outlets=[when_true(mode_fresh(settings.mode_conn_id))],
        )
    return dag


def loaded_at(events: Any) -> Any:
    """When the newest of the events that started a run came; empty for a run started by hand."""
    return max((event.timestamp for of_asset in events.values() for event in of_asset), default="")


def refresh_params(settings: Settings) -> dict[str, Param]:
    """Return the parameters of a refresh DAG; they start from its settings."""
    return {
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
            "for the time of its last ingestion. Empty: everything, or, when the asset starts the run, "
            "what has no good run since its event.",
            section=RUN,
        ),
        "reports": lines(settings.reports, "Reports", "Tokens or names, one per line.", WHAT),
        "datasets": lines(
            settings.datasets, "Datasets", "Tokens or names, one per line; run before the reports.", WHAT
        ),
        "collections": lines(
            settings.refresh_collections,
            "Collections",
            "Tokens, names or globs (Finance*), one per line: all their reports and datasets.",
            WHAT,
        ),
        "data_sources": lines(
            settings.refresh_data_sources,
            "Connections",
            "Tokens, names or globs of Mode's connections, one per line: all reports and datasets on them.",
            WHAT,
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
