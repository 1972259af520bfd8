"""Which collections, reports and datasets there are: walks over their listings, with nothing missed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mode_catalog_provider.contract import DATASET
from mode_catalog_provider.errors import NotFoundError
from mode_catalog_provider.extract.batch import BatchListings
from mode_catalog_provider.extract.facts import Facts, batch_report_facts, collection_facts, report_facts
from mode_catalog_provider.extract.known import EarlierReadings
from mode_catalog_provider.extract.left_out import Ledger
from mode_catalog_provider.extract.listed import Listed
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.extract.pipeline import Lane, Pipeline, Refusal, Row
from mode_catalog_provider.extract.queries import QueryReading
from mode_catalog_provider.extract.rows import Wire, collection_row, report_row, token_of
from mode_catalog_provider.mode.collection_filter import CollectionFilter
from mode_catalog_provider.mode.hosts import path_part
from mode_catalog_provider.mode.pages import MOST_PASSES, PageWalk
from mode_catalog_provider.text import visible

log = logging.getLogger(__name__)

#: Keys under which dropped archived reports, and dropped datasets, are counted.
ARCHIVED = "archived"
DATASETS = "datasets"

#: What Mode says of a route that it does not have at all, whatever the object.
NO_SUCH_ROUTE = "request path not recognized"


@dataclass(slots=True)
class _Listing:
    """A walk over the reports, or the datasets, of one collection.

    ``reports`` counts those that nobody had seen; ``again`` how often the collection was looked over again.
    """

    collection: dict[str, Any]
    walk: PageWalk
    reports: int = 0
    again: int = 0

    def __str__(self) -> str:
        return f"collection '{visible(self.collection['name'])}' ({self.collection['token']})"


class ReportReading:
    """Walk collections, and in each its reports and its datasets.

    :param pipeline: gets the calls.
    :param ledger: is told what was left out and filtered.
    :param known: what earlier extractions read.
    :param facts: is told what the listings say beyond the contract.
    :param options: what is wanted.
    :param listed: takes down what is listed.
    :param queries: gets each report, once.
    :param batch: can tell what a walk missed; :meth:`batch_ended` says when its queries are there. Default
        ``None``: there is none, so walks must be sure by themselves.
    """

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        ledger: Ledger,
        known: EarlierReadings,
        facts: Facts,
        options: ExtractionOptions,
        listed: Listed,
        queries: QueryReading,
        batch: BatchListings | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._ledger = ledger
        self._known = known
        self._facts = facts
        self._listed = listed
        self._queries = queries
        self._batch = batch
        self._include_archived = options.include_archived
        self._include_datasets = options.include_datasets
        self._filter = CollectionFilter(
            include=options.include_collections,
            exclude=options.exclude_collections,
            include_personal=options.include_personal,
        )
        self._spaces = PageWalk("spaces", "spaces", params={"filter": "all"})
        self._wanted: list[dict[str, Any]] = []
        # Collections that are being walked, the list of collections itself, and the batch listing of queries.
        self._under_way = 1 if batch is None else 2
        self._batch_ended = batch is None
        # Collections in which a report may have been missed, and the pages that another look would cost.
        self._unproven: list[dict[str, Any]] = []
        self._unproven_pages = 0
        # Whether the workspace has a listing of datasets: unknown until one collection was asked, while the
        # others wait.
        self._has_datasets: bool | None = None if options.include_datasets else False
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
        self._pipeline.ask(lane, walk.path, then, refused, params=walk.params)

    # -- collections ---------------------------------------------------------------------------------------

    def _collections_page(self, answer: Wire) -> Iterable[Row]:
        for resource in self._spaces.take(answer):
            if (token := token_of(resource)) is None:
                name = resource.get("name")
                self._ledger.without_token("collection", name=name, listing="the list of collections")
            elif reason := self._filter.reason_to_drop(resource):
                self._ledger.filtered[reason] += 1
            else:
                self._facts("collection", token, collection_facts(resource))
                self._wanted.append(collection_row(resource))
        if self._spaces.done:
            self._filter.check()
            for pattern in self._filter.idle_exclusions:
                log.warning("exclude_collections: no collection's name or token matches %r.", pattern)
        else:
            self._ask_page(Lane.COLLECTIONS, self._spaces, self._collections_page)
        if self._spaces.done or not self._filter.needs_all:
            for collection in self._wanted:
                self._under_way += 1
                self._ask_reports(Lane.PAGES, _Listing(collection, self._walk_of_reports(collection)))
            self._wanted.clear()
        if self._spaces.done:
            self._over()
        return ()

    def batch_ended(self) -> Iterable[Row]:
        """Take note that the batch listing of queries is there, as far as it came."""
        self._queries.batch_ended(self._batch_over)
        return ()

    def _batch_over(self) -> None:
        self._batch_ended = True
        self._over()

    def _over(self) -> None:
        """One walk is over; after the last, see whether all of them together saw everything."""
        self._under_way -= 1
        if self._under_way:
            if self._under_way == 1 and not self._batch_ended:
                self._queries.all_listed()
            return
        # One request for a thousand reports, or one for each page and report in doubt.
        doubts = self._unproven_pages + self._queries.undecided
        if self._batch and doubts > -(-self._listed.reports // 1000):
            self._batch.read_reports(take=self._check, ended=self._checked)
        else:
            self._look_again(self._unproven)
            self._queries.settle()

    def _check(self, rows: Iterable[Any]) -> None:
        rows = [row for row in rows if isinstance(row, Mapping)]
        self._listed.add_batch_reports(rows)
        for row in rows:
            if isinstance(token := row.get("token"), str):
                self._facts("report", token, batch_report_facts(row))

    def _checked(self, complete: bool) -> Iterable[Row]:
        doubtful = self._listed.doubtful_collections() if complete else None
        self._look_again([one for one in self._unproven if doubtful is None or one["token"] in doubtful])
        self._queries.settle()
        return ()

    # -- reports -------------------------------------------------------------------------------------------

    def _walk_of_reports(self, collection: dict[str, Any]) -> PageWalk:
        token = collection["token"]
        known = None if self._batch else self._known.reports_of(token)
        return PageWalk(
            f"spaces/{path_part(token)}/reports", "reports", known=known, confirm=self._batch is None
        )

    def _ask_reports(self, lane: Lane, listing: _Listing) -> None:
        then, refused = partial(self._reports_page, listing), partial(self._reports_refused, listing)
        self._ask_page(lane, listing.walk, then, refused)

    def _reports_page(self, listing: _Listing, answer: Wire) -> Iterator[Row]:
        yield from self._take_reports(listing, answer)
        if not listing.walk.done:
            self._ask_reports(Lane.NEXT_PAGES, listing)
            return
        if listing.walk.unproven:
            self._unproven.append(listing.collection)
            self._unproven_pages += listing.walk.pages
        self._look_for_datasets(listing.collection)
        yield "collection", listing.collection

    def _take_reports(self, listing: _Listing, answer: Wire) -> Iterator[Row]:
        collection = listing.collection["token"]
        for resource in listing.walk.take(answer):
            token = token_of(resource)
            if token is None:
                name = resource.get("name")
                self._ledger.without_token("report", name=name, listing=f"the reports of {listing}")
                continue
            dataset = resource.get("type") == DATASET
            # Listed twice: it moved while its collections were read, or it is a dataset listed as a report.
            if not self._listed.add(token, collection=collection, dataset=dataset):
                continue
            listing.reports += 1
            if dataset and not self._include_datasets:
                self._ledger.filtered[DATASETS] += 1
            elif resource.get("archived") and not self._include_archived:
                self._ledger.filtered[ARCHIVED] += 1
            else:
                self._facts("report", token, report_facts(resource))
                yield from self._queries.read(report_row(resource, collection_token=collection), resource)

    def _reports_refused(self, listing: _Listing, refusal: Refusal) -> Iterable[Row]:
        what = f"The reports of {listing} could not be listed"
        if listing.reports:
            what += f" to the end, only the {listing.reports} that are extracted"
        collection = listing.collection
        self._ledger.refused(
            "collection", token=collection["token"], name=collection["name"], what=what, refusal=refusal
        )
        self._over()
        # The list of collections showed it, so it is there; only what is in it is not known.
        return (("collection", collection),)

    # -- another look, where a report may have been missed -------------------------------------------------

    def _look_again(self, collections: Iterable[dict[str, Any]], again: int = 1) -> None:
        for collection in collections:
            self._ask_again(Lane.PAGES, _Listing(collection, self._walk_of_reports(collection), again=again))

    def _ask_again(self, lane: Lane, listing: _Listing) -> None:
        then, refused = partial(self._page_again, listing), partial(self._again_refused, listing)
        self._ask_page(lane, listing.walk, then, refused)

    def _page_again(self, listing: _Listing, answer: Wire) -> Iterator[Row]:
        yield from self._take_reports(listing, answer)
        if not listing.walk.done:
            self._ask_again(Lane.NEXT_PAGES, listing)
        elif listing.reports and listing.again < MOST_PASSES:
            self._look_again([listing.collection], listing.again + 1)

    def _again_refused(self, listing: _Listing, refusal: Refusal) -> Iterable[Row]:
        what = f"The reports of {listing} could not be looked over again, so one may be missing"
        self._ledger.refused("report", token=None, name=None, what=what, refusal=refusal)
        return ()

    # -- datasets: reports with a listing of their own, which not every workspace has ----------------------

    def _look_for_datasets(self, collection: dict[str, Any]) -> None:
        if self._has_datasets is None and self._asked_for_datasets:
            self._before_datasets.append(collection)
        elif self._has_datasets is not False:
            self._asked_for_datasets = True
            # They, too, come under the key "reports". Batch need not know them, so the walk must be sure.
            walk = PageWalk(f"spaces/{path_part(collection['token'])}/datasets", "reports")
            self._ask_datasets(_Listing(collection, walk))
        else:
            self._over()

    def _ask_datasets(self, listing: _Listing) -> None:
        then, refused = partial(self._datasets_page, listing), partial(self._datasets_refused, listing)
        self._ask_page(Lane.NEXT_PAGES, listing.walk, then, refused)

    def _datasets_page(self, listing: _Listing, answer: Wire) -> Iterator[Row]:
        yield from self._take_reports(listing, answer)
        if listing.walk.done:
            self._over()
        else:
            self._ask_datasets(listing)
        self._has_datasets = True
        self._resume_datasets()

    def _datasets_refused(self, listing: _Listing, refusal: Refusal) -> Iterable[Row]:
        if self._has_datasets is None and isinstance(refusal, NotFoundError):
            if NO_SUCH_ROUTE in str(refusal):
                return self._no_datasets_anywhere()
            # Either the workspace has no such listing, or this very collection vanished after its reports
            # were read. One look tells; taking one for the other would lose the datasets of all others.
            path = f"spaces/{path_part(listing.collection['token'])}/reports"
            self._pipeline.ask(
                Lane.PAGES,
                path,
                lambda _: self._no_datasets_anywhere(),
                lambda _: self._datasets_left_out(listing, refusal),
                params={"page": 1},
            )
            return ()
        return self._datasets_left_out(listing, refusal)

    def _no_datasets_anywhere(self) -> Iterable[Row]:
        log.info("This Mode workspace has no listing of datasets; reports are extracted without them.")
        self._has_datasets = False
        self._over()
        self._resume_datasets()
        return ()

    def _datasets_left_out(self, listing: _Listing, refusal: Refusal) -> Iterable[Row]:
        what = f"The datasets of {listing} could not be listed"
        self._ledger.refused("report", token=None, name=None, what=what, refusal=refusal)
        self._asked_for_datasets = self._has_datasets is True
        self._over()
        self._resume_datasets()
        return ()

    def _resume_datasets(self) -> None:
        waiting, self._before_datasets = self._before_datasets, []
        for collection in waiting:
            self._look_for_datasets(collection)
