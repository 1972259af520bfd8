"""Airflow, once a week: what in the Mode workspace drifted apart, was copied, refused or forgotten."""

from __future__ import annotations

from mode_catalog_provider.dags import audit_dag

dag = audit_dag(dag_id="mode_workspace_audit")
