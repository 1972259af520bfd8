"""A snapshot and what Catalog shows of it, side by side in a temporary database: which is which."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from mode_catalog_provider.catalog import reading
from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.dashboards import DASHBOARDS, PARTS, kind_of
from mode_catalog_provider.catalog.lineage_reasons import Query
from mode_catalog_provider.contract import DATASET
from mode_catalog_provider.scratch import private_database
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.rows import sorted_rows
from mode_catalog_provider.text import visible

_CACHE = 16 * 1024

_TABLES = """
CREATE TABLE collection (token TEXT PRIMARY KEY, name TEXT, personal INT) WITHOUT ROWID;
CREATE TABLE connection (
    token TEXT PRIMARY KEY, id TEXT, name TEXT, adapter TEXT, host TEXT, database TEXT
) WITHOUT ROWID;
CREATE TABLE report (
    token TEXT PRIMARY KEY, id TEXT, name TEXT, collection TEXT, dataset INT, archived INT,
    queries INT DEFAULT 0, counted INT DEFAULT 0, dashboard TEXT, lineage INT DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX report_id ON report (id);
CREATE TABLE left_out (token TEXT PRIMARY KEY, detail TEXT) WITHOUT ROWID;
CREATE TABLE dashboard (
    id TEXT PRIMARY KEY, name TEXT, folder TEXT, url TEXT, child INT, token TEXT, how TEXT, kind TEXT
) WITHOUT ROWID;
CREATE TABLE query (report TEXT, sql TEXT, connection TEXT);
CREATE TABLE edge (id TEXT PRIMARY KEY, child TEXT, parent TEXT) WITHOUT ROWID;
"""

_JOINS = """
CREATE INDEX dashboard_token ON dashboard (token);
UPDATE dashboard SET child = 0 WHERE id IN (
    SELECT min(id) FROM dashboard WHERE kind IS NOT NULL AND how = 'url' AND token NOT IN (
        SELECT token FROM dashboard WHERE token IS NOT NULL AND NOT child
    ) GROUP BY token
);
CREATE TABLE best (token TEXT PRIMARY KEY, id TEXT) WITHOUT ROWID;
INSERT OR IGNORE INTO best
    SELECT d.token, d.id FROM dashboard AS d JOIN report AS r ON r.token = d.token WHERE NOT d.child
    ORDER BY d.token, d.how = 'url' DESC, d.name = r.name DESC, d.id;
UPDATE report SET dashboard = (SELECT id FROM best WHERE best.token = report.token);
UPDATE report SET lineage = 1 WHERE token IN (
    SELECT d.token FROM edge AS e JOIN dashboard AS d ON d.id = e.child
    LEFT JOIN dashboard AS p ON p.id = e.parent
    WHERE d.token IS NOT NULL AND (e.parent IS NULL OR p.token IS NOT d.token)
);
"""

#: How a dashboard was recognised, and how sure that is.
MATCHES: Mapping[str, str] = {
    "url": "certain: the report's token stands in the dashboard's address",
    "external_id": "likely: the report's token or id is the dashboard's external id",
}

# What stands before a report's token in Mode's addresses.
_HOLDERS = {"reports", "datasets"}

# What hangs on a report in Mode's addresses, and may be a row of its own in Catalog.
_CHILDREN = {"queries", "query", "charts", "chart", "viz", "visualizations", "tables", "tiles"}
_WORD = re.compile(r"[A-Za-z0-9_]+")


class ArrivalTables:
    """The two sides as tables to be asked with SQL. A context manager, for one thread.

    ``report(token, id, name, collection, dataset, archived, queries, counted, dashboard, lineage)``:
    ``queries`` have SQL, ``counted`` tells whether Mode counts any, ``dashboard`` is the id of its dashboard,
    ``NULL`` where none arrived; ``collection(token, name, personal)``;
    ``connection(token, id, name, adapter, host, database)``; ``dashboard(id, name, folder, url, child, token,
    how, kind)``: ``child`` for tiles and the like, ``token`` and ``how`` of the report it was recognised as,
    ``kind`` where it is none that is known and the row is not seen to be a part of a report: such a one is
    the dashboard of its report where that has no other;
    ``left_out(token, detail)``: reports of which something could not be read.

    :param snapshot: its files must be verified, or be trusted.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._database = private_database(cache=_CACHE)

    def __enter__(self) -> Self:
        self._database.executescript(_TABLES)
        self._database.execute("BEGIN")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def ask(self, sql: str, **values: Any) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query."""
        yield from self._database.execute(sql, values)

    def one(self, sql: str, **values: Any) -> Any:
        """Return the only value of a query."""
        return self._database.execute(sql, values).fetchone()[0]

    def read_snapshot(self) -> None:
        """Take in the rows of the snapshot, but for what its queries say."""
        for row in sorted_rows(self._snapshot, "collection"):
            personal = str(row["space_type"] or "").lower() in ("private", "personal")
            self._put("collection", _text(row["token"]), _text(row["name"]), personal)
        for row in sorted_rows(self._snapshot, "datasource"):
            texts = (_text(row[key]) for key in ("name", "adapter", "host", "database"))
            self._put("connection", _text(row["token"]), _id(row["id"]), *texts)
        for row in sorted_rows(self._snapshot, "report"):
            self._put(
                "report",
                _text(row["token"]),
                _id(row["id"]),
                _text(row["name"]),
                _text(row["space_token"]),
                row["type"] == DATASET,
                bool(row["archived"]),
                0,
                type(row["query_count"]) is int and row["query_count"] > 0,
                None,
                0,
            )
        for row in sorted_rows(self._snapshot, "query"):
            if str(row["raw_query"] or "").strip():
                self._database.execute(
                    "UPDATE report SET queries = queries + 1 WHERE token = ?", (_text(row["report_token"]),)
                )
        for entry in self._snapshot.manifest.left_out:
            if entry.get("asset") == "report" and entry.get("token"):
                self._put("left_out", _text(entry["token"]), _text(entry.get("detail")))

    def read_catalog(self, api: CatalogApi, source_id: str) -> None:
        """Take in what Catalog shows of the source, and recognise it.

        :raises MalformedResponseError: Catalog did not show all of it.
        """
        for row in reading.dashboards(api, source_id, is_new=self._is_new_dashboard):
            if row.get("deletedAt"):
                self._database.execute("DELETE FROM dashboard WHERE id = ?", (_text(row.get("id")),))
        for _ in reading.lineages(api, source_id, is_new=self._is_new_edge):
            pass
        self._database.execute("COMMIT")
        self._database.executescript(_JOINS)

    def queries_without_lineage(self) -> Iterator[Query]:
        """Yield the queries that were taken in, by report."""
        adapters = dict(self.ask("SELECT id, adapter FROM connection WHERE id IS NOT NULL"))
        for report, sql, connection in self.ask("SELECT report, sql, connection FROM query ORDER BY report"):
            yield Query(report=report, sql=sql, connection=connection, adapter=adapters.get(connection))

    def reports_with_hidden_queries(self) -> Iterator[tuple[str, str]]:
        """Yield reports without lineage whose queries the snapshot lacks, and how that is known."""
        for token, detail in self.ask(
            "SELECT r.token, l.detail FROM report AS r LEFT JOIN left_out AS l ON l.token = r.token "
            "WHERE r.dashboard IS NOT NULL AND NOT r.lineage AND (l.token IS NOT NULL OR r.counted) "
            "ORDER BY r.token"
        ):
            yield token, visible(detail, 300) if detail else "Mode counts queries, and lists none"

    def take_queries_without_lineage(self) -> None:
        """Take in the queries of reports that arrived without lineage."""
        self._database.execute("BEGIN")
        for row in sorted_rows(self._snapshot, "query"):
            self._database.execute(
                "INSERT INTO query SELECT token, ?, ? FROM report "
                "WHERE token = ? AND dashboard IS NOT NULL AND NOT lineage",
                (_text(row["raw_query"]), _text(row["data_source_id"]), _text(row["report_token"])),
            )
        self._database.execute("COMMIT")
        self._database.execute("CREATE INDEX query_report ON query (report)")

    def _is_new_dashboard(self, row: dict[str, Any]) -> bool:
        token, how, in_report = self._recognised(row)
        kind = _text(kind_of(row))
        child = kind not in DASHBOARDS or in_report
        unknown = None if in_report or kind in (*DASHBOARDS, *PARTS) else kind
        values = (_text(row.get(key)) for key in ("id", "name", "folderPath", "url"))
        return self._put("dashboard", *values, child, token, how, unknown)

    def _is_new_edge(self, row: dict[str, Any]) -> bool:
        parent = None if row.get("parentTableId") else _text(row.get("parentDashboardId"))
        return self._put("edge", _text(row.get("id")), _text(row.get("childDashboardId")), parent)

    def _recognised(self, row: Mapping[str, Any]) -> tuple[str | None, str | None, bool]:
        """Return the report's token, how it was found, and whether the row is only a part of that report."""
        words = _words_of_address(_text(row.get("url")))
        token, place = self._report_in(words)
        if token is not None:
            return token, "url", not _CHILDREN.isdisjoint(word.lower() for word in words[place + 1 :])
        external = _text(row.get("externalId"))
        token, _ = self._report_in([external, *_WORD.findall(external)])
        # An address of another report says that it is not this one, whatever the ids say.
        if token is None and external and _HOLDERS.isdisjoint(word.lower() for word in words):
            token = self._found("SELECT min(token) FROM report WHERE id = ? HAVING count(*) = 1", external)
        return token, "external_id" if token else None, False

    def _report_in(self, words: list[str]) -> tuple[str | None, int]:
        places = sorted(range(len(words)), key=lambda at: at == 0 or words[at - 1].lower() not in _HOLDERS)
        for place in places:
            for word in (words[place], words[place].lower()):
                if found := self._found("SELECT token FROM report WHERE token = ?", word):
                    return found, place
        return None, 0

    def _found(self, sql: str, value: str) -> str | None:
        row = self._database.execute(sql, (value,)).fetchone()
        return row[0] if row else None

    def _put(self, table: str, *values: Any) -> bool:
        marks = ", ".join("?" * len(values))
        statement = f"INSERT OR IGNORE INTO {table} VALUES ({marks})"  # noqa: S608  # names of ours only
        cursor: sqlite3.Cursor = self._database.execute(statement, values)
        return bool(cursor.rowcount)


def _words_of_address(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    # An application in the browser keeps its own path behind the #.
    return _WORD.findall(unquote(f"{parts.path}/{parts.query}/{parts.fragment}"))


def _id(value: Any) -> str | None:
    return None if value is None else _text(value)


def _text(value: Any) -> str:
    # JSON may carry half of a surrogate pair, SQLite may not.
    return "" if value is None else str(value).encode("utf-8", "replace").decode("utf-8")
