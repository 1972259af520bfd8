"""Five days failed because the key had expired; it is replaced, and Airflow's CLI backfills the days."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.demo.standalone import StandaloneAirflow
from tests.sandbox import Sandbox
from tests.standalone.conftest import DAILY_DAG_ID as DAG_ID
from tests.standalone.conftest import make_sandbox

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def workspace() -> Iterator[Sandbox]:
    with make_sandbox(11) as sandbox:
        yield sandbox


def connect(airflow: StandaloneAirflow, sandbox: Sandbox, *, method: str) -> None:
    """Create or change both connections through the REST API, as a person does in the UI."""
    ids = {"mode_default": "mode_daily", "coalesce_catalog_default": "catalog_daily"}
    for name, text in sandbox.connections().items():
        fields = json.loads(text)
        body = {**fields, "connection_id": ids[name], "extra": json.dumps(fields["extra"])}
        airflow.api(method, "connections" + ("" if method == "POST" else f"/{ids[name]}"), json=body)


def runs(airflow: StandaloneAirflow) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = airflow.api("GET", f"dags/{DAG_ID}/dagRuns")["dag_runs"]
    return found


def wait_until_all_are(airflow: StandaloneAirflow, state: str, *, count: int, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while [run["state"] for run in runs(airflow)] != [state] * count:
        assert time.monotonic() < deadline, [
            (run["dag_run_id"], run["state"], airflow.task_states(DAG_ID, run["dag_run_id"]))
            for run in runs(airflow)
        ]
        time.sleep(1)


def create_backfill(airflow: StandaloneAirflow, command: list[str]) -> None:
    """Run `airflow backfill create` until SQLite lets it.

    Airflow opens a savepoint there, reads, and then writes. SQLite refuses that write at once, whatever its
    timeout, when another process has written in between, and any part of Airflow may at any moment. Nothing
    was queued then, but the empty backfill stands in the way of the next.
    """
    for _ in range(10):
        done = subprocess.run(
            command, env=airflow.environment, capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode == 0:
            return
        assert "database is locked" in done.stderr, done.stdout + done.stderr
        for backfill in airflow.api("GET", "backfills", params={"dag_id": DAG_ID})["backfills"]:
            if backfill["completed_at"] is None:
                airflow.api("PUT", f"backfills/{backfill['id']}/cancel")
    raise AssertionError(done.stderr)


def test_five_failed_days_need_one_extraction_and_one_upload(
    airflow: StandaloneAirflow, workspace: Sandbox, staging: Path
) -> None:
    connect(airflow, workspace, method="POST")
    workspace.mode.rotate()
    airflow.wait_for_dag(DAG_ID)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for days in range(4, 0, -1):
        day = (today - timedelta(days=days)).isoformat()
        airflow_run = {"logical_date": day, "dag_run_id": f"{days}-days-ago", "conf": {}}
        airflow.api("POST", f"dags/{DAG_ID}/dagRuns", json=airflow_run)
    # The fifth is today's scheduled run, which Airflow makes by itself.
    wait_until_all_are(airflow, "failed", count=5, timeout=400)
    assert {run["run_type"] for run in runs(airflow)} == {"manual", "scheduled"}
    refused = list(workspace.mode.requests)
    assert {one.path for one in refused} == {"/api/verify"}

    connect(airflow, workspace, method="PATCH")
    command = [str(Path(sys.executable).parent / "airflow"), "backfill", "create", "--dag-id", DAG_ID]
    dates = ["--from-date", f"{today - timedelta(days=4):%Y-%m-%d}", "--to-date", f"{today:%Y-%m-%d}"]
    # Two at a time: one run waits for the lock, three are not even started while Mode is extracted.
    options = ["--reprocess-behavior", "failed", "--max-active-runs", "2"]
    create_backfill(airflow, [*command, *dates, *options])
    wait_until_all_are(airflow, "success", count=5, timeout=500)

    assert {run["run_type"] for run in runs(airflow)} == {"backfill"}
    states = [airflow.task_states(DAG_ID, run["dag_run_id"]) for run in runs(airflow)]
    assert sorted(one["extract"] or "" for one in states) == ["skipped"] * 4 + ["success"]
    assert sorted(one["upload"] or "" for one in states) == ["skipped"] * 4 + ["success"]
    assert {one["release_lock"] for one in states} == {"success"}

    manifests = list(Path(f"{staging}-daily").glob("*/*/*.manifest"))
    assert len(manifests) == 1
    requests = json.loads(manifests[0].read_text())["figures"]["requests"]
    # Each run's preflight asks for two things of its own; the rest is the one extraction.
    asked = [one.path for one in workspace.mode.requests[len(refused) :]]
    preflights = [path for path in asked if "/api_keys/" in path]
    assert len(preflights) == 5
    assert len(asked) == requests + 2 * len(preflights)
    uploads = workspace.catalog.uploads
    assert len({upload.name for upload in uploads}) == len(uploads) == 6
    assert [one.path for one in workspace.catalog.requests if not 200 <= one.status < 300] == []
