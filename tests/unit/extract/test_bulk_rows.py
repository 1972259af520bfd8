"""What is kept of the bulk listings of reports and of their views."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from mode_catalog_provider.extract.bulk_rows import BulkRows

REPORT = {
    **{"id": 7, "name": "Sales", "description": None, "created_at": "1", "edited_at": "2"},
    **{"updated_at": "3", "last_successfully_run_at": "4", "last_viewed_at": "5", "last_run_at": "6"},
    **{"last_run_token": "7", "last_run_state": "succeeded", "creator_email": "a@x", "space_token": "c1"},
}


@pytest.fixture
def rows() -> Iterator[BulkRows]:
    rows = BulkRows()
    yield rows
    rows.close()


def report(token: Any, collection: Any = "c1", **more: Any) -> dict[str, Any]:
    return {"token": token, "space_token": collection, **more}


def test_of_a_report_what_tells_of_a_change_is_kept_and_nothing_else(rows: BulkRows) -> None:
    rows.add_reports([{**REPORT, "token": "r1", "layout": "<html>"}])
    assert rows.report("r1") == REPORT
    assert rows.report("r2") is None
    assert rows.shown("r2") is None
    shown = rows.shown("r1")
    assert shown is not None
    assert (shown.report, shown.stat, shown.mark) == (REPORT, None, None)


def test_views_and_the_mark_lie_beside_the_report(rows: BulkRows) -> None:
    rows.add_reports([report("r1"), report("r2")])
    views = {"view_count": 5, "total_views_count": 6}
    rows.add_stats([None, {"view_count": 9}, {"report_token": "r1", **views, "other": 1}])
    rows.keep_mark("r1", ["a", None, 3])
    one, other = rows.shown("r1"), rows.shown("r2")
    assert one is not None
    assert other is not None
    assert (one.stat, one.mark) == (views, ["a", None, 3])
    assert (other.stat, other.mark) == (None, None)


def test_reports_are_found_by_their_collection_the_last_row_counts(rows: BulkRows) -> None:
    rows.add_reports([report("r1"), report("r2", "c2"), report("r\ud800")])
    assert rows.tokens_in("c1") == {"r1", "r\ud800"}
    assert rows.count_in("c1") == 2
    rows.add_reports([report("r1", "c2", name="Moved")])
    assert rows.tokens_in("c2") == {"r1", "r2"}
    assert (rows.count_in("c1"), rows.count_in("c2"), rows.count_in("c3")) == (1, 2, 0)
    assert rows.report("r1") == {"name": "Moved", "space_token": "c2"}


@pytest.mark.parametrize(
    "odd",
    [None, "r1", {}, report(None), report(""), report(5), report("r1", None), report("r1", "")],
    ids=str,
)
def test_a_row_without_a_token_or_a_collection_is_passed_over(rows: BulkRows, odd: Any) -> None:
    rows.add_reports([odd, report("r9")])
    assert rows.tokens_in("c1") == {"r9"}


def test_the_newest_change_is_that_of_any_report(rows: BulkRows) -> None:
    assert rows.newest is None
    rows.add_reports([report("r1", updated_at=at) for at in ("2026-02", "2026-03", None, "2026-01", 2027)])
    rows.add_reports([report("r2", updated_at="2026-01")])
    assert rows.newest == "2026-03"


def test_its_database_is_closed_with_it(rows: BulkRows) -> None:
    rows.close()
    with pytest.raises(sqlite3.ProgrammingError):
        rows.count_in("c1")
