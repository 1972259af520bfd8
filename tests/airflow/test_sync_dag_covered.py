"""What a snapshot of the sync DAG writes down of the runs that are waiting for one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path


def clear(run):
    """Do to a run what clearing it does: it is queued again, with nothing done, and counted."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        dag_run = session.query(DagRun).filter_by(dag_id=run.dag_id, run_id=run.run_id).one()
        dag_run.state = "queued"
        dag_run.clear_number += 1
        for instance in dag_run.get_task_instances(session=session):
            instance.state = None


def answers(run):
    return json.loads(Path(run.result("extract")["manifest"]).read_text())["answers"]


def test_a_snapshot_answers_the_runs_that_were_queued_when_it_was_begun(sync):
    # Runs without a date replace each other in dag.test().
    first = sync(logical_date=datetime(2026, 11, 18, tzinfo=UTC))
    assert answers(first) == []
    clear(first)
    second = sync(logical_date=datetime(2026, 11, 19, tzinfo=UTC))
    assert answers(second) == [{"dag_id": first.dag_id, "run_id": first.run_id, "clear_number": 1}]
