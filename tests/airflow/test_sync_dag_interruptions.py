"""The sync DAG when something happens in the middle: a rotated key, a killed task, a run marked as failed."""

from __future__ import annotations

import json
import os
import signal
from datetime import timedelta

import pytest

from mode_catalog_provider.contract import DATA_ASSETS
from mode_catalog_provider.lock import RunLock


def kill_this_task():
    """What Airflow's supervisor does to a task that it wants to end."""
    os.kill(os.getpid(), signal.SIGTERM)


def assert_everything_arrived_once(sandbox):
    uploads = sandbox.catalog.uploads
    assert len({upload.name for upload in uploads}) == len(uploads) == 6
    expected = sandbox.mode.expected()
    for upload, asset in zip(uploads, DATA_ASSETS, strict=False):
        assert json.loads(upload.content) == expected[asset], asset


def test_a_key_rotated_in_the_middle_of_an_extraction_costs_no_row(sync, sandbox, rotate_mode_key):
    sandbox.mode.fault("reports/*/queries", nth=5, do=rotate_mode_key)
    run = sync()
    assert run.state == "success"
    assert run.tries["extract"] == 1
    assert_everything_arrived_once(sandbox)
    assert {"mode:key-1", "mode:key-2"} <= {one.key for one in sandbox.mode.requests}
    refused = [one for one in sandbox.mode.requests if one.status == 401]
    assert {one.key for one in refused} == {"mode:key-1"}


def test_a_catalog_token_rotated_in_the_middle_of_an_upload_is_picked_up(sync, sandbox):
    def rotate():
        sandbox.catalog.rotate()
        os.environ.update(sandbox.environment())

    sandbox.catalog.fault("*-report.json", do=rotate)
    run = sync()
    assert run.state == "success"
    assert run.tries["upload"] == 1
    assert_everything_arrived_once(sandbox)


def test_a_key_that_is_revoked_in_the_middle_fails_the_run_within_a_few_requests(sync, sandbox):
    sandbox.mode.revoke_after(15)
    run = sync()
    assert run.state == "failed"
    assert run.tries["extract"] == 1
    assert len([one for one in sandbox.mode.requests if one.status == 401]) <= 8
    assert sandbox.catalog.uploads == []


def test_an_extraction_killed_half_way_leaves_no_snapshot_and_the_next_try_makes_one(
    sync, sandbox, staging, airflow_home
):
    seen = []
    sandbox.mode.fault("reports/*/queries", nth=5, do=kill_this_task, hang=20)
    sandbox.mode.fault(
        "/api/verify", nth=3, do=lambda: seen.extend(staging.glob(f"{sandbox.mode.workspace}/*/*.manifest"))
    )
    run = sync()
    assert run.state == "success"
    assert run.tries["extract"] == 2
    assert seen == []
    assert len(list(staging.glob(f"{sandbox.mode.workspace}/*"))) == 1
    assert_everything_arrived_once(sandbox)


@pytest.mark.parametrize("stored", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("asset", ["report", "summary"])
def test_an_upload_killed_half_way_goes_on_and_stores_no_file_twice(sync, sandbox, asset, stored):
    sandbox.catalog.fault(f"*-{asset}.json", do=kill_this_task, hang=20, after=stored)
    run = sync()
    assert run.state == "success"
    assert run.tries["upload"] == 2
    assert run.tries["extract"] == 1
    assert_everything_arrived_once(sandbox)


def test_an_upload_whose_answer_was_lost_is_not_taken_for_somebody_elses(sync, sandbox):
    sandbox.catalog.fault("*-query.json", after=True, reset=True)
    run = sync()
    assert run.state == "success"
    assert_everything_arrived_once(sandbox)
    assert len(run.result("upload")["already_there"]) == 1


@pytest.mark.parametrize(
    ("running", "path_glob", "release"),
    [
        ("wait_for_warehouse", "graphql", "skipped"),
        ("extract", "reports/*/queries", "success"),
        ("upload", "*-report.json", "success"),
    ],
)
def test_a_run_marked_as_failed_ends_red_and_frees_the_lock(
    sync, sandbox, staging, running, path_glob, release
):
    from airflow.api.common.mark_tasks import set_dag_run_state_to_failed
    from airflow.models.dagbag import DBDagBag
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    def mark_failed():
        with create_session() as session:
            dag_run = session.query(DagRun).filter_by(dag_id="mode_catalog_sync", state="running").one()
            dag = DBDagBag().get_dag_for_run(dag_run=dag_run, session=session)
            set_dag_run_state_to_failed(dag=dag, run_id=dag_run.run_id, commit=True, session=session)

    server = sandbox.mode if running == "extract" else sandbox.catalog
    # The task then ends in the state that marking has given it; dag.test() has nobody who would kill it.
    # The preflight has asked Catalog before the sensor does.
    nth = 2 if running == "wait_for_warehouse" else 1
    server.fault(path_glob, nth=nth, times=None, do=mark_failed, status=401)
    run = sync()
    assert run.tasks[running] == "failed"
    assert run.tasks["refresh_mode_results"] == "skipped"
    assert run.tasks["release_lock"] == release
    assert run.tasks["confirm_outcome"] == "failed"
    assert run.state == "failed"
    held = RunLock(staging / ".lock", ttl=timedelta(minutes=30)).state()
    assert held is None or held.released
    assert len(sandbox.catalog.uploads) < 6
