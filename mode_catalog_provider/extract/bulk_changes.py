"""What changed since the last snapshot, as the bulk listings tell: the rest need not be read again.

Trust, but verify: bulk lacks fields, may lag behind, and nobody promises that its stamps move with every
change. So some collections are read by REST all the same and compared with what would have been taken. What
bulk did not announce is counted; where it is more than little, everything is read by REST.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from time import time
from typing import Any, Literal

from mode_catalog_provider.contract import DATASET
from mode_catalog_provider.extract.batch import BatchListings
from mode_catalog_provider.extract.bulk_marks import (
    facts_now,
    moment_of,
    space_text,
    spaces_mark,
    views_agree,
)
from mode_catalog_provider.extract.bulk_rows import BulkRows
from mode_catalog_provider.extract.bulk_verification import Verification
from mode_catalog_provider.extract.earlier_rows import EarlierRows
from mode_catalog_provider.extract.kept_marks import KeptMarks
from mode_catalog_provider.extract.known import EarlierReadings
from mode_catalog_provider.extract.listed import Listed
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.extract.pipeline import Row

log = logging.getLogger(__name__)

#: Seconds by which bulk and REST may write the same edit differently.
_SAME_EDIT = 2.0

#: Beyond this share of numbers of views that differ from REST's, bulk counts something else.
_MOST_OTHER_VIEWS = 0.1

RowAndFacts = tuple[dict[str, Any], dict[str, Any]]
Kind = Literal["list", "single", "take"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do about one collection.

    :param kind: read its listing, read some reports of it, or take it from the last snapshot.
    :param changed: tokens of the reports to read, where it is ``"single"``.
    """

    kind: Kind
    changed: tuple[str, ...] = ()


