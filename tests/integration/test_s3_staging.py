"""Snapshots staged on S3 by one machine, and verified, pushed and pruned from there by another."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
from s3fs import S3File, S3FileSystem
from upath import UPath

from mode_catalog_provider.catalog.push_record import read, record_path
from mode_catalog_provider.contract import contract_row
from mode_catalog_provider.errors import LockLostError, SnapshotError, SnapshotNotFoundError
from mode_catalog_provider.snapshot.layout import Layout, StoragePath, entries
from mode_catalog_provider.snapshot.manifest import Manifest
from mode_catalog_provider.snapshot.reader import Snapshot, open_snapshot, verify
from mode_catalog_provider.snapshot.retention import prune
from mode_catalog_provider.snapshot.writer import SnapshotWriter
from tests.integration.upload_cases import AT, HOST, NOW, ORDER, make_snapshot, on_disk, push, stored
from tests.unit.catalog.serving import running_catalog

DAY = 86_400
PART = 5 * 2**20


@pytest.fixture
def catalog():
    with running_catalog() as sandbox:
        yield sandbox


def as_another_machine_sees(snapshot: Snapshot) -> Snapshot:
    """The same snapshot, by its URL alone and with nothing remembered."""
    path = snapshot.manifest_path
    return open_snapshot(UPath(str(path), **path.storage_options, skip_instance_cache=True))


def test_a_snapshot_staged_on_s3_is_pushed_from_there_by_another_machine(catalog, s3_folder):
    snapshot = as_another_machine_sees(make_snapshot(s3_folder))
    assert push(catalog, snapshot).pushed == ORDER
    assert stored(catalog) == on_disk(snapshot)
    assert read(record_path(snapshot, catalog.source_id)).completed_at is not None


def test_a_second_push_from_another_machine_sends_nothing(catalog, s3_folder):
    snapshot = make_snapshot(s3_folder)
    push(catalog, snapshot)
    again = push(catalog, as_another_machine_sees(snapshot))
    assert (again.pushed, again.already_there) == ([], ORDER)


def test_a_push_that_lost_its_lease_goes_on_elsewhere_where_it_stopped(catalog, s3_folder):
    snapshot = make_snapshot(s3_folder)

    def superseded_after_three() -> None:
        if len(catalog.uploads) >= 3:
            raise LockLostError("superseded")

    with pytest.raises(LockLostError):
        push(catalog, snapshot, fence=superseded_after_three)
    assert len(catalog.uploads) == 3
    push(catalog, as_another_machine_sees(snapshot))
    assert [upload.name for upload in catalog.uploads] == ORDER


def test_a_record_whose_answer_was_lost_does_not_stop_the_push(catalog, s3, s3_folder):
    snapshot = make_snapshot(s3_folder)
    s3.lose_answer(".pushed")
    assert push(catalog, snapshot).pushed == ORDER


def test_the_last_push_is_found_from_another_machine_and_guards_the_next(catalog, s3_folder):
    push(catalog, make_snapshot(s3_folder))
    small = make_snapshot(s3_folder, at=AT + DAY, rows={"report": 1})
    with pytest.raises(SnapshotError, match="report"):
        push(catalog, as_another_machine_sees(small), now=lambda: NOW + timedelta(days=1))
    assert len(catalog.uploads) == 6


def test_old_snapshots_are_pruned_on_s3(s3_folder):
    snapshots = [make_snapshot(s3_folder, at=AT + day * DAY) for day in range(3)]
    layout = Layout.nested(s3_folder, "acme")
    assert prune(layout, 1) == [AT, AT + DAY]
    verify(as_another_machine_sees(snapshots[2]))
    with pytest.raises(SnapshotNotFoundError, match="Check the bucket, the prefix"):
        as_another_machine_sees(snapshots[0])


def test_a_listing_that_lags_shows_no_half_snapshot_and_hides_no_finished_one(s3, s3_folder):
    """Readers go by the manifest, which they ask for by its name."""
    layout = Layout.nested(s3_folder, "acme")
    with s3.stale_listings():
        assert entries(layout.directory(AT)) == {}
        snapshot = make_snapshot(s3_folder)
        assert as_another_machine_sees(snapshot).manifest == snapshot.manifest


def test_a_large_file_goes_to_s3_in_parts_and_never_to_the_local_disk(s3, s3_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    small_parts = mock.patch.object(S3FileSystem, "default_block_size", PART)
    s3.requests.clear()
    with small_parts:
        manifest, path = write_twelve_megabytes(s3_folder)
    parts = [key for method, key in s3.requests if method == "PUT" and "partNumber=" in key]
    assert len(parts) >= 2
    assert all("query.json" in key for key in parts)
    assert not list(tmp_path.rglob("*"))
    verify(open_snapshot(path))
    assert dataclasses.asdict(manifest)["files"][3]["rows"] == 12


def test_an_error_in_the_middle_of_a_large_file_leaves_no_object_and_no_parts(s3, s3_folder, monkeypatch):
    s3.requests.clear()
    monkeypatch.setattr(S3FileSystem, "default_block_size", PART)
    real, calls = S3File._upload_chunk, []

    def fail_on_the_second(self: S3File, final: bool = False) -> bool:
        calls.append(self.key)
        if calls.count(self.key) == 2:
            raise OSError("the network is gone")
        return bool(real(self, final))

    monkeypatch.setattr(S3File, "_upload_chunk", fail_on_the_second)
    with pytest.raises(OSError, match="the network is gone"):
        write_twelve_megabytes(s3_folder)
    written = [key for method, key in s3.requests if method == "PUT" and re.search(r"query\.json$", key)]
    assert written == []
    assert any(method == "DELETE" and "uploadId=" in key for method, key in s3.requests)
    assert entries(Layout.nested(s3_folder, "acme").home) == {}


def test_a_local_path_of_another_machine_is_explained(tmp_path: Path):
    with pytest.raises(SnapshotNotFoundError, match="A local path is not shared between workers"):
        open_snapshot(tmp_path / "acme" / "1" / "1.manifest")


def write_twelve_megabytes(folder: UPath) -> tuple[Manifest, StoragePath]:
    layout = Layout.nested(folder, "acme")
    with SnapshotWriter(layout=layout, workspace="acme", host=HOST, timestamp=AT) as writer:
        for number in range(12):
            writer.add("query", contract_row("query", {"token": f"q{number:02}", "raw_query": "x" * 2**20}))
        return writer.finish(strategy="rest", options={}, left_out=[], filtered={}, figures={"requests": 1})
