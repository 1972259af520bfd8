from __future__ import annotations

import json
from pathlib import Path

import pytest

from mode_catalog_provider.contract import DATA_ASSETS, SUMMARY
from mode_catalog_provider.errors import (
    SnapshotAlteredError,
    SnapshotError,
    SnapshotIncompleteError,
    SnapshotNotFoundError,
)
from mode_catalog_provider.snapshot import reader
from mode_catalog_provider.snapshot.layout import (
    Layout,
    StoragePath,
    claim_name,
    data_file,
    entries,
    manifest_name,
)
from mode_catalog_provider.snapshot.reader import (
    Snapshot,
    adopt_directory,
    open_or_adopt,
    open_to_upload,
    verify,
)
from tests.unit.snapshot.sets import AT, HOST, WORKSPACE, lay, vendor_files, write_set


def test_a_folder_of_the_vendors_tool_is_a_snapshot(root: StoragePath) -> None:
    snapshot = adopt_directory(lay(root, vendor_files()))
    verify(snapshot)
    manifest = snapshot.manifest
    assert snapshot.adopted
    assert (manifest.timestamp, manifest.host, manifest.workspace) == (AT, HOST, WORKSPACE)
    assert manifest.provider_version == "0.26.131"
    assert manifest.started_at == "2023-11-14T22:13:20+00:00"
    assert manifest.rows == {"datasource": 1, "collection": 1, "report": 2, "query": 1, "member": 2}
    assert [entry.asset for entry in manifest.files] == [*DATA_ASSETS, SUMMARY]


def test_adopting_writes_nothing(root: StoragePath) -> None:
    snapshot = adopt_directory(lay(root, vendor_files()))
    assert sorted(entries(root)) == sorted(vendor_files())
    assert snapshot.manifest_path == root / manifest_name(AT)


def test_other_files_are_ignored_and_named(root: StoragePath) -> None:
    lay(root, {**vendor_files(), "notes.txt": b"", f"{AT}-errors_logs.json": b"[]"})
    assert adopt_directory(root).ignored == (f"{AT}-errors_logs.json", "notes.txt")


def test_an_adopted_file_that_changes_before_the_upload_is_refused(root: StoragePath) -> None:
    snapshot = adopt_directory(lay(root, vendor_files()))
    lay(root, {data_file(AT, "report"): b"[]"})
    with pytest.raises(SnapshotAlteredError):
        verify(snapshot)


def test_a_newest_set_that_is_half_is_refused_and_the_one_before_is_named(root: StoragePath) -> None:
    later = vendor_files(AT + 60)
    del later[data_file(AT + 60, "member")]
    lay(root, {**vendor_files(), **later})
    with pytest.raises(SnapshotIncompleteError, match=rf"{AT + 60}-member\.json.*{AT} \(complete\)"):
        adopt_directory(root)


def test_half_a_set_is_refused_with_what_is_missing(root: StoragePath) -> None:
    files = vendor_files()
    for asset in ("member", SUMMARY):
        del files[data_file(AT, asset)]
    with pytest.raises(SnapshotIncompleteError, match=f"{AT}-member.json, {AT}-summary.json missing"):
        adopt_directory(lay(root, files))


def test_a_folder_without_any_set_is_refused_with_what_it_holds(root: StoragePath) -> None:
    lay(root, {"report.json": b"[]", "b.csv": b""})
    with pytest.raises(SnapshotIncompleteError, match=r"holds b\.csv, report\.json"):
        adopt_directory(root)


def test_a_folder_that_is_not_there_is_refused(root: StoragePath) -> None:
    with pytest.raises(SnapshotNotFoundError):
        adopt_directory(root)


def test_a_single_file_is_no_folder_to_adopt(root: StoragePath) -> None:
    lay(root, vendor_files())
    with pytest.raises(SnapshotNotFoundError):
        adopt_directory(root / data_file(AT, "report"))


def test_a_set_that_is_still_being_written_is_refused(root: StoragePath) -> None:
    lay(root, {**vendor_files(), claim_name(AT): b"busy"})
    with pytest.raises(SnapshotIncompleteError, match="half-written"):
        adopt_directory(root)


