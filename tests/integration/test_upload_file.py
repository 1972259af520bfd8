"""A single file, of any kind and size."""

from __future__ import annotations

import os
import tracemalloc

import pytest

from mode_catalog_provider.catalog.push_files import push_file, push_folder
from mode_catalog_provider.errors import (
    ConfigurationError,
    LockLostError,
    SnapshotIncompleteError,
    SnapshotNotFoundError,
    UnknownSourceError,
    UploadConflictError,
)
from tests.integration.upload_cases import new_api, new_ingest, stored
from tests.unit.catalog.serving import running_catalog
from tests.unit.snapshot.sets import lay, vendor_files

MB = 1024 * 1024


@pytest.fixture
def catalog():
    with running_catalog() as sandbox:
        yield sandbox


@pytest.fixture
def file(staging):
    path = staging / "1795000000-Ünusual name.CSV"
    path.write_bytes(b"a,b\n1,2\n")
    return path


def test_a_file_of_any_extension_is_pushed_under_its_own_name(catalog, file):
    result = push_file(path=file, ingest=new_ingest(catalog), api=new_api(catalog))
    assert stored(catalog) == {file.name: b"a,b\n1,2\n"}
    assert result.to_json() == {
        "source_id": catalog.source_id,
        "snapshot": str(file),
        "pushed": [file.name],
        "already_there": [],
        "bytes": 8,
        "seconds": result.seconds,
    }
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_second_push_is_a_conflict(catalog, file):
    push_file(path=file, ingest=new_ingest(catalog))
    with pytest.raises(UploadConflictError):
        push_file(path=file, ingest=new_ingest(catalog))


def test_a_lost_answer_within_one_push_is_no_conflict(catalog, file):
    catalog.fault("*/visualization-*", reset=True, after=True)
    result = push_file(path=file, ingest=new_ingest(catalog))
    assert (result.pushed, result.already_there, result.bytes) == ([], [file.name], 0)


def test_a_dry_run_sends_nothing(catalog, file):
    result = push_file(path=file, ingest=new_ingest(catalog), dry_run=True)
    assert (result.pushed, result.already_there, result.bytes) == ([], [], 0)
    assert catalog.requests == []


def test_the_fence_is_passed_before_the_file_is_sent(catalog, file):
    def fence():
        raise LockLostError("another holder")

    with pytest.raises(LockLostError):
        push_file(path=file, ingest=new_ingest(catalog), fence=fence)
    assert catalog.requests == []


def test_a_file_that_is_not_there_is_said_so(catalog, staging):
    with pytest.raises(SnapshotNotFoundError, match="There is no file"):
        push_file(path=staging / "nothing.json", ingest=new_ingest(catalog))


def test_a_folder_in_the_place_of_a_file_is_said_so(catalog, file):
    with pytest.raises(SnapshotNotFoundError, match="is a folder"):
        push_file(path=file.parent, ingest=new_ingest(catalog))


def test_an_empty_file_would_block_the_real_one_and_is_refused(catalog, file):
    file.write_bytes(b"")
    with pytest.raises(SnapshotIncompleteError, match="is empty"):
        push_file(path=file, ingest=new_ingest(catalog))
    assert catalog.requests == []


def test_a_file_of_another_tool_may_go_to_its_source_but_one_of_mode_may_not(catalog, file):
    looker = next(source.id for source in catalog.sources if source.technology == "LOOKER")
    push_file(path=file, ingest=new_ingest(catalog, source_id=looker), api=new_api(catalog))
    of_mode = file.with_name("1795000000-report.json")
    of_mode.write_bytes(file.read_bytes())
    with pytest.raises(UnknownSourceError, match="technology LOOKER, not MODE"):
        push_file(path=of_mode, ingest=new_ingest(catalog, source_id=looker), api=new_api(catalog))


def test_the_summary_of_a_warehouse_is_not_taken_for_one_of_mode(catalog, tmp_path):
    warehouse = next(source.id for source in catalog.sources if source.type == "WAREHOUSE")
    summary = tmp_path / "1795000000-summary.json"
    summary.write_bytes(b"{}")
    ingest = new_ingest(catalog, source_id=warehouse, file_type="WAREHOUSE")
    assert push_file(path=summary, ingest=ingest, api=new_api(catalog)).pushed == [summary.name]


@pytest.mark.parametrize("name", [b"a\xff.csv", b"a\nb.csv"])
def test_a_name_that_cannot_travel_is_refused_before_anything_is_sent(catalog, tmp_path, name):
    (tmp_path / "a.csv").write_bytes(b"1")
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(b"1")
    ingest = new_ingest(catalog, file_type="WAREHOUSE")
    with pytest.raises(ConfigurationError, match="rename the file"):
        push_file(path=path, ingest=ingest)
    with pytest.raises(ConfigurationError, match="rename the file"):
        push_folder(folder=tmp_path, ingest=ingest)
    assert catalog.requests == []


def test_a_large_file_is_sent_in_constant_memory_even_when_it_is_sent_twice(catalog, tmp_path):
    large = tmp_path / "1795000000-query.json"
    with large.open("wb") as file:
        file.truncate(100 * MB)
    catalog.fault("*/visualization-*", status=503)
    tracemalloc.start()
    try:
        push_file(path=large, ingest=new_ingest(catalog))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    (upload,) = catalog.uploads
    assert upload.size == 100 * MB
    assert peak < 16 * MB


def test_every_csv_and_json_file_of_a_folder_is_pushed_and_nothing_else(catalog, staging):
    for name in ("b.csv", "a.json", "notes.txt", ".hidden"):
        (staging / name).write_bytes(b"{}")
    result = push_folder(folder=staging, ingest=new_ingest(catalog, file_type="WAREHOUSE"))
    assert result.pushed == ["a.json", "b.csv"]
    assert result.bytes == 4
    assert sorted(stored(catalog)) == ["a.json", "b.csv"]


def test_a_folder_is_nothing_that_dbt_would_be_uploaded_from(catalog, staging):
    (staging / "manifest.json").write_bytes(b"{}")
    with pytest.raises(ConfigurationError, match="name it with -f"):
        push_folder(folder=staging, ingest=new_ingest(catalog, file_type="DBT"))
    assert stored(catalog) == {}


def test_a_file_in_the_place_of_a_folder_is_said_so(catalog, file):
    with pytest.raises(SnapshotNotFoundError, match="a folder is meant"):
        push_folder(folder=file, ingest=new_ingest(catalog, file_type="WAREHOUSE"))


def test_an_empty_file_in_a_folder_is_refused_before_those_ahead_of_it_are_sent(catalog, staging):
    (staging / "a.csv").write_bytes(b"1")
    (staging / "b.csv").write_bytes(b"")
    with pytest.raises(SnapshotIncompleteError, match=r"b\.csv is empty"):
        push_folder(folder=staging, ingest=new_ingest(catalog, file_type="WAREHOUSE"))
    assert catalog.requests == []


def test_a_set_of_mode_is_not_sent_as_that_of_a_warehouse(catalog, staging):
    lay(staging, vendor_files())
    with pytest.raises(ConfigurationError, match="-t VIZ"):
        push_folder(folder=staging, ingest=new_ingest(catalog, file_type="WAREHOUSE"))
    assert catalog.requests == []
