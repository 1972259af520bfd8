"""The Discovery API's bulk listings, which stand in for one request per report.

Batch lists a query without its ``data_source_id``, without any time, and perhaps not every query. So what it
gives for a report is used only when nothing speaks against it; otherwise the report is read by REST.

Batch has been seen to show more than REST does. In a collection that REST refuses this changes nothing, for
its reports are never listed. Should REST list a report, but refuse its queries, which batch shows in full,
then they are taken: the key may read them, and finding out would take the very requests that batch saves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from time import time
from typing import Any

from mode_catalog_provider.contract import contract_row
from mode_catalog_provider.errors import MalformedResponseError, ServiceError
from mode_catalog_provider.extract.id_types import IdTypes
from mode_catalog_provider.extract.listed import Listed, ListedReport
from mode_catalog_provider.extract.pipeline import Call, Lane, Pipeline, Row
from mode_catalog_provider.extract.rows import Wire
from mode_catalog_provider.mode.discovery import Discovery
from mode_catalog_provider.mode.pages import count_of
from mode_catalog_provider.moments import in_utc

log = logging.getLogger(__name__)

#: Seconds before the batch answer in which an edit may be missing from it: Mode's clock is not ours, and bulk
#: listings may lag behind.
SETTLING_SECONDS = 600.0

#: Pages of 1,000 queries, SQL included, are large: more at once would cost memory and gain nothing.
AT_ONCE = 2

#: Rows of a page where nothing else is asked for, and what is asked for where such pages turn out large:
#: parts of it, so that the next page begins where the last one ended.
USUAL_PAGE, SMALLER_PAGES = 1000, (500, 250, 125)

#: Characters beyond which a page is large: while it is read it takes some four times that in memory.
LARGE_PAGE = 4_000_000

#: A page that stays broken costs the reports on it a reading by REST; after so many the listing is given up.
MOST_BROKEN_PAGES = 3


class BatchListings:
    """Reads the batch listings of queries and, where it is of use, of reports.

    :param discovery: opened.
    :param pipeline: gets the calls.
    :param listed: keeps what they show.
    :param types: know how REST writes an id.
    :param everywhere: with what is in members' personal collections.
    """

    def __init__(
        self, *, discovery: Discovery, pipeline: Pipeline, listed: Listed, types: IdTypes, everywhere: bool
    ) -> None:
        self._discovery = discovery
        self._pipeline = pipeline
        self._listed = listed
        self._types = types
        self._everywhere = everywhere
        self._begun = time()
        self._complete = False
        self._data_sources: Mapping[str, Any] = {}

    def read_queries(
        self, *, data_sources: Mapping[str, Any], ended: Callable[[bool], Iterable[Row]]
    ) -> None:
        """Queue the reading of all queries.

        :param data_sources: ids by token, as REST gives them: batch rows have the token alone.
        :param ended: called at the end with whether every page came; returns rows.
        """
        self._data_sources = data_sources

        def finish(complete: bool) -> Iterable[Row]:
            self._complete = complete
            self._listed.index_batch_queries()
            return ended(complete)

        self.read("queries", self._listed.add_batch_queries, finish)

    def queries_of(self, report: ListedReport) -> list[dict[str, Any]] | None:
        """Return the rows of a report's queries, ``None`` when they must be read by REST.

        None at all says that the report has none, or that the key may not see them: batch leaves out what it
        does not show, where REST refuses.
        """
        if report.edited is None or report.edited > self._begun - SETTLING_SECONDS:
            return None
        queries = self._listed.batch_queries_of(report.token)
        if len(queries) != count_of(report.row["query_count"]):
            return None
        # Whether batch knows archived reports and datasets at all is documented nowhere.
        ordinary = not report.row["archived"] and report.row["type"] == "Report"
        if not queries and not (ordinary and self._complete):
            return None
        try:
            return [self._row(query, report.token) for query in queries]
        except LookupError:
            # An id in a type that REST has not shown, or a connection that is gone: only REST has its id.
            return None

    def _row(self, query: dict[str, Any], report_token: str) -> dict[str, Any]:
        source = query["data_source_token"]
        number = None if source is None else self._data_sources[source]
        ids = {
            "id": self._types.as_rest("query.id", query["id"]),
            "data_source_id": self._types.as_rest("query.data_source_id", number),
        }
        return contract_row("query", {**query, **ids, "report_token": report_token})

    def read(
        self,
        listing: str,
        take: Callable[[list[Any]], None],
        ended: Callable[[bool], Iterable[Row]],
        *,
        everywhere: bool | None = None,
    ) -> None:
        """Queue the reading of all rows of a listing.

        :param listing: as for :meth:`Discovery.page`.
        :param take: gets the rows of each page.
        :param ended: called at the end with whether every page came; returns rows.
        :param everywhere: with what is in members' personal collections; default: as everything else.
        """
        wanted = self._everywhere if everywhere is None else everywhere
        page = partial(self._discovery.page, listing, everywhere=wanted)
        _BatchWalk(pipeline=self._pipeline, page=page, listing=listing, take=take, ended=ended).start()

    def close(self) -> None:
        """Queue the deletion of the token: nothing more is to be read, as far as one can tell."""
        self._pipeline.add(Call(Lane.MEMBERS, self._discovery.close, lambda _: ()))


class _BatchWalk:
    """Walks one batch listing to its end, once. Rows that move meanwhile show as counts that disagree."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        page: Callable[..., Any],
        listing: str,
        take: Callable[[list[Any]], None],
        ended: Callable[[bool], Iterable[Row]],
    ) -> None:
        self._pipeline = pipeline
        self._read_page = page
        self._listing = listing
        self._take = take
        self._ended = ended
        self._next = 1
        self._last: int | None = None
        self._first_row: Any = None
        self._under_way = 0
        self._broken = 0
        self._per_page: int | None = None
        self._wanted_per_page: int | None = None

    def start(self) -> None:
        """Queue the first call; all others follow from its answer."""
        self._ask()

    def _ask(self) -> None:
        request = partial(self._read_page, self._next, per_page=self._per_page)
        then = partial(self._page, self._per_page)
        self._pipeline.add(Call(Lane.BATCH, request, then, failed=self._page_failed))
        self._next += 1
        self._under_way += 1

    def _page(self, asked: int | None, answer: Wire) -> Iterable[Row]:
        rows, block = answer.get(self._listing), answer.get("pagination")
        if not isinstance(rows, list):
            return self._page_failed(MalformedResponseError("Mode's batch listing came without its rows."))
        served = count_of(block.get("per_page")) if isinstance(block, dict) else None
        if asked is not None and served != asked:
            # Which rows these are cannot be told, so some may be missing.
            self._broken += 1
        if asked is None and served == USUAL_PAGE and self._wanted_per_page is None:
            self._wanted_per_page = _smaller_page(rows)
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
        if self._wanted_per_page is not None and self._per_page is None:
            if self._under_way:
                return ()
            self._ask_for_less(self._wanted_per_page)
        # How far a listing goes is known when a page came.
        known = self._last is not None
        given_up = self._broken >= MOST_BROKEN_PAGES or (self._broken > 0 and not known)
        while not given_up and self._under_way < (AT_ONCE if known else 1) and self._more():
            self._ask()
        if self._under_way:
            return ()
        return self._ended(not self._broken)

    def _ask_for_less(self, rows: int) -> None:
        self._per_page = rows
        if not self._more():
            return
        self._next = (self._next - 1) * (USUAL_PAGE // rows) + 1
        self._last = None
        log.info("Mode's batch listing of %s has large rows: %d are asked for at once.", self._listing, rows)

    def _more(self) -> bool:
        return self._last is None or self._next <= self._last


def _smaller_page(rows: list[Any]) -> int | None:
    """Return how many rows to ask for instead of 1,000 like these, ``None``: these are small."""
    if len(rows) < USUAL_PAGE:
        return None
    objects = (row for row in rows if isinstance(row, dict))
    size = sum(len(value) for row in objects for value in row.values() if isinstance(value, str))
    if size <= LARGE_PAGE:
        return None
    fitting = (count for count in SMALLER_PAGES if size * count <= LARGE_PAGE * USUAL_PAGE)
    return next(fitting, SMALLER_PAGES[-1])


def newest_edit(report: Wire) -> float | None:
    """Return when a report was last edited, saved or published, in Unix seconds; ``None`` if it does not say.

    :param report: the report as listed.
    """
    stamps = [report.get(name) for name in ("edited_at", "last_saved_at", "published_at")]
    try:
        moments = [in_utc(datetime.fromisoformat(stamp)) for stamp in stamps if stamp]
        return max((moment.timestamp() for moment in moments), default=None)
    except (TypeError, ValueError, OverflowError):
        return None
