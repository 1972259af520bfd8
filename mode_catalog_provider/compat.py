"""What is newer than the oldest supported Airflow (3.1), in one place."""

from __future__ import annotations

import inspect
from typing import Any

from airflow.sdk import DAG

try:
    from airflow.sdk.observability.stats import Stats  # Airflow 3.2+
except ImportError:
    from airflow.stats import Stats

__all__ = ["Stats", "only_runs"]


def only_runs(*run_types: str) -> dict[str, Any]:
    """Return DAG arguments that forbid all other kinds of runs, nothing where Airflow cannot (below 3.2).

    :param run_types: ``asset_triggered``, ``backfill``, ``manual``, ``scheduled``.
    """
    possible = "allowed_run_types" in inspect.signature(DAG).parameters
    return {"allowed_run_types": list(run_types)} if possible else {}
