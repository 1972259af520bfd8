"""What the Discovery API says of queries, kept on disk by report until the report is listed.

Batch lists a query without its ``data_source_id``, without any time, and perhaps not every query. So what it
gives for a report is used only when nothing speaks against it; otherwise the report is read by REST.

Batch has been seen to show more than REST does. In a collection that REST refuses this changes nothing, for
its reports are never listed. Should REST list a report, but refuse its queries, which batch shows in full,
then they are taken: the key may read them, and finding out would take the very requests that batch saves.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from mode_catalog_provider.contract import contract_row
from mode_catalog_provider.extract.rows import Wire
from mode_catalog_provider.mode.pages import count_of
from mode_catalog_provider.moments import in_utc
from mode_catalog_provider.scratch import private_database, token_bytes

#: Pages of the database kept in memory, in KiB.
_CACHE = 2 * 1024

#: Seconds before the batch answer in which an edit may be missing from it: Mode's clock is not ours, and bulk
#: listings may lag behind.
SETTLING_SECONDS = 600.0


class BatchQueries:
    """The queries of one batch answer, in a private temporary database. To be used from one thread.

    :param begun: when the answer was asked for, in Unix seconds.
    """

    def __init__(self, *, begun: float) -> None:
        self._begun = begun
        self._database = private_database(cache=_CACHE)
        self._database.execute("CREATE TABLE query (report BLOB, body TEXT)")
        self._database.execute("BEGIN")
        #: Whether every page came. Without, a report that batch does not show says nothing.
        self.complete = False
        #: Data source ids by token, as REST gives them; set before :meth:`of` is asked.
        self.data_sources: Mapping[str, Any] = {}

    def add(self, rows: Iterable[Any]) -> None:
        """Keep the rows of a page; one that nobody could be asked for is as good as not listed."""
        self._database.executemany(
            "INSERT INTO query VALUES (?, ?)",
            (
                (token_bytes(row["report_token"]), json.dumps(_essence(row)))
                for row in rows
                if _names_its_report(row)
            ),
        )

    def finish(self, *, complete: bool) -> None:
        """No more rows come.

        :param complete: every page was read.
        """
        self.complete = complete
        # Made when all rows are there, an index is written in one go.
        self._database.execute("CREATE INDEX by_report ON query (report)")

    def of(self, report: Wire, *, edited: float | None) -> list[dict[str, Any]] | None:
        """Return the rows of a report's queries, ``None`` when they must be read by REST.

        None at all says that the report has none, or that the key may not see them: batch leaves out what it
        does not show, where REST refuses.

        An id has the JSON type that REST uses: the id of the data source is REST's own, and the query's takes
        the type of its report's, for the two services need not agree on numbers or strings.

        :param report: the report's row.
        :param edited: when it was last edited, in Unix seconds; ``None`` when nobody knows.
        """
        if edited is None or edited > self._begun - SETTLING_SECONDS:
            return None
        found = self._database.execute(
            "SELECT body FROM query WHERE report = ?", (token_bytes(report["token"]),)
        )
        # By token: a query whose page was read twice while rows moved is one query.
        queries = {query["token"]: query for query in (json.loads(body) for (body,) in found)}
        if len(queries) != count_of(report["query_count"]):
            return None
        # Whether batch knows archived reports and datasets at all is documented nowhere.
        if not queries and (report["archived"] or report["type"] != "Report" or not self.complete):
            return None
        rows = []
        for query in queries.values():
            source = query.pop("data_source_token")
            # A connection that is gone: only REST still has its id.
            if source is not None and source not in self.data_sources:
                return None
            query["id"] = _like(report["id"], query["id"])
            query["data_source_id"] = self.data_sources.get(source)
            rows.append(contract_row("query", {**query, "report_token": report["token"]}))
        return rows

    def close(self) -> None:
        """Give the disk space back."""
        self._database.close()


def newest_edit(report: Wire) -> float | None:
    """Return when a report was last edited, saved or published, in Unix seconds; ``None`` if it does not say.

    :param report: the report as listed.
    """
    stamps = [report.get(name) for name in ("edited_at", "last_saved_at", "published_at")]
    try:
        moments = [in_utc(datetime.fromisoformat(stamp)) for stamp in stamps if stamp]
        return max((moment.timestamp() for moment in moments), default=None)
    except (TypeError, ValueError, OverflowError):
        return None


def _essence(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row.get(name) for name in ("id", "token", "name", "raw_query", "data_source_token")}


def _names_its_report(row: Any) -> bool:
    tokens = (row.get("token"), row.get("report_token")) if isinstance(row, Mapping) else (None,)
    return all(isinstance(token, str) and token for token in tokens)


def _like(model: Any, value: Any) -> Any:
    """Return an id in the JSON type of another one, where it can be written so."""
    if isinstance(model, str) and isinstance(value, int):
        return str(value)
    if isinstance(model, int) and isinstance(value, str) and value.isdecimal() and str(int(value)) == value:
        return int(value)
    return value
