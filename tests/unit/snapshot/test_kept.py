"""Records kept beside snapshots."""

from __future__ import annotations

from pathlib import Path

import pytest

from mode_catalog_provider.errors import SnapshotAlteredError
from mode_catalog_provider.snapshot.kept import KEPT, KeptRecords
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import open_snapshot
from tests.unit.snapshot.sets import write_set


def undamaged(content: bytes) -> str:
    if content == b"damaged":
        raise SnapshotAlteredError("damaged")
    return content.decode()


def test_the_newest_stay_and_other_kinds_are_not_touched(tmp_path: Path) -> None:
    other = tmp_path / "1.changes"
    other.write_bytes(b"{}")
    records = KeptRecords(tmp_path, "audit")
    for timestamp in range(1, KEPT + 4):
        records.keep(timestamp, [b"a", b"b"])
    assert list(records.paths()) == list(range(KEPT + 3, 3, -1))
    assert other.exists()


def test_the_one_that_was_just_written_stays_though_it_is_the_oldest(tmp_path: Path) -> None:
    records = KeptRecords(tmp_path, "audit")
    for timestamp in range(2, KEPT + 2):
        records.keep(timestamp, [b""])
    path = records.keep(1, [b"old"])
    assert path.read_bytes() == b"old"
    assert len(records.paths()) == KEPT


def test_the_kind_of_one_source_is_not_that_of_another(tmp_path: Path) -> None:
    KeptRecords(tmp_path, "a.arrival").keep(1, [b""])
    assert KeptRecords(tmp_path, "b.arrival").paths() == {}
    assert KeptRecords(tmp_path, "arrival").paths() == {}


def test_they_are_read_newest_first_without_the_later_and_the_damaged(tmp_path: Path) -> None:
    records = KeptRecords(tmp_path, "audit")
    for timestamp, content in ((1, b"one"), (2, b"damaged"), (3, b"three"), (4, b"four")):
        records.keep(timestamp, [content])
    assert list(records.read(undamaged, until=3)) == ["three", "one"]


@pytest.mark.parametrize("flat", [True, False])
def test_a_snapshot_says_where_its_records_lie(tmp_path: Path, *, flat: bool) -> None:
    layout = Layout.flat(tmp_path) if flat else Layout.nested(tmp_path, "acme")
    assert open_snapshot(write_set(layout)).layout == layout
