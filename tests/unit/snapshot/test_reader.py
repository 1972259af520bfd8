from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from mode_catalog_provider.contract import DATA_ASSETS
from mode_catalog_provider.errors import (
    SnapshotAlteredError,
    SnapshotError,
    SnapshotIncompleteError,
    SnapshotNotFoundError,
)
from mode_catalog_provider.snapshot.layout import Layout, StoragePath, data_file, manifest_name
from mode_catalog_provider.snapshot.manifest import FileEntry, Manifest
from mode_catalog_provider.snapshot.reader import (
    adopt_directory,
    newest_snapshot,
    open_or_adopt,
    open_snapshot,
    verify,
)
from tests.unit.snapshot.sets import AT, ROWS, lay, row_of, write_set


def _files_of_a_set() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        write_set(Layout.flat(Path(folder)))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


FILES = _files_of_a_set()
MANIFEST = manifest_name(AT)
# The side files prove themselves when they are read; the upload does not need them.
NAMES = sorted(name for name in FILES if ".facts-" not in name)


def test_a_snapshot_is_opened_by_its_manifest_or_its_directory(layout: Layout) -> None:
    path = write_set(layout)
    by_manifest = open_snapshot(path)
    by_directory = open_snapshot(layout.directory(AT))
    assert by_manifest.manifest == by_directory.manifest
    assert by_manifest.manifest_path == by_directory.manifest_path == path
    assert by_manifest.directory == layout.directory(AT)
    assert not by_manifest.adopted
    verify(by_manifest)
    verify(by_directory)


def test_each_entry_leads_to_its_file(layout: Layout) -> None:
    snapshot = open_snapshot(write_set(layout))
    sizes = [snapshot.file_path(entry).stat().st_size for entry in snapshot.manifest.files]
    assert sizes == [entry.bytes for entry in snapshot.manifest.files]


def test_of_several_sets_in_one_folder_the_newest_is_opened(root: StoragePath) -> None:
    for timestamp in (AT + 5, AT, AT + 1):
        write_set(Layout.flat(root), timestamp)
    assert open_snapshot(root).manifest.timestamp == AT + 5


def test_a_local_path_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(SnapshotNotFoundError, match=r"not shared between workers.*object store"):
        open_snapshot(tmp_path / "acme" / str(AT) / MANIFEST)


def test_an_object_store_path_that_is_not_there_is_explained(root: StoragePath) -> None:
    with pytest.raises(SnapshotNotFoundError, match=r"There is no .*out"):
        open_snapshot(root / MANIFEST)


def test_a_directory_without_a_manifest_is_no_snapshot(root: StoragePath) -> None:
    lay(root, {name: content for name, content in FILES.items() if name != MANIFEST})
    with pytest.raises(SnapshotNotFoundError, match="no manifest"):
        open_snapshot(root)


def test_the_directory_above_the_snapshots_is_met_with_the_name_of_one(root: StoragePath) -> None:
    write_set(Layout.nested(root, "acme"))
    with pytest.raises(SnapshotNotFoundError, match=str(AT)):
        open_snapshot(root / "acme")


def test_a_file_of_the_set_is_not_taken_for_its_manifest(layout: Layout) -> None:
    write_set(layout)
    with pytest.raises(SnapshotNotFoundError, match="not a manifest"):
        open_snapshot(layout.directory(AT) / data_file(AT, "report"))


def test_every_missing_file_is_named(layout: Layout) -> None:
    snapshot = open_snapshot(write_set(layout))
    for asset in ("collection", "summary"):
        (snapshot.directory / data_file(AT, asset)).unlink()
    with pytest.raises(SnapshotIncompleteError, match=f"lacks {AT}-collection.json, {AT}-summary.json"):
        verify(snapshot)


def test_other_files_beside_a_set_do_not_matter(layout: Layout) -> None:
    snapshot = open_snapshot(write_set(layout))
    lay(snapshot.directory, {f"{AT - 1}-report.json": b"old", f"{AT}-chart.json": b"", "notes.csv": b"x"})
    verify(snapshot)
    verify(open_snapshot(snapshot.directory))


def test_a_changed_file_is_refused_by_name(layout: Layout) -> None:
    path = write_set(layout)
    changed = layout.directory(AT) / data_file(AT, "report")
    content = changed.read_text()
    with changed.open("wb") as file:
        file.write(content.replace("Sales", "Costs").encode())
    with pytest.raises(SnapshotAlteredError, match=rf"{AT}-report.json .*sha256"):
        verify(open_snapshot(path))


