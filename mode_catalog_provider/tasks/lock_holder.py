"""A task as the holder of the run lock, and what Airflow knows of one."""

from __future__ import annotations

import logging
import uuid

from airflow.sdk import Context

from mode_catalog_provider.lock import Holder

log = logging.getLogger(__name__)

#: Variable that names this installation of Airflow: workers and triggers see the same one, another metadata
#: database has another one.
INSTALLATION = "mode_catalog_installation"


def holder_of(context: Context) -> Holder:
    """Return the running task as the holder of a lock."""
    ti = context["ti"]
    map_index = ti.map_index if ti.map_index is not None else -1
    return Holder.here(
        "airflow",
        installation=installation(),
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id if map_index < 0 else f"{ti.task_id}[{map_index}]",
    )


def installation() -> str | None:
    """Return the mark of this installation of Airflow; made when it is first asked for.

    Two installations may run one DAG at the same times, so DAG and run do not tell whose run it is.

    :return: ``None`` when Airflow neither tells nor keeps it: then only the ttl decides when a lease of this
        installation may be taken over.
    """
    # Imported here: it loads the channel to Airflow, which exists only while a task runs.
    from airflow.sdk import Variable

    try:
        mark = Variable.get(INSTALLATION, default=None)
        if not mark:
            Variable.set(
                INSTALLATION,
                uuid.uuid4().hex,
                description="Tells leases of this Airflow from those of another one at the same run lock.",
            )
            # Read again: of two tasks that set it at the same moment, both use what stayed.
            mark = Variable.get(INSTALLATION, default=None)
    except Exception as error:
        log.warning(
            "The variable %s can be neither read nor set (%s: %s), so a lease that this task leaves behind "
            "is taken over only when its ttl is over.",
            INSTALLATION,
            type(error).__name__,
            error,
        )
        return None
    return str(mark).strip() or None


def run_is_over(holder: Holder, here: str | None) -> bool:
    """Ask Airflow whether the holder's DAG run has ended, from a task or from a trigger.

    A run of another installation, or that this Airflow does not know (deleted), a holder without a run, and
    an Airflow that gives no answer count as not over: the ttl decides then.

    :param holder: who holds the lock.
    :param here: what :func:`installation` says.
    """
    if here is None or holder.installation != here or holder.dag_id is None or holder.run_id is None:
        return False
    # Imported here: it loads the whole task runner, which parsing a DAG must not.
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    try:
        # A count is 0 for an unknown run, where asking for its state is an error that differs by version.
        ended = RuntimeTaskInstance.get_dr_count(
            dag_id=holder.dag_id, run_ids=[holder.run_id], states=["success", "failed"]
        )
    except Exception as error:
        log.warning("Airflow does not say whether the run of %s is over: %s", holder.describe(), error)
        return False
    return ended > 0
