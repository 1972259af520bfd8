"""What the checks ask about, read from a snapshot's files once and kept on the temporary disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from mode_catalog_provider.audit.values import count_of, folded, latest, moment_of, text_of
from mode_catalog_provider.scratch import private_database
from mode_catalog_provider.snapshot.facts import read_facts
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.rows import each_once
from mode_catalog_provider.sql.fingerprint import definitions_used, fingerprint

_CACHE = 32 * 1024

#: Characters of a query that are kept to show differences.
_SHOWN = 200_000

_TABLES = """
CREATE TABLE report (
    token TEXT PRIMARY KEY, name TEXT, collection TEXT, creator TEXT, type TEXT, archived INT, created TEXT,
    edited TEXT, changed TEXT, ran TEXT, ran_well TEXT, viewed TEXT, views INT, runs INT, schedules INT,
    queries INT DEFAULT 0, signature TEXT, asked TEXT
) WITHOUT ROWID;
CREATE TABLE query (report TEXT, name TEXT, connection TEXT, text INT);
CREATE TABLE text (
    id INTEGER PRIMARY KEY, digest BLOB UNIQUE, placeless BLOB, telling INT, words INT, is_dev INT,
    groups BLOB, main BLOB, tables BLOB, raw TEXT
);
CREATE TABLE definition (name TEXT, text INT);
CREATE TABLE collection (token TEXT PRIMARY KEY, name TEXT, type TEXT) WITHOUT ROWID;
CREATE TABLE member (username TEXT PRIMARY KEY, token TEXT, state TEXT) WITHOUT ROWID;
CREATE TABLE connection (id TEXT PRIMARY KEY, name TEXT, adapter TEXT) WITHOUT ROWID;
"""

_INDEXES = """
CREATE INDEX query_report ON query (report);
CREATE INDEX query_text ON query (text);
CREATE INDEX definition_text ON definition (text);
CREATE INDEX member_token ON member (token);
"""

#: How a fact of the side files is kept; a report that has none keeps what the six files say.
_REPORT_FACTS = """
UPDATE report SET edited = coalesce(:saved, edited), ran = :ran, ran_well = :ran_well, viewed = :viewed,
    runs = :runs, schedules = :schedules WHERE token = :token
