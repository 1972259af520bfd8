"""What is told where there is no snapshot to open, or not the one that was written."""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

import pytest

from mode_catalog_provider.errors import ModeCatalogError, SnapshotAlteredError, SnapshotError
from mode_catalog_provider.snapshot.layout import Layout, data_file, manifest_name
from mode_catalog_provider.snapshot.reader import adopt_directory, newest_snapshot, open_snapshot, verify
from tests.unit.snapshot.sets import AT, lay, vendor_files, write_set


def refusal(path: Path) -> str:
    with pytest.raises(ModeCatalogError) as raised:
        open_snapshot(path)
    return str(raised.value)


def test_a_folder_that_is_not_there_is_told_with_the_machine(tmp_path: Path) -> None:
    assert refusal(tmp_path / "x") == (
        f"There is no {tmp_path / 'x'} on this machine ({platform.node()}). A local path is not shared "
        "between workers: when extract and upload may run on different machines, set the output directory to "
        "an object store (such as s3://bucket/mode) or to a folder that all of them mount."
    )


def test_a_folder_of_snapshots_is_met_with_the_newest_by_number(tmp_path: Path) -> None:
    unfinished = (
        f"There is no manifest in {tmp_path}: the extraction has not finished, failed, or wrote elsewhere."
    )
    assert refusal(tmp_path) == unfinished
    for timestamp in (AT, 999_999_999):
        (tmp_path / str(timestamp)).mkdir()
    assert refusal(tmp_path) == f"{unfinished} It holds snapshots: name one of them ({AT})."


def test_a_file_that_is_no_manifest_is_told_by_its_name(tmp_path: Path) -> None:
    path = lay(tmp_path, {"notes": b""}) / "notes"
    assert refusal(path) == f"{path} is not a manifest: their names are like 1700000000.manifest."  # type: ignore[arg-type]


def test_a_manifest_under_another_name_is_refused(tmp_path: Path) -> None:
    path = Path(str(write_set(Layout.flat(tmp_path)))).rename(tmp_path / manifest_name(AT + 1))
    assert refusal(path) == f"{path}: It is the manifest of {AT} under another name."


def test_a_refused_manifest_keeps_its_kind_of_error_and_gets_its_path(tmp_path: Path) -> None:
    path = lay(tmp_path, {manifest_name(AT): b'{"format_version": 2}'}) / manifest_name(AT)
    with pytest.raises(SnapshotError, match=f"^{path}: The manifest has format version 2;") as raised:
        open_snapshot(path)
    assert type(raised.value) is SnapshotError


def test_a_changed_file_is_told_with_what_was_and_what_is(tmp_path: Path) -> None:
    snapshot = open_snapshot(write_set(Layout.flat(tmp_path)))
    (entry,) = (one for one in snapshot.manifest.files if one.asset == "report")
    path = tmp_path / entry.name
    content = path.read_bytes()
    same_size = content.replace(b"Sales", b"Costs")
    for changed, what, was, found in (
        (content + b" ", "bytes", len(content), len(content) + 1),
        (same_size, "sha256", entry.sha256, hashlib.sha256(same_size).hexdigest()),
    ):
        path.write_bytes(changed)
        with pytest.raises(SnapshotAlteredError) as raised:
            verify(snapshot)
        assert str(raised.value) == (
            f"{path} is not the file that was written: {what} should be {was}, found {found}. Extract again."
        )


def test_a_snapshot_is_known_by_its_manifest_and_an_adopted_one_by_its_folder(tmp_path: Path) -> None:
    ours = open_snapshot(write_set(Layout.nested(tmp_path, "acme")))
    assert (ours.place, ours.adopted) == (tmp_path / "acme" / str(AT) / manifest_name(AT), False)
    assert ours.layout == Layout(tmp_path / "acme")
    theirs = adopt_directory(lay(tmp_path / "vendor", vendor_files()))
    assert (theirs.place, theirs.layout) == (tmp_path / "vendor", Layout.flat(tmp_path / "vendor"))
    assert theirs.file_path(theirs.manifest.files[0]) == tmp_path / "vendor" / data_file(AT, "datasource")


def test_the_newest_is_the_greatest_number_and_none_where_all_are_damaged(tmp_path: Path) -> None:
    layout = Layout.nested(tmp_path, "acme")
    for timestamp in (999_999_999, AT, 1_000_000_000):
        write_set(layout, timestamp)
    newest = newest_snapshot(layout)
    assert newest is not None
    assert newest.manifest.timestamp == AT
    for path in tmp_path.rglob("*.manifest"):
        path.write_bytes(b"{")
    assert newest_snapshot(layout) is None
