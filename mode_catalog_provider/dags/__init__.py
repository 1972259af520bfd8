"""The ready DAGs as functions: one call for each workspace.

``dags/mode_catalog_sync.py`` is one such call; a second workspace is a second one, in a file of yours::

    '''Airflow: the workspace of the United States.'''

    from mode_catalog_provider.dags import sync_dag

    sync_dag(
        dag_id="mode_catalog_sync_us",
        mode_conn_id="mode_us",
        catalog_conn_id="catalog_us",
        output_dir="s3://my-bucket/mode-us",
        schedule="30 6 * * *",
    )

What is not given comes from section ``[mode_catalog]`` of Airflow's configuration. Nothing is connected to,
and no database is read, while a DAG is built.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mode_catalog_provider.dags.arrival import arrival_dag as arrival_dag
    from mode_catalog_provider.dags.audit import audit_dag as audit_dag
    from mode_catalog_provider.dags.permissions import permission_dag as permission_dag
    from mode_catalog_provider.dags.refresh import refresh_dag as refresh_dag
    from mode_catalog_provider.dags.settings import Settings as Settings
    from mode_catalog_provider.dags.settings import read_settings as read_settings
    from mode_catalog_provider.dags.sync import sync_dag as sync_dag

# Imported when they are asked for: a file with one DAG need not load the operators of all.
_ROOMS = {
    "sync_dag": "sync",
    "refresh_dag": "refresh",
    "audit_dag": "audit",
    "arrival_dag": "arrival",
    "permission_dag": "permissions",
    "Settings": "settings",
    "read_settings": "settings",
}

__all__ = [
    "Settings",
    "arrival_dag",
    "audit_dag",
    "permission_dag",
    "read_settings",
    "refresh_dag",
    "sync_dag",
]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
