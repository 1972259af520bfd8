"""What changed as an object that is asked, and as a file that is kept."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

from mode_catalog_provider.snapshot.change_texts import as_markdown, log_lines
from mode_catalog_provider.snapshot.change_words import CHANGE_WORDS
from mode_catalog_provider.snapshot.diff import SnapshotDiff
from mode_catalog_provider.snapshot.kept import KEPT, KeptRecords
from mode_catalog_provider.snapshot.reader import adopt_directory
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
    before = day(tmp_path, 0, [("report", "r1", {**REPORT, "view_count": 1})])
    after = day(tmp_path, 1, [("report", "r1", {**REPORT, "name": "\ud800 é", "view_count": 3})])
    with SnapshotDiff(before, after) as diff:
        document = json.loads("".join(diff.to_json()))
    assert (document["from"], document["to"]) == (before.manifest.timestamp, after.manifest.timestamp)
    assert document["changes"] == [
        {
            "asset": "report",
            "token": "r1",
            "name": "\ud800 é",
            "change": "renamed",
            "before": "Sales",
            "after": "\ud800 é",
            "report": None,
        }
    ]
    assert document["usage"][0]["views"] == 2
    assert document["format_version"] == 1
    assert {one["change"] for one in document["changes"]} <= CHANGE_WORDS.keys()


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
