"""The last task of a sync: whether Catalog is up to date, and if not, which task says why."""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import get_current_context, task

from mode_catalog_provider.operators.extract import COVERED_BY
from mode_catalog_provider.tasks.compat import AirflowFailException
from mode_catalog_provider.tasks.errors import airflow_errors

log = logging.getLogger(__name__)

#: Tasks that only tell something: the run is good without them.
REPORTS = frozenset({"what_changed"})


@task
def confirm_outcome() -> None:
    """Fail unless the upload succeeded, or another run's covers this one, and nothing else failed.

    A run that is marked as failed still runs its teardowns, its other tasks become skipped, and Airflow then
    judges it by its last task: skipped would be green. So the last task is this teardown.
    """
    log.info("Looking whether this run did what it is for.")
    ti: Any = get_current_context()["ti"]
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])[ti.run_id]
    states = {task_id: state for task_id, state in states.items() if task_id not in REPORTS}
    covered = (ti.xcom_pull(task_ids="extract", key=COVERED_BY) or {}).get("lease")
    lease = (ti.xcom_pull(task_ids="acquire_lock") or {}).get("token")
    # A run that is cleared and then marked as failed still has the XComs of its earlier life.
    is_covered = states.get("acquire_lock") == "success" and covered is not None and covered == lease
    failed = sorted(task_id for task_id, state in states.items() if state == "failed")
    followed = any(state == "upstream_failed" for state in states.values())
    is_up_to_date = states.get("upload") == "success" or is_covered
    if not (failed or followed) and is_up_to_date:
        log.info(
            "Outcome: %s, and nothing else failed.",
            "the upload succeeded"
            if states.get("upload") == "success"
            else "another run's snapshot is enough",
        )
        return
    match failed:
        case []:
            why = f"it was stopped before {'all' if is_up_to_date else 'the upload'} was done"
        case [one]:
            why = f"{one} failed: see its log"
        case _:
            why = f"{', '.join(failed[:-1])} and {failed[-1]} failed: see their logs"
    with airflow_errors():
        raise AirflowFailException(
            f"Catalog is up to date, but not all of this run is done ({why})."
            if is_up_to_date
            else f"This run did not bring Catalog up to date ({why})."
        )
