"""Airflow, each time that Catalog has ingested the Mode source: did what was uploaded arrive?"""

from __future__ import annotations

from mode_catalog_provider.dags import arrival_dag

dag = arrival_dag(dag_id="mode_catalog_arrival")
