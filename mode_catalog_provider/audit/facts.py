"""What the checks ask about, read from a snapshot's files once and kept on the temporary disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from mode_catalog_provider.audit.sql_text import read_query, uses_definition
from mode_catalog_provider.errors import SnapshotAlteredError
from mode_catalog_provider.scratch import private_database
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.row_stream import json_rows

_CACHE = 32 * 1024
_CHUNK = 1 << 20

_TABLES = """
CREATE TABLE report (
    token TEXT PRIMARY KEY, name TEXT, collection TEXT, creator TEXT, archived INT, created TEXT,
    changed TEXT, views INT, queries INT DEFAULT 0, signature TEXT
) WITHOUT ROWID;
CREATE TABLE query (report TEXT, name TEXT, connection TEXT, text INT, definition INT);
CREATE TABLE text (id INTEGER PRIMARY KEY, digest BLOB UNIQUE, telling INT, sketch BLOB);
CREATE TABLE band (number INT, text INT);
CREATE TABLE collection (token TEXT PRIMARY KEY, name TEXT) WITHOUT ROWID;
CREATE TABLE member (username TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE connection (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""

_INDEXES = """
CREATE INDEX query_report ON query (report);
CREATE INDEX query_text ON query (text);
CREATE INDEX band_number ON band (number);
"""


class Facts:
    """The facts of one snapshot, as tables to be asked with SQL. A context manager, for one thread.

    ``report(token, name, collection, creator, archived, created, changed, views, queries, signature)``:
    ``changed`` is the latest of its stamps, ``signature`` the same for reports whose queries are the same, on
    the same connections. ``query(report, name, connection, text, definition)``; ``text(id, digest, telling,
    sketch)``: the different queries, see :class:`~mode_catalog_provider.audit.sql_text.QueryText`;
    ``band(number, text)``. ``collection(token, name)``, ``member(username)``, ``connection(id)``.

    :param snapshot: its files must be verified, or be trusted.
    :raises SnapshotAlteredError: a file is not one of rows.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._database = private_database(cache=_CACHE)
        self._database.executescript(_TABLES)

    def __enter__(self) -> Self:
        self._database.execute("BEGIN")
        try:
            for asset, take in (
                ("datasource", self._take_connection),
                ("collection", self._take_collection),
                ("member", self._take_member),
                ("report", self._take_report),
                ("query", self._take_query),
            ):
                for row in self._rows(asset):
                    take(row)
            self._database.execute("COMMIT")
            self._database.executescript(_INDEXES)
            self._sign_reports()
        except BaseException:
            self._database.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def ask(self, sql: str, **values: Any) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query over the tables above."""
        yield from self._database.execute(sql, values)

    def write(self, sql: str, **values: Any) -> sqlite3.Cursor:
        """Change the tables: a check may keep its own intermediate results there."""
        return self._database.execute(sql, values)

    def _rows(self, asset: str) -> Iterator[dict[str, Any]]:
        entry = next(entry for entry in self.snapshot.manifest.files if entry.asset == asset)
        path = self.snapshot.file_path(entry)
        with path.open("rb") as file:
            try:
                for row in json_rows(iter(lambda: file.read(_CHUNK), b"")):
                    yield {key: _storable(value) for key, value in row.items()}
            except ValueError as error:
                raise SnapshotAlteredError(f"{path} is not a whole {asset} file ({error}).") from error

    def _take_connection(self, row: Mapping[str, Any]) -> None:
        self.write("INSERT OR IGNORE INTO connection VALUES (:id)", id=str(row["id"]))

    def _take_collection(self, row: Mapping[str, Any]) -> None:
        name = row["name"] or row["token"]
        self.write("INSERT OR IGNORE INTO collection VALUES (:token, :name)", token=row["token"], name=name)

    def _take_member(self, row: Mapping[str, Any]) -> None:
        if row["username"]:
            self.write("INSERT OR IGNORE INTO member VALUES (:name)", name=row["username"])

    def _take_report(self, row: Mapping[str, Any]) -> None:
        stamps = [row[key] for key in ("created_at", "updated_at", "published_at", "edited_at") if row[key]]
        self.write(
            "INSERT OR IGNORE INTO report "
            "(token, name, collection, creator, archived, created, changed, views) VALUES "
            "(:token, :name, :collection, :creator, :archived, :created, :changed, :views)",
            token=row["token"],
            name=" ".join((row["name"] or "").split()),
            collection=row["space_token"],
            creator=row["creator"],
            archived=bool(row["archived"]),
            created=row["created_at"] or "",
            changed=max(stamps, default=""),
            views=row["view_count"] or 0,
        )

    def _take_query(self, row: Mapping[str, Any]) -> None:
        raw = row["raw_query"] or ""
        read = read_query(raw)
        found = self.write(
            "INSERT OR IGNORE INTO text (digest, telling, sketch) VALUES (:digest, :telling, :sketch)",
            digest=read.digest,
            telling=read.is_telling,
            sketch=read.sketch,
        )
        if found.rowcount:
            text = found.lastrowid
            self._database.executemany(
                "INSERT INTO band VALUES (?, ?)", ((number, text) for number in read.bands)
            )
        else:
            ((text,),) = self.ask("SELECT id FROM text WHERE digest = :digest", digest=read.digest)
        connection = row["data_source_id"]
        self.write(
            "INSERT INTO query VALUES (:report, :name, :connection, :text, :definition)",
            report=row["report_token"],
            name=row["name"] or "",
            connection=None if connection is None else str(connection),
            text=text,
            definition=uses_definition(raw),
        )

    def _sign_reports(self) -> None:
        # A report's queries in one order, whatever their names: the same text for the same questions.
        self.write(
            """
            UPDATE report SET (queries, signature) = (
                SELECT count(*), group_concat(part) FROM (
                    SELECT text || '@' || coalesce(connection, '') AS part
                    FROM query WHERE query.report = report.token ORDER BY text, connection
                )
            )
            """
        )
        self.write("CREATE INDEX report_signature ON report (signature)")


def _storable(value: Any) -> Any:
    # JSON may carry half of a surrogate pair, SQLite may not.
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else value
