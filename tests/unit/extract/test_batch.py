"""The bulk listings: which pages are asked for, whether all came, and when a report's queries are taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mode_catalog_provider.contract import KEYS
from mode_catalog_provider.errors import ServiceUnavailableError
from mode_catalog_provider.extract import batch as batch_module
from mode_catalog_provider.extract.batch import SETTLING_SECONDS, USUAL_PAGE, BatchListings, newest_edit
from mode_catalog_provider.extract.id_types import IdTypes
from mode_catalog_provider.extract.listed import Listed, ListedReport
from mode_catalog_provider.extract.pipeline import Pipeline, Row

LARGE = "x" * 10


class Mode:
    """A bulk listing of so many rows.

    :param counted: it says how many pages there are.
    :param ends: what comes after the last page.
    """

    def __init__(self, rows: int, *, counted: bool = True, ends: str = "empty") -> None:
        self.rows = [{"token": f"t{n}", "report_token": "r1", "raw_query": ""} for n in range(rows)]
        self.asked: list[tuple[int, int | None]] = []
        self.everywhere: set[bool] = set()
        self.altered: dict[int, Callable[[dict[str, Any]], Any]] = {}
        self._counted, self._ends = counted, ends

    def page(self, listing: str, number: int, *, everywhere: bool, per_page: int | None) -> Any:
        self.asked.append((number, per_page))
        self.everywhere.add(everywhere)
        size = per_page or USUAL_PAGE
        last = -(-len(self.rows) // size)
        shown = min(number, last) if self._ends == "again" else number
        answer: dict[str, Any] = {listing: self.rows[(shown - 1) * size : shown * size]}
        if self._counted:
            answer["pagination"] = {"per_page": size, "total_pages": last}
        altered = self.altered.get(number, lambda answer: answer)(answer)
        return answer if altered is None else altered

    def fails(self, *pages: int) -> None:
        def refuse(_: object) -> None:
            raise ServiceUnavailableError("down", status=503)

        self.altered.update(dict.fromkeys(pages, refuse))


def read(mode: Any, listing: str = "reports", **choice: Any) -> tuple[list[Any], bool]:
    """The rows that came, and whether it was told that these are all."""
    taken: list[Any] = []
    ended: list[bool] = []

    def end(complete: bool) -> list[Row]:
        ended.append(complete)
        return [("report", {"token": "given out at the end"})]

    pipeline = Pipeline(max_in_flight=4, cancel=lambda: None)
    batch = BatchListings(
        discovery=mode, pipeline=pipeline, listed=Listed(), types=IdTypes(), everywhere=True
    )
    batch.read(listing, taken.extend, end, **choice)
    assert len(list(pipeline.rows())) == 1
    (complete,) = ended
    return taken, complete


def tokens(rows: list[Any]) -> list[str]:
    return sorted({row["token"] for row in rows})


@pytest.mark.parametrize(("rows", "pages"), [(0, 1), (1, 1), (1000, 1), (1001, 2), (4500, 5)])
def test_a_counted_listing_is_read_to_its_end_and_no_further(rows: int, pages: int) -> None:
    mode = Mode(rows)
    taken, complete = read(mode)
    assert complete
    assert tokens(taken) == tokens(mode.rows)
    assert sorted(mode.asked) == [(number, None) for number in range(1, pages + 1)]


@pytest.mark.parametrize(("ends", "pages"), [("empty", 4), ("again", 4)])
def test_a_listing_that_is_not_counted_ends_where_nothing_new_comes(ends: str, pages: int) -> None:
    mode = Mode(2500, counted=False, ends=ends)
    taken, complete = read(mode)
    assert complete
    assert tokens(taken) == tokens(mode.rows)
    assert len(mode.asked) == pages


@pytest.mark.parametrize(("chosen", "asked"), [({}, True), ({"everywhere": False}, False)], ids=str)
def test_personal_collections_are_taken_in_as_everywhere_else_or_as_is_asked(
    chosen: dict[str, bool], asked: bool
) -> None:
    mode = Mode(1)
    read(mode, **chosen)
    assert mode.everywhere == {asked}


def test_a_listing_that_grows_meanwhile_is_read_to_its_new_end() -> None:
    mode = Mode(1500)

    def grow(answer: dict[str, Any]) -> None:
        mode.rows += [{"token": f"new{n}"} for n in range(1000)]

    mode.altered[2] = grow
    taken, complete = read(mode)
    assert complete
    assert sorted(mode.asked) == [(1, None), (2, None)]
    mode.altered[1] = lambda answer: answer["pagination"].update(total_pages=3)
    mode.altered[3] = lambda answer: answer["pagination"].update(total_pages=1)
    mode.asked.clear()
    taken, complete = read(mode)
    assert complete
    assert sorted(mode.asked)[:3] == [(1, None), (2, None), (3, None)]
    assert tokens(taken) == tokens(mode.rows[: len(taken)])


@pytest.mark.parametrize("rows", [None, {}, "missing"], ids=str)
def test_a_page_without_rows_is_broken_and_the_others_are_read(rows: Any) -> None:
    mode = Mode(4000)

    def lose(answer: dict[str, Any]) -> None:
        answer["reports"] = rows
        if rows == "missing":
            del answer["reports"]

    mode.altered[2] = lose
    taken, complete = read(mode)
    assert not complete
    assert len(taken) == 3000
    assert len(mode.asked) == 4


@pytest.mark.parametrize(("broken", "asked"), [((1,), 1), ((2, 4), 9), ((2, 3, 4), 5)])
def test_a_listing_is_given_up_where_its_length_is_not_known_or_three_pages_are_broken(
    broken: tuple[int, ...], asked: int, caplog: pytest.LogCaptureFixture
) -> None:
    mode = Mode(9000)
    mode.fails(*broken)
    _, complete = read(mode)
    assert not complete
    assert len(mode.asked) == asked
    assert sum("batch listing of reports is missing" in line for line in caplog.messages) == len(broken)


# -- large pages ---------------------------------------------------------------------------------------------


def enlarge(mode: Mode, monkeypatch: pytest.MonkeyPatch, *, from_row: int = 0, limit: int = 5000) -> None:
    monkeypatch.setattr(batch_module, "LARGE_PAGE", limit)
    for row in mode.rows[from_row:]:
        row["raw_query"] = LARGE


@pytest.mark.parametrize(
    ("characters", "rows", "size"),
    [
        (4_000, 1000, None),
        (4_001, 1000, 500),
        (8_000, 1000, 500),
        (8_001, 1000, 250),
        (16_001, 1000, 125),
        (99_999, 1000, 125),
        (99_999, 999, None),
    ],
)
def test_so_many_rows_are_asked_for_that_a_page_is_not_large(
    characters: int, rows: int, size: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_module, "LARGE_PAGE", 4000)
    mode = Mode(2000)
    mode.rows = [{"n": 1} for _ in mode.rows]
    mode.rows[0] = {"n": 1, "sql": "x" * characters}
    if rows < USUAL_PAGE:
        mode.altered[1] = lambda answer: {**answer, "reports": answer["reports"][:-1]}
    read(mode)
    assert {per_page for number, per_page in mode.asked[1:]} == {size}


def test_smaller_pages_go_on_where_the_large_one_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    mode = Mode(2600)
    enlarge(mode, monkeypatch, limit=9000)
    taken, complete = read(mode)
    assert complete
    assert len(taken) == len(mode.rows)
    assert tokens(taken) == tokens(mode.rows)
    assert sorted(mode.asked[1:]) == [(3, 500), (4, 500), (5, 500), (6, 500)]


def test_a_large_page_in_the_middle_is_gone_on_from_when_its_neighbour_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mode = Mode(4600)
    enlarge(mode, monkeypatch, from_row=1000, limit=16_000)
    taken, complete = read(mode)
    assert complete
    assert len(taken) == len(mode.rows)
    assert tokens(taken) == tokens(mode.rows)
    assert mode.asked[0] == (1, None)
    assert sorted(mode.asked[1:3]) == [(2, None), (3, None)]
    assert sorted(mode.asked[3:]) == [(7, 500), (8, 500), (9, 500), (10, 500)]


def test_a_single_large_page_is_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    mode = Mode(1000)
    enlarge(mode, monkeypatch)
    assert read(mode) == (mode.rows, True)
    assert mode.asked == [(1, None)]


def test_where_a_smaller_page_has_another_size_some_rows_may_be_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mode = Mode(2600)
    enlarge(mode, monkeypatch, limit=9000)
    mode.altered[4] = lambda answer: answer["pagination"].update(per_page=100)
    _, complete = read(mode)
    assert not complete


# -- the queries of a report ---------------------------------------------------------------------------------

OLD = time.time() - SETTLING_SECONDS - 60
SHOWN = {
    **{"id": 7, "token": "q1", "name": "Q", "raw_query": "select 1"},
    **{"data_source_token": "d1", "report_token": "r1"},
}
ROW = {"token": "r1", "query_count": 1, "archived": False, "type": "Report"}


@pytest.fixture
def listings() -> Iterator[Callable[..., BatchListings]]:
    """Batch listings of queries that were read: ``rows``, and whether they are ``complete``."""
    opened: list[Listed] = []

    def build(*rows: dict[str, Any], complete: bool = True, types: tuple[Any, Any] = ("1", 1)) -> Any:
        listed, known = Listed(), IdTypes()
        opened.append(listed)
        known.learn("query.id", types[0])
        known.learn("query.data_source_id", types[1])
        mode: Any = Mode(0)
        mode.rows = list(rows)
        if not complete:
            mode.altered[1] = lambda answer: answer["pagination"].update(total_pages=2)
            mode.fails(2)
        pipeline = Pipeline(max_in_flight=1, cancel=lambda: None)
        batch = BatchListings(discovery=mode, pipeline=pipeline, listed=listed, types=known, everywhere=False)
        ended: list[bool] = []

        def end(complete: bool) -> tuple[()]:
            ended.append(complete)
            return ()

        batch.read_queries(data_sources={"d1": 5}, ended=end)
        assert list(pipeline.rows()) == []
        assert ended == [complete]
        return batch

    yield build
    for listed in opened:
        listed.close()


def report(*, edited: float | None = OLD, **row: Any) -> ListedReport:
    return ListedReport({**ROW, **row}, "mark", edited)


def test_a_query_of_batch_is_written_as_rest_would(listings: Callable[..., BatchListings]) -> None:
    (row,) = listings(SHOWN).queries_of(report()) or []
    assert tuple(row) == KEYS["query"]
    said = {"token": "q1", "name": "Q", "raw_query": "select 1", "report_token": "r1"}
    assert row == {"id": "7", "data_source_id": 5, **said}
    (row,) = listings({**SHOWN, "data_source_token": None}).queries_of(report()) or []
    assert row["data_source_id"] is None


@pytest.mark.parametrize("count", [1, "1"])
def test_the_queries_are_taken_where_they_are_as_many_as_the_report_says(
    listings: Callable[..., BatchListings], count: int | str
) -> None:
    batch = listings(SHOWN)
    assert batch.queries_of(report(query_count=count))
    assert batch.queries_of(report(query_count=2)) is None
    assert batch.queries_of(report(query_count=None)) is None


@pytest.mark.parametrize("ago", [None, 0, SETTLING_SECONDS - 60, -SETTLING_SECONDS])
def test_a_report_of_which_the_last_edit_may_be_missing_is_read_by_rest(
    listings: Callable[..., BatchListings], ago: float | None
) -> None:
    batch = listings(SHOWN)
    assert batch.queries_of(report(edited=None if ago is None else time.time() - ago)) is None


@pytest.mark.parametrize(
    ("row", "complete", "none"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"archived": True}, True, False),
        ({"type": "DatasetReport"}, True, False),
    ],
    ids=["an ordinary one", "a page is missing", "an archived one", "a dataset"],
)
def test_that_a_report_has_no_queries_is_believed_of_ordinary_ones_in_a_whole_listing(
    listings: Callable[..., BatchListings], row: dict[str, Any], complete: bool, none: bool
) -> None:
    batch = listings({**SHOWN, "report_token": "r2"}, complete=complete)
    assert batch.queries_of(report(query_count=0, **row)) == ([] if none else None)


def test_before_the_listing_is_read_no_report_is_believed_to_have_no_queries() -> None:
    mode: Any = Mode(0)
    listed = Listed()
    pipeline = Pipeline(max_in_flight=1, cancel=lambda: None)
    batch = BatchListings(discovery=mode, pipeline=pipeline, listed=listed, types=IdTypes(), everywhere=False)
    assert batch.queries_of(report(query_count=0)) is None
    listed.close()


@pytest.mark.parametrize("row", [{"archived": True}, {"type": "DatasetReport"}], ids=str)
def test_queries_that_batch_shows_are_taken_of_any_report_also_where_a_page_is_missing(
    listings: Callable[..., BatchListings], row: dict[str, Any]
) -> None:
    assert listings(SHOWN, complete=False).queries_of(report(**row))


@pytest.mark.parametrize(
    ("query", "types"),
    [({"data_source_token": "gone"}, ("1", 1)), ({}, (1, None)), ({}, (None, 1))],
    ids=["its connection is gone", "type of a source not known", "type of an id not known"],
)
def test_a_query_whose_ids_batch_cannot_tell_is_read_by_rest(
    listings: Callable[..., BatchListings], query: dict[str, Any], types: tuple[Any, Any]
) -> None:
    assert listings({**SHOWN, **query}, types=types).queries_of(report()) is None


# -- when a report was edited --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["edited_at", "last_saved_at", "published_at"])
def test_the_newest_of_three_stamps_is_the_last_edit(name: str) -> None:
    stamps = dict.fromkeys(("edited_at", "last_saved_at", "published_at"), "1970-01-01T00:00:01Z")
    assert newest_edit({**stamps, name: "1970-01-01T00:02:00Z"}) == 120
    assert newest_edit({name: "1970-01-01T02:00:00+01:00"}) == 3600


@pytest.mark.parametrize(
    "stamps", [{}, {"edited_at": None}, {"edited_at": "soon"}, {"edited_at": 5}], ids=str
)
def test_a_report_that_does_not_say_when_it_was_edited_has_no_last_edit(stamps: dict[str, Any]) -> None:
    assert newest_edit(stamps) is None


def test_a_stamp_without_a_zone_is_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert newest_edit({"edited_at": "1970-01-01T00:01:00"}) == 60
    finally:
        monkeypatch.undo()
        time.tzset()
