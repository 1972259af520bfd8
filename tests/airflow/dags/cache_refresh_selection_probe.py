"""A refresh whose selection comes from the run's configuration."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from mode_catalog_provider.operators.cache_refresh import ModeCacheRefreshOperator

PARAMS = {
    "reports": [],
    "collections": [],
    "data_sources": [],
    "refresh": "results",
    "stale_since": None,
    "max_runs": None,
    "dry_run": False,
    "parameters": None,
    "endpoint": "/api/cache_invalidate",
}

with DAG("refresh_selection", schedule=None, params=PARAMS) as dag:
    ModeCacheRefreshOperator(
        task_id="refresh",
        **{name: "{{ params." + name + " }}" for name in PARAMS},
        check_interval=0.05,
        retry_delay=timedelta(0),
        retries=1,
        deferrable=True,
    )
