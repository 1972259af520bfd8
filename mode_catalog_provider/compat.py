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

try:
    from airflow.sdk.execution_time.comms import GetDagRun  # Airflow 3.2+
except ImportError:
    GetDagRun = None  # type: ignore[assignment, misc]

try:
    from airflow.triggers.shared_stream import SharedStreamProducer  # Airflow 3.3+
except ImportError:
    SharedStreamProducer = object  # type: ignore[assignment, misc]

__all__ = [
    "AirflowFailException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "SharedStreamProducer",
    "Stats",
    "conf",
    "fetch_dag_run",
    "only_runs",
]


def fetch_dag_run(dag_id: str, run_id: str) -> Any:
    """Ask Airflow, from within a task, for another DAG run; ``None`` where it cannot be asked (3.1)."""
    if GetDagRun is None:
        return None
    # Imported late: the channel to Airflow exists only once a task runs.
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    return SUPERVISOR_COMMS.send(GetDagRun(dag_id=dag_id, run_id=run_id))


def only_runs(*run_types: str) -> dict[str, Any]:
    """Return DAG arguments that forbid all other kinds of runs, nothing where Airflow cannot (below 3.2).

    :param run_types: ``asset_triggered``, ``backfill``, ``manual``, ``scheduled``.
    """
    possible = "allowed_run_types" in inspect.signature(DAG).parameters
    return {"allowed_run_types": list(run_types)} if possible else {}