class BulkChanges:
    """Compare bulk listings with those of the last snapshot.

    :param batch: reads them.
    :param listed: has the bulk listing of queries.
    :param known: readings of earlier extractions; is told of what is to be compared the next time.
    :param options: what is wanted.
    :param definitions: stands for the Mode definitions that are put into queries.
    """

    def __init__(
        self,
        *,
        batch: BatchListings,
        listed: Listed,
        known: EarlierReadings,
        options: ExtractionOptions,
        definitions: str,
    ) -> None:
        self._batch = batch
        self._listed = listed
        self._known = known
        self._options = options
        self._definitions = definitions
        self._rows = BulkRows()
        # Texts: a workspace may have ten thousand collections, whose rows would be the most that is kept.
        self._spaces: list[str] = []
        self._under_way = 0
        self._complete = True
        self._ready: Callable[[], None] = lambda: None
        #: Whether marks are kept for the next extraction, and those of the last one are used.
        self.incremental = options.incremental and options.strategy == "auto"
        self._earlier: EarlierRows | None = None
        self._marks = KeptMarks(known=known, listed=listed, rows=self._rows)
        self._verification = Verification()
        self._figures: Counter[str] = Counter()
        self._fallen_back = False

    # -- the listings --------------------------------------------------------------------------------------

    def start(
        self,
        ready: Callable[[], None],
        *,
        take: Callable[[list[Any]], None],
        spaces_there: Callable[[], None] = lambda: None,
    ) -> None:
        """Queue the calls.

        :param ready: called when all that is needed is there, or when it is known not to come.
        :param take: gets the rows of each page of the listing of reports as well.
        :param spaces_there: called when REST may list the collections; bulk must not be the newer listing.
        """
        self._ready = ready

        def spaces_ended(complete: bool) -> Iterable[Row]:
            spaces_there()
            return self._ended(complete)

        def take_reports(rows: list[Any]) -> None:
            self._rows.add_reports(rows)
            take(rows)

        # The queries are begun elsewhere, when the data sources are known.
        self._under_way = 4 if self.incremental else 1
        self._batch.read("reports", take=take_reports, ended=self._ended)
        if self.incremental:
            self._batch.read("report_stats", take=self._rows.add_stats, ended=self._stats_ended)
            self._batch.read("spaces", take=self._take_spaces, ended=spaces_ended, everywhere=False)
        else:
            spaces_there()

    def queries_ended(self, complete: bool) -> Iterable[Row]:
        """Take note that the bulk listing of queries is there, as far as it came."""
        return self._ended(complete) if self.incremental else ()

    def _take_spaces(self, rows: list[Any]) -> None:
        self._spaces += [space_text(row) for row in rows if isinstance(row, Mapping)]

    def _stats_ended(self, complete: bool) -> Iterable[Row]:
        # Without them, a report that was viewed is read by REST.
        return self._ended(True)

    def _ended(self, complete: bool) -> Iterable[Row]:
        self._complete &= complete
        self._under_way -= 1
        if not self._under_way:
            self._begin()
            self._ready()
        return ()

    def _begin(self) -> None:
        if not self._complete or not self.incremental:
            return
        self._tell_lag()
        earlier = self._known.earlier_rows
        if earlier is None or not earlier.has_selection_of(self._options.to_json()):
            return
        if self._options.include_datasets and not self._shows_datasets(earlier):
            log.info("Mode's Discovery API may not show datasets, so all collections are listed by REST.")
            return
        self._verification.begin(earlier.manifest.reuse.get("bulk"))
        self._earlier = earlier
        self._marks.trust_views = self._views_are_the_same(earlier)

    def _shows_datasets(self, earlier: EarlierRows) -> bool:
        """Return whether a new dataset would show: bulk has those that are known, or there can be none."""
        if kept := self._known.reading("bulk", "datasets"):
            self._known.note_again("bulk", "datasets", *kept)
            return True
        known = [token for row, _ in earlier.collections() for token in earlier.datasets_in(row["token"])]
        shown = sum(self._rows.report(token) is not None for token in known)
        return shown * 2 > len(known)

    def no_datasets(self) -> None:
        """Take note that the workspace has no listing of datasets."""
        if self.incremental:
            self._known.note("bulk", "datasets", "none")

    def _tell_lag(self) -> None:
        newest = moment_of(self._rows.newest)
        if newest is not None:
            self._figures["newest_seconds_ago"] = round(time() - newest)
            log.info(
                "The newest change in Mode's Discovery API is %d minutes old: it lags by that at most.",
                max(0, time() - newest) // 60,
            )

    def _views_are_the_same(self, earlier: EarlierRows) -> bool:
        same: Counter[bool | None] = Counter()
        for collection, _ in earlier.collections():
            for row, _ in earlier.reports_in(collection["token"]):
                if before := self._marks.before(row["token"]):
                    same[views_agree(before, row)] += 1
        counted = same[True] + same[False]
        return same[True] + same[None] > 0 and same[False] <= _MOST_OTHER_VIEWS * counted

    # -- what to read --------------------------------------------------------------------------------------

    @property
    def complete(self) -> bool:
        """Whether every page of the listings came."""
        return self._complete

    @property
    def compares(self) -> bool:
        """Whether there is something to compare with."""
        return self._earlier is not None and not self._fallen_back

    def unchanged_collections(self) -> list[tuple[dict[str, Any], dict[str, Any]]] | None:
        """Return rows and facts of all wanted collections, ``None`` when REST must list them."""
        if self._earlier is None or self._options.include_personal:
            return None
        kept = self._known.reading("bulk", "spaces")
        if kept is None or kept[0] != spaces_mark(self._spaces, self._definitions):
            return None
        self._known.note_again("bulk", "spaces", *kept)
        return list(self._earlier.collections())

    @property
    def filtered_collections(self) -> dict[str, int]:
        """What the last listing of collections counted as not wanted."""
        counted = self._earlier.manifest.filtered if self._earlier else {}
        return {why: count for why, count in counted.items() if why not in ("archived", "datasets")}

    def collections_listed(self) -> None:
        """Take note that REST listed all collections just now."""
        if self._complete and self.incremental:
            self._known.note("bulk", "spaces", spaces_mark(self._spaces, self._definitions))

    def plan(self, collection: str) -> Plan:
        """Return how to read a collection."""
        earlier, kept = self._earlier, self._marks.listing(collection)
        if earlier is None or self._fallen_back or kept is None:
            return Plan("list")
        tokens, changed, reports = self._rows.tokens_in(collection), [], 0
        for row, _ in earlier.reports_in(collection):
            reports += 1
            token = row["token"]
            if token not in tokens:
                return Plan("list")
            tokens.discard(token)
            known = self._known.reading("report", token) is not None
            compared = self._marks.compared(row) if known else None
            if compared is None or compared.moved is None:
                if row["type"] == DATASET:
                    return Plan("list")
                changed.append(token)
        # What is left is new, came from elsewhere, or was not shown by REST when it was the same.
        before, now, elsewhere = self._marks.before, self._marks.now, earlier.report
        if any(before(token) is None or before(token) != now(token) or elsewhere(token) for token in tokens):
            return Plan("list")
        if not changed:
            return Plan("take")
        # A listing costs its pages and one of datasets.
        return Plan("list") if len(changed) > ceil(reports / 30) + 1 else Plan("single", tuple(changed))

    def sample(self, collections: list[str]) -> set[str]:
        """Return which of the unchanged collections are read by REST, to be compared.

        An empty one proves nothing, so they are drawn from those with reports as long as there are any.
        """
        if self._earlier is None:
            return set()
        telling = [collection for collection in collections if self._earlier.has_reports(collection)]
        return self._verification.sample(telling or collections, seed=self._earlier.manifest.timestamp)

    def bulk_tokens(self, collection: str) -> set[str] | None:
        """Return the reports and datasets that bulk shows in a collection, ``None`` when it is not known."""
        return self._rows.tokens_in(collection) if self._complete else None

    def size_of(self, collection: str) -> int:
        """Return how many reports and datasets bulk shows in a collection, as far as it was read."""
        return self._rows.count_in(collection)

    def queries_in_doubt(self, token: str, resource: Mapping[str, Any]) -> bool:
        """Return whether the bulk queries of a report are not to be believed, so that REST must tell.

        Because bulk does not know of the last edit yet, or because stamps and queries contradict each other.

        :param resource: the report as REST shows it.
        """
        shown = moment_of((self._rows.report(token) or {}).get("edited_at"))
        edited_at = moment_of(resource.get("edited_at"))
        if shown is not None and edited_at is not None and edited_at - shown > _SAME_EDIT:
            return True
        # The mark of now takes reading its queries, so it is made last.
        before = self._marks.before(token) if self.incremental else None
        now = self._marks.now(token) if before else None
        if before is None or now is None:
            return False
        edited = bool(before.edited_at != now.edited_at)
        return edited is not (before.queries != now.queries)

    # -- what REST showed ----------------------------------------------------------------------------------

    def compare(self, row: Mapping[str, Any]) -> None:
        """Compare a report that REST lists with what would have been taken from the last snapshot."""
        before = self._earlier.report(row["token"]) if self.compares and self._earlier else None
        if before is None or before["space_token"] != row["space_token"]:
            return
        compared = self._marks.compared(before)
        if compared is None or compared.moved is None:
            return
        expected = {**before, **compared.moved}
        self._verification.compared += 1
        different = [name for name in row if row[name] != expected[name]]
        if different:
            self._verification.differs(row, different, newest=self._rows.newest)

    def listed(self, collection: str, *, seen: set[str], counts: Mapping[str, int]) -> None:
        """Take note that REST listed a collection whole, and without complaint.

        :param collection: its token.
        :param seen: the tokens of all reports and datasets that it showed.
        :param counts: of those, the ones that are not wanted.
        """
        bulk, earlier = self._rows.tokens_in(collection), self._earlier
        here = {row["token"] for row, _ in earlier.reports_in(collection)} if earlier else set()
        gone = (here & bulk) - seen
        if self.compares and self._marks.listing(collection) is not None:
            self._verification.missing(gone=len(gone), appeared=len(seen - here - bulk))
        if self._complete and self.incremental:
            self._marks.note_listing(collection, counts)
            # Of what is gone, REST is asked once more: it may have been away for a night.
            self._marks.note(bulk - gone)

    def read_singly(self, token: str) -> None:
        """Take note that REST showed one report."""
        self._marks.note([token])

    def left_out(self, token: str) -> None:
        """Take note that REST lists a report and then says that there is none."""
        if self.incremental:
            self._marks.leave_out(token)

    def verified(self) -> bool:
        """Return, when all listings are over, whether what is left may be taken from the last snapshot."""
        self._fallen_back = not self._verification.passed()
        if not self._fallen_back:
            # To take what is left over may need a minute: the token need not live so long.
            self._batch.close()
        return not self._fallen_back

    # -- what is taken -------------------------------------------------------------------------------------

    def earlier_report(self, token: str) -> dict[str, Any] | None:
        """Return the row of a report in the last snapshot."""
        return self._earlier.report(token) if self._earlier else None

    def counts_of(self, collection: str) -> dict[str, int]:
        """Return how many reports of an unchanged collection are not wanted, by reason."""
        return self._marks.listing(collection) or {}

    def take(
        self, collection: str, *, but: Iterable[str] = ()
    ) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Yield row and facts of each unchanged report of a collection.

        :param collection: its token.
        :param but: reports that were read by REST.
        """
        kept = self._known.reading("listing", collection)
        if self._earlier is None or kept is None:
            raise LookupError(collection)
        self._known.note_again("listing", collection, *kept)
        bulk_only = self._rows.tokens_in(collection)
        for row, facts in self._earlier.reports_in(collection):
            token = row["token"]
            bulk_only.discard(token)
            compared = None if token in but else self._marks.compared(row)
            if compared is None or compared.moved is None:
                continue
            self._known.carry_queries(token)
            self._marks.note_mark(token, compared.now)
            self._figures["taken"] += 1
            known = facts_now(facts, compared.before, compared.now, compared.bulk_row)
            yield {**row, **compared.moved}, known
        self._marks.note(bulk_only)

    # -- what is told --------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Return how bulk was used, and how often it was right, for the manifest."""
        return {
            "complete": self._complete,
            "taken": self._figures["taken"],
            "newest_seconds_ago": self._figures["newest_seconds_ago"],
            "views": self._marks.trust_views,
            **self._verification.to_json(),
            "fell_back": self._fallen_back,
        }

    def tell(self) -> None:
        """Log how often bulk was right, where there was something to compare."""
        self._verification.tell()

    def close(self) -> None:
        """Give the disk space back."""
        self._rows.close()
