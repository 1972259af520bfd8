"""Collections that bulk listings show to be as they were: held until that is verified, then taken over."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from mode_catalog_provider.contract import DATASET, KEYS
from mode_catalog_provider.extract.bulk_changes import BulkChanges
from mode_catalog_provider.extract.facts import Facts, report_facts
from mode_catalog_provider.extract.left_out import Ledger
from mode_catalog_provider.extract.listed import Listed
from mode_catalog_provider.extract.pipeline import Lane, Pipeline, Refusal, Row
from mode_catalog_provider.extract.queries import QueryReading
from mode_catalog_provider.extract.rows import Wire, report_row
from mode_catalog_provider.mode.hosts import path_part

log = logging.getLogger(__name__)

Collection = dict[str, Any]


class UnchangedReading:
    """Decide which collections are listed by REST, and give out the others from the last snapshot.

    :param pipeline: gets the calls.
    :param ledger: is told what was filtered.
    :param facts: is told what is known beyond the contract.
    :param listed: takes down what was given out.
    :param queries: gets each report that is read.
    :param changes: what bulk listings tell.
    :param walk: lists a collection by REST, beginning in a lane.
    :param begun: called when something begins that must be over before the extraction is.
    :param over: called when it is.
    """

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        ledger: Ledger,
        facts: Facts,
        listed: Listed,
        queries: QueryReading,
        changes: BulkChanges,
        walk: Callable[[Collection, Lane], None],
        begun: Callable[[], None],
        over: Callable[[], None],
    ) -> None:
        self._pipeline = pipeline
        self._ledger = ledger
        self._facts = facts
        self._listed = listed
        self._queries = queries
        self._changes = changes
        self._walk = walk
        self._begun = begun
        self._over = over
        self._held: dict[str, tuple[Collection, tuple[str, ...]]] = {}
        #: Whether collections are still compared, so that more may have to be listed.
        self.planning = False

    @property
    def holds(self) -> bool:
        """Whether collections wait for :meth:`settle`."""
        return bool(self._held)

    def begin(self, collections: Iterable[Collection], *, planned: Callable[[], None]) -> None:
        """List what must be listed, read what changed, and hold the rest.

        Requests are made from the first collection on: to compare all of them takes seconds.

        :param collections: those that are wanted.
        :param planned: called when it is known which of them must be listed.
        """
        if not self._changes.compares:
            for collection in collections:
                self._walk(collection, Lane.PAGES)
            return
        self.planning = True
        self._begun()
        self._pipeline.add_source(self._plan(collections, planned))

    def _plan(
        self, collections: Iterable[Collection], planned: Callable[[], None]
    ) -> Iterator[Iterable[Row]]:
        for collection in collections:
            plan = self._changes.plan(collection["token"])
            if plan.kind == "list":
                self._walk(collection, Lane.PAGES)
            else:
                self._hold(collection, plan.changed)
            yield ()
        for token in self._changes.sample([one for one, (_, changed) in self._held.items() if not changed]):
            self._list_instead(self._held[token][0])
        self.planning = False
        planned()
        self._over()

    def _hold(self, collection: Collection, changed: tuple[str, ...]) -> None:
        if not self._held:
            self._begun()
        self._held[collection["token"]] = (collection, changed)
        for report in changed:
            self._begun()
            then, refused = partial(self._report, collection, report), partial(self._refused, collection)
            self._pipeline.ask(Lane.NEXT_PAGES, f"reports/{path_part(report)}", then, refused)

    def settle(self) -> None:
        """All listings are over: take what is held, unless bulk has been found out."""
        held, self._held = self._held, {}
        if self._changes.verified():
            self._pipeline.add_source(self._take(held.values()))
            return
        for collection, _ in held.values():
            self._walk(collection, Lane.PAGES)
        self._over()

    def _take(self, held: Iterable[tuple[Collection, tuple[str, ...]]]) -> Iterator[Iterable[Row]]:
        for collection, changed in held:
            token = collection["token"]
            self._ledger.filtered.update(self._changes.counts_of(token))
            yield (("collection", collection),)
            for row, facts in self._changes.take(token, but=changed):
                # One that REST listed elsewhere has moved since, and was given out from there.
                if self._listed.add(row["token"], collection=token, dataset=row["type"] == DATASET):
                    self._facts("report", row["token"], facts)
                    yield (("report", row),)
        self._over()

    def _report(self, collection: Collection, token: str, answer: Wire) -> Iterator[Row]:
        earlier = self._changes.earlier_report(token)
        row = report_row(answer, collection_token=collection["token"])
        if earlier is None or not _is_like_a_listed_one(answer, row, earlier):
            self._list_instead(collection)
        elif self._listed.add(token, collection=collection["token"], dataset=False):
            self._facts("report", token, report_facts(answer))
            self._changes.read_singly(token)
            yield from self._queries.read(row, answer)
        self._over()

    def _refused(self, collection: Collection, refusal: Refusal) -> Iterable[Row]:
        # Gone, or out of sight: its collection tells.
        self._list_instead(collection)
        self._over()
        return ()

    def _list_instead(self, collection: Collection) -> None:
        if self._held.pop(collection["token"], None) is None:
            return
        # It comes late: were it listed after all others, its further pages would be read alone at the end.
        self._walk(collection, Lane.NEXT_PAGES)
        if not self._held:
            self._over()


def _is_like_a_listed_one(answer: Wire, row: dict[str, Any], earlier: dict[str, Any]) -> bool:
    """Return whether a report read alone can stand for its row in a listing.

    Whether a listing shows archived reports, and which fields it has, is known from the listing only.
    """
    kept = ("token", "type", "archived", "space_token", "creator")
    if any(row[name] != earlier[name] for name in kept):
        return False
    return all(name in answer or earlier[name] is None for name in KEYS["report"] if name not in kept)
