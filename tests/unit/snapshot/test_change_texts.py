"""What changed, as a log and a mail tell it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.snapshot.change_texts import as_markdown, log_lines
from mode_catalog_provider.snapshot.diff import SnapshotDiff
from mode_catalog_provider.snapshot.reader import Snapshot, adopt_directory
from mode_catalog_provider.text import markdown
from tests.unit.snapshot.days import Object, day
from tests.unit.snapshot.sets import lay, vendor_files

REPORT = {"name": "Sales", "space_token": "c1", "archived": False, "creator": "ann", "type": "Report"}


def texts(before: Snapshot, after: Snapshot) -> tuple[list[str], list[str]]:
    with SnapshotDiff(before, after) as diff:
        return list(log_lines(diff)), as_markdown(diff).split("\n")


def reports(count: int, name: str = "Report", first: int = 0, **values: Any) -> list[Object]:
    return [
        ("report", f"r{n:02}", {**REPORT, "name": f"{name} {n}", **values})
        for n in range(first, first + count)
    ]


def test_one_change_of_each_kind_is_told_word_for_word(tmp_path: Path) -> None:
    connection = {"name": "wh", "adapter": "jdbc:snowflake", "host": "a"}
    before = day(
        tmp_path,
        0,
        [
            ("collection", "c1", {"name": "Finance"}),
            ("report", "r1", {**REPORT, "view_count": 1}),
            ("report", "r2", {**REPORT, "name": "Costs"}),
            ("query", "q1", {"name": "Main", "report_token": "r1", "raw_query": "select 1"}),
            ("query", "q2", {"name": "Side", "report_token": "unseen", "raw_query": "select 2"}),
            ("datasource", "d1", connection),
            ("member", "m1", {"username": "ann"}),
        ],
    )
    after = day(
        tmp_path,
        1,
        [
            ("collection", "c1", {"name": "Finance", "description": "money"}),
            ("report", "r1", {**REPORT, "name": "Profit", "view_count": 4}),
            ("query", "q1", {"name": "Main", "report_token": "r1", "raw_query": "SELECT  1"}),
            ("query", "q2", {"name": "Side", "report_token": "unseen", "raw_query": "select 3"}),
            ("datasource", "d1", {**connection, "host": "b"}),
            ("member", "m1", {"username": "ann"}),
            ("member", "m2", {}),
        ],
    )
    log, mail = texts(before, after)
    assert log == [
        "Workspace 'acme', from 2023-11-14 22:13 to 2023-11-15 22:13 UTC (1.0 days):",
        "collections: 1 description changed",
        "reports: 1 deleted, 1 renamed",
        "queries: 2 sql changed",
        "connections: 1 connection changed",
        "members: 1 created",
        "collection 'Finance' (c1) description changed: none -> money",
        "report 'Costs' (r2) deleted",
        "report 'Profit' (r1) renamed: Sales -> Profit",
        "query 'Main' (q1) of report 'Profit' sql changed:",
        "    only space, comments, the case of words, or what says nothing (as, inner, ;)",
        "query 'Side' (q2) sql changed:",
        "    column - 2",
        "    column + 3",
        "connection 'wh' (d1) connection changed: a -> b",
        "member 'm2' created",
        "Most viewed: Profit (3)",
    ]
    assert mail == [
        "**Mode workspace acme**: what changed, from 2023-11-14 22:13 to 2023-11-15 22:13 UTC (1.0 days)",
        "",
        "- **1 collection description changed**: Finance (none -> money)",
        "- **1 report deleted**: Costs",
        "- **1 report renamed**: Profit (Sales -> Profit)",
        "- **2 queries sql changed**: Main of Profit (only space, comments, the case of words, "
        "or what says nothing \\(as, inner, ;\\)); "
        "Side (column - 2)",
        "- **1 connection connection changed**: wh (a -> b)",
        "- **1 member created**: m2",
        "",
        "| most viewed | views | a day |",
        "| --- | ---: | ---: |",
        "| Profit | 3 | 3 |",
    ]


def test_where_nothing_changed_both_say_so_and_no_more(tmp_path: Path) -> None:
    log, mail = texts(day(tmp_path, 0, reports(1)), day(tmp_path, 0.5, reports(1)))
    between = "from 2023-11-14 22:13 to 2023-11-15 10:13 UTC (12.0 hours)"
    assert log == [f"Workspace 'acme', {between}:", "Nothing changed."]
    assert mail == [f"**Mode workspace acme**: what changed, {between}", "", "Nothing changed."]


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (0.9, "(21.6 hours)"),
        (0.95, "(0.9 days)"),
        (1.5, "(1.5 days)"),
        (-0.5, "(-12.0 hours)"),
        (-2, "(-2.0 days)"),
    ],
)
def test_the_time_between_is_told_in_hours_up_to_a_day(tmp_path: Path, days: float, told: str) -> None:
    log, mail = texts(day(tmp_path, 0, []), day(tmp_path, days, []))
    assert log[0].endswith(f" UTC {told}:")
    assert mail[0].endswith(f" UTC {told}")
    backwards = "The first snapshot is the newer one: everything is told backwards."
    assert log[1:] == ([backwards] if days < 0 else []) + ["Nothing changed."]
    assert mail[1:] == ["", *([f"*{backwards}*", ""] if days < 0 else []), "Nothing changed."]


def test_the_options_that_differ_are_told_with_their_values(tmp_path: Path) -> None:
    before = day(tmp_path, 0, [])
    options = {"include_collections": [], "exclude_collections": list("ABCDEF"), "include_personal": "\u202e"}
    after = day(tmp_path, 1, [], **options)
    log, mail = texts(before, after)
    remark = (
        "The two were extracted with different options (include_collections was unset and is empty; "
        "exclude_collections was unset and is A, B, C, D, E, and 1 more; "
        "include_personal was False and is \\u202e): what came or "
        "went by that is called now extracted or not extracted, and not created or deleted."
    )
    assert log[1:] == [remark, "Nothing changed."]
    assert mail[1:] == ["", f"*{markdown(remark, len(remark))}*", "", "Nothing changed."]


def test_long_names_in_the_options_leave_room_for_what_that_means(tmp_path: Path) -> None:
    before = day(tmp_path, 0, [], include_collections=["a" * 200] * 9, exclude_collections=["b" * 200] * 9)
    after = day(tmp_path, 1, [], include_collections=["c" * 200] * 9, exclude_collections=["d" * 200] * 9)
    log, mail = texts(before, after)
    assert log[1].endswith("now extracted or not extracted, and not created or deleted.")
    assert mail[2] == f"*{markdown(log[1], len(log[1]))}*"


def test_ten_changes_of_one_word_are_all_named_and_of_eleven_ten(tmp_path: Path) -> None:
    nothing = day(tmp_path, 0, [])
    for number, more in ((10, False), (11, True)):
        log, mail = texts(nothing, day(tmp_path, number, reports(number)))
        named = [f"report 'Report {n}' (r{n:02}) created" for n in range(10)]
        assert log[1:] == [f"reports: {number} created", *named, *(["  and 1 more reports created"] * more)]
        names = "; ".join(f"Report {n}" for n in range(10))
        assert mail[2:] == [f"- **{number} reports created**: {names}{'; and 1 more' if more else ''}"]


def test_the_five_most_viewed_are_named_and_none_that_was_only_run(tmp_path: Path) -> None:
    def viewed(number: int, *views: int) -> Snapshot:
        rows: list[Object] = [
            ("report", f"r{n}", {**REPORT, "name": f"N{n}", "view_count": count})
            for n, count in enumerate(views)
        ]
        return day(tmp_path, number, rows, facts=[("report", "r0", {"runs_count": number})])

    before, after, later = viewed(0, *[0] * 7), viewed(4, 0, 1, 2, 3, 4, 5, 6), viewed(8, 0, 1, 2, 3, 4, 5, 8)
    log, mail = texts(before, after)
    assert log[2:] == ["Most viewed: N6 (6), N5 (5), N4 (4), N3 (3), N2 (2)"]
    assert mail[3:] == [
        "",
        "| most viewed | views | a day |",
        "| --- | ---: | ---: |",
        "| N6 | 6 | 1.5 |",
        "| N5 | 5 | 1.25 |",
        "| N4 | 4 | 1 |",
        "| N3 | 3 | 0.75 |",
        "| N2 | 2 | 0.5 |",
    ]
    log, mail = texts(after, later)
    assert log[2:] == ["Most viewed: N6 (2)"]
    assert mail[6:] == ["| N6 | 2 | 0.5 |"]
    log, mail = texts(viewed(9, 0), viewed(10, 0))
    assert (log[2:], mail[3:]) == ([], [])


def test_the_log_shows_six_lines_of_a_changed_query_and_the_mail_one(tmp_path: Path) -> None:
    def selecting(*columns: str) -> list[Object]:
        sql = f"select {', '.join(columns)} from t"
        return [("query", "q1", {"name": "Main", "report_token": "r", "raw_query": sql})]

    log, mail = texts(
        day(tmp_path, 0, selecting("a")), day(tmp_path, 1, selecting(*(f"b{n}" for n in range(8))))
    )
    assert log[2:] == [
        "query 'Main' (q1) sql changed:",
        "    column - a",
        *(f"    column + b{n}" for n in range(5)),
        "    and 3 more",
    ]
    assert mail[2:] == ["- **1 query sql changed**: Main (column - a)"]


def test_the_log_names_the_first_of_many_and_shows_how_sql_changed(tmp_path: Path) -> None:
    sql = "select a, b from orders where status = 'paid'"
    queries: list[Object] = [
        ("query", f"q{n:02}", {"raw_query": sql, "report_token": "r"}) for n in range(12)
    ]
    changed: list[Object] = [
        (asset, token, {**row, "raw_query": sql.replace("paid", "sent")}) for asset, token, row in queries
    ]
    with SnapshotDiff(day(tmp_path, 0, queries), day(tmp_path, 1, changed)) as diff:
        lines = list(log_lines(diff, named=2))
        text = as_markdown(diff, named=2)
    assert "queries: 12 sql changed" in lines
    assert "  and 10 more queries sql changed" in lines
    assert any("filter" in line and "paid" in line for line in lines)
    assert "**12 queries sql changed**: q00 (filter - status = " in text
    assert "and 10 more" in text


@pytest.mark.parametrize("odd", [None, 7, 2.5, True], ids=repr)
def test_sql_that_is_no_text_is_told_as_well(tmp_path: Path, odd: Any) -> None:
    queries: list[list[Object]] = [
        [("query", "q1", {"raw_query": sql, "report_token": "r"})] for sql in ("select 1", odd, "select 2")
    ]
    days = [day(tmp_path, number, rows) for number, rows in enumerate(queries)]
    for before, after in pairwise(days):
        with SnapshotDiff(before, after) as diff:
            assert "1 sql changed" in "".join(log_lines(diff))
            assert "sql changed" in as_markdown(diff)


def test_strangers_names_are_nothing_but_text(tmp_path: Path) -> None:
    name = "\x1b[2J\u202e](https://evil.example) <img src=x>\n# big"
    before = day(tmp_path, 0, [("report", "r1", {**REPORT, "view_count": 0})])
    after = day(
        tmp_path,
        1,
        [
            ("report", "r1", {**REPORT, "name": name, "view_count": 9}),
            ("report", "r2", {**REPORT, "name": name}),
            ("query", "q1", {"name": "Main", "report_token": "r1"}),
        ],
    )
    with SnapshotDiff(before, after) as diff:
        lines = list(log_lines(diff))
        text = as_markdown(diff)
    assert all(line.isprintable() for line in lines)
    assert "https://" not in text
    assert "<img" not in text
    assert "\n# big" not in text


def test_a_set_of_another_tool_is_remarked_on_in_both_texts(tmp_path: Path) -> None:
    vendors = adopt_directory(lay(tmp_path / "vendor", vendor_files()))
    log, mail = texts(vendors, day(tmp_path, 1, []))
    remark = (
        "One of the two sets was made by another tool, which may hold less of the workspace: what came "
        "and went is then no news from Mode."
    )
    assert log[1] == remark
    assert mail[2] == f"*{remark}*"


def test_where_something_lies_is_told_by_name(tmp_path: Path) -> None:
    objects: list[Object] = [
        ("collection", "c1", {"name": "Finance"}),
        ("collection", "c2", {"name": "Attic"}),
        ("collection", "c3", {"name": "Attic"}),
        ("datasource", "d1", {"id": 7, "name": "Prod"}),
        ("datasource", "d2", {"id": "9", "name": "Dev"}),
        ("report", "r0", {**REPORT, "name": "Costs"}),
    ]

    def rows(report: str, connection: object, **places: str) -> list[Object]:
        moved = [("report", token, {**REPORT, "space_token": place}) for token, place in places.items()]
        values = {
            "name": "Main",
            "report_token": report,
            "data_source_id": connection,
            "raw_query": "select 1",
        }
        return [*objects, *moved, ("query", "q1", values)]

    before = day(tmp_path, 0, rows("r0", 7, r1="c1", r2="c2", r3="unseen"))
    after = day(tmp_path, 1, rows("r1", "9", r1="c2", r2="c3", r3="c1"))
    log, mail = texts(before, after)
    assert log[3:] == [
        "report 'Sales' (r1) moved: Finance -> Attic",
        "report 'Sales' (r2) moved: Attic (c2) -> Attic (c3)",
        "report 'Sales' (r3) moved: unseen -> Finance",
        "query 'Main' (q1) of report 'Sales' moved: Costs -> Sales",
        "query 'Main' (q1) of report 'Sales' connection changed: Prod -> Dev",
    ]
    assert "- **1 query connection changed**: Main of Sales (Prod -> Dev)" in mail


def test_a_word_that_says_both_values_is_told_without_them(tmp_path: Path) -> None:
    before = day(tmp_path, 0, [("report", "r1", REPORT)])
    log, mail = texts(before, day(tmp_path, 1, [("report", "r1", {**REPORT, "archived": True})]))
    assert (log[-1], mail[-1]) == ("report 'Sales' (r1) archived", "- **1 report archived**: Sales")


def test_names_that_look_the_same_are_said_to_differ(tmp_path: Path) -> None:
    before = day(tmp_path, 0, [("report", "r1", {**REPORT, "name": "Übersicht"})])
    after = day(tmp_path, 1, [("report", "r1", {**REPORT, "name": "U\u0308bersicht "})])
    log, _ = texts(before, after)
    assert log[-1].endswith(" (in other characters that look the same)")


@pytest.mark.parametrize(("was", "now"), [("m²", "m2"), (f"{'long ' * 100}a", f"{'long ' * 100}b")])
def test_texts_that_look_different_or_differ_where_they_are_not_shown_are_not_said_to_look_the_same(
    tmp_path: Path, was: str, now: str
) -> None:
    before = day(tmp_path, 0, [("report", "r1", {**REPORT, "description": was})])
    log, _ = texts(before, day(tmp_path, 1, [("report", "r1", {**REPORT, "description": now})]))
    assert "description changed" in log[-1]
    assert "look the same" not in log[-1]