def test_a_set_of_ours_without_its_manifest_is_refused(root: StoragePath) -> None:
    write_set(Layout.flat(root)).unlink()
    with pytest.raises(SnapshotIncompleteError, match="manifest"):
        open_or_adopt(root)


def test_a_folder_with_a_manifest_is_not_adopted_past_it(root: StoragePath) -> None:
    write_set(Layout.flat(root))
    with pytest.raises(SnapshotError, match="open that one"):
        adopt_directory(root)


def test_a_newer_set_of_the_vendor_beside_a_snapshot_leaves_open_which_is_to_be_uploaded(
    root: StoragePath,
) -> None:
    path = write_set(Layout.flat(root))
    half = vendor_files(AT + 90)
    half.popitem()
    lay(root, {**vendor_files(AT - 60), **half, **vendor_files(AT + 95), claim_name(AT + 95): b"busy"})
    assert open_to_upload(root).manifest.timestamp == AT
    lay(root, vendor_files(AT + 60))
    with pytest.raises(SnapshotError, match=rf"a newer set without a manifest, {AT + 60}, .*move the newer"):
        open_to_upload(root)
    assert open_to_upload(path).manifest.timestamp == AT


def test_a_snapshot_that_is_finished_just_now_is_not_taken_for_a_set_of_the_vendor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_set(Layout.flat(tmp_path))
    earlier = open_or_adopt(tmp_path)

    def opened(path: StoragePath) -> Snapshot:
        write_set(Layout.flat(path), AT + 60)
        return earlier

    monkeypatch.setattr(reader, "open_or_adopt", opened)
    assert open_to_upload(tmp_path) is earlier


def test_open_or_adopt_takes_the_manifest_where_there_is_one(tmp_path: Path) -> None:
    write_set(Layout.flat(tmp_path / "ours"))
    assert not open_or_adopt(tmp_path / "ours").adopted
    assert not open_or_adopt(tmp_path / "ours" / manifest_name(AT)).adopted
    assert open_or_adopt(lay(tmp_path / "theirs", vendor_files())).adopted


@pytest.mark.parametrize(
    ("asset", "content"),
    [
        ("report", b""),
        ("report", b"[]\n[]"),
        ("report", b'{"rows": []}'),
        ("report", b'[{"token": "r"}]'),
        ("query", vendor_files()[data_file(AT, "query")][:-3]),
        ("query", vendor_files()[data_file(AT, "member")]),
        (SUMMARY, b""),
        (SUMMARY, b"[]"),
        (SUMMARY, b'{"connection_identity": null}'),
        (SUMMARY, b" " * (1 << 21)),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(
    root: StoragePath, asset: str, content: bytes
) -> None:
    name = data_file(AT, asset)
    with pytest.raises(SnapshotAlteredError, match=name):
        adopt_directory(lay(root, {**vendor_files(), name: content}))


@pytest.mark.parametrize(
    ("identity", "host", "workspace"),
    [
        ({"base_url": "https://mode.acme.example:8443/acme"}, "https://mode.acme.example:8443", "acme"),
        ({"base_url": "https://acme.example/mode/acme"}, "https://acme.example/mode", "acme"),
        ({"base_url": "https://app.mode.com//acme/"}, "https://app.mode.com", "acme"),
        ({"base_url": "https://modeanalytics.com"}, "", ""),
        ({"base_url": None}, "", ""),
        ({}, "", ""),
    ],
)
def test_workspace_and_host_are_those_of_the_summary(
    tmp_path: Path, identity: dict[str, str | None], host: str, workspace: str
) -> None:
    files = vendor_files()
    name = data_file(AT, SUMMARY)
    files[name] = json.dumps({**json.loads(files[name]), "connection_identity": identity}).encode()
    manifest = adopt_directory(lay(tmp_path, files)).manifest
    assert (manifest.host, manifest.workspace) == (host, workspace)


def test_a_summary_of_an_older_release_that_does_not_say_where_it_was_made_is_accepted(
    tmp_path: Path,
) -> None:
    files = vendor_files()
    files[data_file(AT, SUMMARY)] = b'{"version": "0.20.0", "client_name": "ModeAnalytics/API"}'
    assert adopt_directory(lay(tmp_path, files)).manifest.workspace == ""
