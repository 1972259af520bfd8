"""A backfill run and a scheduled run at the same time, which ``max_active_runs`` does not prevent."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time

import pytest

from tests.airflow.environment import REPOSITORY

#: Two processes run a whole DAG each, beside whatever else the machine does.
pytestmark = pytest.mark.timeout(1200)

#: What a task says that waits for the lock; sensors wait for other things.
WAITS = re.compile(rb"Waiting for .{1,40} at most\.")


@pytest.fixture
def start_run(airflow_home, sandbox, staging, tmp_path):
    """Start a run of the sync DAG in a process of its own, with its output in a file."""
    processes = []

    def start(run_type, date, on_covered):
        connection = json.loads(sandbox.connections()["mode_default"])
        # Mode's answer is held back until the other process has started and waits, which can take a minute.
        connection["extra"]["timeout"] = 400
        environment = {
            **os.environ,
            **sandbox.environment(),
            "AIRFLOW_CONN_MODE_DEFAULT": json.dumps(connection),
            "AIRFLOW__MODE_CATALOG__OUTPUT_DIR": str(staging),
            "AIRFLOW__MODE_CATALOG__ON_COVERED": on_covered,
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


@pytest.fixture
def finish_two_runs(start_run, sandbox, tmp_path):
    """Let a backfill run and a scheduled run meet, one waiting for the lock while the other extracts."""
    logs = {run_type: tmp_path / f"{run_type}.log" for run_type in ("backfill", "scheduled")}
    for log in logs.values():
        log.touch()
    waiting: list[str] = []

    extracting = threading.Event()

    def until_the_other_run_waits():
        extracting.set()
        deadline = time.monotonic() + 250
        while not waiting and time.monotonic() < deadline:
            time.sleep(0.05)
            waiting.extend(name for name, log in logs.items() if WAITS.search(log.read_bytes()))

    def finish(on_covered, *, together):
        sandbox.mode.fault("data_sources", do=until_the_other_run_waits)
        runs = {"backfill": start_run("backfill", "2026-11-12T00:00:00+00:00", on_covered)}
        # Rather one after the other: two processes that write their DAGs to one SQLite lock each other out.
        assert together or extracting.wait(timeout=300), logs["backfill"].read_text()[-3000:]
        runs["scheduled"] = start_run("scheduled", "2026-11-20T00:00:00+00:00", on_covered)
        for run_type, process in runs.items():
            assert process.wait(timeout=500) == 0, logs[run_type].read_text()[-3000:]
        assert len(waiting) == 1
        return logs[waiting[0]].read_text()

    return finish


def extracting(sandbox):
    return [one for one in sandbox.mode.requests if "verify" not in one.path and "api_keys" not in one.path]


def test_a_backfill_run_and_a_scheduled_run_never_interleave(finish_two_runs, sandbox):
    finish_two_runs("run", together=False)
    uploads = sandbox.catalog.uploads
    assert len({upload.name for upload in uploads}) == len(uploads) == 12
    assert len({upload.name.partition("-")[0] for upload in uploads[:6]}) == 1
    # All that the first run did lies before all that the second one did.
    requests = extracting(sandbox)
    first, second = requests[: len(requests) // 2], requests[len(requests) // 2 :]
    assert sorted(one.path for one in first) == sorted(one.path for one in second)
    assert max(one.ended for one in first) <= min(one.started for one in second)
    assert max(upload.at for upload in uploads[:6]) <= second[0].at
    assert min(upload.at for upload in uploads[6:]) >= second[-1].at


def test_a_run_that_waited_while_the_other_extracted_is_covered_by_its_snapshot(finish_two_runs, sandbox):
    log = finish_two_runs("skip", together=True)
    uploads = sandbox.catalog.uploads
    assert len({upload.name for upload in uploads}) == len(uploads) == 6
    timestamp = uploads[0].name.partition("-")[0]
    assert f"Snapshot {timestamp} of workspace '{sandbox.mode.workspace}' covers this run" in log
    asked = [(one.path, one.query) for one in extracting(sandbox) if one.status == 200]
    assert len(set(asked)) == len(asked)
