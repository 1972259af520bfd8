"""Airflow, once a quarter: who may see or edit what in the Mode workspace, and what changed."""

from __future__ import annotations

from mode_catalog_provider.dags import permission_dag

dag = permission_dag(dag_id="mode_permission_audit")
