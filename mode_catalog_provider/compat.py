"""What is newer than the oldest supported Airflow (3.1), in one place."""

from __future__ import annotations

import inspect
from typing import Any

from airflow.sdk import DAG

try:  # Airflow 3.2+
    from airflow.sdk import conf
    from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, AirflowSkipException
    from airflow.sdk.observability.stats import Stats
except ImportError:
    from airflow.configuration import conf  # type: ignore[assignment]
    from airflow.exceptions import (  # type: ignore[no-redef]
        AirflowFailException,
        AirflowSensorTimeout,
        AirflowSkipException,
    )
    from airflow.stats import Stats

__all__ = [
    "AirflowFailException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "Stats",
    "conf",
    "only_runs",
]


def only_runs(*run_types: str) -> dict[str, Any]:
    """Return DAG arguments that forbid all other kinds of runs, nothing where Airflow cannot (below 3.2).

    :param run_types: ``asset_triggered``, ``backfill``, ``manual``, ``scheduled``.
    """
    possible = "allowed_run_types" in inspect.signature(DAG).parameters
    return {"allowed_run_types": list(run_types)} if possible else {}
