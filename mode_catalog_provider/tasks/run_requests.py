"""Which runs want a snapshot: this one, and those that wait behind it."""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import Context

from mode_catalog_provider.catalog.coverage import RunRequest
from mode_catalog_provider.tasks.compat import fetch_dag_run

log = logging.getLogger(__name__)

#: States of a task instance that will still do its work, beside none at all.
_TO_COME = {"scheduled", "queued", "running", "up_for_retry", "up_for_reschedule", "deferred", "restarting"}
_UNFINISHED = {"queued", "running"}

#: Runs that Airflow is asked about one by one at most, the newest first; one beyond them extracts for itself.
MOST_ASKED = 200


def this_run(context: Context) -> RunRequest | None:
    """Return what this run asks for, ``None`` outside of a DAG run."""
    if context.get("dag_run") is None:
        return None
    dag_run = context["dag_run"]
    return RunRequest(
        dag_id=dag_run.dag_id, run_id=dag_run.run_id, clear_number=getattr(dag_run, "clear_number", None)
    )


def waiting_runs(context: Context) -> list[RunRequest]:
    """Return the other runs of this DAG whose own task of this name is still to come.

    They are queued, or wait for the lock. A run is told from its later self by the number of times it was
    cleared, which Airflow tells since 3.2.
    """
    if context.get("ti") is None:
        return []
    ti: Any = context["ti"]
    try:
        # The states of a task are those of all runs that the DAG ever had, so that is asked for only when
        # another run is there to wait.
        count = getattr(ti, "get_dr_count", None)
        others = count(dag_id=ti.dag_id, states=sorted(_UNFINISHED)) - 1 if count is not None else MOST_ASKED
        if others <= 0:
            return []
        states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[ti.task_id])
        candidates = [
            run_id
            for run_id, tasks in states.items()
            if run_id != ti.run_id and any(s is None or str(s) in _TO_COME for s in tasks.values())
        ]
        waiting: list[RunRequest] = []
        # A run that was ended by hand keeps a task without a state for ever.
        for run_id in sorted(candidates, key=_named_time, reverse=True)[:MOST_ASKED]:
            if len(waiting) >= others:
                break
            # Read one after the other: a run that is cleared meanwhile shows its new number, and is queued
            # before the first request all the same.
            dag_run = fetch_dag_run(ti.dag_id, run_id)
            state = dag_run.state if dag_run else ti.get_dagrun_state(ti.dag_id, run_id)
            if getattr(state, "value", state) in _UNFINISHED:
                number = dag_run.clear_number if dag_run else None
                waiting.append(RunRequest(dag_id=ti.dag_id, run_id=run_id, clear_number=number))
    except Exception as error:
        # Airflow has several classes for this, another one for each way to run a task. Without the list
        # those runs extract for themselves: dear, but right.
        log.warning("Airflow does not say which other runs are waiting (%s).", type(error).__name__)
        return []
    return sorted(waiting, key=lambda request: request.run_id)


def _named_time(run_id: str) -> str:
    """Return the time in a run id, by which the newest comes last: ``manual__2026-11-20T...``."""
    return run_id.rpartition("__")[2]
