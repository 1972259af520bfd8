from __future__ import annotations

import itertools
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from mode_catalog_provider.errors import ConfigurationError, SnapshotError
from mode_catalog_provider.snapshot.layout import (
    Layout,
    StoragePath,
    claim_name,
    data_file,
    entries,
    manifest_name,
    push_record_name,
)
from mode_catalog_provider.snapshot.reader import adopt_directory, open_snapshot, verify
from mode_catalog_provider.snapshot.retention import DEAD_AFTER, prune
from tests.unit.snapshot.planting import write_or_plant
from tests.unit.snapshot.sets import AT, lay, vendor_files, write_set

SOURCE = "0b5dd3a6-9a33-4d8e-a27c-6d6a0f7f1f4e"
OTHER_SOURCE = "7d1c1d55-50a4-4a3e-8a57-0f7f2f6a4c11"
FIVE = [AT + number for number in range(5)]


def _write_five(layout: Layout) -> None:
    def write(home: StoragePath) -> None:
        for timestamp in FIVE:
            write_set(replace(layout, home=home), timestamp)

    write_or_plant(layout.home, write)


def _push(
    layout: Layout, timestamp: int, source: str = SOURCE, completed_at: str | None = "2023-11-15"
) -> None:
    record = json.dumps({"completed_at": completed_at}).encode()
    lay(layout.directory(timestamp), {push_record_name(timestamp, source): record})


def _complete(layout: Layout) -> list[int]:
    return [time for time in FIVE if manifest_name(time) in entries(layout.directory(time))]


def test_the_newest_snapshots_are_kept(layout: Layout) -> None:
    _write_five(layout)
    assert prune(layout, 2) == FIVE[:3]
    assert _complete(layout) == FIVE[3:]
    for timestamp in FIVE[3:]:
        verify(open_snapshot(layout.directory(timestamp) / manifest_name(timestamp)))
    assert sum(len(entries(layout.directory(timestamp))) for timestamp in FIVE[:3] if not layout.is_flat) == 0


def test_newest_is_told_by_number_and_not_by_spelling(layout: Layout) -> None:
    for timestamp in (999_999_999, 1_000_000_000):
        write_set(layout, timestamp)
    assert prune(layout, 1) == [999_999_999]


def test_without_a_number_all_snapshots_are_kept(layout: Layout) -> None:
    _write_five(layout)
    assert prune(layout, None) == []
    assert _complete(layout) == FIVE


@pytest.mark.parametrize("keep", [0, -1])
def test_to_keep_nothing_is_refused(layout: Layout, keep: int) -> None:
    _write_five(layout)
    with pytest.raises(ConfigurationError, match="at least 1"):
        prune(layout, keep)
    assert _complete(layout) == FIVE


def test_there_is_nothing_to_prune_where_nothing_was_written(layout: Layout) -> None:
    assert prune(layout, 1) == []


def test_the_own_snapshot_is_spared_even_when_a_newer_one_came_meanwhile(layout: Layout) -> None:
    _write_five(layout)
    prune(layout, 1, spare=FIVE[1])
    assert _complete(layout) == [FIVE[1], FIVE[4]]


def test_the_newest_pushed_snapshot_of_each_source_is_kept(root: StoragePath) -> None:
    layout = Layout.nested(root, "acme")
    _write_five(layout)
    _push(layout, FIVE[0], OTHER_SOURCE)
    _push(layout, FIVE[0])
    _push(layout, FIVE[1])
    assert prune(layout, 1) == [FIVE[2], FIVE[3]]
    _push(layout, FIVE[4])
    assert prune(layout, 1) == [FIVE[1]]
    assert _complete(layout) == [FIVE[0], FIVE[4]]


def test_a_push_that_only_began_does_not_replace_the_one_that_was_finished(root: StoragePath) -> None:
    layout = Layout.nested(root, "acme")
    _write_five(layout)
    _push(layout, FIVE[0])
    _push(layout, FIVE[1], completed_at=None)
    _push(layout, FIVE[2], completed_at=None)
    assert prune(layout, 1) == [FIVE[1], FIVE[3]]
    assert _complete(layout) == [FIVE[0], FIVE[2], FIVE[4]]


