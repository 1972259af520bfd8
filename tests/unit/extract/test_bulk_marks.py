"""What is kept of a bulk row, to be compared with the next night's."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from mode_catalog_provider.extract.bulk_marks import (
    BulkMark,
    bulk_mark,
    facts_now,
    moment_of,
    moved_columns,
    space_text,
    spaces_mark,
    views_agree,
)

ROW = {
    "edited_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-02T00:00:00Z",
    "name": "Revenue",
    "space_token": "c1",
}
QUERIES = [
    {"id": 1, "token": "q1", "name": "One", "raw_query": "select 1", "data_source_token": "d1"},
    {"id": 2, "token": "q2", "name": "Two", "raw_query": "select 2", "data_source_token": "d1"},
]


def mark_of(row: dict[str, Any], *, stat: Any = None, queries: Any = ()) -> BulkMark:
    mark = bulk_mark(row, stat=stat, queries=queries)
    assert mark is not None
    return mark


def changed(one: BulkMark, other: BulkMark) -> set[str]:
    return {name for name in BulkMark.__slots__ if getattr(one, name) != getattr(other, name)}


def test_a_mark_comes_back_as_it_was_kept_and_one_of_another_version_does_not() -> None:
    mark = mark_of({**ROW, "last_viewed_at": "2026-01-03"}, stat={"view_count": 7}, queries=QUERIES)
    text = mark.to_text()
    assert BulkMark.from_text(text) == mark
    # As it lies in the snapshots that are there.
    assert BulkMark.from_text('[2, "e", "1", "2", "r", false, 7, "q"]') == BulkMark(
        edited="e", edited_at="1", updated_at="2", ran="r", viewed=False, views=7, queries="q"
    )
    version, *values = json.loads(text)
    assert BulkMark.from_text(json.dumps([version + 1, *values])) is None


@pytest.mark.parametrize("missing", sorted(ROW))
def test_a_row_that_lacks_what_tells_of_a_change_has_no_mark(missing: str) -> None:
    assert bulk_mark({name: ROW[name] for name in ROW if name != missing}, stat=None, queries=()) is None


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_row_that_does_not_say_when_it_changed_has_no_mark(nothing: str | None) -> None:
    assert bulk_mark({**ROW, "updated_at": nothing}, stat=None, queries=()) is None
    assert bulk_mark({**ROW, "edited_at": nothing}, stat=None, queries=()) is not None


@pytest.mark.parametrize(
    ("name", "moved"),
    [
        *((name, {"edited"}) for name in ("id", "name", "description", "created_at")),
        *((name, {"edited"}) for name in ("creator_email", "space_token")),
        ("edited_at", {"edited", "edited_at"}),
        ("updated_at", {"updated_at"}),
        *((name, {"ran"}) for name in ("last_run_at", "last_run_token", "last_run_state")),
        ("last_successfully_run_at", {"ran"}),
        ("last_viewed_at", {"viewed"}),
        ("layout", set()),
    ],
)
def test_whatever_a_row_says_of_a_change_is_in_its_mark(name: str, moved: set[str]) -> None:
    assert changed(mark_of(ROW), mark_of({**ROW, name: "another"})) == moved


@pytest.mark.parametrize("name", sorted(QUERIES[1]))
def test_whatever_bulk_says_of_a_query_is_in_the_mark_and_its_place_is_not(name: str) -> None:
    mark = mark_of(ROW, queries=QUERIES)
    assert mark_of(ROW, queries=QUERIES[::-1]) == mark
    assert changed(mark, mark_of(ROW, queries=[QUERIES[0], {**QUERIES[1], name: "another"}])) == {"queries"}
    assert changed(mark, mark_of(ROW, queries=QUERIES[:1])) == {"queries"}


@pytest.mark.parametrize(
    ("stat", "views"),
    [
        ({"view_count": 7}, 7),
        ({"total_views_count": "7"}, 7),
        ({"view_count": 0, "total_views_count": 7}, 0),
        ({"view_count": None}, None),
        ({}, None),
        (None, None),
    ],
    ids=str,
)
def test_the_number_of_views_has_either_name(stat: dict[str, Any] | None, views: int | None) -> None:
    assert mark_of(ROW, stat=stat).views == views


@pytest.mark.parametrize(
    ("bulk", "rest", "agree"),
    [
        (None, 5, False),
        (None, 0, False),
        (0, 0, None),
        (5, 5, True),
        (5, "5", True),
        (5, 6, False),
        (0, 1, False),
        (1, 0, False),
        (5, None, False),
        (None, None, False),
    ],
)
def test_views_agree_where_both_counted_the_same_and_say_nothing_where_there_were_none(
    bulk: int | None, rest: int | str | None, agree: bool | None
) -> None:
    assert views_agree(replace(mark_of(ROW), views=bulk), {"view_count": rest}) is agree


# -- what moves without an edit ------------------------------------------------------------------------------

BEFORE = BulkMark(
    edited="e", edited_at="1", updated_at=ROW["updated_at"], ran="r", viewed="v", views=5, queries="q"
)
RAN = {"last_successfully_run_at": "2026-02-01T00:00:10Z"}


def moved(row: dict[str, Any] | None = None, *, trust_views: bool = False, **now: Any) -> Any:
    listed = {"updated_at": BEFORE.updated_at, "view_count": 5, **(row or {})}
    return moved_columns(BEFORE, replace(BEFORE, **now), listed, RAN, trust_views=trust_views)


@pytest.mark.parametrize("trust_views", [False, True])
def test_a_report_that_is_as_it_was_is_not_read_again(trust_views: bool) -> None:
    assert moved(trust_views=trust_views) == {}
    # A run that failed moves nothing that the files have.
    assert moved(ran="another", trust_views=trust_views) == {}


@pytest.mark.parametrize("change", ["edited", "queries"])
def test_an_edited_report_is_read_again(change: str) -> None:
    assert moved(**{change: "another"}) is None


@pytest.mark.parametrize("second", ["10", "15"])
def test_a_run_moves_the_time_of_the_last_change(second: str) -> None:
    at = f"2026-02-01T00:00:{second}Z"
    assert moved(updated_at=at, ran="another") == {"updated_at": at}


@pytest.mark.parametrize(
    ("second", "ran", "listed"),
    [
        ("16", "another", None),
        ("09", "another", None),
        ("nonsense", "another", None),
        ("12", BEFORE.ran, None),
        ("12", "another", "2026-01-05T00:00:00Z"),
    ],
    ids=["long after", "before its end", "unreadable", "no run", "bulk and REST differed"],
)
def test_what_changed_other_than_by_a_run_is_read_again(second: str, ran: str, listed: str | None) -> None:
    row = {"updated_at": listed or BEFORE.updated_at}
    assert moved(row, updated_at=f"2026-02-01T00:00:{second}Z", ran=ran) is None


@pytest.mark.parametrize(("counted", "now"), [(5, 6), ("5", "6")])
def test_views_are_taken_from_bulk_where_it_counts_as_rest_does(counted: Any, now: Any) -> None:
    row = {"view_count": counted}
    assert moved(row, trust_views=True, views=6, viewed="later") == {"view_count": now}
    assert moved(row, trust_views=True, views=5, viewed="later") == {}


@pytest.mark.parametrize(
    ("row", "trust_views", "now"),
    [
        ({}, False, {"views": 6}),
        ({}, False, {"viewed": "later"}),
        ({}, False, {"viewed": False}),
        ({"view_count": 4}, True, {"views": 6}),
        ({"view_count": 4}, True, {"viewed": "later"}),
        ({}, True, {"views": None}),
    ],
    ids=str,
)
def test_a_report_that_was_viewed_is_read_again_where_bulk_counts_otherwise(
    row: dict[str, Any], trust_views: bool, now: dict[str, Any]
) -> None:
    assert moved(row, trust_views=trust_views, **now) is None


def test_where_bulk_never_says_when_a_report_was_viewed_it_is_read_again() -> None:
    silent = mark_of(ROW)
    row = {"updated_at": ROW["updated_at"], "view_count": 5}
    assert moved_columns(silent, silent, row, RAN, trust_views=False) is None


def test_of_a_report_that_ran_only_what_bulk_says_of_the_run_is_known() -> None:
    facts = {"runs_count": 3, "schedules_count": 1, "last_run_at": "1", "last_successfully_run_at": "1"}
    now = {"last_run_at": "2", "last_successfully_run_at": "3", "last_viewed_at": "4"}
    ran = replace(BEFORE, ran="another")
    assert facts_now(facts, BEFORE, ran, now) == {"schedules_count": 1, **now}
    assert facts_now(facts, BEFORE, BEFORE, now) == {**facts, "last_viewed_at": "4"}
    assert facts_now(facts, BEFORE, ran, {"last_run_at": "2"}) == {
        **facts_without(facts, "runs_count"),
        "last_run_at": "2",
    }
    # What was not known of a run then is not told now: other reports would have it not.
    assert facts_now({}, BEFORE, ran, now) == {"last_viewed_at": "4"}
    assert facts["runs_count"] == 3


def facts_without(facts: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if key != name}


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [("1970-01-01T00:01:00Z", 60.0), ("1970-01-01T01:00:00+01:00", 0.0), ("soon", None), (None, None)],
)
def test_a_moment_is_one_or_none(stamp: str | None, seconds: float | None) -> None:
    assert moment_of(stamp) == seconds


def test_a_moment_without_a_zone_is_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert moment_of("1970-01-01T00:01:00") == 60
    finally:
        monkeypatch.undo()
        time.tzset()


SPACES = [
    {"id": 1, "token": "c1", "name": "Sales", "description": "", "space_type": "custom"},
    {"id": 2, "token": "c2", "name": "Costs", "description": None, "space_type": "custom"},
]


def mark_of_all(spaces: list[dict[str, Any]], definitions: str) -> str:
    return spaces_mark(map(space_text, spaces), definitions)


@pytest.mark.parametrize("name", sorted(SPACES[0]))
def test_the_mark_of_all_collections_tells_of_each_change_but_not_of_their_order(name: str) -> None:
    mark = mark_of_all(SPACES, "d")
    assert mark_of_all(SPACES[::-1], "d") == mark
    assert mark_of_all([SPACES[0], {**SPACES[1], name: "another"}], "d") != mark
    assert mark_of_all(SPACES[:1], "d") != mark
    assert mark_of_all(SPACES, "other definitions") != mark
    assert mark_of_all([{**one, "report_count": 9} for one in SPACES], "d") == mark