def test_a_refusal_never_shows_what_is_in_the_file(tmp_path: Path) -> None:
    rows = [("query", row_of("query", "q", raw_query="select top_secret"))]
    path = write_set(Layout.flat(tmp_path), rows=rows)
    file = tmp_path / data_file(AT, "query")
    for content in (file.read_bytes()[:-4], file.read_bytes().replace(b"raw_query", b"sql_query")):
        file.write_bytes(content)
        with pytest.raises(SnapshotAlteredError) as refusal:
            verify(open_snapshot(path))
        assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([row_of("report", "b"), row_of("report", "a")], "order"),
        ([row_of("report", "a"), row_of("report", "a")], "order"),
        ([row_of("report", "a"), {"token": "b"}], "row 2 .*keys"),
        ([{**row_of("report", "a"), "token": None}], "order"),
    ],
)
def test_rows_are_looked_at_even_when_the_hash_is_right(
    tmp_path: Path, rows: list[dict[str, Any]], reason: str
) -> None:
    snapshot = open_snapshot(write_set(Layout.flat(tmp_path)))
    content = json.dumps(rows).encode()
    entries = {entry.asset: entry for entry in snapshot.manifest.files}
    name = entries["report"].name
    (tmp_path / name).write_bytes(content)
    entries["report"] = FileEntry(
        "report", name, len(content), len(rows), hashlib.sha256(content).hexdigest()
    )
    forged = replace(snapshot.manifest, files=tuple(entries.values()))
    (tmp_path / MANIFEST).write_bytes(forged.to_bytes())
    with pytest.raises(SnapshotAlteredError, match=reason):
        verify(open_snapshot(tmp_path))


corruptions = st.one_of(
    st.tuples(st.just("flip"), st.sampled_from(NAMES), st.integers(0, 10_000), st.integers(1, 255)),
    st.tuples(st.just("cut"), st.sampled_from(NAMES), st.integers(0, 10_000)),
    st.tuples(st.just("append"), st.sampled_from(NAMES), st.binary(min_size=1, max_size=3)),
    st.tuples(st.just("remove"), st.sampled_from(NAMES)),
    st.tuples(st.just("empty"), st.sampled_from(NAMES)),
    st.tuples(st.just("swap"), st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.tuples(st.just("rename"), st.sampled_from(NAMES), st.sampled_from([AT - 1, AT + 1])),
    st.tuples(st.just("edit"), st.sampled_from(sorted(json.loads(FILES[MANIFEST]))), st.integers()),
)


def _corrupt(files: dict[str, bytes], kind: str, name: str, *how: Any) -> None:
    if kind == "flip":
        content = bytearray(files[name])
        content[how[0] % len(content)] ^= how[1]
        files[name] = bytes(content)
    elif kind == "cut":
        files[name] = files[name][: how[0] % len(files[name])]
    elif kind == "append":
        files[name] += how[0]
    elif kind == "remove":
        del files[name]
    elif kind == "empty":
        files[name] = b""
    elif kind == "swap":
        files[name], files[how[0]] = files[how[0]], files[name]
    elif kind == "rename":
        files[name.replace(str(AT), str(how[0]))] = files.pop(name)
    else:
        document = json.loads(files[MANIFEST])
        document[name] = how[0]
        files[MANIFEST] = json.dumps(document).encode()


@given(corruptions)
@settings(max_examples=300, deadline=None)
def test_any_single_corruption_of_a_set_is_refused(corruption: tuple[Any, ...]) -> None:
    files = dict(FILES)
    _corrupt(files, *corruption)
    with tempfile.TemporaryDirectory() as folder:
        lay(Path(folder), files)
        try:
            snapshot = open_or_adopt(Path(folder))
            verify(snapshot)
        except SnapshotError:
            return
        # what is accepted must still be the very set: only blanks in the manifest may differ
        assert {name: files[name] for name in NAMES if name != MANIFEST} == {
            name: FILES[name] for name in NAMES if name != MANIFEST
        }
        assert snapshot.manifest == Manifest.from_bytes(FILES[MANIFEST])


def test_the_set_that_is_corrupted_above_is_a_good_one(tmp_path: Path) -> None:
    verify(open_or_adopt(lay(tmp_path, FILES)))
    assert {asset for asset, _ in ROWS} == set(DATA_ASSETS)


def test_a_snapshot_in_an_object_store_is_looked_for_and_not_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = UPath("memory:///not-remembered")
    write_set(Layout.flat(path))
    forgotten: list[bool] = []
    monkeypatch.setattr(type(path.fs), "invalidate_cache", lambda *_: forgotten.append(True))
    manifest = path / manifest_name(AT)
    open_snapshot(manifest)
    assert forgotten == [True]


@pytest.mark.parametrize("look", [open_snapshot, open_or_adopt, adopt_directory])
def test_a_folder_in_an_object_store_is_not_asked_for_before_what_is_remembered_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, look: Callable[[UPath], object]
) -> None:
    path = UPath(f"memory:///forgotten-{look.__name__}")
    store, done = type(path.fs), []
    for name in ("invalidate_cache", "info"):
        plain = getattr(store, name)
        monkeypatch.setattr(
            store, name, lambda *given, _n=name, _p=plain, **more: (done.append(_n), _p(*given, **more))[1]
        )
    with pytest.raises(SnapshotNotFoundError):
        look(path)
    assert done[0] == "invalidate_cache"
    assert "info" in done


def test_the_newest_snapshot_is_the_newest_good_one_and_a_damaged_one_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    layout = Layout.nested(tmp_path, "acme")
    write_set(layout, AT)
    damaged = write_set(layout, AT + 1)
    Path(str(damaged)).write_text("{}")
    (layout.directory(AT + 2)).mkdir()
    newest = newest_snapshot(layout)
    assert newest is not None
    assert newest.manifest.timestamp == AT
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(damaged) in caplog.text
