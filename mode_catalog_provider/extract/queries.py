"""The queries of a listed report: from an earlier snapshot, from the batch listing, or from REST.

A report and its queries are one unit: its row is given out only when they could be read, so that a refused or
vanished report leaves no half behind.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from mode_catalog_provider.extract.batch_queries import BatchQueries, newest_edit
from mode_catalog_provider.extract.known import report_mark
from mode_catalog_provider.extract.pipeline import Lane, Refusal, Row
from mode_catalog_provider.extract.reading import Reading
from mode_catalog_provider.extract.report_roll import ReportRoll
from mode_catalog_provider.extract.rows import Wire, query_row, report_of, token_of
from mode_catalog_provider.extract.waiting_reports import WaitingReports
from mode_catalog_provider.mode.hosts import path_part
from mode_catalog_provider.mode.pages import embedded_rows
from mode_catalog_provider.text import visible

log = logging.getLogger(__name__)


class QueryReading:
    """Find the queries of each report by the cheapest way that gives the same rows.

    :param reading: of which this is a part.
    :param roll: knows, at the end, whether batch shows a report at all.
    :param batch: gets the queries of most reports, see :meth:`batch_ended`. Default ``None``: by REST.
    """

    def __init__(self, *, reading: Reading, roll: ReportRoll, batch: BatchQueries | None = None) -> None:
        self._reading = reading
        self._roll = roll
        self._batch = batch
        self._batch_ended = batch is None
        self._settled = False
        # Reports listed before the batch answer was whole, and those for which it has no query.
        self._early = WaitingReports()
        self._bare = WaitingReports()

    @property
    def undecided(self) -> int:
        """How many reports without queries wait for :meth:`settle`."""
        return len(self._bare)

    def read(self, report: dict[str, Any], resource: Wire) -> Iterable[Row]:
        """Give out a report and its queries, now or later.

        :param report: its row.
        :param resource: the report as listed.
        """
        mark = report_mark(resource)
        if self._reading.recollection.recall_queries(report["token"], mark):
            return (("report", report),)
        if self._batch is None:
            return self._ask(report, mark)
        if not self._batch_ended:
            self._early.add(report, mark, newest_edit(resource))
            return ()
        return self._from_batch(self._batch, report, mark, newest_edit(resource))

    def batch_ended(self, decided: Callable[[], None]) -> None:
        """Take note that the batch listing of queries is there, as far as it came.

        :param decided: called when the reports that waited for it have been given out, or queued.
        """
        self._batch_ended = True
        if self._batch is not None:
            self._reading.pipeline.add_source(self._decide(self._batch, decided))

    def settle(self) -> None:
        """Take note that all is known of the reports for which batch has no queries."""
        self._settled = True
        if self._batch is not None:
            self._reading.pipeline.add_source(self._decide_bare())

    def close(self) -> None:
        """Give the disk space back."""
        self._early.close()
        self._bare.close()

    def _decide(self, batch: BatchQueries, decided: Callable[[], None]) -> Iterator[Iterable[Row]]:
        for report, mark, edited in self._early.take():
            yield self._from_batch(batch, report, mark, edited)
        decided()

    def _decide_bare(self) -> Iterator[Iterable[Row]]:
        for report, mark, _ in self._bare.take():
            yield self._from_bare(report, mark)

    def _from_batch(
        self, batch: BatchQueries, report: dict[str, Any], mark: str | None, edited: float | None
    ) -> Iterable[Row]:
        queries = batch.of(report, edited=edited)
        if queries is None:
            return self._ask(report, mark)
        if queries:
            self._reading.recollection.note("report", report["token"], mark)
            return (("report", report), *(("query", query) for query in queries))
        if self._settled:
            return self._from_bare(report, mark)
        self._bare.add(report, mark, edited)
        return ()

    def _from_bare(self, report: dict[str, Any], mark: str | None) -> Iterable[Row]:
        # That batch shows no query of it may be a matter of rights, unless it shows the report.
        if not self._roll.in_batch(report["token"]):
            return self._ask(report, mark)
        self._reading.recollection.note("report", report["token"], mark)
        return (("report", report),)

    def _ask(self, report: dict[str, Any], mark: str | None) -> Iterable[Row]:
        # Whatever query_count says: it is missing, or wrong, on some reports.
        path = f"reports/{path_part(report['token'])}/queries"
        then, refused = partial(self._queries, report, mark), partial(self._refused, report)
        self._reading.ask(Lane.QUERIES, path, then, refused)
        return ()

    def _queries(self, report: dict[str, Any], mark: str | None, answer: Wire) -> Iterator[Row]:
        token = report["token"]
        listing = f"the queries of report '{visible(report['name'])}' ({token})"
        yield "report", report
        for resource in embedded_rows(answer, "queries", what=listing, required=True):
            query = token_of(resource, listing)
            if report_of(resource) not in (None, token):
                # Its own report lists it as well. Taken from here, its SQL would be drawn as the lineage of
                # the wrong report, or come from a collection that nobody asked for.
                log.warning("Query %s is listed under report %s but belongs to another.", query, token)
                continue
            yield "query", query_row(resource, report_token=token)
        self._reading.recollection.note("report", token, mark)

    def _refused(self, report: dict[str, Any], refusal: Refusal) -> Iterable[Row]:
        what = f"The queries of report '{visible(report['name'])}' ({report['token']}) could not be read"
        self._reading.ledger.refused(
            "report", token=report["token"], name=report["name"], what=what, refusal=refusal
        )
        return ()
