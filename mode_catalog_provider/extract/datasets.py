"""The datasets of each collection: reports with a listing of their own, which not every workspace has.

Collections have one each, which costs a request for every collection, nearly all of them empty. Connections
have one each as well, and there are few. A full reading makes both and compares; where they gave the same,
the next ones ask the connections alone, until what was read is so old that everything is read again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property, partial
from typing import Any, Literal

from mode_catalog_provider.errors import NotFoundError
from mode_catalog_provider.extract.collection_walk import CollectionWalk
from mode_catalog_provider.extract.connection_datasets import ConnectionDatasets
from mode_catalog_provider.extract.known import EarlierReadings
from mode_catalog_provider.extract.left_out import Ledger
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.extract.pipeline import Lane, Pipeline, Refusal, Row
from mode_catalog_provider.extract.rows import Wire
from mode_catalog_provider.mode.hosts import path_part
from mode_catalog_provider.mode.pages import PageWalk

log = logging.getLogger(__name__)

#: What Mode says of a route that it does not have at all, whatever the object.
NO_SUCH_ROUTE = "request path not recognized"

#: Collections in a row whose listing of datasets is not there, though they are: then there is none anywhere.
ENOUGH_WITHOUT = 3

#: Version of the note that tells how the comparison ended.
_VERSION = 1

#: Options that decide in which collections the two ways were compared.
_SELECTION = ("include_collections", "exclude_collections", "include_personal")

Way = Literal["collections", "both", "connections"]


class DatasetReading:
    """Find the datasets of each collection by the cheapest way that gives the same.

    :param pipeline: gets the calls.
    :param ledger: is told what was left out.
    :param known: what earlier extractions read, and how the comparison of the two ways ended.
    :param options: what is wanted.
    :param take: gives out listed datasets: a walk, and what was listed.
    :param over: called when the datasets of a collection are there; returns rows.
    :param planned: says how many collections are listed, as far as is known, and how many are wanted;
        ``None``: nobody knows until :meth:`all_planned`.
    :param bulk_tokens: what bulk shows in a collection, ``None``: nobody knows.
    :param shown: whether this extraction has a report or dataset already, by token.
    :param absent: called when the workspace has no listing of datasets.
    """

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        ledger: Ledger,
        known: EarlierReadings,
        options: ExtractionOptions,
        take: Callable[[CollectionWalk, Iterable[Wire]], Iterator[Row]],
        over: Callable[[CollectionWalk], Iterable[Row]],
        planned: Callable[[], tuple[int, int] | None],
        bulk_tokens: Callable[[str], set[str] | None],
        shown: Callable[[str], bool],
        absent: Callable[[], None],
    ) -> None:
        self._pipeline = pipeline
        self._ledger = ledger
        self._known = known
        self._incremental = options.incremental
        self._take = take
        self._over = over
        self._planned = planned
        self._bulk_tokens = bulk_tokens
        self._shown = shown
        self._absent = absent
        # Whether the workspace has a listing of datasets: unknown until one collection was asked, while the
        # others wait.
        self._there: bool | None = None if options.include_datasets else False
        self._asked = False
        self._waiting: list[CollectionWalk] = []
        # Collections without such a listing, as long as none is known to have one.
        self._without: list[tuple[CollectionWalk, Refusal]] = []
        self._way: Way | None = None
        self._told: dict[str, Any] = {}
        self._refused_anywhere = False
        self._all_over = False
        selection = {name: options.to_json()[name] for name in _SELECTION}
        self._mark_of = partial(_mark, selection)
        self._sources: list[str] | None = None
        self._connections = ConnectionDatasets(
            pipeline=pipeline, known=known, settled=self._connections_settled
        )
        self._proven = self._remembered() if options.include_datasets else None

    @property
    def possible(self) -> bool:
        """Whether there may be datasets at all."""
        return self._there is not False

    def connections_listed(self, tokens: Collection[str]) -> None:
        """Take note of all connections, by token."""
        self._sources = list(tokens)
        self._resume()

    def all_planned(self) -> None:
        """Take note that it is known how many collections are listed."""
        self._resume()

    def look_for(self, reports: CollectionWalk) -> None:
        """Find the datasets of a collection, now or later.

        :param reports: the walk over its reports, which has shown all of them or all but the last.
        """
        if not self.possible:
            reports.flawed |= bool(self._without) and self._lost_in(reports.token)
            self._pipeline.add_source(iter([self._over(reports)]))
            return
        self._way = self._way or self._choose()
        waits_for_connections = self._way == "connections" and not self._connections.ready
        if self._way is None or waits_for_connections:
            self._waiting.append(reports)
        elif self._way == "connections":
            self._pipeline.add_source(self._given(reports))
        elif self._there is None and self._asked:
            self._waiting.append(reports)
        else:
            self._asked = True
            self._ask(CollectionWalk(reports.collection, self._walk_of(reports), first=reports))

    def all_over(self) -> None:
        """Take note that the datasets of all collections were read."""
        self._all_over = True
        if self._without and not self._there:
            self._conclude_without()
        self._conclude_if_both_are_there()

    def close(self) -> None:
        """Give the disk space back."""
        self._connections.close()

    def to_json(self) -> dict[str, Any]:
        """Return which way was taken, and how the comparison ended, for the manifest; empty: as always."""
        return (
            {} if self._way in (None, "collections") and not self._told else {"way": self._way, **self._told}
        )

    # -- which way -----------------------------------------------------------------------------------------

    def _remembered(self) -> bool | None:
        kept = self._known.reading("datasets", "connections")
        because = None if kept is None else _read_mark(kept[0])
        if kept is None or kept[0] != self._mark_of(because):
            return None
        self._known.note_again("datasets", "connections", *kept)
        return because is None

    def _choose(self) -> Way | None:
        planned = self._planned()
        if self._sources is None or planned is None:
            return None
        listed, wanted = planned
        # A listing costs a page and one that proves its end, once for each.
        cheaper = self._incremental and 0 < 2 * len(self._sources) < listed
        if cheaper and self._proven is None and 2 * listed >= wanted:
            self._connections.start(self._sources, check=False)
            return "both"
        if cheaper and self._proven:
            self._connections.start(self._sources, check=True)
            return "connections"
        return "collections"

    def _connections_settled(self) -> Iterable[Row]:
        because = self._connections.because
        if self._way == "connections" and because is not None:
            log.info("The datasets are listed by collection: %s.", because.rstrip("."))
            self._way = "collections"
            self._note(because)
        self._conclude_if_both_are_there()
        self._resume()
        return ()

    def _conclude_if_both_are_there(self) -> None:
        if self._way != "both" or not (self._all_over and self._connections.ready) or self._told:
            return
        because = self._connections.because
        if because is None and self._refused_anywhere:
            because = "the datasets of some collections could not be listed"
        counts: Mapping[str, int] = {}
        if because is None:
            counts = self._connections.compare()
            if any(counts[name] for name in ("missing", "extra", "different")):
                because = "the listings of connections and of collections do not show the same"
        if because is None and not counts["compared"]:
            self._told = {"proven": None, "because": "there was no dataset to compare"}
            return
        self._note(because)
        self._told |= counts
        said = (
            f"not used, for {because}" if because else "the same as by collection, so asked alone from now on"
        )
        log.info("Datasets by connection: %s.", said.rstrip("."))

    def _note(self, because: str | None) -> None:
        self._told = {"proven": because is None, "because": because}
        self._known.note("datasets", "connections", self._mark_of(because))

    # -- by connection -------------------------------------------------------------------------------------

    def _given(self, reports: CollectionWalk) -> Iterator[Iterable[Row]]:
        resources = self._connections.in_collection(reports.token)
        for resource in resources:
            yield self._take(reports, [resource])
        bulk = self._bulk_tokens(reports.token)
        if bulk is not None and reports.walk.on_short_page:
            datasets = {str(one["token"]) for one in resources}
            if datasets <= bulk and reports.walk.shows_just(bulk - datasets):
                reports.walk.end()
        yield self._over(reports)

    # -- by collection -------------------------------------------------------------------------------------

    @staticmethod
    def _walk_of(reports: CollectionWalk) -> PageWalk:
        # They, too, come under the key "reports". Batch need not know them, so the walk must be sure.
        return PageWalk(f"spaces/{path_part(reports.token)}/datasets", "reports")

    def _ask(self, listing: CollectionWalk) -> None:
        then, refused = partial(self._page, listing), partial(self._refused, listing)
        self._pipeline.ask(Lane.NEXT_PAGES, listing.walk.path, then, refused, params=listing.walk.params)

    def _page(self, listing: CollectionWalk, answer: Wire) -> Iterator[Row]:
        resources = listing.walk.take(answer)
        if self._way == "both":
            self._connections.shown_in(listing.token, resources)
        yield from self._take(listing, resources)
        walk, bulk, first = listing.walk, self._bulk_tokens(listing.token), listing.whole
        if bulk is not None and walk.on_short_page and first.walk.tokens | walk.tokens == bulk:
            rest = bulk - first.walk.tokens
            if walk.shows_just(rest) and first.walk.shows_just(bulk - rest):
                walk.end()
                first.walk.end()
        doubtful = walk.done and listing.empty and not listing.doubted
        if doubtful and listing.misses(bulk, self._known.datasets(listing.token)):
            listing.doubted, listing.walk = True, self._walk_of(first)
            self._ask(listing)
        elif walk.done:
            if self._way == "both":
                self._connections.read_whole(listing.token)
            yield from self._over(first)
        else:
            self._ask(listing)
        self._there = True
        self._tell_without()
        self._resume()

    def _refused(self, listing: CollectionWalk, refusal: Refusal) -> Iterable[Row]:
        if self._there is None and isinstance(refusal, NotFoundError):
            if NO_SUCH_ROUTE in str(refusal):
                self._without.append((listing, refusal))
                return self._none_anywhere(listing)
            # Either the workspace has no such listing, or this very collection vanished after its reports
            # were read, or it alone has none. Taking one for the other would lose the datasets of all others.
            path = f"spaces/{path_part(listing.token)}/reports"
            self._pipeline.ask(
                Lane.PAGES,
                path,
                lambda _: self._none_here(listing, refusal),
                lambda _: self._left_out(listing, refusal),
                params={"page": 1},
            )
            return ()
        return self._left_out(listing, refusal)

    def _none_here(self, listing: CollectionWalk, refusal: Refusal) -> Iterable[Row]:
        self._without.append((listing, refusal))
        # Others may have the listing, unless the last extraction found that none has it.
        none_before = self._known.reading("bulk", "datasets") is not None
        listing.whole.flawed |= not none_before or self._lost_in(listing.token)
        if len(self._without) == ENOUGH_WITHOUT:
            return self._none_anywhere(listing)
        self._asked = False
        self._resume()
        return self._over(listing.whole)

    def _none_anywhere(self, listing: CollectionWalk) -> Iterable[Row]:
        self._say_none()
        listing.whole.flawed |= self._lost_in(listing.token)
        self._resume()
        return self._over(listing.whole)

    def _say_none(self) -> None:
        log.info("This Mode workspace has no listing of datasets; reports are extracted without them.")
        self._there = False

    @cached_property
    def _before(self) -> set[str]:
        return set(self._known.datasets())

    def _lost_in(self, collection: str) -> bool:
        """Return whether a dataset of the last snapshot should be in a collection, and nothing shows it."""
        here = {*self._known.datasets(collection), *(self._bulk_tokens(collection) or ())}
        return any(not self._shown(token) for token in here & self._before)

    def _conclude_without(self) -> None:
        """Take note, when all reports were listed, that no collection has a listing of datasets."""
        # The listings of reports may have shown those of the last snapshot.
        if any(not self._shown(token) for token in self._before):
            # Of few collections, one may be the only one without.
            if self._there is False:
                log.warning("The last snapshot has datasets, and Mode shows no listing of them any more.")
            self._tell_without()
            return
        if self._there is None:
            self._say_none()
        # To be believed by the next extractions, too.
        self._absent()

    def _tell_without(self) -> None:
        without, self._without = self._without, []
        for listing, refusal in without:
            self._note_refusal(listing, refusal)

    def _left_out(self, listing: CollectionWalk, refusal: Refusal) -> Iterable[Row]:
        self._note_refusal(listing, refusal)
        self._asked = self._there is True
        self._resume()
        listing.whole.flawed = True
        return self._over(listing.whole)

    def _note_refusal(self, listing: CollectionWalk, refusal: Refusal) -> None:
        what = f"The datasets of {listing} could not be listed"
        self._ledger.refused("report", token=None, name=None, what=what, refusal=refusal)
        self._refused_anywhere = True

    def _resume(self) -> None:
        waiting, self._waiting = self._waiting, []
        for listing in waiting:
            self.look_for(listing)


def _mark(selection: Mapping[str, Any], because: str | None) -> str:
    return json.dumps([_VERSION, because, selection])


def _read_mark(text: str) -> str | None:
    version, because, _ = json.loads(text)
    return because if version == _VERSION else ""
