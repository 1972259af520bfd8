"""From the list of collections to the last query: collections, their reports and datasets, and their SQL.

A report and its queries are one unit, and so are a collection and the list of its reports: a row is given out
only when what belongs to it could be read, so that a refused or vanished object leaves no half behind.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote

from mode_catalog_provider.errors import NotFoundError
from mode_catalog_provider.mode.batch_queries import BatchQueries, newest_edit
from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.mode.collection_filter import CollectionFilter
from mode_catalog_provider.mode.completeness import Completeness
from mode_catalog_provider.mode.extraction_options import ExtractionOptions
from mode_catalog_provider.mode.ledger import Ledger
from mode_catalog_provider.mode.pages import PageWalk, embedded_rows
from mode_catalog_provider.mode.pipeline import Call, Lane, Pipeline, Refusal, Row
from mode_catalog_provider.mode.recollection import Recollection, report_mark
from mode_catalog_provider.mode.rows import (
    Wire,
    collection_row,
    query_row,
    report_of,
    report_row,
    token_of,
)

log = logging.getLogger(__name__)

#: Key under which dropped archived reports are counted.
ARCHIVED = "archived"

#: What Mode says of a route that it does not have at all, whatever the object.
NO_SUCH_ROUTE = "request path not recognized"


class _Undecided(NamedTuple):
    """A report that was listed before the batch answer was whole."""

    report: dict[str, Any]
    mark: str | None
    edited: float | None


@dataclass(slots=True)
class _Listing:
    """A walk over the reports, or the datasets, of one collection."""

    collection: dict[str, Any]
    walk: PageWalk
    reports: int = 0

    def __str__(self) -> str:
        return f"collection {self.collection['name']!r} ({self.collection['token']})"


class ReportReading:
    """Read collections, reports, datasets and queries through a pipeline.

    :param client: asks Mode.
    :param options: which collections and reports are wanted.
    :param pipeline: gets the calls.
    :param ledger: is told what was left out and filtered.
    :param recollection: knows the queries of some reports, which then are not asked for.
    :param batch: gets the queries of most other reports; :meth:`batch_ended` says when. Default ``None``: all
        are read by REST.
    """

    def __init__(
        self,
        *,
        client: ModeClient,
        options: ExtractionOptions,
        pipeline: Pipeline,
        ledger: Ledger,
        recollection: Recollection,
        batch: BatchQueries | None = None,
    ) -> None:
        self._client = client
        self._pipeline = pipeline
        self._ledger = ledger
        self._recollection = recollection
        self._batch = batch
        self._batch_ended = batch is None
        # What came before the batch answer was whole: reports, and collections whose completeness it proves.
        self._undecided: deque[_Undecided] = deque()
        self._unchecked: deque[dict[str, Any]] = deque()
        self._include_archived = options.include_archived
        self._filter = CollectionFilter(
            include=options.include_collections,
            exclude=options.exclude_collections,
            include_personal=options.include_personal,
        )
        self._spaces = PageWalk("spaces", "spaces", params={"filter": "all"})
        self._wanted: list[dict[str, Any]] = []
        self._seen_reports: set[str] = set()
        self._completeness = Completeness(recollection=recollection, batch=batch, seen=self._seen_reports)
        # Whether the workspace has a listing of datasets: unknown until one collection was asked, while the
        # others wait.
        self._has_datasets: bool | None = None
        self._asked_for_datasets = False
        self._before_datasets: list[dict[str, Any]] = []

    def start(self) -> None:
        """Queue the first call; all others follow from its answer."""
        self._ask_page(Lane.COLLECTIONS, self._spaces, self._collections_page)

    def _ask_page(
        self,
        lane: Lane,
        walk: PageWalk,
        then: Callable[[Any], Iterable[Row]],
        refused: Callable[[Refusal], Iterable[Row]] | None = None,
    ) -> None:
        self._pipeline.add(
            Call(lane, partial(self._client.get, walk.path, params=walk.params), then, refused)
        )

    # -- collections ---------------------------------------------------------------------------------------

    def _collections_page(self, answer: Wire) -> Iterable[Row]:
        for resource in self._spaces.take(answer):
            token_of(resource, "the list of collections")
            if reason := self._filter.reason_to_drop(resource):
                self._ledger.filtered[reason] += 1
            else:
                self._wanted.append(collection_row(resource))
        if self._spaces.done:
            self._filter.check()
            for pattern in self._filter.idle_exclusions:
                log.warning("exclude_collections: no collection's name or token matches %r.", pattern)
        else:
            self._ask_page(Lane.COLLECTIONS, self._spaces, self._collections_page)
        if self._spaces.done or not self._filter.needs_all:
            for collection in self._wanted:
                self._ask_reports(_Listing(collection, self._walk(collection, "reports")))
            self._wanted.clear()
        return ()

    def _walk(self, collection: dict[str, Any], route: str) -> PageWalk:
        # Datasets, too, come under the key "reports".
        return PageWalk(
            f"spaces/{quote(collection['token'], safe='')}/{route}",
            "reports",
            confirm=self._completeness.only_the_walk_can_tell(collection["token"]),
        )

    # -- reports -------------------------------------------------------------------------------------------

    def _ask_reports(self, listing: _Listing) -> None:
        self._ask_page(
            Lane.PAGES,
            listing.walk,
            partial(self._reports_page, listing),
            partial(self._reports_refused, listing),
        )

    def _reports_page(self, listing: _Listing, answer: Wire) -> Iterator[Row]:
        yield from self._take_reports(listing, answer)
        if not listing.walk.done:
            self._ask_reports(listing)
            return
        self._completeness.note(listing.collection["token"], "reports", listing.walk)
        self._look_for_datasets(listing.collection)
        yield "collection", listing.collection

    def _take_reports(self, listing: _Listing, answer: Wire) -> Iterator[Row]:
        for resource in listing.walk.take(answer):
            token = token_of(resource, f"the reports of {listing}")
            # Listed twice: it moved while its collections were read, or it is a dataset listed as a report.
            if token in self._seen_reports:
                continue
            self._seen_reports.add(token)
            if resource.get("archived") and not self._include_archived:
                self._ledger.filtered[ARCHIVED] += 1
                continue
            listing.reports += 1
            report = report_row(resource, collection_token=listing.collection["token"])
            mark = report_mark(resource)
            if self._recollection.recall_queries(token, mark):
                yield "report", report
            elif self._batch is None:
                self._ask_queries(report, mark)
            else:
                self._undecided.append(_Undecided(report, mark, newest_edit(resource)))
        yield from self._decide()

    def _reports_refused(self, listing: _Listing, refusal: Refusal) -> Iterable[Row]:
        what = f"The reports of {listing} could not be listed"
        if listing.reports:
            what += f" to the end, only the {listing.reports} that are extracted"
        self._leave_out("collection", listing.collection, what, refusal)
        return ()

    # -- what batch knows ----------------------------------------------------------------------------------

    def batch_ended(self) -> Iterator[Row]:
        """Take note that the batch answer is there, as far as it came; returns what waited for it."""
        self._batch_ended = True
        yield from self._decide()
        while self._unchecked:
            self._check(self._unchecked.popleft())

    def _decide(self) -> Iterator[Row]:
        while self._batch is not None and self._batch_ended and self._undecided:
            report, mark, edited = self._undecided.popleft()
            queries = self._batch.of(report, edited=edited)
            if queries is None:
                self._ask_queries(report, mark)
                continue
            yield "report", report
            for query in queries:
                yield "query", query
            self._recollection.note("report", report["token"], mark)

    def _check(self, collection: dict[str, Any]) -> None:
        """Look a listed collection over again if something in it may have been missed."""
        if not self._batch_ended:
            self._unchecked.append(collection)
            return
        for route in self._completeness.to_walk_again(collection["token"]):
            self._ask_again(_Listing(collection, self._walk(collection, route)))

    def _ask_again(self, listing: _Listing) -> None:
        self._ask_page(
            Lane.PAGES,
            listing.walk,
            partial(self._page_again, listing),
            partial(self._again_refused, listing),
        )

    def _page_again(self, listing: _Listing, answer: Wire) -> Iterator[Row]:
        yield from self._take_reports(listing, answer)
        if not listing.walk.done:
            self._ask_again(listing)

    def _again_refused(self, listing: _Listing, refusal: Refusal) -> Iterable[Row]:
        what = f"The reports of {listing} could not be looked over again, so one may be missing"
        self._ledger.refused("report", token=None, name=None, what=what, refusal=refusal)
        return ()

    # -- queries -------------------------------------------------------------------------------------------

    def _ask_queries(self, report: dict[str, Any], mark: str | None) -> None:
        # Whatever query_count says: it is missing, or wrong, on some reports.
        request = partial(self._client.get, f"reports/{quote(report['token'], safe='')}/queries")
        then, refused = partial(self._queries, report, mark), partial(self._queries_refused, report)
        self._pipeline.add(Call(Lane.QUERIES, request, then, refused))

    def _queries(self, report: dict[str, Any], mark: str | None, answer: Wire) -> Iterator[Row]:
        token = report["token"]
        listing = f"the queries of report {report['name']!r} ({token})"
        yield "report", report
        for resource in embedded_rows(answer, "queries", what=listing, required=True):
            query = token_of(resource, listing)
            if report_of(resource) not in (None, token):
                # Its own report lists it as well. Taken from here, its SQL would be drawn as the lineage of
                # the wrong report, or come from a collection that nobody asked for.
                log.warning("Query %s is listed under report %s but belongs to another.", query, token)
                continue
            yield "query", query_row(resource, report_token=token)
        self._recollection.note("report", token, mark)

    def _queries_refused(self, report: dict[str, Any], refusal: Refusal) -> Iterable[Row]:
        what = f"The queries of report {report['name']!r} ({report['token']}) could not be read"
        self._leave_out("report", report, what, refusal)
        return ()

    def _leave_out(self, asset: str, row: dict[str, Any], what: str, refusal: Refusal) -> None:
        self._ledger.refused(asset, token=row["token"], name=row["name"], what=what, refusal=refusal)

    # -- datasets: reports with a listing of their own, which not every workspace has ----------------------

    def _look_for_datasets(self, collection: dict[str, Any]) -> None:
        if self._has_datasets is None and self._asked_for_datasets:
            self._before_datasets.append(collection)
        elif self._has_datasets is not False:
            self._asked_for_datasets = True
            self._ask_datasets(_Listing(collection, self._walk(collection, "datasets")))
        else:
            self._check(collection)

    def _ask_datasets(self, listing: _Listing) -> None:
        self._ask_page(
            Lane.PAGES,
            listing.walk,
            partial(self._datasets_page, listing),
            partial(self._datasets_refused, listing),
        )

    def _datasets_page(self, listing: _Listing, answer: Wire) -> Iterator[Row]:
        yield from self._take_reports(listing, answer)
        if listing.walk.done:
            self._completeness.note(listing.collection["token"], "datasets", listing.walk)
            self._check(listing.collection)
        else:
            self._ask_datasets(listing)
        self._has_datasets = True
        self._resume_datasets()

    def _datasets_refused(self, listing: _Listing, refusal: Refusal) -> Iterable[Row]:
        if self._has_datasets is None and isinstance(refusal, NotFoundError):
            if NO_SUCH_ROUTE in str(refusal):
                return self._no_datasets_anywhere(listing.collection)
            # Either the workspace has no such listing, or this very collection vanished after its reports
            # were read. One look tells; taking one for the other would lose the datasets of all others.
            self._ask_page(
                Lane.PAGES,
                self._walk(listing.collection, "reports"),
                lambda _: self._no_datasets_anywhere(listing.collection),
                lambda _: self._datasets_left_out(listing, refusal),
            )
            return ()
        return self._datasets_left_out(listing, refusal)

    def _no_datasets_anywhere(self, asked: dict[str, Any]) -> Iterable[Row]:
        log.info("This Mode workspace has no listing of datasets; reports are extracted without them.")
        self._has_datasets = False
        self._before_datasets.append(asked)
        self._resume_datasets()
        return ()

    def _datasets_left_out(self, listing: _Listing, refusal: Refusal) -> Iterable[Row]:
        what = f"The datasets of {listing} could not be listed"
        self._ledger.refused("report", token=None, name=None, what=what, refusal=refusal)
        self._asked_for_datasets = self._has_datasets is True
        self._check(listing.collection)
        self._resume_datasets()
        return ()

    def _resume_datasets(self) -> None:
        waiting, self._before_datasets = self._before_datasets, []
        for collection in waiting:
            self._look_for_datasets(collection)
