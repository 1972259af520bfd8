"""Airflow DAG for tests: audit Mode's schedules, and refresh what shows old results."""

from __future__ import annotations

import os

from airflow.sdk import DAG

from mode_catalog_provider.operators.cache_refresh import ModeCacheRefreshOperator
from mode_catalog_provider.operators.schedules import ModeScheduleAuditOperator

with DAG("schedule_audit_probe", schedule=None):
    schedules = ModeScheduleAuditOperator(
        task_id="schedules",
        output_dir=os.environ.get("AIRFLOW__MODE_CATALOG__OUTPUT_DIR", "/srv/mode"),
        loaded_at="{{ dag_run.conf['loaded_at'] }}",
        fail_on="{{ dag_run.conf.get('fail_on', []) }}",
    )
    refresh = ModeCacheRefreshOperator(
        task_id="refresh",
        reports="{{ ti.xcom_pull('schedules')['stale'] }}",
        check_interval=0.05,
    )
    schedules >> refresh
