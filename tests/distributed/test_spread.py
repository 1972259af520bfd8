"""Extract and upload on different workers of a real Celery Airflow, and what happens when one dies.

Nothing here waits for a time to pass: where Airflow would wait for minutes, its database is told that they
have passed, and the ttl of the lock passes on a clock of the test's own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import exceptions as airflow_exceptions
from upath import UPath

from mode_catalog_provider.contract import DATA_ASSETS, SUMMARY
from mode_catalog_provider.lock import Clocks, Holder, RunLock
from tests.distributed.conftest import Stuck
from tests.distributed.stack import DistributedAirflow
from tests.object_store import S3Server
from tests.sandbox import Sandbox

#: Seconds after which something hangs; an idle machine needs a twentieth of it.
PATIENCE = 400
#: What a Celery worker says when it begins with a task.
EXECUTING = "Executing workload in Celery"
FILES = (*DATA_ASSETS, SUMMARY)

pytestmark = pytest.mark.timeout(1800)


def assert_one_complete_set(sandbox: Sandbox, uploads: list[Any]) -> None:
    assert [upload.name.split("-", 1)[1] for upload in uploads] == [f"{asset}.json" for asset in FILES]
    assert len({upload.name.split("-", 1)[0] for upload in uploads}) == 1
    expected = sandbox.mode.expected()
    for upload, asset in zip(uploads, DATA_ASSETS, strict=False):
        assert json.loads(upload.content) == expected[asset], asset


def assert_green(airflow: DistributedAirflow, dag_id: str, run_id: str) -> None:
    state = airflow.wait_for_run(dag_id, run_id, timeout=PATIENCE)
    assert state == "success", airflow.story(dag_id, run_id)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


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
    airflow: DistributedAirflow, sandbox: Sandbox, lock: RunLock, extraction: Stuck
) -> None:
    airflow.trigger("spread", run_id="unwanted")
    extraction.wait(PATIENCE)
    airflow.api("PATCH", "dags/spread/dagRuns/unwanted", json={"state": "failed"})
    extraction.let_others_through()
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
    wait_until(lambda: not tasks_of(airflow, "w1"))
    assert len(sandbox.mode.requests) == asked
    assert lock.state().released


def test_a_run_beyond_its_dagrun_timeout_leaks_its_lock_for_no_longer_than_the_ttl(
    airflow: DistributedAirflow, sandbox: Sandbox, s3: S3Server, lock: RunLock, extraction: Stuck
) -> None:
    airflow.trigger("spread", run_id="late")
    extraction.wait(PATIENCE)
    airflow.let_pass(timedelta(hours=1), of="run", run_id="late")
    assert airflow.wait_for_run("spread", "late", timeout=PATIENCE) == "failed"
    assert airflow.task_states("spread", "late")["release_lock"] == "skipped"
    wait_until(lambda: not tasks_of(airflow, "w1"))
    assert list(sandbox.catalog.uploads) == []
    leaked = lock.state()
    assert not leaked.released

    extraction.let_others_through()

    # Who cannot ask Airflow takes the lock over after its ttl (in a copy: the lock is still needed).
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    elsewhere = RunLock(
        copy_of(s3.path("spread", ".lock")),
        ttl=timedelta(seconds=1),
        host="elsewhere",
        clocks=Clocks(monotonic=lambda: now, sleep=sleep),
    )
    poll = timedelta(seconds=40)
    elsewhere.acquire(Holder.here("mode-catalog extract"), timeout=timedelta(hours=2), poll=poll)
    assert timedelta(minutes=30) <= timedelta(seconds=now) <= timedelta(minutes=30) + poll

    # Who can ask Airflow does not wait.
    airflow.trigger("spread", run_id="next")
    assert_green(airflow, "spread", "next")
    assert airflow.xcom("spread", "next", "acquire_lock")["generation"] == leaked.generation + 1


def test_a_message_that_celery_delivers_again_pushes_nothing_twice(
    airflow: DistributedAirflow, sandbox: Sandbox, extraction: Stuck
) -> None:
    worker = airflow.workers["w1"]
    airflow.trigger("spread", run_id="twice")
    extraction.wait(PATIENCE)
    begun = worker.log.read_text().count(EXECUTING)
    assert airflow.deliver_again() == 1
    wait_until(lambda: worker.log.read_text().count(EXECUTING) > begun)
    if hasattr(airflow_exceptions, "TaskAlreadyRunningError"):  # Airflow 3.1.9+
        wait_until(lambda: "ignoring redelivered message" in worker.log.read_text())
    extraction.go_on()
    assert_green(airflow, "spread", "twice")
    assert_one_complete_set(sandbox, list(sandbox.catalog.uploads))


def test_a_worker_killed_in_the_middle_of_an_extraction_costs_a_retry_and_no_partial_push(
    airflow: DistributedAirflow, sandbox: Sandbox, lock: RunLock, extraction: Stuck
) -> None:
    airflow.trigger("spread", run_id="bereft")
    extraction.wait(PATIENCE)
    airflow.workers["w1"].kill()
    extraction.let_others_through()
    airflow.let_pass(timedelta(minutes=5), of="silence", run_id="bereft")
    assert list(sandbox.catalog.uploads) == []
    airflow.start_worker("w3", "default", "extract")
    assert_green(airflow, "spread", "bereft")
    assert airflow.tasks("spread", "bereft")["extract"]["try_number"] == 2
    assert airflow.log_of("w3", "spread", "bereft", "extract", attempt=2)
    assert_one_complete_set(sandbox, list(sandbox.catalog.uploads))
    assert lock.state().released


def test_a_worker_that_is_asked_to_stop_finishes_its_extraction_first(
    airflow: DistributedAirflow, sandbox: Sandbox, extraction: Stuck
) -> None:
    worker = airflow.start_worker("w4", "last")
    airflow.trigger("spread_at_last", run_id="leaving")
    extraction.wait(PATIENCE)
    worker.ask_to_stop()
    wait_until(lambda: "Warm shutdown" in worker.log.read_text())
    extraction.go_on()
    assert_green(airflow, "spread_at_last", "leaving")
    assert airflow.tasks("spread_at_last", "leaving")["extract"]["try_number"] == 1
    assert airflow.log_of("w4", "spread_at_last", "leaving", "extract")
    wait_until(lambda: worker.process.poll() is not None)


def copy_of(directory: UPath) -> UPath:
    copy = directory.with_name("copy-of-the-lock")
    for file in directory.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def tasks_of(airflow: DistributedAirflow, worker: str) -> list[int]:
    """The task processes that live on a worker: what Celery's own processes have started."""
    celery, *others = airflow.workers[worker].family()
    return [process.pid for process in others if process.ppid() != celery.pid]
