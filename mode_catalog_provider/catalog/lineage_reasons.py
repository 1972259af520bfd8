"""Why has a report no lineage in Catalog? The first reason that holds, in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from mode_catalog_provider.catalog.reading import schema_ids, schemas_of_tables
from mode_catalog_provider.errors import (
    CancelledError,
    ModeCatalogError,
    SqlNotParsedError,
    SqlUnavailableError,
)
from mode_catalog_provider.sql.definitions import referenced
from mode_catalog_provider.sql.dialects import STANDARD, adapter_name, dialect_of
from mode_catalog_provider.sql.tables import TableName, tables_of
from mode_catalog_provider.text import first_of, visible

if TYPE_CHECKING:
    from mode_catalog_provider.catalog.api import CatalogApi

#: Every reason, in the order in which they are looked for, and what each means.
REASONS: Mapping[str, str] = {
    "out_of_sight": "Mode did not show its queries to the key that extracted.",
    "no_query": "The report has no query.",
    "definitions": "All its queries use Mode definitions, which Catalog never receives.",
    "unknown_connection": "Its connection is none of Catalog's warehouses.",
    "unknown_tables": "It reads tables that Catalog does not know.",
    "unparsed": "Its SQL cannot be read.",
    "dataset": "It reads a dataset of Mode.",
    "unknown": "None of the known reasons holds.",
}

#: Reasons that need the library sqlglot.
NEED_SQL = ("unknown_tables", "unparsed")

TablesOf = Callable[[str, str], frozenset[TableName]]

#: Names of tables that Catalog is asked about in one reconciliation.
_MOST_NAMES = 2_000


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is asked about one query.

    :param report: token of its report.
    :param sql: as it was written.
    :param connection: id of its connection, ``""`` for none.
    :param adapter: of that connection, ``None`` when the snapshot does not have it.
    """

    report: str
    sql: str
    connection: str
    adapter: str | None


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why a report has no lineage.

    :param word: one of :data:`REASONS`.
    :param detail: what it is about: tables, connections, a place in the SQL; what was tried.
    :param is_expanded: whether definitions were to be replaced by their SQL, and these could not be.
    """

    word: str
    detail: str = ""
    is_expanded: bool = False


@dataclass(kw_only=True)
class LineageReasons:
    """Finds the reasons.

    :param api: Catalog's API, asked for the tables in question only.
    :param unknown_connections: ids of connections that no warehouse answers to.
    :param known_connections: ids of all connections of the snapshot.
    :param connections_asked: whether the warehouses could be asked for.
    :param expanded: whether definitions were replaced by their SQL when the snapshot was made.
    :param tables: finds the tables of a query in a dialect.
    """

    api: CatalogApi
    unknown_connections: frozenset[str]
    known_connections: frozenset[str]
    connections_asked: bool = True
    expanded: bool = False
    tables: TablesOf = tables_of
    not_tried: dict[str, str] = field(default_factory=dict)
    _known: dict[TableName, bool] = field(default_factory=dict)
    _schemas: dict[str, frozenset[str] | None] = field(default_factory=dict)
    _of_name: dict[str, frozenset[str] | None] = field(default_factory=dict)
    _common: set[TableName] = field(default_factory=set)

    def of_reports(
        self,
        reports: Iterable[str],
        queries: Iterable[Query],
        imports: Iterable[str] = (),
        hidden: Iterable[tuple[str, str]] = (),
    ) -> Iterator[tuple[str, Reason]]:
        """Yield each report with its reason.

        :param reports: tokens, sorted.
        :param queries: of these reports, sorted by report.
        :param imports: tokens of reports that Mode says read datasets, sorted; default: none is known.
        :param hidden: tokens of reports with queries that the snapshot lacks, and how that is known, sorted;
            default: none is known.
        """
        importing = iter(imports)
        importer = next(importing, None)
        hiding = iter(hidden)
        hider = next(hiding, None)
        grouped = groupby(queries, key=lambda query: query.report)
        report_of_group, group = next(grouped, (None, iter(())))
        for token in reports:
            while report_of_group is not None and report_of_group < token:
                report_of_group, group = next(grouped, (None, iter(())))
            while importer is not None and importer < token:
                importer = next(importing, None)
            while hider is not None and hider[0] < token:
                hider = next(hiding, None)
            unseen = hider[1] if hider is not None and hider[0] == token else None
            own = list(group) if report_of_group == token else []
            yield token, self.of_report(own, imports_dataset=importer == token, unseen=unseen)

    def of_report(
        self, queries: list[Query], *, imports_dataset: bool = False, unseen: str | None = None
    ) -> Reason:
        """Return the first reason that holds for the report of these queries.

        :param queries: of one report.
        :param imports_dataset: whether Mode says that it reads a dataset.
        :param unseen: how it is known that the report has queries that are not among these.
        """
        if not queries and unseen is not None:
            return Reason(word="out_of_sight", detail=unseen)
        queries = [query for query in queries if query.sql.strip()]
        if not queries:
            return Reason(word="no_query")
        if all(referenced(query.sql) for query in queries):
            how = "They were expanded, but for these." if self.expanded else "They were not expanded."
            return Reason(word="definitions", detail=how, is_expanded=self.expanded)
        if unknown := self._unknown_connections(queries):
            return Reason(word="unknown_connection", detail=f"connection {first_of(unknown)}")
        unknown_tables, faults, names = self._look_at_tables(queries)
        if unknown_tables:
            # Those that Catalog knows would have given lineage: it may be missing for another reason, too.
            known = f" (of {len(names)} that its queries read)" if len(names) > len(unknown_tables) else ""
            return Reason(word="unknown_tables", detail=f"{first_of(map(str, unknown_tables), 20)}{known}")
        if faults:
            return Reason(word="unparsed", detail=faults[0])
        if imports_dataset or any(_is_of_datasets(query) for query in queries):
            return Reason(word="dataset")
        return Reason(word="unknown", detail=self._tried(names))

    def _unknown_connections(self, queries: list[Query]) -> list[str]:
        others = [query for query in queries if not _is_of_datasets(query)]
        unknown = {
            query.connection
            for query in others
            if query.connection in self.unknown_connections
            # Of a query without a connection nothing is known.
            or (query.connection and not self._is_in_snapshot(query.connection))
        }
        # One query on a warehouse that Catalog knows would have given lineage.
        return sorted(unknown) if others and all(query.connection in unknown for query in others) else []

    def _is_in_snapshot(self, connection: str) -> bool:
        return not self.known_connections or connection in self.known_connections

    def _look_at_tables(self, queries: list[Query]) -> tuple[list[TableName], list[str], set[TableName]]:
        names: set[TableName] = set()
        faults: list[str] = []
        for query in queries:
            if _is_of_datasets(query) or "unparsed" in self.not_tried:
                continue
            try:
                names |= self.tables(query.sql, dialect_of(query.adapter) if query.adapter else STANDARD)
            except SqlUnavailableError as error:
                self.not_tried.update(dict.fromkeys(NEED_SQL, str(error)))
            except SqlNotParsedError as error:
                faults.append(visible(error, 300))
        unknown = []
        for name in sorted(names):
            try:
                if not self._is_known(name):
                    unknown.append(name)
            except CancelledError:
                raise
            except ModeCatalogError as error:
                why = f"Catalog's tables cannot be asked: {visible(error, 300)}"
                self.not_tried.setdefault("unknown_tables", why)
        return unknown, faults, names

    def _is_known(self, table: TableName) -> bool:
        if "unknown_tables" in self.not_tried:
            return True
        if "*" in table.name:
            # BigQuery's name for many tables, which Catalog may know under each of their own.
            self._common.add(table)
            return True
        if table not in self._known:
            name = table.name.lower()
            if name not in self._of_name:
                if len(self._of_name) >= _MOST_NAMES:
                    self.not_tried["unknown_tables"] = (
                        f"More than {_MOST_NAMES} names of tables are in question; not all were asked for."
                    )
                    return True
                self._of_name[name] = schemas_of_tables(self.api, name)
            holders = self._of_name[name]
            if holders and table.schema and "" not in holders:
                schema = table.schema.lower()
                if schema not in self._schemas:
                    self._schemas[schema] = schema_ids(self.api, schema)
                of_schema = self._schemas[schema]
                holders = None if of_schema is None else holders & of_schema
            if holders is None:
                # Of what is not looked at to the end it cannot be said that it is not there.
                self._common.add(table)
            self._known[table] = holders is None or bool(holders)
        return self._known[table]

    def _tried(self, tables: set[TableName]) -> str:
        tried = ["it has queries", "they use no definitions alone"]
        if self.connections_asked:
            tried.append("their connections are known")
        if "unknown_tables" not in self.not_tried:
            common = sorted(tables & self._common)
            if common:
                tried.append(f"of the tables they read {len(tables) - len(common)} are known")
                tried[-1] += f" (not asked to the end, for too many names are alike: {first_of(common)})"
            elif len(tables) > 1:
                tried.append(f"the {len(tables)} tables they read are known")
            else:
                tried.append("the only table they read is known" if tables else "no table was found in them")
        if "unparsed" not in self.not_tried:
            tried.append("their SQL can be read")
        tried.append("no dataset is read")
        return f"Looked at: {', '.join(tried)}."


def _is_of_datasets(query: Query) -> bool:
    return query.adapter is not None and adapter_name(query.adapter) == "modedatasets"
