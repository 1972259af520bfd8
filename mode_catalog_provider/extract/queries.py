"""The queries of a listed report: from an earlier snapshot, from the batch listing, or from REST.

What the batch listing says is written as REST would write it. So before the first report is taken from there,
one report's queries are read by REST: they show in which JSON types the ids are. Should types turn out to be
mixed later, what was taken from the batch listing is read again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from mode_catalog_provider.errors import NotFoundError
from mode_catalog_provider.extract.batch import BatchListings, newest_edit
from mode_catalog_provider.extract.id_types import Column, IdTypes
from mode_catalog_provider.extract.known import EarlierReadings, report_mark
from mode_catalog_provider.extract.left_out import Ledger
from mode_catalog_provider.extract.listed import Listed, ListedReport
from mode_catalog_provider.extract.pipeline import Lane, Pipeline, Refusal, Row
from mode_catalog_provider.extract.rows import Wire, query_row, report_of, token_of
from mode_catalog_provider.mode.hosts import path_part
from mode_catalog_provider.mode.pages import count_of, embedded_rows
from mode_catalog_provider.text import first_of, visible

log = logging.getLogger(__name__)

#: Reports read by REST to learn the types of ids, at most: some have no queries, or queries without a source.
MOST_PROBES = 3

#: Reports in one message.
_NAMED = 5


class QueryReading:
    """Find the queries of each report by the cheapest way that gives the same rows.

    :param pipeline: gets the calls.
    :param ledger: is told what was left out.
    :param known: what earlier extractions read.
    :param listed: lets reports wait, and knows at the end whether batch shows a report at all.
    :param types: is told the ids that REST sends.
    :param definitions: stands for the Mode definitions that are put into queries, see :func:`report_mark`.
    :param batch: gives the queries of most reports, see :meth:`batch_ended`. Default ``None``: by REST.
    :param in_doubt: says of a report, by its token and as it is listed, whether neither batch nor an earlier
        reading is to be believed.
    :param left_out: told of a report, by its token, that is left out although it is listed.
    """

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        ledger: Ledger,
        known: EarlierReadings,
        listed: Listed,
        types: IdTypes,
        definitions: str = "",
        batch: BatchListings | None = None,
        in_doubt: Callable[[str, Wire], bool] = lambda *_: False,
        left_out: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._pipeline = pipeline
        self._ledger = ledger
        self._known = known
        self._listed = listed
        self._types = types
        self._definitions = definitions
        self._batch = batch
        self._in_doubt = in_doubt
        self._left_out = left_out
        self._batch_ended: Callable[[], None] | None = None
        self._all_listed = False
        self._probes = 0
        self._probing = False
        # Reports no longer wait for the batch listing, and for the types of ids.
        self._deciding = False
        self._settled = False
        self._reread = False
        # Reports that count queries and show none.
        self._hidden = 0
        self._hidden_names: list[Any] = []

    def tell(self) -> None:
        """Log how many reports count queries of which Mode shows none."""
        if self._hidden:
            log.warning(
                "Mode counts queries of %d reports and shows none of them, also when asked again: %s. "
                "They are extracted without queries.",
                self._hidden,
                first_of(self._hidden_names, _NAMED, of=self._hidden),
            )

    @property
    def undecided(self) -> int:
        """How many reports without queries wait for :meth:`settle`."""
        return self._listed.waiting("bare")

    def read(self, row: dict[str, Any], resource: Wire) -> Iterable[Row]:
        """Give out a report and its queries, now or later.

        :param row: the report's row.
        :param resource: the report as listed.
        """
        report = ListedReport(row, report_mark(resource, self._definitions), newest_edit(resource))
        self.learn("report.id", row["id"])
        if self._in_doubt(report.token, resource):
            return self._ask(report)
        if (rows := self._known.queries_of(report.token, report.mark)) is not None:
            return self._given_out(report, rows)
        if self._known.has_queries(report.token, report.mark):
            return (("report", row),)
        if self._batch is None:
            return self._ask(report)
        if self._deciding:
            return self._from_batch(self._batch, report)
        self._listed.wait("early", report)
        self._advance()
        return ()

    def learn(self, column: Column, value: Any) -> None:
        """Take note of an id that REST sent."""
        self._types.learn(column, value)
        if self._types.mixed and self._batch is not None and not self._reread:
            self._reread = True
            log.info("Mode mixes the types of its ids, so all queries are read by REST.")
            self._pipeline.add_source(self._read_again())

    def batch_ended(self, decided: Callable[[], None]) -> None:
        """Take note that the batch listing of queries is there, as far as it came.

        :param decided: called when the reports that waited for it have been given out, or queued.
        """
        self._batch_ended = decided
        self._advance()

    def all_listed(self) -> None:
        """Take note that no further report is to be expected, so that none can show the types of ids."""
        self._all_listed = True
        self._advance()

    def settle(self) -> None:
        """Take note that all is known of the reports for which batch has no queries."""
        self._settled = True
        if self._batch is not None:
            self._pipeline.add_source(self._from_bare(report) for report in self._listed.take("bare"))

    def _advance(self) -> None:
        if self._batch is None or self._batch_ended is None or self._deciding or self._probing:
            return
        if not (self._types.known or self._types.mixed) and self._probes < MOST_PROBES:
            if (probe := self._listed.take_richest("early")) is not None:
                self._probing = True
                self._probes += 1
                self._ask(probe, ended=self._probed)
                return
            if not self._all_listed:
                return
        self._deciding = True
        self._pipeline.add_source(self._decide(self._batch, self._batch_ended))

    def _probed(self) -> None:
        self._probing = False
        self._advance()

    def _decide(self, batch: BatchListings, decided: Callable[[], None]) -> Iterator[Iterable[Row]]:
        for report in self._listed.take("early"):
            yield self._from_batch(batch, report)
        decided()

    def _from_batch(self, batch: BatchListings, report: ListedReport) -> Iterable[Row]:
        queries = batch.queries_of(report)
        if queries is None:
            return self._ask(report)
        if queries:
            self._listed.wait("given", report)
            self._known.note("report", report.token, report.mark)
            return (("report", report.row), *(("query", query) for query in queries))
        if self._settled:
            return self._from_bare(report)
        self._listed.wait("bare", report)
        return ()

    def _from_bare(self, report: ListedReport) -> Iterable[Row]:
        # That batch shows no query of it may be a matter of rights, unless it shows the report.
        if not self._listed.in_batch(report.token):
            return self._ask(report)
        self._known.note("report", report.token, report.mark)
        return (("report", report.row),)

    def _read_again(self) -> Iterator[Iterable[Row]]:
        for report in self._listed.take("given"):
            yield self._ask(report)

    def _ask(
        self, report: ListedReport, *, ended: Callable[[], None] = lambda: None, again: bool = False
    ) -> Iterable[Row]:
        # Whatever query_count says: it is missing, or wrong, on some reports.
        path = f"reports/{path_part(report.token)}/queries"
        then = partial(self._queries, report, ended, again)
        self._pipeline.ask(Lane.QUERIES, path, then, partial(self._refused, report, ended))
        return ()

    def _queries(
        self, report: ListedReport, ended: Callable[[], None], again: bool, answer: Wire
    ) -> Iterator[Row]:
        listing = f"the queries of report '{visible(report.row['name'])}' ({report.token})"
        rows, whole = [], True
        resources = embedded_rows(answer, "queries", what=listing, required="queries")
        if not resources and (count_of(report.row["query_count"]) or 0) > 0:
            if not again:
                yield from self._ask(report, ended=ended, again=True)
                return
            # The next extraction asks again.
            whole = False
            self._hidden += 1
            if self._hidden <= _NAMED:
                self._hidden_names.append(report.row["name"] or report.token)
        for resource in resources:
            query = token_of(resource)
            name = resource.get("name")
            if query is None:
                self._ledger.without_token("query", name=name, listing=listing)
                whole = False
                continue
            if (home := report_of(resource)) not in (None, report.token):
                # Its own report lists it as well. Taken from here, its SQL would be drawn as the lineage of
                # the wrong report, or come from a collection that nobody asked for.
                self._ledger.elsewhere("query", token=query, name=name, listing=listing, home=home)
                whole = False
                continue
            rows.append(query_row(resource, report_token=report.token))
        if whole:
            # What was left out must be told by each extraction, so the next one reads it again.
            self._known.note("report", report.token, report.mark, rows=rows)
        yield from self._given_out(report, rows)
        ended()

    def _given_out(self, report: ListedReport, queries: list[dict[str, Any]]) -> Iterator[Row]:
        yield "report", report.row
        for row in queries:
            self.learn("query.id", row["id"])
            self.learn("query.data_source_id", row["data_source_id"])
            yield "query", row

    def _refused(self, report: ListedReport, ended: Callable[[], None], refusal: Refusal) -> Iterable[Row]:
        name = report.row["name"]
        what = f"The queries of report '{visible(name)}' ({report.token}) could not be read"
        self._ledger.refused("report", token=report.token, name=name, what=what, refusal=refusal)
        ended()
        row = ("report", report.row)
        if not isinstance(refusal, NotFoundError):
            # The listing showed it, so it is there; only what it consists of is not known.
            return (row,)
        # Deleted meanwhile, or only its queries are out of sight: the report itself tells.
        path = f"reports/{path_part(report.token)}"
        self._pipeline.ask(Lane.QUERIES, path, lambda _: (row,), lambda _: self._gone(report))
        return ()

    def _gone(self, report: ListedReport) -> Iterable[Row]:
        self._left_out(report.token)
        return ()
