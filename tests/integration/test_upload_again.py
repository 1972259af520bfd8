"""Whatever breaks a push off, the next try ends with each file stored exactly once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mode_catalog_provider.catalog.push_record import read, record_path
from mode_catalog_provider.errors import ModeCatalogError, UploadConflictError
from tests.integration.upload_cases import (
    AT,
    LEAST,
    ORDER,
    new_ingest,
    on_disk,
    planted_snapshot,
    push,
    stored,
)
from tests.unit.catalog.serving import running_catalog

ROOT = Path(__file__).parents[2]

# A task on a worker, to be killed.
_TASK = """
import json, os, sys
from upath import UPath
from mode_catalog_provider.catalog.endpoint import CatalogEndpoint
from mode_catalog_provider.catalog.ingest import CatalogIngest
from mode_catalog_provider.catalog.push import push_snapshot
from mode_catalog_provider.snapshot.reader import open_snapshot
manifest, url, source_id = sys.argv[1:]
endpoint = CatalogEndpoint(token=lambda: os.environ["CATALOG_TOKEN"], ingest_url=url)
ingest = CatalogIngest(endpoint, source_id=source_id)
path = UPath(manifest, **json.loads(os.environ["STORE"]))
push_snapshot(snapshot=open_snapshot(path), ingest=ingest, max_age=None)
"""


@pytest.fixture
def catalog():
    with running_catalog() as sandbox:
        yield sandbox


@pytest.fixture
def snapshot(staging):
    return planted_snapshot(staging, rows={**LEAST, "report": 2})


def start_task(catalog, snapshot):
    arguments = [str(snapshot.manifest_path), catalog.ingest_url, catalog.source_id]
    store = json.dumps(dict(getattr(snapshot.manifest_path, "storage_options", {})))
    return subprocess.Popen(
        [sys.executable, "-c", _TASK, *arguments],
        cwd=ROOT,
        env={**os.environ, "CATALOG_TOKEN": catalog.token, "STORE": store},
        stderr=subprocess.DEVNULL,
    )


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("name", [ORDER[0], ORDER[3], ORDER[5]])
def test_a_task_killed_while_catalog_stores_a_file_is_completed_by_its_retry(catalog, snapshot, name):
    catalog.fault(f"*/{name}", after=True, hang=60)
    with start_task(catalog, snapshot) as task:
        wait_until(lambda: name in stored(catalog))
        task.kill()
    assert read(record_path(snapshot, catalog.source_id)).files[name].state == "attempted"
    result = push(catalog, snapshot)
    done = ORDER.index(name) + 1
    assert sorted(result.already_there) == sorted(ORDER[:done])
    assert result.pushed == ORDER[done:]
    assert stored(catalog) == on_disk(snapshot)


@pytest.mark.parametrize("name", [ORDER[0], ORDER[5]])
def test_a_task_killed_before_catalog_stores_a_file_is_completed_by_its_retry(catalog, snapshot, name):
    arrived = []
    catalog.fault(f"*/{name}", do=lambda: arrived.append(name), hang=60)
    with start_task(catalog, snapshot) as task:
        wait_until(lambda: arrived)
        task.kill()
    done = ORDER.index(name)
    result = push(catalog, snapshot)
    assert result.already_there == ORDER[:done]
    assert result.pushed == ORDER[done:]
    assert stored(catalog) == on_disk(snapshot)


def test_a_task_killed_between_two_files_sends_no_stored_file_again(catalog, snapshot):
    class Killed(BaseException):
        pass

    def die_after_three():
        record = read(record_path(snapshot, catalog.source_id))
        if record is not None and ORDER[2] in record.files and record.files[ORDER[2]].state == "stored":
            raise Killed

    with pytest.raises(Killed):
        push(catalog, snapshot, fence=die_after_three)
    push(catalog, snapshot)
    assert [request.path.rpartition("/")[2] for request in catalog.requests] == ORDER


def test_a_token_that_dies_half_way_is_an_error_and_the_retry_with_a_new_one_completes(catalog, snapshot):
    old = catalog.token
    catalog.when(f"*/{ORDER[2]}", do=catalog.rotate)
    with pytest.raises(ModeCatalogError, match="401"):
        push(catalog, snapshot, ingest=new_ingest(catalog, token=lambda: old))
    assert push(catalog, snapshot).pushed == ORDER[3:]
    assert stored(catalog) == on_disk(snapshot)


def test_a_file_that_was_only_ever_refused_is_not_taken_for_ours_later(catalog, snapshot, staging):
    catalog.fault(f"*/{ORDER[0]}", status=422)
    with pytest.raises(ModeCatalogError, match="422"):
        push(catalog, snapshot)
    push(catalog, planted_snapshot(staging / "elsewhere", rows={**LEAST, "report": 9}))
    with pytest.raises(UploadConflictError, match=ORDER[0]):
        push(catalog, snapshot)


# -- any schedule of faults ---------------------------------------------------------------------------------

_AMBIGUOUS = [
    {"reset": True},
    {"close": True},
    {"status": 500},
    {"status": 503},
    {"status": 504},
    {"html": True},
]
_REFUSED = [{"status": status} for status in (401, 403, 404, 413, 422, 429)]
_FAULTS = st.one_of(
    st.builds(lambda kind, after: {**kind, "after": after}, st.sampled_from(_AMBIGUOUS), st.booleans()),
    st.sampled_from([*_REFUSED, {"truncate": True}]),
)
_SCHEDULES = st.lists(
    st.fixed_dictionaries(
        {
            "file": st.sampled_from(ORDER),
            "nth": st.integers(1, 3),
            "times": st.integers(1, 6),
            "fault": _FAULTS,
        }
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def lasting_catalog():
    with running_catalog() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def lasting_snapshot(tmp_path_factory):
    return planted_snapshot(tmp_path_factory.mktemp("lasting"), rows={**LEAST, "report": 1})


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schedule=_SCHEDULES, budget=st.sampled_from([1.0, 300.0]))
def test_under_any_schedule_of_faults_each_file_is_stored_once_with_the_right_bytes(
    lasting_catalog, lasting_snapshot, schedule, budget
):
    catalog, snapshot = lasting_catalog, lasting_snapshot
    catalog.forget_uploads()
    catalog.faults.clear()
    record_path(snapshot, catalog.source_id).unlink(missing_ok=True)
    right = on_disk(snapshot)
    for entry in schedule:
        catalog.fault(f"*/{entry['file']}", nth=entry["nth"], times=entry["times"], **entry["fault"])

    for _ in range(60):  # tries of the task: each meets at least one of the 36 faults at most
        before = set(stored(catalog))
        try:
            result = push(catalog, snapshot, ingest=new_ingest(catalog, retry_budget=budget))
        except UploadConflictError:
            raise
        except ModeCatalogError:
            there = stored(catalog)
            assert there.items() <= right.items()
            assert list(there) == ORDER[: len(there)]
        else:
            assert not before & set(result.pushed)
            break
    else:
        pytest.fail("the push never completed")

    assert stored(catalog) == right
    assert sorted(result.pushed + result.already_there) == sorted(ORDER)
    requests = len(catalog.requests)
    assert push(catalog, snapshot).already_there == ORDER
    assert len(catalog.requests) == requests


def test_the_schedules_above_name_the_files_of_the_snapshot(lasting_snapshot):
    assert [entry.name for entry in lasting_snapshot.manifest.files] == ORDER
    assert ORDER[0].startswith(f"{AT}-")
