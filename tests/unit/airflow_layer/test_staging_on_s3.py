"""What tasks pass on about an S3 store leads other tasks to it, its Airflow connection included."""

from __future__ import annotations

import uuid
from datetime import timedelta
from types import SimpleNamespace

import pytest

from mode_catalog_provider.lock import Holder, RunLock
from mode_catalog_provider.operators.extract import ModeExtractOperator
from mode_catalog_provider.operators.lock import AcquireLockOperator, ReleaseLockOperator
from mode_catalog_provider.operators.upload import CatalogUploadOperator
from mode_catalog_provider.staging import staging_path
from tests.airflow_exceptions import TaskDeferred

MINUTES = timedelta(minutes=5)

pytestmark = pytest.mark.usefixtures("connect")


@pytest.fixture
def location(s3, monkeypatch):
    """A folder that nobody may read without the connection ``staging``."""
    monkeypatch.setenv("AIRFLOW_CONN_STAGING", s3.connection())
    return f"s3://{s3.bucket}/{uuid.uuid4().hex}"


def test_a_snapshot_and_the_lock_it_is_made_under_are_found_again_by_what_was_passed_on(location, sandbox):
    lease = RunLock(staging_path(location, "staging") / ".lock", ttl=MINUTES).try_acquire(Holder.here("test"))
    assert lease.path.startswith("s3://staging@")
    operator = ModeExtractOperator(
        task_id="extract", output_dir=location, output_conn_id="staging", lease=lease.to_json()
    )
    extracted = operator.execute({})
    assert extracted["manifest"].startswith("s3://staging@")
    upload = CatalogUploadOperator(task_id="upload", manifest=extracted, lease=lease.to_json())
    assert upload.execute({})["snapshot"] == extracted["manifest"]
    assert len(sandbox.catalog.uploads) == 6
    assert ReleaseLockOperator(task_id="release", lease=lease.to_json()).execute({})


def test_whoever_waits_for_a_lock_on_s3_tells_the_triggerer_its_connection(location):
    directory = staging_path(location, "staging")
    RunLock(directory, ttl=MINUTES).try_acquire(Holder.here("somebody else"))
    operator = AcquireLockOperator(task_id="acquire", path=location, output_conn_id="staging")
    ti = SimpleNamespace(dag_id="sync", run_id="waiting", task_id="acquire", map_index=-1)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute({"ti": ti})
    assert deferred.value.trigger.path == f"s3://staging@{location.removeprefix('s3://')}"
