"""Records kept beside snapshots."""

from __future__ import annotations

from pathlib import Path

import pytest

from mode_catalog_provider.errors import SnapshotAlteredError
from mode_catalog_provider.snapshot.kept import KEPT, KeptRecords, parse_record_name
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


@pytest.mark.parametrize(
    ("name", "parsed"),
    [
        ("17.audit", (17, "audit")),
        ("17.a.arrival", (17, "a.arrival")),
        ("99999999999.x", (99_999_999_999, "x")),
        *[
            (name, None)
            for name in ("17", "17.", "017.audit", "0.audit", "100000000000.x", "x.audit", "-1.x")
        ],
    ],
)
def test_a_record_is_known_by_its_name(name: str, parsed: tuple[int, str] | None) -> None:
    assert parse_record_name(name) == parsed


def test_a_record_is_written_in_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    records = KeptRecords(tmp_path, "audit")
    for content in (b"earlier", b"later"):
        assert records.keep(7, [content[:2], content[2:]]) == tmp_path / "7.audit"
    assert list(records.read(undamaged, until=7)) == ["later"]
    assert records.paths() == {7: tmp_path / "7.audit"}
    assert [path.name for path in tmp_path.iterdir()] == ["7.audit"]


def test_a_record_that_went_while_it_was_looked_for_is_left_out(tmp_path: Path) -> None:
    records = KeptRecords(tmp_path, "audit")
    for timestamp in (1, 2):
        records.keep(timestamp, [b"content"])
    found = records.read(undamaged, until=2)
    assert next(found) == "content"
    (tmp_path / "1.audit").unlink()
    assert list(found) == []
