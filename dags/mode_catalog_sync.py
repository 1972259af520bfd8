"""Airflow, once a day: extract Mode, upload to Catalog, refresh Mode's stored results.

A second workspace is a second call, with other settings: see "Several workspaces" in the documentation.
"""

from __future__ import annotations

from mode_catalog_provider.dags import sync_dag

dag = sync_dag(dag_id="mode_catalog_sync")
