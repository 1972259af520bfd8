"""Long listings of Catalog, page by page, in constant memory and without ever taking half for the whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mode_catalog_provider.catalog.api import CatalogApi, EmptyAnswerError
from mode_catalog_provider.catalog.news import CatalogNews
from mode_catalog_provider.errors import GraphQLError, MalformedResponseError

#: 500 is the most that is known to work; the others are for when Catalog answers that with nothing.
PAGE_SIZES = (500, 250, 100, 50, 20)

#: How often a listing is read when rows are missing at its end.
_PASSES = 3

#: Pages in a row without a new row: the service repeats its last page for ever.
_STALE_PAGES = 3

# Rows beyond the announced total after which a walk gives up looking for the missing ones.
_SLACK = 2000

#: Different rows of one listing; whoever gives more does not come to an end.
MOST_ROWS = 10_000_000


def walk(
    api: CatalogApi,
    document: str,
    *,
    field: str,
    variables: Mapping[str, Any] | None = None,
    budget: float | None = None,
    is_new: Callable[[dict[str, Any]], bool],
    none_is_odd: bool = False,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a listing to its end.

    Rows move between pages while Catalog works, so the end is an empty page or the announced total, never a
    short page alone, and rows that come twice are yielded once. When Catalog answers a page with neither rows
    nor an error, the page is asked for again in smaller ones.

    :param document: the query; its variables ``$nbPerPage`` and ``$page`` are filled in here.
    :param field: its only root field.
    :param variables: its other variables.
    :param budget: seconds for all attempts of one page, default ``None``: those of ``api``.
    :param is_new: whether a row was not yielded before; called once per row.
    :param none_is_odd: read a listing of no rows once more before it is believed; default ``False``.
    :param monotonic: clock in seconds, for the line that tells once a minute how far it is.
    :raises MalformedResponseError: rows are missing at the end, or this is no listing.
    """
    pages = _Pages(api, document, field=field, variables=variables or {}, budget=budget)
    news = CatalogNews(f"rows of {field}", monotonic=monotonic)
    different = 0
    for number in range(_PASSES):
        pages.begin()
        while rows := pages.next():
            fresh = 0
            for row in rows:
                if is_new(row):
                    fresh += 1
                    yield row
            different += fresh
            news.tell(different, pages.total)
            if different > MOST_ROWS:
                raise MalformedResponseError(
                    f"Catalog's {field} does not end: it gave more than {MOST_ROWS} different rows."
                )
            if pages.are_over(different, fresh):
                break
        if none_is_odd and not different and number == 0:
            continue
        if pages.total is None or different >= pages.total:
            return
        # A row that moved to an earlier page meanwhile was not seen: it is in the next walk.
    raise MalformedResponseError(
        f"Catalog's {field} announced {pages.total} rows and gave {different}: the rest is not known, so "
        f"nothing is concluded from this. Try again later."
    )


class _Pages:
    """The place in one listing."""

    def __init__(
        self,
        api: CatalogApi,
        document: str,
        *,
        field: str,
        variables: Mapping[str, Any],
        budget: float | None,
    ) -> None:
        self._api, self._document, self._field = api, document, field
        self._variables, self._budget = variables, budget
        self._sizes = list(PAGE_SIZES)
        self.total: int | None = None
        self.begin()

    def begin(self) -> None:
        """Start at the first row again."""
        self._page = self._passed = self._stale = 0
        self._last: list[dict[str, Any]] = []

    def next(self) -> list[dict[str, Any]]:
        """Return the rows of the next page, none at the end."""
        while True:
            given = {**self._variables, "nbPerPage": self._sizes[0], "page": self._page}
            last_size = len(self._sizes) == 1
            try:
                answer = self._api.query(
                    self._document,
                    given,
                    field=self._field,
                    budget=self._budget,
                    again_if_empty=last_size,
                )
                break
            except (EmptyAnswerError, GraphQLError) as error:
                too_large = isinstance(error, EmptyAnswerError) or "nbPerPage" in str(error)
                if last_size or not too_large:
                    raise
            # Back to the page that holds the next row; what comes twice is known.
            del self._sizes[0]
            self._page = self._passed // self._sizes[0]
            self._passed = self._page * self._sizes[0]
        self._last, total = _rows(answer, self._field)
        if total is not None:
            # A page that announces less than those before it, or has nothing to say, does not end the walk.
            self.total = total if self._page == 0 else max(total, self.total or 0)
        self._page += 1
        self._passed += len(self._last)
        return self._last

    def are_over(self, different: int, fresh: int) -> bool:
        """Return whether no page is left, as far as one can tell without asking for it."""
        self._stale = 0 if fresh else self._stale + 1
        if self.total is None or different >= self.total:
            # A full page is followed by another, even when the count says that this is all.
            return self._stale >= _STALE_PAGES or (
                self.total is not None and len(self._last) < self._sizes[0]
            )
        return self._passed > self.total + self.total // 10 + _SLACK


def _rows(answer: Any, field: str) -> tuple[list[dict[str, Any]], int | None]:
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise MalformedResponseError(f"Catalog's {field} gave no list of rows.")
    total = answer.get("totalCount")
    return rows, total if type(total) is int and total >= 0 else None
