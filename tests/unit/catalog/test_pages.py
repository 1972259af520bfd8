"""A walk through a listing whose rows move while it is read."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from typing import Any

import pytest

from mode_catalog_provider.catalog import pages
from mode_catalog_provider.catalog.api import EmptyAnswerError
from mode_catalog_provider.catalog.pages import walk
from mode_catalog_provider.errors import MalformedResponseError


class Moving:
    """Announces 40,000 rows; every tenth place shows the row before it once more."""

    total = 40_000

    def __init__(self) -> None:
        self.asked = 0

    def query(self, _document: str, variables: dict[str, Any], **_: Any) -> dict[str, Any]:
        self.asked += 1
        size, page = variables["nbPerPage"], variables["page"]
        places = range(page * size, min((page + 1) * size, self.total * 11 // 10))
        rows = [{"id": min(place * 10 // 11, self.total - 1)} for place in places]
        return {"data": rows, "totalCount": self.total}


def new_ones() -> Callable[[dict[str, Any]], bool]:
    seen: set[int] = set()

    def is_new(row: dict[str, Any]) -> bool:
        new = row["id"] not in seen
        seen.add(row["id"])
        return new

    return is_new


def test_rows_that_come_twice_do_not_end_a_walk_before_its_last_new_row() -> None:
    service: Any = Moving()
    rows = list(walk(service, "query", field="things", is_new=new_ones()))
    assert len(rows) == Moving.total
    assert service.asked <= Moving.total * 11 // 10 // 500 + 2, "one walk is enough"


def test_a_service_that_repeats_its_last_page_for_ever_is_asked_three_times_more() -> None:
    class Repeating:
        asked = 0

        def query(self, _document: str, variables: dict[str, Any], **_: Any) -> dict[str, Any]:
            self.asked += 1
            return {"data": [{"id": number} for number in range(variables["nbPerPage"])]}

    service: Any = Repeating()
    assert len(list(walk(service, "query", field="things", is_new=new_ones()))) == 500
    assert service.asked == 4


def test_a_long_walk_tells_once_a_minute_how_far_it_is(caplog: pytest.LogCaptureFixture) -> None:
    # Each look at the clock is ten seconds later: every sixth page tells.
    clock = itertools.count(0, 10)
    service: Any = Moving()
    with caplog.at_level(logging.INFO):
        seen: set[int] = set()
        walked = walk(
            service,
            "query",
            field="getThings",
            is_new=lambda row: row["id"] not in seen and not seen.add(row["id"]),
            monotonic=lambda: float(next(clock)),
        )
        assert len(list(walked)) == Moving.total
    first, *others = [line for line in caplog.messages if line.startswith("So far")]
    assert first.startswith(f"So far: 2727 of {Moving.total} rows of getThings; 2727 a minute, about 13 min")
    assert len(others) == service.asked // 6 - 1


@pytest.mark.parametrize("total", [None, 1])
def test_a_listing_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch, total: int | None) -> None:
    class Endless:
        def query(self, _document: str, variables: dict[str, Any], **_: Any) -> dict[str, Any]:
            size, page = variables["nbPerPage"], variables["page"]
            return {"data": [{"id": page * size + place} for place in range(size)], "totalCount": total}

    monkeypatch.setattr(pages, "MOST_ROWS", 3_000)
    service: Any = Endless()
    with pytest.raises(MalformedResponseError, match="does not end"):
        list(walk(service, "query", field="things", is_new=lambda _: True))


def test_the_smallest_pages_are_tried_before_a_listing_is_given_up() -> None:
    class Slow:
        def query(self, _document: str, variables: dict[str, Any], **_: Any) -> dict[str, Any]:
            size, page = variables["nbPerPage"], variables["page"]
            if size > 20:
                raise EmptyAnswerError("neither data nor errors")
            return {"data": [{"id": n} for n in range(page * size, min((page + 1) * size, 50))]}

    service: Any = Slow()
    rows = list(walk(service, "query", field="things", is_new=new_ones()))
    assert [row["id"] for row in rows] == list(range(50))


@pytest.mark.parametrize("total", [0, None])
def test_a_page_that_is_empty_once_is_no_end(total: int | None) -> None:
    class Hollow(Moving):
        def query(self, _document: str, variables: dict[str, Any], **options: Any) -> dict[str, Any]:
            answer = super().query(_document, variables, **options)
            return {"data": [], "totalCount": total} if self.asked == 2 else answer

    service: Any = Hollow()
    assert len(list(walk(service, "query", field="things", is_new=new_ones()))) == Moving.total


def test_rows_that_are_deleted_while_a_listing_is_read_are_not_waited_for() -> None:
    class Shrinking:
        there = 1_000

        def query(self, _document: str, variables: dict[str, Any], **_: Any) -> dict[str, Any]:
            size, page = variables["nbPerPage"], variables["page"]
            rows = [{"id": n} for n in range(page * size, min((page + 1) * size, self.there))]
            answer = {"data": rows, "totalCount": self.there}
            self.there = 900
            return answer

    service: Any = Shrinking()
    assert len(list(walk(service, "query", field="things", is_new=new_ones()))) == 900


@pytest.mark.parametrize("total", [0, None])
@pytest.mark.parametrize("there", [0, 3])
def test_a_listing_of_nothing_is_read_once_more_where_that_would_be_odd(
    total: int | None, there: int
) -> None:
    class Blank:
        asked = 0

        def query(self, _document: str, variables: dict[str, Any], **_: Any) -> dict[str, Any]:
            self.asked += 1
            if self.asked == 1:
                return {"data": [], "totalCount": total}
            return {"data": [{"id": number} for number in range(there)], "totalCount": there}

    service: Any = Blank()
    walked = walk(service, "query", field="things", is_new=new_ones(), none_is_odd=True)
    assert (len(list(walked)), service.asked) == (there, 2)
    service = Blank()
    assert list(walk(service, "query", field="things", is_new=new_ones())) == []
    assert service.asked == 1
