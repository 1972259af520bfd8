"""What is newer than the oldest supported Airflow (3.1), in one place."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow import __version__ as airflow_version
from airflow.sdk import DAG, BaseOperator, Context

# All three are in airflow.sdk itself only since 3.2.
from airflow.sdk.definitions.deadline import (  # type: ignore[attr-defined]
    AsyncCallback,
    DeadlineAlert,
    DeadlineReference,
)

from mode_catalog_provider.errors import ConfigurationError

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

try:
    from airflow.sdk.exceptions import TaskAwaitingInput  # Airflow 3.3+
except ImportError:
    TaskAwaitingInput = None  # type: ignore[assignment, misc]

#: Whether a task has a store that outlives its try (Airflow 3.3+).
REMEMBERS_TRIES = TaskAwaitingInput is not None

#: Whether an event that comes by way of an alias may hold lists and mappings. Airflow 3.1.0 fails the task
#: that emits one, after all its work is done; 3.1.8 takes it.
NESTED_EXTRAS = tuple(int(part) for part in re.findall(r"\d+", airflow_version)[:3]) >= (3, 1, 8)

__all__ = [
    "NESTED_EXTRAS",
    "REMEMBERS_TRIES",
    "AirflowFailException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "SharedStreamProducer",
    "Stats",
    "await_answer",
    "conf",
    "deadline_alert",
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


def await_answer(
    operator: BaseOperator,
    context: Context,
    *,
    subject: str,
    body: str,
    options: Sequence[str],
    timeout: timedelta,
    method_name: str,
) -> NoReturn:
    """Put a question to the people who look at the UI, and end this part of the task until it is answered.

    It shows under "Required Actions". The task waits without a worker; below Airflow 3.3 in the triggerer.

    :param operator: the task's operator.
    :param subject: one line.
    :param body: Markdown.
    :param options: the answers to choose from.
    :param timeout: how long to wait.
    :param method_name: method of the operator that goes on. Its event has ``chosen_options`` and
        ``responded_by_user`` (``{"id", "name"}``), or ``error`` and ``error_type`` when nobody answered.
    """
    # Imported late: these load the task runner, which parsing a DAG must not.
    from airflow.providers.standard.triggers.hitl import HITLTrigger
    from airflow.sdk.execution_time.hitl import upsert_hitl_detail

    ti: Any = context["ti"]
    upsert_hitl_detail(ti_id=ti.id, options=list(options), subject=subject, body=body, params={})
    if TaskAwaitingInput is not None:
        raise TaskAwaitingInput(method_name=method_name, timeout=timeout)
    trigger = HITLTrigger(
        ti_id=ti.id, options=list(options), params={}, timeout_datetime=datetime.now(UTC) + timeout
    )
    operator.defer(trigger=trigger, method_name=method_name)


def deadline_alert(after: timedelta, notifier: str, arguments: Mapping[str, Any]) -> DeadlineAlert:
    """Return an alert for a run that is not finished so long after it was queued.

    :param after: how long it may take, the wait for its turn included.
    :param notifier: import path of a notifier class; the triggerer must be able to import it.
    :param arguments: of the notifier.
    :raises ConfigurationError: the path is none, or leads to something that the triggerer cannot await.
    """
    try:
        callback = AsyncCallback(notifier, dict(arguments))
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(f"[mode_catalog] deadline_notifier is {notifier!r}: {error}") from error
    return DeadlineAlert(reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=after, callback=callback)


def only_runs(*run_types: str) -> dict[str, Any]:
    """Return DAG arguments that forbid all other kinds of runs, nothing where Airflow cannot (below 3.2).

    :param run_types: ``asset_triggered``, ``backfill``, ``manual``, ``scheduled``.
    """
    possible = "allowed_run_types" in inspect.signature(DAG).parameters
    return {"allowed_run_types": list(run_types)} if possible else {}
