"""Which collections are wanted: as they are listed, or as the last snapshot has them if nothing changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mode_catalog_provider.extract.facts import Facts, collection_facts
from mode_catalog_provider.extract.left_out import Ledger
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.extract.pipeline import Lane, Pipeline, Row
from mode_catalog_provider.extract.rows import Wire, collection_row, token_of
from mode_catalog_provider.mode.collection_filter import CollectionFilter
from mode_catalog_provider.mode.pages import PageWalk
from mode_catalog_provider.text import visible

log = logging.getLogger(__name__)


class CollectionReading:
    """Find the collections that are wanted.

    :param pipeline: gets the calls.
    :param ledger: is told what was left out and filtered.
    :param facts: is told what the listing says beyond the contract.
    :param options: what is wanted.
    :param listed: called when a page of the listing is there.
    """

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        ledger: Ledger,
        facts: Facts,
        options: ExtractionOptions,
        listed: Callable[[], None],
    ) -> None:
        self._pipeline = pipeline
        self._ledger = ledger
        self._facts = facts
        self._told = listed
        self._filter = CollectionFilter(
            include=options.include_collections,
            exclude=options.exclude_collections,
            include_personal=options.include_personal,
        )
        self._spaces = _walk()
        self._doubted = False
        self._wanted: list[dict[str, Any]] = []
        # Wanted or not.
        self._seen = 0
        #: How many of those known so far are wanted.
        self.count = 0
        #: Whether all are known.
        self.complete = False

    @property
    def needs_all(self) -> bool:
        """Whether none may be read before all are known."""
        return self._filter.needs_all

    @property
    def expected(self) -> int:
        """How many will be wanted: of those not listed yet, as many as of those that are."""
        if self.complete:
            return self.count
        return self.count * max(self._spaces.claimed or 0, self._seen) // max(1, self._seen)

    def take(self) -> list[dict[str, Any]]:
        """Return the rows of those that are wanted and were not taken yet."""
        wanted, self._wanted = self._wanted, []
        return wanted

    def adopt(
        self, unchanged: Iterable[tuple[dict[str, Any], dict[str, Any]]], filtered: Mapping[str, int]
    ) -> None:
        """Take them from the last snapshot instead of their listing.

        :param unchanged: row and facts of each.
        :param filtered: what was not wanted then, counted.
        """
        self._ledger.filtered.update(filtered)
        for row, facts in unchanged:
            self._want(row, facts)
        self.complete = True

    def ask(self) -> None:
        """Queue the call for the next page of the listing."""
        self._pipeline.ask(Lane.COLLECTIONS, self._spaces.path, self._page, params=self._spaces.params)

    def _page(self, answer: Wire) -> Iterable[Row]:
        for resource in self._spaces.take(answer):
            self._seen += 1
            if token_of(resource) is None:
                name = resource.get("name")
                self._ledger.without_token("collection", name=name, listing="the list of collections")
            elif reason := self._filter.reason_to_drop(resource):
                self._ledger.filtered[reason] += 1
            else:
                self._want(collection_row(resource), collection_facts(resource))
        if self._spaces.done and not self._seen and not self._doubted:
            # Few workspaces have none.
            self._doubted, self._spaces = True, _walk()
            self.ask()
        elif self._spaces.done:
            self._filter.check()
            for pattern in self._filter.idle_exclusions:
                log.warning(
                    "exclude_collections: no collection's name or token matches '%s'.", visible(pattern)
                )
            self.complete = True
        else:
            self.ask()
        self._told()
        return ()

    def _want(self, row: dict[str, Any], facts: Mapping[str, Any]) -> None:
        self._facts("collection", row["token"], facts)
        self._wanted.append(row)
        self.count += 1


def _walk() -> PageWalk:
    return PageWalk("spaces", "spaces", params={"filter": "all"})
