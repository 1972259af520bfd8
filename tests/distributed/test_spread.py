"""Extract and upload on different workers of a real Celery Airflow, and what happens when one dies."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.lock import RunLock
from mode_catalog_provider.snapshot.assets import DATA_ASSETS, SUMMARY
from tests.distributed.stack import DistributedAirflow, missing_programs
from tests.object_store import S3Server
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape

TTL = timedelta(seconds=20)
#: Seconds after which something hangs; an idle machine needs a tenth of it.
PATIENCE = 240
FILES = (*DATA_ASSETS, SUMMARY)

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(missing_programs()), reason=f"not installed: {', '.join(missing_programs())}"),
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    shape = WorkspaceShape(collections=4, reports=20, members=4, nasty=True, seed=7)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off"), time_scale=0.01) as started:
        yield started


@pytest.fixture(scope="module")
def airflow(
    sandbox: Sandbox, s3: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DistributedAirflow]:
    environment = {
        **sandbox.environment(),
        "AIRFLOW_CONN_STAGING": s3.connection(),
        "AIRFLOW__MODE_CATALOG__OUTPUT_DIR": f"s3://{s3.bucket}/spread",
        "AIRFLOW__MODE_CATALOG__OUTPUT_CONN_ID": "staging",
    }
    dags = Path(__file__).parent / "dags"
    airflow = DistributedAirflow(home=tmp_path_factory.mktemp("spread"), dags=dags, environment=environment)
    try:
        airflow.start()
        airflow.start_worker("w1", "default", "extract")
        airflow.start_worker("w2", "default", "upload")
        for dag_id in ("spread", "spread_over_local_disks"):
            airflow.wait_for_dag(dag_id)
        yield airflow
    finally:
        airflow.stop()


@pytest.fixture(autouse=True)
def _nothing_from_before(sandbox: Sandbox) -> None:
    sandbox.catalog.forget_uploads()


@pytest.fixture
def lock(s3: S3Server) -> RunLock:
    """The lock as somebody sees it who cannot ask Airflow."""
    return RunLock(s3.path("spread", ".lock"), ttl=TTL)


@pytest.fixture
def extraction_hangs(sandbox: Sandbox) -> threading.Event:
    """The next extraction gets stuck in the middle; the event says when."""
    stuck = threading.Event()
    sandbox.mode.fault("reports/*/queries", nth=8, do=stuck.set, hang=180)
    return stuck


def assert_one_complete_set(sandbox: Sandbox, uploads: list[Any]) -> None:
    assert [upload.name.split("-", 1)[1] for upload in uploads] == [f"{asset}.json" for asset in FILES]
    assert len({upload.name.split("-", 1)[0] for upload in uploads}) == 1
    expected = sandbox.mode.expected()
    for upload, asset in zip(uploads, DATA_ASSETS, strict=False):
        assert json.loads(upload.content) == expected[asset], asset


def assert_green(airflow: DistributedAirflow, dag_id: str, run_id: str, timeout: float = PATIENCE) -> None:
    state = airflow.wait_for_run(dag_id, run_id, timeout=timeout)
    assert state == "success", airflow.task_states(dag_id, run_id)


def wait_until(condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.3)


def test_extract_and_upload_on_different_workers_bring_catalog_up_to_date(
    airflow: DistributedAirflow, sandbox: Sandbox, lock: RunLock
) -> None:
    airflow.trigger("spread", run_id="plain")
    assert_green(airflow, "spread", "plain")
    assert airflow.log_of("w1", "spread", "plain", "extract")
    assert airflow.log_of("w2", "spread", "plain", "upload")
    assert not airflow.log_of("w2", "spread", "plain", "extract")
    assert_one_complete_set(sandbox, list(sandbox.catalog.uploads))
    assert airflow.xcom("spread", "plain", "extract")["manifest"].startswith("s3://staging@staging/")
    assert lock.state().released


def test_two_runs_started_together_never_interleave(airflow: DistributedAirflow, sandbox: Sandbox) -> None:
    runs = ["first", "second"]
    for run_id in runs:
        airflow.trigger("spread", run_id=run_id)
    for run_id in runs:
        assert_green(airflow, "spread", run_id)
    uploads = list(sandbox.catalog.uploads)
    assert_one_complete_set(sandbox, uploads[:6])
    assert_one_complete_set(sandbox, uploads[6:])
    work = []
    for run_id in runs:
        tasks = airflow.tasks("spread", run_id)
        work.append((moment(tasks["extract"]["start_date"]), moment(tasks["upload"]["end_date"])))
    earlier, later = sorted(work)
    assert earlier[1] < later[0]
    leases = {airflow.xcom("spread", run_id, "acquire_lock")["generation"] for run_id in runs}
    assert len(leases) == 2


def test_upload_on_another_disk_fails_at_once_with_the_sentence_that_explains_it(
    airflow: DistributedAirflow, sandbox: Sandbox, lock: RunLock
) -> None:
    airflow.trigger("spread_over_local_disks", run_id="local")
    assert airflow.wait_for_run("spread_over_local_disks", "local", timeout=PATIENCE) == "failed"
    tasks = airflow.tasks("spread_over_local_disks", "local")
    assert tasks["extract"]["state"] == "success"
    assert tasks["upload"]["try_number"] == 1
    log = airflow.log_of("w2", "spread_over_local_disks", "local", "upload")
    assert "A local path is not shared between workers" in log
    assert list(sandbox.catalog.uploads) == []
    assert lock.state().released


def test_a_run_marked_as_failed_frees_the_lock_and_stops_the_work(
    airflow: DistributedAirflow, sandbox: Sandbox, lock: RunLock, extraction_hangs: threading.Event
) -> None:
    airflow.trigger("spread", run_id="unwanted")
    assert extraction_hangs.wait(PATIENCE)
    airflow.api("PATCH", "dags/spread/dagRuns/unwanted", json={"state": "failed"})
    # A lock that is freed this early is taken before the old work is dead; that is what the fence is for.
    airflow.trigger("spread", run_id="wanted")
    assert_green(airflow, "spread", "wanted")
    # Green or red, that is for the DAG's last task to say (see confirm_outcome of mode_catalog_sync).
    airflow.wait_for_run("spread", "unwanted", timeout=PATIENCE)
    tasks = airflow.tasks("spread", "unwanted")
    assert tasks["extract"]["state"] == "failed"
    assert tasks["release_lock"]["state"] == "success"
    assert_one_complete_set(sandbox, list(sandbox.catalog.uploads))
    asked = len(sandbox.mode.requests)
    wait_until(lambda: not tasks_of(airflow, "w1"), seconds=40)
    assert len(sandbox.mode.requests) == asked
    assert lock.state().released


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def tasks_of(airflow: DistributedAirflow, worker: str) -> list[int]:
    """The task processes that live on a worker: what Celery's own processes have started."""
    celery, *others = airflow.workers[worker].family()
    return [process.pid for process in others if process.ppid() != celery.pid]
