"""The side files of a snapshot: written beside the six, listed in the manifest, and never taken for them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.contract import contract_row
from mode_catalog_provider.errors import SnapshotAlteredError, SnapshotError
from mode_catalog_provider.snapshot.facts import read_facts
from mode_catalog_provider.snapshot.layout import FACT_ASSETS, Layout, facts_name, timestamp_of
from mode_catalog_provider.snapshot.manifest import Manifest
from mode_catalog_provider.snapshot.reader import Snapshot, adopt_directory, open_snapshot, verify
from mode_catalog_provider.snapshot.retention import prune
from tests.unit.snapshot.sets import AT, ROWS, finish, lay, new_writer, vendor_files, write_set


def snapshot_with(directory: Path, *facts: tuple[str, str, dict[str, Any]]) -> Snapshot:
    with new_writer(Layout.flat(directory)) as writer:
        for asset, row in ROWS:
            writer.add(asset, row)
        for asset, token, fields in facts:
            writer.add_facts(asset, token, fields)
        return open_snapshot(finish(writer)[1])


def rewrite(snapshot: Snapshot, asset: str, content: bytes) -> None:
    (Path(str(snapshot.directory)) / facts_name(AT, asset)).write_bytes(content)


def test_facts_come_back_by_token_with_the_fields_that_were_sent_and_no_others(tmp_path: Path) -> None:
    snapshot = snapshot_with(
        tmp_path,
        ("report", "r2", {"runs_count": 0}),
        ("report", "r1", {"last_run_at": None, "runs_count": 3}),
    )
    assert list(read_facts(snapshot, "report")) == [
        {"token": "r1", "last_run_at": None, "runs_count": 3},
        {"token": "r2", "runs_count": 0},
    ]
    assert list(read_facts(snapshot, "member")) == []


def test_the_first_line_of_a_side_file_says_what_it_is(tmp_path: Path) -> None:
    snapshot_with(tmp_path)
    for asset in FACT_ASSETS:
        first = (tmp_path / facts_name(AT, asset)).read_text().splitlines()[0]
        assert json.loads(first) == {"version": 1, "asset": asset}


def test_facts_from_several_answers_are_one_line_and_the_later_field_holds(tmp_path: Path) -> None:
    snapshot = snapshot_with(
        tmp_path,
        ("report", "r1", {"runs_count": 1, "schedules_count": 2}),
        ("report", "r1", {"last_viewed_at": "2026-01-01T00:00:00Z"}),
        ("report", "r1", {"runs_count": 2}),
    )
    assert list(read_facts(snapshot, "report")) == [
        {"token": "r1", "runs_count": 2, "schedules_count": 2, "last_viewed_at": "2026-01-01T00:00:00Z"}
    ]


def test_facts_of_an_object_without_a_row_are_not_written(tmp_path: Path) -> None:
    snapshot = snapshot_with(
        tmp_path, ("report", "refused", {"runs_count": 1}), ("member", "r1", {"admin": True})
    )
    assert list(read_facts(snapshot, "report")) == list(read_facts(snapshot, "member")) == []


@pytest.mark.parametrize("token", ["r1", "zoë", "line\nbreak", "\ud800", 'quote"s'])
def test_any_token_finds_its_facts_again(tmp_path: Path, token: str) -> None:
    with new_writer(Layout.flat(tmp_path)) as writer:
        writer.add("report", contract_row("report", {"token": token}))
        writer.add_facts("report", token, {"runs_count": 5, "token": "another", "text": "a\nb\ud800"})
        snapshot = open_snapshot(finish(writer)[1])
    assert list(read_facts(snapshot, "report")) == [{"token": token, "runs_count": 5, "text": "a\nb\ud800"}]


def test_a_fact_that_json_cannot_hold_is_left_out_and_the_snapshot_is_written(tmp_path: Path) -> None:
    snapshot = snapshot_with(tmp_path, ("report", "r1", {"runs_count": float("nan")}))
    assert list(read_facts(snapshot, "report")) == []


def test_the_manifest_lists_the_side_files_with_their_hashes(tmp_path: Path) -> None:
    manifest = snapshot_with(tmp_path, ("collection", "c1", {"restricted": True})).manifest
    assert [(entry.asset, entry.name, entry.rows) for entry in manifest.facts] == [
        ("facts-report", f"{AT}.facts-report", 0),
        ("facts-collection", f"{AT}.facts-collection", 1),
        ("facts-member", f"{AT}.facts-member", 0),
    ]
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest


def test_a_manifest_from_before_the_side_files_is_read_and_knows_no_facts(tmp_path: Path) -> None:
    path = write_set(Layout.flat(tmp_path))
    document = json.loads(path.read_bytes())
    del document["facts"], document["checksum"]
    old = Manifest.from_json({**document, "checksum": _checksum_of(document)})
    assert old.facts == ()
    assert list(read_facts(Snapshot(tmp_path, old, path), "report")) == []


def _checksum_of(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


def test_a_set_of_the_vendor_has_no_facts(tmp_path: Path) -> None:
    snapshot = adopt_directory(lay(tmp_path, vendor_files()))
    assert list(read_facts(snapshot, "member")) == []


def test_a_side_file_that_is_gone_says_nothing_and_is_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    snapshot = snapshot_with(tmp_path, ("report", "r1", {"runs_count": 3}))
    (tmp_path / facts_name(AT, "report")).unlink()
    verify(snapshot)
    assert list(read_facts(snapshot, "report")) == []
    assert "unknown" in caplog.text


HEADER = b'{"version": 1, "asset": "report"}\n'


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "a line of it is not JSON"),
        (b"null\n", "a line of it is no object"),
        (HEADER + b"[]\n", "a line of it is no object"),
        (HEADER + b'{"token": 1}\n', "a line of it has no token"),
        (HEADER + b'{"token": "r1"}\n', "its hash is not the one in the manifest"),
        (HEADER + b'{"token": "r1", "runs_count": 3}', "it ends in the middle of a line"),
        (HEADER + b"[" * 100_000 + b"\n", "a line of it is not JSON"),
        (HEADER + b"\xff\n", "a line of it is not JSON"),
        (HEADER + b" " * (5 << 20), "a line of it has no end"),
        (b'{"version": 1, "asset": "member"}\n', "it does not say that it is about report"),
    ],
    ids=lambda value: repr(value[:60]),
)
def test_a_side_file_that_was_changed_is_refused_by_name(tmp_path: Path, content: bytes, why: str) -> None:
    snapshot = snapshot_with(tmp_path, ("report", "r1", {"runs_count": 3}))
    rewrite(snapshot, "report", content)
    with pytest.raises(
        SnapshotAlteredError, match=rf"{AT}\.facts-report is not the file that was written: {why}"
    ):
        list(read_facts(snapshot, "report"))


@pytest.mark.parametrize("facts", [{}, {"token": "r1"}])
def test_where_mode_says_nothing_more_there_is_no_line(tmp_path: Path, facts: dict[str, Any]) -> None:
    snapshot = snapshot_with(tmp_path, ("report", "r1", facts), ("report", "r2", {"runs_count": 3}))
    assert list(read_facts(snapshot, "report")) == [{"token": "r2", "runs_count": 3}]


def test_a_line_of_some_megabytes_is_read(tmp_path: Path) -> None:
    imported = "x" * (3 << 20)
    snapshot = snapshot_with(tmp_path, ("report", "r1", {"text": imported}), ("report", "r2", {"text": "y"}))
    assert [facts["text"] for facts in read_facts(snapshot, "report")] == [imported, "y"]


def test_a_side_file_of_a_newer_version_says_what_to_upgrade(tmp_path: Path) -> None:
    snapshot = snapshot_with(tmp_path)
    rewrite(snapshot, "report", b'{"version": 2, "asset": "report"}\n')
    with pytest.raises(SnapshotError, match=r"version 2.*Upgrade"):
        list(read_facts(snapshot, "report"))


def test_there_are_no_facts_of_queries(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="query"):
        next(read_facts(snapshot_with(tmp_path), "query"))


def test_no_directory_upload_takes_a_side_file_for_one_of_the_six(tmp_path: Path) -> None:
    names = {facts_name(AT, asset) for asset in FACT_ASSETS}
    assert not any(Path(name).suffix in {".json", ".csv"} for name in names)
    assert {timestamp_of(name) for name in names} == {AT}


def test_retention_removes_the_side_files_with_their_snapshot(tmp_path: Path) -> None:
    layout = Layout.nested(tmp_path, "acme")
    write_set(layout, AT)
    write_set(layout, AT + 1)
    prune(layout, 1)
    assert [path.name for path in (tmp_path / "acme").iterdir()] == [str(AT + 1)]


def lost() -> None:
    raise RuntimeError("the lock is lost")


def test_an_extraction_that_fails_leaves_no_side_file(tmp_path: Path) -> None:
    writer = new_writer(Layout.flat(tmp_path))
    with writer:
        writer.add_facts("report", "r1", {"runs_count": 3})
        with pytest.raises(RuntimeError):
            finish(writer, fence=lost)
        assert (tmp_path / facts_name(AT, "report")).exists()
    assert list(tmp_path.iterdir()) == []
