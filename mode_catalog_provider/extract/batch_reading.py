"""Read a batch listing through a pipeline, beside everything else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from mode_catalog_provider.errors import MalformedResponseError, ServiceError
from mode_catalog_provider.extract.pipeline import Call, Lane, Row
from mode_catalog_provider.extract.reading import Reading
from mode_catalog_provider.extract.rows import Wire
from mode_catalog_provider.mode.discovery import Discovery
from mode_catalog_provider.mode.pages import count_of

log = logging.getLogger(__name__)

#: Pages of 1,000 queries, SQL included, are large: more at once would cost memory and gain nothing.
AT_ONCE = 2

#: A page that stays broken costs the reports on it a reading by REST; after so many the listing is given up.
MOST_BROKEN_PAGES = 3


class BatchReading:
    """Walk a batch listing to its end, once. Rows that move meanwhile show as counts that disagree.

    :param reading: of which this is a part.
    :param discovery: opened.
    :param listing: which one: ``"queries"`` or ``"reports"``.
    :param take: gets the rows of each page.
    :param ended: called once at the end with whether every page came; returns the rows that waited for it.
    """

    def __init__(
        self,
        *,
        reading: Reading,
        discovery: Discovery,
        listing: str,
        take: Callable[[list[Any]], None],
        ended: Callable[[bool], Iterable[Row]],
    ) -> None:
        self._discovery = discovery
        self._listing = listing
        self._take = take
        self._everywhere = reading.options.include_personal
        self._pipeline = reading.pipeline
        self._ended = ended
        self._next = 1
        self._last: int | None = None
        self._first_row: Any = None
        self._under_way = 0
        self._broken = 0

    def start(self) -> None:
        """Queue the first call; all others follow from its answer."""
        self._ask()

    def _ask(self) -> None:
        request = partial(self._discovery.page, self._listing, self._next, everywhere=self._everywhere)
        self._pipeline.add(Call(Lane.BATCH, request, self._page, failed=self._page_failed))
        self._next += 1
        self._under_way += 1

    def _page(self, answer: Wire) -> Iterable[Row]:
        rows, block = answer.get(self._listing), answer.get("pagination")
        if not isinstance(rows, list):
            return self._page_failed(MalformedResponseError("Mode's batch listing came without its rows."))
        self._take(rows)
        pages = count_of(block.get("total_pages")) if isinstance(block, dict) else None
        if pages is not None:
            self._last = max(self._last or 0, pages)
        elif not rows or rows[0] == self._first_row:
            # Not counted, and empty or the same page again: the end.
            self._last = 0
        self._first_row = rows[0] if rows else None
        return self._settled()

    def _page_failed(self, error: ServiceError) -> Iterable[Row]:
        self._broken += 1
        log.warning(
            "A page of Mode's batch listing of %s is missing, REST stands in: %s", self._listing, error
        )
        return self._settled()

    def _settled(self) -> Iterable[Row]:
        self._under_way -= 1
        # How far a listing goes is known when a page came.
        known = self._last is not None
        given_up = self._broken >= MOST_BROKEN_PAGES or (self._broken > 0 and not known)
        while not given_up and self._under_way < (AT_ONCE if known else 1) and self._more():
            self._ask()
        if self._under_way:
            return ()
        return self._ended(not self._broken)

    def _more(self) -> bool:
        return self._last is None or self._next <= self._last
