"""Which changes of a listed row mean that the object must be read again."""

from __future__ import annotations

from typing import Any

import pytest

from mode_catalog_provider.extract.known import NothingKnown, member_mark, report_mark
from mode_catalog_provider.extract.rows import member_row

REPORT: dict[str, Any] = {
    "token": "r1",
    "name": "Sales",
    "edited_at": "2026-01-01T00:00:00.000Z",
    "last_saved_at": "2026-01-02T00:00:00.000Z",
    "published_at": None,
    "query_count": 3,
    "updated_at": "2026-01-03T00:00:00.000Z",
    "last_run_at": "2026-01-03T00:00:00.000Z",
    "view_count": 7,
    "archived": False,
    "space_token": "c1",
}
LATER = "2026-01-01T00:00:00.001Z"


@pytest.mark.parametrize(
    "change",
    [
        {"edited_at": LATER},
        {"edited_at": None},
        {"last_saved_at": LATER},
        {"last_saved_at": None},
        {"published_at": LATER},
        {"query_count": 4},
        {"query_count": None},
        {"edited_at": REPORT["last_saved_at"], "last_saved_at": REPORT["edited_at"]},
    ],
    ids=str,
)
def test_a_save_a_publication_or_another_number_of_queries_changes_the_mark(change: dict[str, Any]) -> None:
    assert report_mark({**REPORT, **change}) != report_mark(REPORT)


@pytest.mark.parametrize(
    "change",
    [
        {"updated_at": LATER, "last_run_at": LATER},
        {"view_count": 8},
        {"name": "Renamed"},
        {"archived": True},
        {"space_token": "c2"},
    ],
    ids=str,
)
def test_a_run_and_all_that_the_listing_shows_anyway_leave_the_mark(change: dict[str, Any]) -> None:
    assert report_mark({**REPORT, **change}) == report_mark(REPORT)


def test_a_missing_key_counts_as_null() -> None:
    without = {key: value for key, value in REPORT.items() if key != "published_at"}
    assert report_mark(without) == report_mark(REPORT)


@pytest.mark.parametrize("nothing", [None, ""])
def test_without_a_stamp_of_an_edit_there_is_no_mark(nothing: str | None) -> None:
    stamps = {"edited_at": nothing, "last_saved_at": nothing, "published_at": LATER}
    assert report_mark({**REPORT, **stamps}) is None


@pytest.mark.parametrize("key", ["member_token", "username", "name", "email"])
@pytest.mark.parametrize("value", ["another", None])
def test_whatever_the_list_says_of_a_member_is_in_its_mark(key: str, value: str | None) -> None:
    listed = {"member_token": "m1", "username": "ann", "name": "Ann", "email": "a@acme.example"}
    assert member_mark(member_row({**listed, key: value})) != member_mark(member_row(listed))


def test_odd_characters_have_a_mark_as_well() -> None:
    assert member_mark(member_row({"member_token": "m1", "name": "\ud800 é\0"}))


def test_where_nothing_is_known_everything_is_read() -> None:
    nothing = NothingKnown()
    assert not nothing.has_queries("r1", report_mark(REPORT))
    assert nothing.member("m1", "mark") is None
    assert list(nothing.queries()) == list(nothing.datasets()) == []
    assert (nothing.knows_something, nothing.earlier_rows) == (False, None)
