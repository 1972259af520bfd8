"""What changed, as the report shows it: nothing that a log says is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.report.html import as_html
from mode_catalog_provider.report.records import WorkspaceRecords
from mode_catalog_provider.report.workspace import gather
from mode_catalog_provider.snapshot.diff import SnapshotDiff
from tests.unit.snapshot.days import Object, day


def shown(tmp_path: Path, before: list[Object], after: list[Object], *, keep: bool, **options: Any) -> str:
    days = day(tmp_path, 0, before), day(tmp_path, 1, after, **options)
    if keep:
        with SnapshotDiff(*days) as diff:
            diff.keep()
    return as_html(gather(WorkspaceRecords(tmp_path / "acme")))


@pytest.mark.parametrize("keep", [True, False])
def test_options_that_differ_are_said_before_the_changes(tmp_path: Path, keep: bool) -> None:
    report: list[Object] = [("report", "r1", {"name": "Sales", "archived": True})]
    text = shown(tmp_path, report, [], keep=keep, include_archived=False)
    assert "different options (include_archived was True and is False)" in text
    assert text.index("different options") < text.index("not extracted</td>")


def test_a_difference_that_was_kept_backwards_says_so(tmp_path: Path) -> None:
    days = [day(tmp_path, number, [("report", "r1", {"name": f"Sales {number}"})]) for number in range(2)]
    with SnapshotDiff(days[1], days[0]) as diff:
        diff.keep()
    snapshot = days[0]
    text = as_html(gather(WorkspaceRecords(tmp_path / "acme"), snapshot=snapshot))
    assert "everything is told backwards" in text


def test_where_no_option_differs_nothing_is_said_of_them(tmp_path: Path) -> None:
    text = shown(tmp_path, [], [("report", "r1", {"name": "Sales"})], keep=True)
    assert "1 changes between" in text
    assert "different options" not in text


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            "select 1",
            "select 1 -- one",
            "only space, comments, the case of words, or what says nothing (as, inner, ;)",
        ),
        (None, "select a from t", "column + a"),
        ("select a from t", None, "table  - t"),
    ],
)
def test_how_a_text_changed_is_never_blank(
    tmp_path: Path, before: str | None, after: str | None, told: str
) -> None:
    text = shown(
        tmp_path, [("query", "q1", {"raw_query": before})], [("query", "q1", {"raw_query": after})], keep=True
    )
    assert told in text


def test_of_a_long_difference_is_said_how_much_more_there_is(tmp_path: Path) -> None:
    columns = ", ".join(f"c{number}" for number in range(30))
    text = shown(
        tmp_path,
        [("query", "q1", {"raw_query": "select a from t"})],
        [("query", "q1", {"raw_query": f"select a, {columns} from t"})],
        keep=True,
    )
    assert "column + c11" in text
    assert "and 18 more" in text


def test_where_a_connection_leads_is_told_by_what_differs(tmp_path: Path) -> None:
    long = {"adapter": "jdbc:snowflake", "vendor": "snowflake", "host": f"{'a' * 90}.example"}
    text = shown(
        tmp_path,
        [("datasource", "d1", {**long, "database": "staging"})],
        [("datasource", "d1", {**long, "database": "production"})],
        keep=True,
    )
    assert "<td>staging</td><td>production</td>" in text
