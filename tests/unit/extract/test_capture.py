"""Snapshots of a sandbox workspace, taken over real HTTP."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from mode_catalog_provider.errors import (
    ConfigurationError,
    LockLostError,
    ModeAuthenticationError,
    ModeCatalogError,
    NewlyForbiddenError,
)
from mode_catalog_provider.extract.capture import CaptureResult, capture
from mode_catalog_provider.extract.extraction import Extraction, ExtractionOptions
from mode_catalog_provider.extract.unfinished import FOLDER
from mode_catalog_provider.mode.client import ModeClient, ModeEndpoint
from mode_catalog_provider.mode.credentials import ModeCredentials
from mode_catalog_provider.snapshot.layout import Layout, entries, manifest_name, readings_name
from mode_catalog_provider.snapshot.reader import open_snapshot, verify
from mode_catalog_provider.storage import read_record
from mode_catalog_provider.text import visible
from tests.sandbox import Sandbox, WorkspaceShape

LOG = logging.getLogger("test.capture")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    shape = WorkspaceShape(collections=3, reports=8, members=3, nasty=True)
    with Sandbox(shape=shape, time_scale=0.001) as running:
        yield running


def _capture(
    sandbox: Sandbox, layout: Layout, *, options: ExtractionOptions | None = None, **settings: Any
) -> CaptureResult:
    def credentials() -> ModeCredentials:
        return ModeCredentials(token=sandbox.mode.token, secret=sandbox.mode.secret)

    with ModeClient(
        ModeEndpoint(
            workspace=sandbox.mode.workspace,
            host=sandbox.mode.url,
            credentials=credentials,
            requests_per_second=sandbox.requests_per_second,
            retry_budget=1,
        )
    ) as client:
        extraction = Extraction(client=client, options=options or ExtractionOptions())
        return capture(client=client, extraction=extraction, layout=layout, **{"log": LOG, **settings})


def test_a_workspace_becomes_a_snapshot_of_all_that_the_key_may_see(sandbox: Sandbox, layout: Layout) -> None:
    result = _capture(sandbox, layout)
    snapshot = open_snapshot(result.manifest_path)
    verify(snapshot)
    assert snapshot.manifest == result.manifest
    for asset, rows in sandbox.mode.expected().items():
        (entry,) = (entry for entry in snapshot.manifest.files if entry.asset == asset)
        with snapshot.file_path(entry).open("rb") as file:
            assert file.read() == json.dumps(rows).encode("ascii")


def test_the_manifest_tells_what_it_cost_and_what_is_missing(sandbox: Sandbox, tmp_path: Path) -> None:
    result = _capture(sandbox, Layout.nested(tmp_path, "acme"))
    manifest = result.manifest
    assert manifest.figures["requests"] == len(sandbox.mode.requests)
    assert 0 < manifest.figures["seconds"] <= result.seconds
    assert manifest.strategy == "hybrid"
    assert manifest.options == ExtractionOptions().to_json()
    left_out = {(entry["asset"], entry["token"], entry["reason"]) for entry in manifest.left_out}
    assert left_out == sandbox.mode.expected_left_out()
    assert result.directory == tmp_path / "acme" / str(manifest.timestamp)


def test_the_log_tells_the_course_of_events(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, LOG.name):
        manifest = _capture(sandbox, Layout.flat(tmp_path)).manifest
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    assert lines[0] == "Authentication succeeded."
    assert "Starting extraction for REPORT..." in lines
    assert f"{manifest.rows['report']} rows extracted for REPORT" in lines
    assert any(line == f"Wrote output file: {tmp_path / manifest.files[0].name}" for line in lines)
    assert lines.index("Starting extraction for REPORT...") < lines.index(
        f"{manifest.rows['report']} rows extracted for REPORT"
    )


def test_left_out_objects_are_warned_about_by_name(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = _capture(sandbox, Layout.flat(tmp_path)).manifest
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    forbidden = [
        entry
        for entry in manifest.left_out
        if (entry["asset"], entry["reason"]) == ("collection", "forbidden")
    ]
    assert forbidden
    (line,) = (
        line for line in warnings if line.startswith(f"Left out {len(forbidden)} collection (forbidden)")
    )
    assert forbidden[0]["name"] in line


def test_a_refused_credential_leaves_no_trace(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.mode.revoke_after(0)
    with pytest.raises(ModeAuthenticationError):
        _capture(sandbox, Layout.nested(tmp_path / "out", "acme"))
    assert not (tmp_path / "out").exists()


def test_to_keep_nothing_is_refused_before_anything_is_asked(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least 1"):
        _capture(sandbox, Layout.nested(tmp_path, "acme"), keep=0)
    assert not sandbox.mode.requests


def test_an_extraction_that_fails_midway_leaves_no_part_of_a_snapshot(
    sandbox: Sandbox, layout: Layout
) -> None:
    sandbox.mode.fault("*/reports/*/queries", status=503, times=10_000)
    with pytest.raises(ModeCatalogError):
        _capture(sandbox, layout)
    assert entries(layout.home).keys() <= {FOLDER}
    assert not layout.timestamps()


def test_a_worker_that_lost_its_lock_writes_no_snapshot_and_prunes_nothing(
    sandbox: Sandbox, layout: Layout
) -> None:
    earlier = _capture(sandbox, layout)

    def superseded() -> None:
        raise LockLostError("superseded")

    with pytest.raises(LockLostError):
        _capture(sandbox, layout, fence=superseded, keep=1)
    verify(open_snapshot(earlier.manifest_path))


def test_in_a_flat_folder_the_set_before_goes_only_where_that_is_asked_for(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    first = _capture(sandbox, Layout.flat(tmp_path)).manifest.timestamp
    (tmp_path / "notes.txt").write_text("mine")
    second = _capture(sandbox, Layout.flat(tmp_path))
    assert second.pruned == ()
    result = _capture(sandbox, Layout.flat(tmp_path), keep=1)
    third = result.manifest.timestamp
    assert result.pruned == (first, second.manifest.timestamp)
    manifest = result.manifest
    names = {entry.name for entry in (*manifest.files, *manifest.facts)}
    names |= {manifest_name(third), readings_name(third), "notes.txt"}
    assert entries(tmp_path).keys() == names


def test_as_many_snapshots_are_kept_as_asked_for(sandbox: Sandbox) -> None:
    layout = Layout.nested(UPath("memory:///test-capture-keep"), "acme")
    timestamps = [_capture(sandbox, layout, keep=2).manifest.timestamp for _ in range(4)]
    assert sorted(entries(layout.home)) == [str(timestamp) for timestamp in timestamps[2:]]


def test_a_snapshot_is_good_even_when_the_old_ones_cannot_be_removed(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    old = _capture(sandbox, Layout.flat(tmp_path)).manifest_path
    unlink = os.unlink

    def refuse(path: Path) -> None:
        if path == old:
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path)

    monkeypatch.setattr(os, "unlink", refuse)
    result = _capture(sandbox, Layout.flat(tmp_path), keep=1)
    verify(open_snapshot(result.manifest_path))
    assert "could not be removed" in caplog.text


def _shared_collection(sandbox: Sandbox) -> Any:
    left_out = {token for _, token, _ in sandbox.mode.expected_left_out()}
    return next(
        one for one in sandbox.mode.world.collections if not one.personal and one.token not in left_out
    )


@pytest.mark.parametrize("how", ["403", "404", "not listed"])
def test_a_collection_out_of_the_keys_sight_is_told_however_mode_hides_it(
    sandbox: Sandbox, layout: Layout, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    _capture(sandbox, layout)
    collection = _shared_collection(sandbox)
    if how == "not listed":
        sandbox.mode.world.remove_collection(collection)
    else:
        collection.refused = int(how)
    caplog.clear()
    result = _capture(sandbox, layout)
    assert f"or does not show it: collection (1): {collection.name}" in caplog.text
    assert result.newly_hidden == 1
    caplog.clear()
    assert _capture(sandbox, layout).newly_hidden == 0


@pytest.mark.parametrize("how", ["403", "404", "not listed"])
def test_no_snapshot_is_made_of_what_a_key_cannot_see_any_more_where_that_is_asked(
    sandbox: Sandbox, layout: Layout, how: str
) -> None:
    first = _capture(sandbox, layout).manifest
    collection = _shared_collection(sandbox)
    if how == "not listed":
        sandbox.mode.world.remove_collection(collection)
    else:
        collection.refused = int(how)
    with pytest.raises(NewlyForbiddenError, match=re.escape(collection.name)):
        _capture(sandbox, layout, on_forbidden="fail")
    assert set(layout.timestamps()) == {first.timestamp}


def test_a_connection_out_of_the_keys_sight_is_told(
    sandbox: Sandbox, layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    _capture(sandbox, layout)
    gone = sandbox.mode.world.data_sources.pop()
    _capture(sandbox, layout)
    assert f"datasource (1): {visible(gone.name)}" in caplog.text


def test_collections_that_an_extraction_was_not_to_read_are_not_out_of_sight(
    sandbox: Sandbox, layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    _capture(sandbox, layout)
    options = ExtractionOptions(include_collections=(_shared_collection(sandbox).token,))
    result = _capture(sandbox, layout, options=options, on_forbidden="fail")
    assert result.newly_hidden == 0
    assert "does not show" not in caplog.text


def test_what_was_refused_all_along_is_not_new_after_a_snapshot_that_was_to_read_less(
    sandbox: Sandbox, layout: Layout
) -> None:
    refused = _shared_collection(sandbox)
    refused.refused = 403
    first = _capture(sandbox, layout).manifest
    assert refused.token in {entry["token"] for entry in first.left_out}
    options = ExtractionOptions(include_collections=(_shared_collection(sandbox).token,))
    less = _capture(sandbox, layout, options=options).manifest
    assert refused.token not in {entry["token"] for entry in less.left_out}
    assert _capture(sandbox, layout, on_forbidden="fail").newly_hidden == 0


def test_earlier_files_that_were_altered_do_not_end_the_comparison_of_sight(
    sandbox: Sandbox, layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    first = _capture(sandbox, layout)
    (entry,) = (entry for entry in first.manifest.files if entry.asset == "collection")
    (first.directory / entry.name).write_text("[{")
    assert _capture(sandbox, layout).newly_hidden == 0
    assert "cannot be told" in caplog.text


def test_an_earlier_manifest_that_this_user_may_not_read_does_not_end_an_extraction(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    old = _capture(sandbox, Layout.flat(tmp_path)).manifest_path

    def refuse(path: Path) -> bytes:
        if path == old:
            raise PermissionError(13, "Permission denied", str(path))
        return read_record(path)

    monkeypatch.setattr("mode_catalog_provider.snapshot.reader.read_record", refuse)
    verify(open_snapshot(_capture(sandbox, Layout.flat(tmp_path), on_forbidden="fail").manifest_path))
    assert f"cannot be told: [Errno 13] Permission denied: '{old}'" in caplog.text
