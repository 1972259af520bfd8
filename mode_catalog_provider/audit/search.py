"""Which reports read a table, and which speak of something: searches in one snapshot, as streams."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from mode_catalog_provider.audit.pages import Pages
from mode_catalog_provider.audit.values import text_of
from mode_catalog_provider.errors import SqlNotParsedError
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.rows import each_once
from mode_catalog_provider.sql.dataset_names import dataset_name
from mode_catalog_provider.sql.dialects import dialect_of
from mode_catalog_provider.sql.tables import TableName, tables_of

# Liquid within a name, or in the place of one.
_MADE_NAME = re.compile(r"[\w.]\{\{|\}\}\w|\b(?:from|join)\s+\{\{(?!-?\s*@)", re.IGNORECASE)


@dataclass
class Hit:
    """A report that was found.

    :param queries: names of the queries in which it was found; none where it is in the report itself.
    """

    token: str
    name: str
    url: str | None
    queries: list[str] = field(default_factory=list)


@dataclass
class Found:
    """What a search found.

    :param hits: the reports, by name; archived ones are left out.
    :param not_read: queries that name the table but are no SQL that can be read.
    """

    hits: list[Hit]
    not_read: int

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {"reports": [vars(hit) for hit in self.hits], "not_read": self.not_read}


def search(snapshot: Snapshot, *, table: str | None = None, text: str | None = None) -> Found:
    """Find the reports that read a table, or speak of something; with both, those for which both is true.

    :param table: name of a table, also with its schema and database (``schema.name``); case counts for
        nothing. Needs the extra ``sql``.
    :param text: what stands in the name, the description or the SQL of a report; case counts for nothing.
    :raises SqlUnavailableError: ``table`` is asked for, and sqlglot is not installed.
    """
    reader = _TableReader(snapshot, table) if table else None
    wanted = text.casefold() if text else ""
    by_text: defaultdict[str, list[str]] = defaultdict(list)
    by_table: defaultdict[str, list[str]] = defaultdict(list)
    for row in each_once(snapshot, "query"):
        report, name, raw = (text_of(row[key]) or "" for key in ("report_token", "name", "raw_query"))
        if wanted and (wanted in raw.casefold() or wanted in name.casefold()):
            by_text[report].append(name)
        if reader and reader.reads(raw, text_of(row["data_source_id"])):
            by_table[report].append(name)
    pages = Pages(snapshot.manifest.host, snapshot.manifest.workspace)
    hits = []
    for row in each_once(snapshot, "report"):
        token, name = text_of(row["token"]) or "", text_of(row["name"]) or ""
        if row["archived"] is True or (table and token not in by_table):
            continue
        says = f"{name} {text_of(row['description']) or ''}".casefold()
        if wanted and wanted not in says and token not in by_text:
            continue
        queries = by_table[token] if table else by_text.get(token, [])
        hits.append(Hit(token, name, pages.of("report", token), queries))
    hits.sort(key=lambda hit: (hit.name.casefold(), hit.token))
    return Found(hits, reader.not_read if reader else 0)


class _TableReader:
    """Says whether queries read a table; only those that name it are parsed."""

    def __init__(self, snapshot: Snapshot, table: str) -> None:
        self._parts = [part.strip().strip('"`[]').casefold() for part in table.split(".")]
        self._connections = {text_of(row["id"]): row for row in each_once(snapshot, "datasource")}
        self.not_read = 0
        self._tables: Callable[[str, str], frozenset[TableName] | None] = lru_cache(maxsize=256)(_tables)
        # Says at once, not after the first query that names the table, that the library is missing.
        tables_of("select 1", "")

    def reads(self, raw: str, connection: str | None) -> bool:
        if self._parts[-1] not in raw.casefold() and not _MADE_NAME.search(raw):
            return False
        row = self._connections.get(connection, {})
        tables = self._tables(raw, dialect_of(row.get("adapter")))
        if tables is None:
            self.not_read += self._parts[-1] in raw.casefold()
            return False
        return any(self._is_meant(table, row) for table in tables)

    def _is_meant(self, table: TableName, connection: Mapping[str, Any]) -> bool:
        # As the query names it, and with what that leaves to its connection.
        whole = dataset_name(connection, table)
        names = [str(table), *([whole[1]] if whole else [])]
        return any(name.casefold().split(".")[-len(self._parts) :] == self._parts for name in names)


def _tables(raw: str, dialect: str) -> frozenset[TableName] | None:
    try:
        return tables_of(raw, dialect)
    except SqlNotParsedError:
        return None
