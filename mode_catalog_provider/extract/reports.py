"""Which reports and datasets there are in the collections: walks over their listings, with nothing missed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from mode_catalog_provider.contract import DATASET
from mode_catalog_provider.extract.batch import BatchListings
from mode_catalog_provider.extract.bulk_changes import BulkChanges
from mode_catalog_provider.extract.collection_walk import CollectionWalk
from mode_catalog_provider.extract.collections import CollectionReading
from mode_catalog_provider.extract.datasets import DatasetReading
from mode_catalog_provider.extract.facts import Facts, batch_report_facts, report_facts
from mode_catalog_provider.extract.known import EarlierReadings
from mode_catalog_provider.extract.left_out import Ledger
from mode_catalog_provider.extract.listed import Listed
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.extract.pipeline import Lane, Pipeline, Refusal, Row
from mode_catalog_provider.extract.queries import QueryReading
from mode_catalog_provider.extract.rows import Wire, report_row, token_of
from mode_catalog_provider.extract.unchanged import UnchangedReading
from mode_catalog_provider.mode.hosts import path_part
from mode_catalog_provider.mode.pages import MOST_PASSES, SHORTEST_FULL_PAGE, PageWalk

#: Keys under which dropped archived reports, and dropped datasets, are counted.
ARCHIVED = "archived"
DATASETS = "datasets"


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
    :param changes: given with ``batch``: what the bulk listing of reports shows, read before any walk.
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
        changes: BulkChanges | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._ledger = ledger
        self._known = known
        self._facts = facts
        self._changes = changes
        self._listed = listed
        self._queries = queries
        self._batch = batch
        self._include_archived = options.include_archived
        self._include_datasets = options.include_datasets
        self._collections = CollectionReading(
            pipeline=pipeline,
            ledger=ledger,
            facts=facts,
            options=options,
            listed=self._collections_listed,
        )
        # Collections that are being walked, the list of collections itself, and the batch listing of queries.
        self._under_way = 1 if batch is None else 2
        self._batch_ended = batch is None
        # Collections in which a report may have been missed, and the pages that another look would cost.
        self._unproven: list[dict[str, Any]] = []
        self._unproven_pages = 0
        self._datasets = DatasetReading(
            pipeline=pipeline,
            ledger=ledger,
            known=known,
            options=options,
            take=self._take,
            over=self._datasets_over,
            planned=self._planned,
            bulk_tokens=self._bulk_tokens,
            shown=listed.has,
            absent=changes.no_datasets if changes else lambda: None,
        )
        # Collections that are or were walked.
        self._walked = 0
        # Collections may be read: what bulk shows is there, or there is no bulk.
        self._ready = changes is None
        self._unchanged: UnchangedReading | None = None
        if changes is not None:
            self._unchanged = UnchangedReading(
                pipeline=pipeline,
                ledger=ledger,
                facts=facts,
                listed=listed,
                queries=queries,
                changes=changes,
                walk=self._walk_through,
                begun=self._begun,
                over=self._over,
            )

    def start(self) -> None:
        """Queue the first call; all others follow from its answer."""
        if self._changes is None:
            self._collections.ask()
        elif self._known.earlier_rows is None:
            self._changes.start(self._bulk_is_there, take=self._check, spaces_there=self._collections.ask)
        else:
            self._changes.start(self._bulk_is_there, take=self._check)

    def _bulk_is_there(self) -> None:
        self._ready = True
        if self._changes is None:
            return
        if self._known.earlier_rows is not None:
            unchanged = self._changes.unchanged_collections()
            if unchanged is None:
                self._collections.ask()
                return
            self._collections.adopt(unchanged, self._changes.filtered_collections)
        elif self._collections.complete:
            self._changes.collections_listed()
        self._begin_wanted()

    def _collections_listed(self) -> None:
        if self._changes is not None and self._ready and self._collections.complete:
            self._changes.collections_listed()
        self._begin_wanted()

    def _begin_wanted(self) -> None:
        """Read the collections known so far, as soon as that can be begun."""
        if not self._ready:
            return
        at_once = not self._collections.needs_all and not (self._changes and self._changes.compares)
        if self._collections.complete or at_once:
            # A walk goes page by page, so the longest begin first: begun last, it would go on alone.
            wanted = sorted(self._collections.take(), key=self._pages_ahead, reverse=True)
            if self._unchanged is not None:
                self._unchanged.begin(wanted, planned=self._datasets.all_planned)
            else:
                for collection in wanted:
                    self._walk_through(collection)
        if self._collections.complete:
            self._over()

    def _pages_ahead(self, collection: dict[str, Any]) -> int:
        """Return how many full pages a collection probably has; 0 where nobody knows."""
        token = collection["token"]
        known = self._changes.size_of(token) if self._changes else len(self._known.reports_of(token) or ())
        return known // SHORTEST_FULL_PAGE

    def _begun(self) -> None:
        self._under_way += 1

    def connections_listed(self, tokens: Collection[str]) -> None:
        """Take note of all connections, by token."""
        self._datasets.connections_listed(tokens)

    def dataset_way(self) -> dict[str, Any]:
        """Return by which way datasets were listed, for the manifest; empty: by collection, as always."""
        return self._datasets.to_json()

    def close(self) -> None:
        """Give the disk space back."""
        self._datasets.close()

    def _planned(self) -> tuple[int, int] | None:
        """Return how many collections are listed, and how many are wanted; ``None``: nobody knows yet."""
        if self._unchanged is not None and self._unchanged.planning:
            return None
        expected = self._collections.expected
        return self._walked if self._collections.complete else expected, expected

    def _walk_through(self, collection: dict[str, Any], lane: Lane = Lane.PAGES) -> None:
        self._begun()
        self._walked += 1
        self._ask_reports(lane, CollectionWalk(collection, self._walk_of_reports(collection)))

    def _ask_page(
        self,
        lane: Lane,
        walk: PageWalk,
        then: Callable[[Any], Iterable[Row]],
        refused: Callable[[Refusal], Iterable[Row]] | None = None,
    ) -> None:
        self._pipeline.ask(lane, walk.path, then, refused, params=walk.params)

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
        if self._unchanged is not None and self._unchanged.holds:
            # What is held counts as one, and so does the bulk listing of queries until it is used.
            if self._under_way == (1 if self._batch_ended else 2):
                self._unchanged.settle()
            return
        if self._under_way:
            if self._under_way == 1 and not self._batch_ended:
                self._queries.all_listed()
            return
        self._datasets.all_over()
        if self._changes and self._changes.complete and not self._unproven:
            self._queries.settle()
            return
        # One request for a thousand reports, or one for each page and report in doubt.
        doubts = self._unproven_pages + self._queries.undecided
        if self._batch and doubts > -(-self._listed.reports // 1000):
            self._batch.read("reports", take=self._check, ended=self._checked)
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

    def _ask_reports(self, lane: Lane, listing: CollectionWalk) -> None:
        then, refused = partial(self._reports_page, listing), partial(self._reports_refused, listing)
        self._ask_page(lane, listing.walk, then, refused)

    def _reports_page(self, listing: CollectionWalk, answer: Wire) -> Iterator[Row]:
        yield from self._take(listing, listing.walk.take(answer))
        walk, bulk = listing.walk, self._bulk_tokens(listing.token)
        if bulk is not None and walk.on_short_page:
            if walk.shows_just(bulk):
                walk.end()
            elif not walk.done and self._may_be_datasets(bulk - walk.tokens, listing):
                # If they are, no further page of reports need be asked for.
                self._datasets.look_for(listing)
                return
        if not walk.done:
            self._ask_reports(Lane.NEXT_PAGES, listing)
        elif listing.has_datasets_read:
            yield from self._collection_over(listing)
        else:
            self._datasets.look_for(listing)

    def _bulk_tokens(self, collection: str) -> set[str] | None:
        return self._changes.bulk_tokens(collection) if self._changes else None

    def _may_be_datasets(self, tokens: set[str], listing: CollectionWalk) -> bool:
        return bool(tokens) and self._datasets.possible and not listing.has_datasets_read

    def _datasets_over(self, reports: CollectionWalk) -> Iterable[Row]:
        reports.has_datasets_read = True
        if reports.walk.done:
            return self._collection_over(reports)
        self._ask_reports(Lane.NEXT_PAGES, reports)
        return ()

    def _collection_over(self, listing: CollectionWalk) -> Iterable[Row]:
        """Everything in a collection was listed."""
        if (
            listing.empty
            and not listing.doubted
            and listing.misses(self._bulk_tokens(listing.token), self._known.reports_of(listing.token))
        ):
            listing.doubted, listing.walk = True, self._walk_of_reports(listing.collection)
            self._ask_reports(Lane.NEXT_PAGES, listing)
            return ()
        if listing.walk.unproven:
            self._unproven.append(listing.collection)
            self._unproven_pages += listing.walk.pages
        if self._changes is not None and not listing.flawed:
            token = listing.collection["token"]
            self._changes.listed(token, seen=listing.seen, counts=listing.unwanted)
        self._over()
        return (("collection", listing.collection),)

    def _take(self, listing: CollectionWalk, resources: Iterable[Wire]) -> Iterator[Row]:
        collection, whole = listing.token, listing.whole
        for resource in resources:
            token = token_of(resource)
            if token is None:
                name = resource.get("name")
                self._ledger.without_token("report", name=name, listing=f"the reports of {listing}")
                whole.flawed = True
                continue
            whole.seen.add(token)
            dataset = resource.get("type") == DATASET
            # Listed twice: it moved while its collections were read, or it is a dataset listed as a report.
            if not self._listed.add(token, collection=collection, dataset=dataset):
                continue
            listing.reports += 1
            if dataset and not self._include_datasets:
                self._leave_out(DATASETS, whole)
            elif resource.get("archived") and not self._include_archived:
                self._leave_out(ARCHIVED, whole)
            else:
                self._facts("report", token, report_facts(resource))
                row = report_row(resource, collection_token=collection)
                if self._changes is not None:
                    self._changes.compare(row)
                yield from self._queries.read(row, resource)

    def _leave_out(self, why: str, listing: CollectionWalk) -> None:
        self._ledger.filtered[why] += 1
        listing.unwanted[why] += 1

    def _reports_refused(self, listing: CollectionWalk, refusal: Refusal) -> Iterable[Row]:
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
            self._ask_again(
                Lane.PAGES, CollectionWalk(collection, self._walk_of_reports(collection), again=again)
            )

    def _ask_again(self, lane: Lane, listing: CollectionWalk) -> None:
        then, refused = partial(self._page_again, listing), partial(self._again_refused, listing)
        self._ask_page(lane, listing.walk, then, refused)

    def _page_again(self, listing: CollectionWalk, answer: Wire) -> Iterator[Row]:
        yield from self._take(listing, listing.walk.take(answer))
        if not listing.walk.done:
            self._ask_again(Lane.NEXT_PAGES, listing)
        elif listing.reports and listing.again < MOST_PASSES:
            self._look_again([listing.collection], listing.again + 1)

    def _again_refused(self, listing: CollectionWalk, refusal: Refusal) -> Iterable[Row]:
        what = f"The reports of {listing} could not be looked over again, so one may be missing"
        self._ledger.refused("report", token=None, name=None, what=what, refusal=refusal)
        return ()
