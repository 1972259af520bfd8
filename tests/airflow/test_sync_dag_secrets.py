"""No secret is found in anything that a run leaves behind."""

from __future__ import annotations

import base64
import os
import subprocess

import pytest

from tests.airflow.environment import DAG_FOLDERS


@pytest.fixture
def secrets(sandbox, rotate_mode_key):
    """Every text by which somebody could act as us, before and after a rotation."""

    found = {sandbox.catalog.token, sandbox.catalog.read_token}

    def remember(key):
        basic = base64.b64encode(f"{key.token}:{key.secret}".encode()).decode()
        found.update({key.token, key.secret, basic})

    def rotate():
        remember(rotate_mode_key())
        found.add(sandbox.catalog.rotate())
        os.environ["AIRFLOW_CONN_COALESCE_CATALOG_DEFAULT"] = sandbox.connections()[
            "coalesce_catalog_default"
        ]

    remember(sandbox.mode.credentials())

    sandbox.mode.fault("reports/*/queries", nth=3, do=rotate)
    return found


def files_below(*folders):
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def content_of(path):
    # Not opened here: whoever closes a database of SQLite drops the locks of its whole process.
    return subprocess.run(["cat", path], capture_output=True, check=True).stdout


def assert_clean(secrets, said, *folders):
    files = files_below(*folders)
    assert any(path.name == "airflow.db" for path in files)
    assert any(path.suffix == ".manifest" for path in files)
    leaks = {
        str(path)
        for path in files
        for content in [content_of(path)]
        for secret in secrets
        if secret.encode() in content or secret in path.name
    }
    assert leaks == set()
    assert "Authentication succeeded" in said
    assert [secret for secret in secrets if secret in said] == []


def test_a_run_with_rotations_and_retries_leaves_no_secret_behind(
    sync, sandbox, secrets, airflow_home, staging, capfd, caplog
):
    sandbox.mode.fault("reports/*/queries", nth=8, html=True)
    sandbox.mode.fault("reports/*/queries", nth=9, reset=True)
    sandbox.catalog.fault("*-report.json", status=503)
    sandbox.catalog.fault("*-query.json", reset=True, after=True)
    run = sync({"reports": [sandbox.mode.world.reports[0].token]}, adjust=look_often)
    assert run.state == "success"
    assert_clean(
        secrets, "".join((*capfd.readouterr(), caplog.text)), airflow_home, staging, DAG_FOLDERS["dags"]
    )


@pytest.mark.parametrize("fault", [{"status": 403}, {"status": 401}, {"html": True}])
def test_a_run_that_fails_leaves_no_secret_behind(
    sync, sandbox, secrets, airflow_home, staging, capfd, caplog, fault
):
    assert sync().state == "success"
    sandbox.catalog.fault("*-report.json", times=None, **fault)
    sandbox.mode.fault("/api/verify", nth=2, status=500)
    sync(adjust=give_up_early)
    assert_clean(secrets, "".join((*capfd.readouterr(), caplog.text)), airflow_home, staging)


def look_often(dag):
    dag.get_task("refresh_mode_results").check_interval = 0.05


def give_up_early(dag):
    for task in dag.tasks:
        task.retries = 1