def test_in_the_flat_layout_the_record_of_the_newest_push_outlives_its_files(root: StoragePath) -> None:
    layout = Layout.flat(root)
    _write_five(layout)
    _push(layout, FIVE[0])
    _push(layout, FIVE[1])
    _push(layout, FIVE[1], OTHER_SOURCE)
    assert prune(layout, 1) == FIVE[:4]
    kept = {push_record_name(FIVE[1], SOURCE), push_record_name(FIVE[1], OTHER_SOURCE)}
    assert {name for name in entries(root) if not name.startswith(str(FIVE[4]))} == kept
    _push(layout, FIVE[4])
    assert prune(layout, 1) == []
    assert {name for name in entries(root) if not name.startswith(str(FIVE[4]))} == {
        push_record_name(FIVE[1], OTHER_SOURCE)
    }


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b"[]"])
def test_an_unreadable_push_record_is_kept_while_it_is_the_newest(root: StoragePath, content: bytes) -> None:
    layout = Layout.nested(root, "acme")
    _write_five(layout)
    lay(layout.directory(AT), {push_record_name(AT, SOURCE): content})
    assert prune(layout, 1) == FIVE[1:4]


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}"])
def test_an_unreadable_push_record_does_not_replace_the_one_that_was_finished(
    root: StoragePath, content: bytes
) -> None:
    layout = Layout.nested(root, "acme")
    _write_five(layout)
    _push(layout, FIVE[0])
    lay(layout.directory(FIVE[2]), {push_record_name(FIVE[2], SOURCE): content})
    assert prune(layout, 1) == [FIVE[1], FIVE[3]]


def test_files_of_others_are_never_touched(layout: Layout) -> None:
    foreign = {
        "notes.json": b"mine",
        f"{AT}-notes.json": b"mine",
        f"{AT - 1}-report.json": b"[]",
        "report.json.partial": b"",
        **vendor_files(AT - 10),
    }
    _write_five(layout)
    lay(layout.directory(AT), foreign)
    lay(layout.home, {"README": b"keep"})
    prune(layout, 1, now=lambda: time.time() + 10 * DEAD_AFTER)
    assert entries(layout.directory(AT)).keys() >= foreign.keys()
    assert "README" in entries(layout.home)


def test_other_workspaces_are_not_touched(root: StoragePath) -> None:
    for workspace in ("acme", "globex"):
        _write_five(Layout.nested(root, workspace))
    prune(Layout.nested(root, "acme"), 1)
    assert _complete(Layout.nested(root, "globex")) == FIVE


def _leave_half_a_set(layout: Layout, timestamp: int) -> StoragePath:
    half = {
        claim_name(timestamp): b"busy",
        data_file(timestamp, "report"): b"[]",
        data_file(timestamp, "query") + ".partial": b"[",
    }
    return lay(layout.directory(timestamp), half)


def test_half_a_set_is_removed_when_it_is_older_than_a_day(layout: Layout) -> None:
    _leave_half_a_set(layout, AT)
    assert prune(layout, None, now=lambda: time.time() + DEAD_AFTER + 60) == [AT]
    assert not entries(layout.home)


def test_an_extraction_that_died_before_its_first_file_is_removed_as_well(layout: Layout) -> None:
    lay(layout.directory(AT), {claim_name(AT): b"busy"})
    assert prune(layout, None, now=lambda: time.time() + DEAD_AFTER + 60) == [AT]
    assert not entries(layout.home)


def test_half_a_set_is_left_alone_as_long_as_it_is_young(root: StoragePath) -> None:
    layout = Layout.nested(root, "acme")
    just_now = int(time.time())
    _leave_half_a_set(layout, just_now)
    assert prune(layout, 1, now=lambda: just_now + DEAD_AFTER - 60) == []
    assert len(entries(layout.directory(just_now))) == 3


def test_half_a_set_with_an_old_name_lives_while_a_file_in_it_still_changes(tmp_path: Path) -> None:
    layout = Layout.nested(tmp_path, "acme")
    directory = _leave_half_a_set(layout, AT)
    for path in entries(directory).values():
        os.utime(str(path), (AT, AT))
    os.utime(str(directory / (data_file(AT, "query") + ".partial")), (AT + 500_000, AT + 500_000))
    assert prune(layout, 1, now=lambda: AT + 500_000 + 86_400) == []
    assert prune(layout, 1, now=lambda: AT + 500_000 + 86_401) == [AT]


@pytest.mark.parametrize("removable", range(7))
def test_a_removal_that_breaks_off_leaves_nothing_that_looks_like_a_set_without_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removable: int
) -> None:
    layout = Layout.nested(tmp_path, "acme")
    write_set(layout, AT)
    write_set(layout, AT + 1)
    unlink, removed = os.unlink, itertools.count()

    def unlink_some(path: Path) -> None:
        if next(removed) == removable:
            raise OSError("the disk is gone")
        unlink(path)

    monkeypatch.setattr(os, "unlink", unlink_some)
    with pytest.raises(OSError, match="gone"):
        prune(layout, 1)
    monkeypatch.undo()
    with pytest.raises(SnapshotError):
        adopt_directory(layout.directory(AT))
    assert prune(layout, 1, now=lambda: time.time() + 2 * DEAD_AFTER) == [AT]
    assert list(entries(layout.home)) == [str(AT + 1)]
