"""What changed as an object that is asked, and as a file that is kept."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.errors import SnapshotAlteredError
from mode_catalog_provider.snapshot.change_texts import as_markdown, log_lines
from mode_catalog_provider.snapshot.choice import kept_snapshots
from mode_catalog_provider.snapshot.diff import SnapshotDiff, counted, since_previous
from mode_catalog_provider.snapshot.kept import KEPT, KeptRecords
from mode_catalog_provider.snapshot.reader import Snapshot, adopt_directory
from tests.unit.snapshot.days import Object, day
from tests.unit.snapshot.sets import lay, vendor_files

REPORT = {"name": "Sales", "space_token": "c1", "archived": False, "creator": "ann", "type": "Report"}


def test_counters_become_usage(tmp_path: Path) -> None:
    def reports(**views: Any) -> list[Object]:
        return [("report", token, {**REPORT, "view_count": count}) for token, count in views.items()]

    before = day(
        tmp_path,
        0,
        reports(a=5, b="7", c=3, d=9, e=None, f=1),
        facts=[("report", "a", {"runs_count": 10}), ("report", "f", {"runs_count": 1})],
    )
    after = day(
        tmp_path,
        2,
        reports(a=9, b="8", c=3, d=2, e=4, f=1, g=50),
        facts=[("report", "a", {"runs_count": 13}), ("report", "f", {"runs_count": 5})],
    )
    with SnapshotDiff(before, after) as diff:
        assert [
            (one["token"], one["views"], one["runs"], one["views_per_day"], one["runs_per_day"])
            for one in diff.usage()
        ] == [("a", 4, 3, 2.0, 1.5), ("b", 1, None, 0.5, None), ("f", 0, 4, 0.0, 2.0)]
        assert [one["token"] for one in diff.usage(by="runs", limit=2)] == ["f", "a"]
        assert [line for line in log_lines(diff) if "viewed" in line] == ["Most viewed: Sales (4), Sales (1)"]


def test_the_json_has_the_documented_fields(tmp_path: Path) -> None:
    old, new = {**REPORT, "view_count": 1}, {**REPORT, "name": "\ud800 é", "view_count": 3}
    before = day(tmp_path, 0, [("report", "r1", old)], facts=[("report", "r1", {"runs_count": 1})])
    after = day(
        tmp_path,
        1.23456,
        [("report", "r1", new), ("report", "r2", REPORT), ("member", "m1", {"username": "ann"})],
        facts=[("report", "r1", {"runs_count": 2})],
        include_personal=True,
    )
    with SnapshotDiff(before, after) as diff:
        document = json.loads("".join(diff.to_json()))
    unnamed = {"before_name": None, "after_name": None}
    nothing = {"before": None, "after": None, "report": None, **unnamed}
    assert document == {
        "format_version": 1,
        "workspace": "acme",
        "from": before.manifest.timestamp,
        "to": after.manifest.timestamp,
        "options": {"include_personal": [False, True]},
        "counts": {"report": {"created": 1, "renamed": 1}, "member": {"created": 1}},
        "changes": [
            {
                "asset": "report",
                "token": "r1",
                "name": "\ud800 é",
                "change": "renamed",
                "before": "Sales",
                "after": "\ud800 é",
                "report": None,
                **unnamed,
            },
            {"asset": "report", "token": "r2", "name": "Sales", "change": "created", **nothing},
            {"asset": "member", "token": "m1", "name": "ann", "change": "created", **nothing},
        ],
        "usage": [
            {
                "token": "r1",
                "name": "\ud800 é",
                "views": 2,
                "runs": 1,
                "days": 1.235,
                "views_per_day": 1.62,
                "runs_per_day": 0.81,
            }
        ],
    }


def test_changes_are_found_by_asset_and_word_and_no_more_than_asked_for(tmp_path: Path) -> None:
    rows: list[Object] = [("report", "r1", REPORT), ("report", "r2", REPORT), ("query", "q1", {})]
    renamed: list[Object] = [(asset, token, {**row, "name": "New"}) for asset, token, row in rows]
    with SnapshotDiff(day(tmp_path, 0, rows), day(tmp_path, 1, [*renamed, ("report", "r3", REPORT)])) as diff:

        def found(**asked: Any) -> list[str | None]:
            return [one.token for one in diff.changes(**asked)]

        assert found() == ["r1", "r2", "r3", "q1"]
        assert found(asset="report") == ["r1", "r2", "r3"]
        assert found(change="renamed") == ["r1", "r2", "q1"]
        assert found(asset="report", change="renamed") == ["r1", "r2"]
        assert found(limit=2) == ["r1", "r2"]
        assert found(limit=0) == []


@pytest.mark.parametrize("hours", [0, 12, -24])
def test_what_a_day_has_is_told_as_soon_as_any_time_has_passed(tmp_path: Path, hours: int) -> None:
    first = day(tmp_path, 1, [("report", "r1", {**REPORT, "view_count": 1})])
    second = day(tmp_path / "other", 1 + hours / 24, [("report", "r1", {**REPORT, "view_count": 4})])
    with SnapshotDiff(first, second) as diff:
        (used,) = diff.usage()
    assert (used["views"], used["days"]) == (3, hours / 24)
    assert used["views_per_day"] == (6.0 if hours == 12 else None)


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        *[(0, 0), (7, 7), (7.9, 7), ("7", 7), ("007", 7), (10**15 - 1, 10**15 - 1), ("9" * 15, 10**15 - 1)],
        *[(value, None) for value in (None, True, -1, 10**15, "9" * 16, "-1", "1.5", "²", "٣", "", [], "x")],
        *[(value, None) for value in (float("nan"), float("inf"))],
    ],
    ids=repr,
)
def test_a_counter_is_a_number_or_a_text_of_digits_that_no_counter_exceeds(
    sent: object, number: int | None
) -> None:
    assert counted(sent) == number


def spoil(snapshot: Snapshot) -> int:
    path = Path(str(snapshot.directory)) / f"{snapshot.manifest.timestamp}-report.json"
    path.write_bytes(path.read_bytes()[:-4])
    return snapshot.manifest.timestamp


def test_a_damaged_day_before_is_passed_over_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    days = [day(tmp_path, number, [("report", "r1", REPORT)]) for number in range(4)]
    kept = kept_snapshots(tmp_path)
    with since_previous(days[2], kept) as diff:
        assert diff.before.timestamp == days[1].manifest.timestamp
    spoil(days[1])
    with since_previous(days[2], kept) as diff:
        assert diff.before.timestamp == days[0].manifest.timestamp
    (record,) = caplog.records
    assert f"{days[1].manifest.timestamp}-report.json" in record.getMessage()


def test_where_every_day_before_is_damaged_or_the_day_itself_that_is_told(tmp_path: Path) -> None:
    days = [day(tmp_path, number, [("report", "r1", REPORT)]) for number in range(3)]
    kept = kept_snapshots(tmp_path)
    last = spoil(days[2])
    with pytest.raises(SnapshotAlteredError) as raised:
        since_previous(days[2], kept)
    assert raised.value.timestamp == last
    first, _ = spoil(days[0]), spoil(days[1])
    with pytest.raises(SnapshotAlteredError) as raised:
        since_previous(days[2], kept)
    assert raised.value.timestamp == first


def test_it_is_kept_one_folder_above_the_snapshot_and_the_oldest_go(tmp_path: Path) -> None:
    first = day(tmp_path, 0, [])
    home = Path(str(first.directory)).parent
    for number in range(1, KEPT + 3):
        with SnapshotDiff(first, day(tmp_path, number, [])) as diff:
            path = diff.keep()
            assert path is not None
            assert json.loads(path.read_bytes())["changes"] == []
    assert len(KeptRecords(home, "changes").paths()) == KEPT
    assert path.parent == home


def test_nothing_is_written_beside_a_set_of_another_tool(tmp_path: Path) -> None:
    vendors = adopt_directory(lay(tmp_path / "vendor", vendor_files()))
    with SnapshotDiff(vendors, vendors) as diff:
        assert diff.keep() is None
    assert len(list((tmp_path / "vendor").iterdir())) == 6


def test_memory_does_not_grow_with_the_workspace(tmp_path: Path) -> None:
    def reports(count: int, name: str) -> list[Object]:
        text = "x" * 4_000
        return [("report", f"{n:08}", {"name": f"{name} {n}", "description": text}) for n in range(count)]

    def peak(count: int) -> int:
        home = tmp_path / str(count)
        before = day(home, 0, reports(count, "old"))
        after = day(home, 1, reports(count, "new")[: count // 2])
        tracemalloc.start()
        with SnapshotDiff(before, after) as diff:
            diff.keep()
            as_markdown(diff)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    small, large = peak(700), peak(2_800)
    assert large < small * 1.3
