"""What Airflow itself knows of a workspace: the last run of its DAG, and how long the key will last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select

#: How many of a run's failed tasks are named.
_MOST = 5


@dataclass(frozen=True, kw_only=True)
class LastRun:
    """The newest run of a DAG.

    :param run_id: of the run.
    :param state: as Airflow calls it.
    :param at: when it began, or is to begin.
    :param failed: ids of tasks that failed.
    """

    run_id: str
    state: str
    at: datetime
    failed: tuple[str, ...]

    @property
    def kind(self) -> str:
        """``good``, ``warning`` or ``bad``."""
        return {"success": "good", "failed": "bad"}.get(self.state, "warning")


@dataclass(frozen=True, kw_only=True)
class KeyLife:
    """How long Mode accepts the key, from what the last preflight found.

    :param days_left: from now, never below 0; ``None`` where it is not known.
    :param near_end: whether the preflight warned.
    """

    days_left: int | None
    near_end: bool


def last_run(dag_id: str) -> LastRun | None:
    """Return the newest run of a DAG, ``None`` when it never ran."""
    with create_session() as session:
        run = session.scalars(
            select(DagRun).where(DagRun.dag_id == dag_id).order_by(DagRun.run_after.desc()).limit(1)
        ).first()
        if run is None:
            return None
        failed = session.scalars(
            select(TaskInstance.task_id)
            .where(
                TaskInstance.dag_id == dag_id,
                TaskInstance.run_id == run.run_id,
                TaskInstance.state == "failed",
            )
            .order_by(TaskInstance.start_date)
            .limit(_MOST)
        )
        state = getattr(run.state, "value", run.state)
        return LastRun(
            run_id=run.run_id,
            state=str(state),
            at=run.start_date or run.run_after,
            failed=tuple(failed),
        )


def key_life(dag_id: str, preflight: str, now: datetime | None = None) -> KeyLife | None:
    """Return what the last preflight that finished said of the key, counted on to now."""
    with create_session() as session:
        found = session.execute(
            select(XComModel.value, XComModel.timestamp)
            .where(
                XComModel.dag_id == dag_id, XComModel.task_id == preflight, XComModel.key == "return_value"
            )
            .order_by(XComModel.timestamp.desc())
            .limit(1)
        ).first()
    if found is None:
        return None
    value = _mapping(found.value)
    days = value.get("days_left")
    if type(days) is not int:
        return None
    passed = (now or datetime.now(UTC)) - found.timestamp
    return KeyLife(days_left=max(days - max(passed.days, 0), 0), near_end=value.get("near_end") is True)


def _mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, Mapping) else {}
