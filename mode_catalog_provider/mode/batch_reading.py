"""Read the batch listing of queries through a pipeline, while REST lists collections and reports."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from mode_catalog_provider.errors import MalformedResponseError, ServiceError
from mode_catalog_provider.mode.batch_queries import BatchQueries
from mode_catalog_provider.mode.discovery import Discovery
from mode_catalog_provider.mode.pages import count_of
from mode_catalog_provider.mode.pipeline import Call, Lane, Pipeline, Row
from mode_catalog_provider.mode.rows import Wire

log = logging.getLogger(__name__)

LISTING = "queries"

#: Pages of 1,000 queries, SQL included, are large: more at once would cost memory and gain nothing.
AT_ONCE = 2

#: A page that stays broken costs the reports on it a reading by REST; after so many the listing is given up.
MOST_BROKEN_PAGES = 3


class BatchReading:
    """Walk the listing to its end, once. Rows that move meanwhile show as counts that disagree.

    :param discovery: opened.
    :param queries: takes the rows.
    :param everywhere: with what is in personal collections.
    :param pipeline: gets the calls.
    :param ended: called once at the end; returns the rows that waited for it.
    """

    def __init__(
        self,
        *,
        discovery: Discovery,
        queries: BatchQueries,
        everywhere: bool,
        pipeline: Pipeline,
        ended: Callable[[], Iterable[Row]],
    ) -> None:
        self._discovery = discovery
        self._queries = queries
        self._everywhere = everywhere
        self._pipeline = pipeline
        self._ended = ended
        self._next = 1
        self._last: int | None = None
        self._first_row: Any = None
        self._under_way = 0
        self._broken = 0

    def start(self, *, data_sources: Mapping[str, Any]) -> None:
        """Queue the first call; all others follow from its answer.

        :param data_sources: ids by token, as REST gives them: batch rows have the token alone.
        """
        self._queries.data_sources = data_sources
        self._ask()

    def _ask(self) -> None:
        request = partial(self._discovery.page, LISTING, self._next, everywhere=self._everywhere)
        self._pipeline.add(Call(Lane.BATCH, request, self._page, failed=self._page_failed))
        self._next += 1
        self._under_way += 1

    def _page(self, answer: Wire) -> Iterable[Row]:
        rows, block = answer.get(LISTING), answer.get("pagination")
        if not isinstance(rows, list):
            return self._page_failed(MalformedResponseError("Mode's batch listing came without its rows."))
        self._queries.add(rows)
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
        log.warning("A page of Mode's batch listing of queries is missing, REST stands in: %s", error)
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
        self._queries.finish(complete=not self._broken)
        return self._ended()

    def _more(self) -> bool:
        return self._last is None or self._next <= self._last
