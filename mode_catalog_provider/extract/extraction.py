"""Read a Mode workspace: which calls give which asset, as a stream of rows.

Nothing here knows of files. Requests are made by a bounded pool of threads; the thread that iterates over the
rows decides what comes next, so memory holds what is under way and little more.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from itertools import chain
from typing import Any

from mode_catalog_provider.errors import DiscoveryUnavailableError, ServiceError
from mode_catalog_provider.extract.batch import BatchListings
from mode_catalog_provider.extract.bulk_changes import BulkChanges
from mode_catalog_provider.extract.definitions import (
    DefinitionsInQueries,
    QueriesAsWritten,
    read_definitions,
)
from mode_catalog_provider.extract.facts import Facts
from mode_catalog_provider.extract.id_types import IdTypes
from mode_catalog_provider.extract.known import EarlierReadings, NothingKnown
from mode_catalog_provider.extract.left_out import Ledger, LeftOut
from mode_catalog_provider.extract.listed import Listed
from mode_catalog_provider.extract.members import MemberReading
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.extract.pipeline import Lane, Pipeline, Row
from mode_catalog_provider.extract.queries import QueryReading
from mode_catalog_provider.extract.reports import ReportReading
from mode_catalog_provider.extract.rows import Wire, datasource_row, token_of
from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.mode.discovery import Discovery
from mode_catalog_provider.mode.pages import embedded_rows
from mode_catalog_provider.snapshot.refusals import HOLDERS

__all__ = ["Extraction", "ExtractionOptions", "LeftOut", "Progress"]

log = logging.getLogger(__name__)

#: Called after each row with its asset and the number of that asset's rows so far; must be cheap.
Progress = Callable[[str, int], None]


class Extraction:
    """One reading of a whole workspace, as far as the API token may see it and the options want it.

    :param client: asks Mode; its credential should have been verified before.
    :param options: what to extract; kept as ``options``.
    :param progress: told of every row.
    """

    def __init__(
        self, *, client: ModeClient, options: ExtractionOptions, progress: Progress | None = None
    ) -> None:
        self._client = client
        self.options = options
        self._progress = progress
        self._ledger = Ledger()
        #: Tokens of the connections and collections that got a row; complete when the rows are.
        self.shown: dict[str, set[str]] = {asset: set() for asset in HOLDERS}
        #: The route really used: ``"rest"`` or ``"hybrid"``.
        self.strategy = "rest"
        #: Most requests that waited or were under way at once, each with the one row it is about.
        self.peak_backlog = 0
        #: The Mode definitions that are put into queries, as soon as rows are asked for.
        self.definitions: DefinitionsInQueries | QueriesAsWritten = QueriesAsWritten()
        self._changes: BulkChanges | None = None
        self._reports: ReportReading | None = None
        self._queries: QueryReading | None = None

    @property
    def reuse(self) -> dict[str, Any]:
        """How bulk listings were used to know what changed, and by which way datasets were listed.

        Under ``bulk`` and ``datasets``, each where there is something to say; complete when the rows are.
        """
        bulk = self._changes.to_json() if self._changes and self._changes.incremental else {}
        datasets = self._reports.dataset_way() if self._reports else {}
        return {name: told for name, told in (("bulk", bulk), ("datasets", datasets)) if told}

    def tell(self) -> None:
        """Log how often bulk listings were right about what changed, and which reports hide their queries."""
        if self._changes:
            self._changes.tell()
        if self._queries:
            self._queries.tell()

    @property
    def left_out(self) -> list[LeftOut]:
        """What Mode lists but refused to show; complete when the rows are."""
        return self._ledger.left_out

    @property
    def filtered(self) -> dict[str, int]:
        """What the options dropped, complete when the rows are.

        Collections are counted under ``personal``, ``not_included`` and ``excluded``, reports under
        ``archived``. What is inside a dropped collection was never listed.
        """
        return dict(self._ledger.filtered)

    def rows(
        self, known: EarlierReadings | None = None, *, facts: Facts | None = None
    ) -> Generator[Row, None, None]:
        """Yield each row as soon as it is known: its asset, and the contract's keys in order.

        Rows come in any order, and an object that changed while it was read may come twice.

        :param known: what is known from an earlier extraction, and is not read again; it is told what
            was read. Default ``None``: everything is read.
        :param facts: told what Mode says of an object beyond its row, as its answer is read; the object need
            not get a row in the end. Default ``None``: nobody is.
        :raises ConfigurationError: the collections asked for do not exist.
        :raises DiscoveryUnavailableError: strategy ``hybrid``, and the Discovery API is not open.
        :raises ModeCatalogError: anything but a refused or vanished object; requests under way are cancelled,
            the client with them.
        """
        self._ledger = Ledger()
        self.shown = {asset: set() for asset in HOLDERS}
        known = known or NothingKnown()
        self.definitions = (
            read_definitions(self._client) if self.options.definitions == "expand" else QueriesAsWritten()
        )
        count: Counter[str] = Counter()
        with ExitStack() as opened:
            discovery = self._open_discovery(known)
            if discovery:
                opened.callback(discovery.close)
            pipeline = Pipeline(
                max_in_flight=self.options.max_in_flight,
                get=self._client.get,
                cancel=self._client.cancel,
                wanted=self._client.in_flight_wanted,
            )
            self._start_readings(pipeline, known, facts, discovery, opened)
            # Closed here and now, not when the collector comes by: threads hang on it.
            rows = opened.enter_context(closing(pipeline.rows()))
            for asset, row in chain(rows, (("query", row) for row in known.queries())):
                self.peak_backlog = pipeline.peak_backlog
                count[asset] += 1
                if asset in self.shown:
                    self.shown[asset].add(row["token"])
                if self._progress:
                    self._progress(asset, count[asset])
                yield asset, self.definitions.put_into(row) if asset == "query" else row

    def _open_discovery(self, known: EarlierReadings) -> Discovery | None:
        """Choose the route; returns what the hybrid one needs."""
        wanted = self.options.strategy
        # Without its rows, asking for the few reports that changed is cheaper than any bulk listing.
        listed_by_rest = known.knows_something and known.earlier_rows is None
        if wanted == "rest" or (wanted == "auto" and listed_by_rest):
            return None
        discovery = Discovery(self._client)
        try:
            discovery.open()
        except ServiceError as error:
            if wanted == "auto":
                log.info("Everything is read by REST. %s", error)
                return None
            if not isinstance(error, DiscoveryUnavailableError):
                raise
            raise DiscoveryUnavailableError(
                f"{error} Strategy 'hybrid' needs it: give an API token for which it is open, or use "
                "strategy 'auto' or 'rest', which give the same rows.",
                status=error.status,
            ) from error
        self.strategy = "hybrid"
        return discovery

    def _start_readings(
        self,
        pipeline: Pipeline,
        known: EarlierReadings,
        facts: Facts | None,
        discovery: Discovery | None,
        opened: ExitStack,
    ) -> None:
        facts = facts or (lambda *_: None)
        listed = opened.enter_context(closing(Listed()))
        types = IdTypes()
        batch = self._changes = None
        if discovery:
            batch = BatchListings(
                discovery=discovery,
                pipeline=pipeline,
                listed=listed,
                types=types,
                everywhere=self.options.include_personal,
            )
            self._changes = BulkChanges(
                batch=batch,
                listed=listed,
                known=known,
                options=self.options,
                definitions=self.definitions.fingerprint,
            )
            opened.callback(self._changes.close)
        queries = self._queries = QueryReading(
            pipeline=pipeline,
            ledger=self._ledger,
            known=known,
            listed=listed,
            types=types,
            definitions=self.definitions.fingerprint,
            batch=batch,
            in_doubt=self._changes.queries_in_doubt if self._changes else lambda *_: False,
            left_out=self._changes.left_out if self._changes else lambda _: None,
        )
        reports = self._reports = ReportReading(
            pipeline=pipeline,
            ledger=self._ledger,
            known=known,
            facts=facts,
            options=self.options,
            listed=listed,
            queries=queries,
            batch=batch,
            changes=self._changes,
        )
        opened.callback(reports.close)
        members = MemberReading(
            pipeline=pipeline,
            ledger=self._ledger,
            known=known,
            facts=facts,
            options=self.options,
            discovery=discovery,
        )
        # The two lists without which there is no extraction come first.
        self._ask_data_sources(pipeline, batch, queries, reports)
        reports.start()
        members.start()

    def _ask_data_sources(
        self,
        pipeline: Pipeline,
        batch: BatchListings | None,
        queries: QueryReading,
        reports: ReportReading,
        *,
        again: bool = False,
    ) -> None:
        listing = "the list of data sources"

        def take(answer: Wire) -> Iterable[Row]:
            resources = embedded_rows(answer, "data_sources", what=listing, required="data_sources")
            if not resources and not again:
                # Few workspaces have none.
                self._ask_data_sources(pipeline, batch, queries, reports, again=True)
                return ()
            return self._data_sources(batch, queries, reports, resources, listing)

        pipeline.ask(Lane.COLLECTIONS, "data_sources", take)

    def _data_sources(
        self,
        batch: BatchListings | None,
        queries: QueryReading,
        reports: ReportReading,
        resources: Iterable[Wire],
        listing: str,
    ) -> Iterator[Row]:
        ids, complete = {}, True
        for resource in resources:
            token = token_of(resource)
            if token is None:
                self._ledger.without_token("datasource", name=resource.get("name"), listing=listing)
                complete = False
                continue
            ids[token] = resource.get("id")
            queries.learn("datasource.id", ids[token])
            yield "datasource", datasource_row(resource)
        # Of a connection without a token, the datasets could not be asked for.
        reports.connections_listed(ids if complete else ())
        if batch:
            batch.read_queries(data_sources=ids, ended=partial(self._queries_there, reports))

    def _queries_there(self, reports: ReportReading, complete: bool) -> Iterable[Row]:
        if self._changes:
            self._changes.queries_ended(complete)
        return reports.batch_ended()
