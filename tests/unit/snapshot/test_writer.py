from __future__ import annotations

import errno
import json
import os
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mode_catalog_provider import __version__
from mode_catalog_provider.contract import DATA_ASSETS, KEYS, SUMMARY
from mode_catalog_provider.errors import LockLostError, SnapshotError
from mode_catalog_provider.snapshot.layout import (
    FACT_ASSETS,
    Layout,
    data_file,
    entries,
    facts_name,
    manifest_name,
)
from mode_catalog_provider.snapshot.manifest import Manifest
from mode_catalog_provider.snapshot.reader import open_snapshot, verify
from mode_catalog_provider.snapshot.writer import SnapshotWriter, remove_set
from tests.unit.snapshot.sets import AT, HOST, ROWS, WORKSPACE, finish, new_writer, row_of, write_set

SIX = [data_file(AT, asset) for asset in (*DATA_ASSETS, SUMMARY)]
SIDE = [facts_name(AT, asset) for asset in FACT_ASSETS]

any_text = st.text(st.characters(exclude_categories=()), min_size=1, max_size=8)
any_value = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | any_text
)


@st.composite
def any_rows(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    found = {}
    for asset in DATA_ASSETS:
        for token in draw(st.sets(any_text, max_size=4)):
            values = {key: draw(any_value) for key in KEYS[asset]}
            found[asset, token] = (asset, {**values, "token": token})
    rows = list(found.values())
    again = draw(st.lists(st.sampled_from(rows), max_size=5)) if rows else []
    return draw(st.permutations(rows + again))


@given(any_rows())
@settings(max_examples=60, deadline=None)
def test_rows_in_any_order_and_repeated_become_exactly_the_bytes_of_the_contract(
    rows: list[tuple[str, dict[str, Any]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        snapshot = open_snapshot(write_set(Layout.flat(Path(folder)), rows=rows))
        verify(snapshot)
        for asset in DATA_ASSETS:
            unique = {row["token"]: row for name, row in rows if name == asset}
            expected = json.dumps([unique[token] for token in sorted(unique)])
            assert (Path(folder) / data_file(AT, asset)).read_bytes() == expected.encode("ascii")
            assert snapshot.manifest.rows[asset] == len(unique)


def test_a_set_is_six_files_side_files_and_a_manifest(layout: Layout) -> None:
    path = write_set(layout)
    assert path == layout.directory(AT) / manifest_name(AT)
    assert sorted(entries(layout.directory(AT))) == sorted([*SIX, *SIDE, manifest_name(AT)])


def test_an_asset_without_rows_is_an_empty_array(layout: Layout) -> None:
    write_set(layout, rows=[])
    assert (layout.directory(AT) / data_file(AT, "query")).read_text() == "[]"


def test_the_summary_says_what_made_the_set(layout: Layout) -> None:
    with new_writer(layout) as writer:
        finish(writer)
    text = (layout.directory(AT) / data_file(AT, SUMMARY)).read_text()
    assert json.loads(text) == {
        "python_version": sys.version,
        "version": f"0.26.131+mode-catalog-provider.{__version__}",
        "executed_at": datetime.fromtimestamp(AT).isoformat(),
        "connection_identity": {"base_url": f"{HOST}/{WORKSPACE}"},
        "client_name": "ModeAnalytics/API",
    }
    assert text == json.dumps(json.loads(text))


def test_the_time_in_the_summary_is_local_as_the_vendor_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        write_set(Layout.flat(tmp_path))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert json.loads((tmp_path / data_file(AT, SUMMARY)).read_text())["executed_at"] == "2023-11-14T17:13:20"


def test_a_trailing_slash_of_the_host_is_not_kept(tmp_path: Path) -> None:

    with SnapshotWriter(
        layout=Layout.flat(tmp_path), workspace="acme", host=f"{HOST}/", timestamp=AT
    ) as writer:
        manifest, _ = finish(writer)
    assert manifest.host == HOST
    summary = json.loads((tmp_path / data_file(AT, SUMMARY)).read_text())
    assert summary["connection_identity"] == {"base_url": f"{HOST}/acme"}


def test_the_manifest_keeps_every_figure_and_every_left_out_object(layout: Layout) -> None:
    left_out = [
        {"asset": "report", "token": f"r{n}", "name": None, "reason": "gone", "detail": "404"}
        for n in range(300)
    ]
    begun = time.monotonic()
    path = write_set(
        layout, left_out=left_out, figures={"requests": 7, "retries": 1, "throttled_seconds": 0.5}
    )
    manifest = Manifest.from_bytes(path.read_text().encode())
    assert list(manifest.left_out) == left_out
    assert manifest.figures.items() >= {"requests": 7, "throttled_seconds": 0.5}.items()
    assert 0 <= manifest.figures["seconds"] <= time.monotonic() - begun + 0.001
    assert manifest.options == {"members": "full"}
    assert manifest.filtered == {"personal": 1}
    assert (manifest.timestamp, manifest.workspace, manifest.strategy) == (AT, WORKSPACE, "rest")
    assert manifest.started_at <= manifest.finished_at


def test_of_two_readings_of_one_object_the_later_is_kept(layout: Layout) -> None:
    rows = [("report", row_of("report", "r", space_token=space)) for space in ("before", "after")]
    write_set(layout, rows=rows)
    (row,) = json.loads((layout.directory(AT) / data_file(AT, "report")).read_text())
    assert row["space_token"] == "after"


@pytest.mark.parametrize("token", [None, "", 7])
def test_a_row_that_cannot_be_told_apart_is_refused(tmp_path: Path, token: Any) -> None:
    with new_writer(Layout.flat(tmp_path)) as writer, pytest.raises(SnapshotError, match="no token"):
        writer.add("report", row_of("report", token, name="Sales"))


@pytest.mark.parametrize(
    ("asset", "row"),
    [
        ("report", {"token": "r"}),
        ("member", {**row_of("member", "m"), "password": "x"}),
        ("member", dict(reversed(row_of("member", "m").items()))),
        ("chart", {"token": "c"}),
        ("summary", {"token": "s"}),
    ],
)
def test_a_row_without_exactly_the_keys_of_the_contract_is_refused(
    tmp_path: Path, asset: str, row: dict[str, Any]
) -> None:
    with new_writer(Layout.flat(tmp_path)) as writer, pytest.raises(SnapshotError, match="keys"):
        writer.add(asset, row)


@pytest.mark.parametrize("value", [{"a": b"x"}, float("nan"), float("inf"), b"x", object()])
def test_a_value_that_json_cannot_hold_is_refused(tmp_path: Path, value: Any) -> None:
    with new_writer(Layout.flat(tmp_path)) as writer, pytest.raises(SnapshotError, match="report r"):
        writer.add("report", row_of("report", "r", name=value))


def test_a_taken_second_is_left_to_its_owner(layout: Layout) -> None:
    write_set(layout, AT)
    with new_writer(layout, AT) as writer:
        assert writer.timestamp == AT + 1
        with new_writer(layout, AT) as third:
            assert third.timestamp == AT + 2
        finish(writer)
    verify(open_snapshot(layout.directory(AT) / manifest_name(AT)))
    verify(open_snapshot(layout.directory(AT + 1) / manifest_name(AT + 1)))


@pytest.mark.parametrize("flat", [True, False])
def test_writers_that_start_together_never_share_a_second(tmp_path: Path, flat: bool) -> None:
    layout = Layout.flat(tmp_path) if flat else Layout.nested(tmp_path, WORKSPACE)
    together = threading.Barrier(8)

    def run(number: int) -> int:
        together.wait()
        with new_writer(layout) as writer:
            writer.add("query", row_of("query", f"q{number}"))
            return finish(writer)[0].timestamp

    with ThreadPoolExecutor(8) as pool:
        timestamps = list(pool.map(run, range(8)))
    assert sorted(timestamps) == list(range(AT, AT + 8))
    for number, timestamp in enumerate(timestamps):
        snapshot = open_snapshot(layout.directory(timestamp) / manifest_name(timestamp))
        verify(snapshot)
        (row,) = json.loads((snapshot.directory / data_file(timestamp, "query")).read_text())
        assert row["token"] == f"q{number}"


def test_without_a_timestamp_the_present_second_names_the_set(tmp_path: Path) -> None:
    before = int(time.time())
    with new_writer(Layout.flat(tmp_path), None) as writer:
        assert before <= writer.timestamp <= time.time()


def test_a_new_set_is_never_named_older_than_one_that_lies_there(layout: Layout) -> None:
    ahead = int(time.time()) + 3600
    write_set(layout, ahead)
    with new_writer(layout, None) as writer:
        assert writer.timestamp == ahead + 1


def test_nothing_of_a_failed_extraction_stays(layout: Layout) -> None:
    def rows_that_break_off() -> Iterator[tuple[str, dict[str, Any]]]:
        yield from ROWS
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_set(layout, rows=rows_that_break_off())
    assert not entries(layout.directory(AT))


def test_nothing_stays_of_a_writer_that_is_left_unfinished(layout: Layout) -> None:
    with new_writer(layout) as writer:
        writer.add(*ROWS[0])
    assert not entries(layout.directory(AT))


def test_a_worker_that_lost_its_lock_leaves_no_manifest(layout: Layout) -> None:
    seen: list[set[str]] = []

    def fence() -> None:
        seen.append(set(entries(layout.directory(AT))))
        raise LockLostError("superseded")

    with pytest.raises(LockLostError), new_writer(layout) as writer:
        finish(writer, fence=fence)
    assert seen[0] >= set(SIX)
    assert manifest_name(AT) not in seen[0]
    assert not entries(layout.directory(AT))


def test_files_of_others_survive_a_failed_extraction(root: Any) -> None:
    root.mkdir(parents=True)
    with (root / "notes.json").open("wb") as file:
        file.write(b"mine")
    with pytest.raises(ZeroDivisionError), new_writer(Layout.flat(root)):
        raise ZeroDivisionError
    assert list(entries(root)) == ["notes.json"]


@pytest.mark.parametrize(("umask", "directory_mode", "file_mode"), [(0o077, 0o700, 0o600), (0, 0o750, 0o640)])
def test_owner_and_group_read_nobody_else_does_and_the_umask_may_take_more_away(
    tmp_path: Path, umask: int, directory_mode: int, file_mode: int
) -> None:
    previous = os.umask(umask)
    try:
        path = write_set(Layout.nested(tmp_path / "new" / "out", WORKSPACE))
    finally:
        os.umask(previous)
    assert isinstance(path, Path)
    made = list(path.parent.iterdir())
    assert len(made) == len([*SIX, *SIDE, path])
    assert {stat.S_IMODE(file.stat().st_mode) for file in made} == {file_mode}
    folders = [path.parent, path.parent.parent, tmp_path / "new" / "out", tmp_path / "new"]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {directory_mode}


def test_a_set_of_a_time_that_no_reader_knows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "99999999999-report.json").write_text("[]")
    with pytest.raises(SnapshotError, match=r"100000000000: no reader would know it.*clock"):
        new_writer(Layout.flat(tmp_path), None).__enter__()
    assert [path.name for path in tmp_path.iterdir()] == ["99999999999-report.json"]


@pytest.mark.parametrize("value", [{"html": "<b>"}, [1, None], 10**30, 5, True], ids=repr)
def test_a_value_of_another_kind_is_written_and_read_as_it_is(tmp_path: Path, value: Any) -> None:
    row = row_of("report", "r1", description=value)
    path = write_set(Layout.flat(tmp_path), rows=[("report", row)])
    verify(open_snapshot(path))
    assert json.loads((tmp_path / data_file(AT, "report")).read_text()) == [row]


def test_a_link_laid_where_a_file_is_to_be_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    out = tmp_path / "out"
    out.mkdir()
    with new_writer(Layout.flat(out)) as writer:
        for name in (*SIX, *SIDE, manifest_name(AT)):
            (out / f"{name}.partial").symlink_to(victim)
        path = finish(writer)[1]
    assert victim.read_text() == "untouched"
    verify(open_snapshot(path))
    assert not any(file.is_symlink() for file in out.iterdir())


def test_a_full_disk_names_the_folder_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SnapshotError, match=f"{tmp_path} takes no more.*Make room"):
        write_set(Layout.flat(tmp_path))
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_the_names_in_the_folder_are_on_the_disk_before_the_manifest_and_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            synced.append((tmp_path / manifest_name(AT)).exists())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    write_set(Layout.flat(tmp_path))
    assert synced == [False, True]


def test_a_set_named_after_a_time_to_come_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    layout = Layout.flat(tmp_path)
    (tmp_path / "2208988805-report.json").write_text("[]")
    with SnapshotWriter(layout=layout, workspace="acme", host="https://app.mode.com") as writer:
        assert writer.timestamp == 2_208_988_806
    assert "2040-01-01" in caplog.text
    assert str(tmp_path) in caplog.text


@pytest.mark.parametrize(("ahead", "warned"), [(86_000, False), (87_000, True)])
def test_a_day_is_how_far_a_set_may_be_ahead_of_the_clock(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, ahead: int, warned: bool
) -> None:
    (tmp_path / f"{int(time.time()) + ahead}-report.json").write_text("[]")
    with new_writer(Layout.flat(tmp_path), None):
        assert ("named after a time to come" in caplog.text) is warned


def test_who_asks_for_a_time_to_come_gets_it_without_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with new_writer(Layout.flat(tmp_path), 9_999_999_999) as writer:
        assert writer.timestamp == 9_999_999_999
    assert caplog.text == ""


def test_what_is_removed_of_a_set_is_told_by_name_and_what_is_to_stay_stays(layout: Layout) -> None:
    write_set(layout)
    names = sorted([*SIX, *SIDE, manifest_name(AT)])
    kept = data_file(AT, "query")
    assert remove_set(layout, AT, keep=frozenset({kept})) == [name for name in names if name != kept]
    assert list(entries(layout.directory(AT))) == [kept]
    assert remove_set(layout, AT, keep=frozenset({kept})) == []
    assert remove_set(layout, AT) == [kept]
    assert remove_set(layout, AT) == []
    assert not entries(layout.directory(AT))
