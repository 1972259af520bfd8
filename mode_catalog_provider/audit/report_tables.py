"""Which tables of the warehouse each report of a snapshot reads, as lineage names them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from mode_catalog_provider.audit.values import moment_of, text_of
from mode_catalog_provider.contract import DATASET
from mode_catalog_provider.errors import SqlNotParsedError
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.rows import rows_of
from mode_catalog_provider.sql.dataset_names import DatasetName, dataset_name
from mode_catalog_provider.sql.dialects import WITHOUT_TABLES, adapter_name, dialect_of
from mode_catalog_provider.sql.tables import TableName, tables_of
from mode_catalog_provider.text import printable, visible

#: Reports that are looked at: those that were edited last.
MOST_REPORTS = 1_000

#: Tables that are told of one report.
MOST_TABLES = 100

_LONGEST_TITLE = 200


@dataclass(frozen=True, kw_only=True)
class ReportTables:
    """What one report reads.

    :param path: ``reports/{token}`` or ``datasets/{token}``.
    :param title: its name, made visible.
    :param tables: names of the tables, in order, at most :data:`MOST_TABLES`.
    """

    path: str
    title: str
    tables: tuple[DatasetName, ...]


@dataclass(frozen=True, kw_only=True)
class WorkspaceTables:
    """What the reports of a workspace read.

    :param reports: those that read tables.
    :param looked_at: how many reports were looked at.
    :param beyond: how many there are beyond :data:`MOST_REPORTS`.
    :param not_read: queries whose SQL could not be read.
    """

    reports: tuple[ReportTables, ...]
    looked_at: int
    beyond: int
    not_read: int


def tables_of_reports(
    snapshot: Snapshot, *, unknown: DatasetName, most_reports: int = MOST_REPORTS
) -> WorkspaceTables:
    """Find the tables of the reports that are not archived and were edited last.

    :param snapshot: its files need not have been verified.
    :param unknown: namespace, and beginning of the name, of tables of a connection whose place is not known:
        ``/data_sources/{token}/{table}`` follows.
    :param most_reports: how many are looked at.
    :raises SqlUnavailableError: the extra ``sql`` is not installed.
    """
    # Says at once, not after the first query, that the library is missing.
    tables_of("select 1", "")
    connections = {text_of(row["id"]): row for row in rows_of(snapshot, "datasource")}
    chosen, total = _edited_last(snapshot, most_reports)
    found: dict[str, set[DatasetName]] = {token: set() for token in chosen}
    not_read = 0
    for row in rows_of(snapshot, "query"):
        report = text_of(row["report_token"]) or ""
        connection = connections.get(text_of(row["data_source_id"]))
        if report not in found or connection is None:
            continue
        if (adapter := adapter_name(connection["adapter"])) in WITHOUT_TABLES:
            continue
        tables = _tables(text_of(row["raw_query"]) or "", dialect_of(adapter))
        if tables is None:
            not_read += 1
            continue
        if len(found[report]) < MOST_TABLES:
            found[report].update(_named(connection, table, unknown) for table in tables)
    return WorkspaceTables(
        reports=tuple(
            ReportTables(path=path, title=title, tables=tuple(sorted(found[token])[:MOST_TABLES]))
            for token, (path, title) in chosen.items()
            if found[token]
        ),
        looked_at=len(chosen),
        beyond=total - len(chosen),
        not_read=not_read,
    )


def _edited_last(snapshot: Snapshot, most: int) -> tuple[dict[str, tuple[str, str]], int]:
    """Return path and title of the chosen ones by their token, and how many there are in all."""
    total = 0

    def alive() -> Iterator[tuple[str, str, str, str]]:
        nonlocal total
        for row in rows_of(snapshot, "report"):
            if row["archived"] is not True and (token := text_of(row["token"])):
                total += 1
                edited = moment_of(row["edited_at"]) or moment_of(row["updated_at"]) or ""
                folder = "datasets" if row["type"] == DATASET else "reports"
                yield edited, token, f"{folder}/{token}", visible(row["name"], _LONGEST_TITLE)

    chosen = heapq.nlargest(most, alive())
    return {token: (path, title) for _, token, path, title in sorted(chosen, key=lambda one: one[1])}, total


def _named(connection: Mapping[str, object], table: TableName, unknown: DatasetName) -> DatasetName:
    known = dataset_name(connection, table)
    if known is not None:
        return known
    namespace, beginning = unknown
    return namespace, printable(f"{beginning}/data_sources/{text_of(connection['token'])}/{table}")


@lru_cache(maxsize=256)
def _tables(sql: str, dialect: str) -> frozenset[TableName] | None:
    try:
        return tables_of(sql, dialect)
    except SqlNotParsedError:
        return None
