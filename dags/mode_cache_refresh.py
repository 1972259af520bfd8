"""Airflow, when the warehouse is loaded: run Mode's reports again, so that people see today's numbers."""

from __future__ import annotations

from mode_catalog_provider.dags import refresh_dag

dag = refresh_dag(dag_id="mode_cache_refresh")
