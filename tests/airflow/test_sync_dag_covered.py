"""What a snapshot of the sync DAG writes down of the runs that wait for one, and what those do then."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mode_catalog_provider.catalog.coverage import Coverage
from mode_catalog_provider.operators import extract as extract_module
from mode_catalog_provider.snapshot.reader import open_snapshot
from tests.airflow_versions import AIRFLOW


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
    cleared = 1 if AIRFLOW >= (3, 2) else None  # below, a task cannot ask
    assert answers(second) == [{"dag_id": first.dag_id, "run_id": first.run_id, "clear_number": cleared}]


@pytest.fixture
def covered_sync(sync, monkeypatch):
    """Run the sync DAG once, then again as a run that the first one's snapshot covers."""
    manifest = open_snapshot(Path(sync().result("extract")["manifest"])).manifest
    answer = Coverage(manifest=manifest, refused=None)
    monkeypatch.setattr(extract_module, "covering_snapshot", lambda *_, **__: answer)

    def run(conf, configured):
        def look_often(dag):
            dag.get_task("refresh_mode_results").check_interval = 0.05

        return sync(conf, env={"AIRFLOW__MODE_CATALOG__REPORTS": configured}, adjust=look_often)

    return run


def test_a_covered_run_refreshes_what_only_its_form_names(covered_sync, sandbox):
    mine, configured = [report.token for report in sandbox.mode.world.reports[:2]]
    run = covered_sync({"reports": [mine, configured]}, configured)
    assert run.state == "success"
    assert run.tasks["extract"] == run.tasks["upload"] == "skipped"
    assert [one.report.token for one in sandbox.mode.runs.started()] == [mine]


def test_a_covered_run_refreshes_nothing_twice(covered_sync, sandbox):
    configured = sandbox.mode.world.reports[0].token
    run = covered_sync({}, configured)
    assert run.state == "success"
    assert run.tasks["refresh_mode_results"] == "skipped"
    assert sandbox.mode.runs.started() == []
