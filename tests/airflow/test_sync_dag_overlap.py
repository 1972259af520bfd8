"""A backfill run and a scheduled run at the same time, which ``max_active_runs`` does not prevent."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from tests.airflow.environment import REPOSITORY


@pytest.fixture
def start_run(airflow_home, sandbox, staging, tmp_path):
    """Start a run of the sync DAG in a process of its own, with its output in a file."""
    processes = []

    def start(run_type, date):
        environment = {
            **os.environ,
            **sandbox.environment(),
            "AIRFLOW__MODE_CATALOG__OUTPUT_DIR": str(staging),
            "PYTHONUNBUFFERED": "1",
        }
        command = [sys.executable, "-m", "tests.airflow.dag_run_process", "mode_catalog_sync"]
        with (tmp_path / f"{run_type}.log").open("wb") as log:
            process = subprocess.Popen(
                [*command, run_type, date],
                cwd=REPOSITORY,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_a_backfill_run_and_a_scheduled_run_never_interleave(start_run, sandbox, tmp_path):
    logs = {run_type: tmp_path / f"{run_type}.log" for run_type in ("backfill", "scheduled")}
    waiting = []

    def until_the_other_run_waits():
        deadline = time.monotonic() + 50
        while not waiting and time.monotonic() < deadline:
            time.sleep(0.05)
            waiting.extend(name for name, log in logs.items() if b"Waiting for" in log.read_bytes())

    sandbox.mode.fault("/api/verify", do=until_the_other_run_waits)
    runs = {
        "backfill": start_run("backfill", "2026-11-12T00:00:00+00:00"),
        "scheduled": start_run("scheduled", "2026-11-20T00:00:00+00:00"),
    }
    for run_type, process in runs.items():
        assert process.wait(timeout=200) == 0, logs[run_type].read_text()[-3000:]

    assert len(waiting) == 1
    first, second = (one for one in sandbox.mode.requests if one.path == "/api/verify")
    uploads = sandbox.catalog.uploads
    assert len({upload.name for upload in uploads}) == len(uploads) == 12
    assert len({upload.name.partition("-")[0] for upload in uploads[:6]}) == 1
    # All that the first run did lies before all that the second one did.
    assert max(upload.at for upload in uploads[:6]) <= second.at
    assert min(upload.at for upload in uploads[6:]) >= second.at
    of_the_first = [one for one in sandbox.mode.requests if one.number < second.number]
    assert len(of_the_first) * 2 == len(sandbox.mode.requests)
    assert all(one.ended < second.started for one in of_the_first)
    assert first.number == 1