"""


class Facts:
    """The facts of one snapshot, as tables to be asked with SQL. A context manager, for one thread.

    What is unknown is ``NULL``; times are texts that sort as times do.

    - ``report``: ``created``, ``edited`` (nobody edited it later), ``changed`` (the latest stamp of all: runs
      move it, too), ``ran``, ``ran_well``, ``viewed``; ``views``, ``runs``, ``schedules``; ``queries`` (how
      many). ``signature`` is the same for reports whose queries are the same on the same connections,
      ``asked`` for those that ask the same wherever it is.
    - ``query(report, name, connection, text)``; ``text``: the different queries, see
      :class:`~mode_catalog_provider.sql.fingerprint.Fingerprint`; ``definition(name, text)``.
    - ``collection(token, name, type)``, ``member(username, token, state)`` with the username as the function
      ``folded`` gives it, ``connection(id, name, adapter)``.

    :param snapshot: its files must be verified, or be trusted.
    :raises SnapshotAlteredError: a file is not one of rows.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._database = private_database(cache=_CACHE)
        self._database.create_function("folded", 1, folded, deterministic=True)
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
                for row in each_once(self.snapshot, asset):
                    take(row)
            self._database.execute("COMMIT")
            self._database.executescript(_INDEXES)
            self._database.execute("BEGIN")
            for facts in read_facts(self.snapshot, "report"):
                self._take_report_facts(facts)
            for facts in read_facts(self.snapshot, "member"):
                self.write(
                    "UPDATE member SET state = :state WHERE token = :token",
                    state=text_of(facts.get("state")),
                    token=text_of(facts["token"]),
                )
            self._sign_reports()
            self._database.execute("COMMIT")
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

    def write_all(self, sql: str, rows: Iterator[tuple[Any, ...]]) -> None:
        """Change the tables once for each of many rows."""
        self._database.executemany(sql, rows)

    def _take_connection(self, row: Mapping[str, Any]) -> None:
        self.write(
            "INSERT OR IGNORE INTO connection VALUES (:id, :name, :adapter)",
            id=text_of(row["id"]),
            name=text_of(row["name"]),
            adapter=text_of(row["adapter"]),
        )

    def _take_collection(self, row: Mapping[str, Any]) -> None:
        self.write(
            "INSERT OR IGNORE INTO collection VALUES (:token, :name, :type)",
            token=text_of(row["token"]),
            name=text_of(row["name"]) or text_of(row["token"]),
            type=text_of(row["space_type"]),
        )

    def _take_member(self, row: Mapping[str, Any]) -> None:
        if name := text_of(row["username"]):
            self.write(
                "INSERT OR IGNORE INTO member VALUES (:name, :token, NULL)",
                name=folded(name),
                token=text_of(row["token"]),
            )

    def _take_report(self, row: Mapping[str, Any]) -> None:
        created, edited, updated, published = (
            moment_of(row[key]) for key in ("created_at", "edited_at", "updated_at", "published_at")
        )
        self.write(
            "INSERT OR IGNORE INTO report "
            "(token, name, collection, creator, type, archived, created, edited, changed, views) VALUES "
            "(:token, :name, :collection, :creator, :type, :archived, :created, :edited, :changed, :views)",
            token=text_of(row["token"]),
            name=" ".join((text_of(row["name"]) or "").split()),
            collection=text_of(row["space_token"]),
            creator=text_of(row["creator"]),
            type=text_of(row["type"]),
            archived=row["archived"] is True or text_of(row["archived"]) in ("true", "True", "1"),
            created=created or "",
            edited=edited,
            changed=latest(created, edited, updated, published),
            views=count_of(row["view_count"]),
        )

    def _take_report_facts(self, facts: Mapping[str, Any]) -> None:
        times = {
            name: moment_of(facts.get(key))
            for name, key in (
                ("saved", "last_saved_at"),
                ("ran", "last_run_at"),
                ("ran_well", "last_successfully_run_at"),
                ("viewed", "last_viewed_at"),
            )
        }
        counts = {name: count_of(facts.get(f"{name}_count")) for name in ("runs", "schedules")}
        self.write(_REPORT_FACTS, token=text_of(facts["token"]), **times, **counts)

    def _take_query(self, row: Mapping[str, Any]) -> None:
        raw = text_of(row["raw_query"]) or ""
        read = fingerprint(raw)
        found = self.write(
            "INSERT OR IGNORE INTO text "
            "(digest, placeless, telling, words, is_dev, groups, main, tables, raw) "
            "VALUES (:digest, :placeless, :telling, :words, :is_dev, :groups, :main, :tables, :raw)",
            digest=read.digest,
            placeless=read.placeless,
            telling=read.is_telling,
            words=read.words,
            is_dev=read.is_dev,
            groups=read.groups,
            main=read.main,
            tables=read.tables,
            raw=raw[:_SHOWN],
        )
        if found.rowcount:
            text = found.lastrowid
            self.write_all(
                "INSERT INTO definition VALUES (?, ?)", ((name, text) for name in definitions_used(raw))
            )
        else:
            ((text,),) = self.ask("SELECT id FROM text WHERE digest = :digest", digest=read.digest)
        self.write(
            "INSERT INTO query VALUES (:report, :name, :connection, :text)",
            report=text_of(row["report_token"]),
            name=text_of(row["name"]) or "",
            connection=text_of(row["data_source_id"]),
            text=text,
        )

    def _sign_reports(self) -> None:
        # A report's queries in one order, whatever their names: the same text for the same questions. Only
        # where one of them tells where it came from can they be those of a copy.
        self.write(
            """
            UPDATE report SET (queries, signature, asked) = (
                SELECT count(*), CASE WHEN max(telling) THEN group_concat(part) END,
                    CASE WHEN max(telling) THEN group_concat(text) END FROM (
                    SELECT text || '@' || coalesce(connection, '') AS part, text, telling
                    FROM query JOIN text ON text.id = text WHERE query.report = report.token
                    ORDER BY text, connection
                )
            )
            """
        )
        self.write("CREATE INDEX report_asked ON report (asked)")
