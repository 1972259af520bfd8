"""The listings of Catalog that a reconciliation reads: dashboards, lineages, databases, tables, schemas."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.pages import walk

Row = dict[str, Any]
IsNew = Callable[[Row], bool]

_DASHBOARDS = """
query getDashboards($sourceId: String!, $nbPerPage: Int!, $page: Int!) {
  getDashboards(scope: {sourceId: $sourceId}, pagination: {nbPerPage: $nbPerPage, page: $page}) {
    totalCount
    data { id externalId name type folderPath url deletedAt }
  }
}
"""

_LINEAGES = """
query getLineages($sourceId: String!, $nbPerPage: Int!, $page: Int!) {
  getLineages(
    scope: {childSourceId: $sourceId, withChildAssetType: DASHBOARD},
    pagination: {nbPerPage: $nbPerPage, page: $page}
  ) {
    totalCount
    data { id parentTableId parentDashboardId childDashboardId }
  }
}
"""

_DATABASES = """
query getDatabases($sourceId: String!, $nbPerPage: Int!, $page: Int!) {
  getDatabases(scope: {sourceIds: [$sourceId]}, pagination: {nbPerPage: $nbPerPage, page: $page}) {
    totalCount
    data { id name }
  }
}
"""

_SCHEMAS = """
query getSchemas($name: String!, $nbPerPage: Int!, $page: Int!) {
  getSchemas(scope: {nameContains: $name}, pagination: {nbPerPage: $nbPerPage, page: $page}) {
    totalCount
    data { id name }
  }
}
"""

_TABLES = """
query getTables($name: String!, $nbPerPage: Int!, $page: Int!) {
  getTables(scope: {nameContains: $name}, pagination: {nbPerPage: $nbPerPage, page: $page}) {
    totalCount
    data { id name schemaId }
  }
}
"""

#: Rows of one answer about one name, or one warehouse, that are looked at; more tell nothing.
_MOST_OF_ONE_NAME = 5_000


def dashboards(api: CatalogApi, source_id: str, *, is_new: IsNew) -> Iterator[Row]:
    """Yield what Catalog shows of a source: dashboards, and the tiles and the like that hang on them."""
    return _of_source(api, _DASHBOARDS, "getDashboards", source_id, is_new)


def lineages(api: CatalogApi, source_id: str, *, is_new: IsNew) -> Iterator[Row]:
    """Yield the edges that end at a dashboard of a source."""
    return _of_source(api, _LINEAGES, "getLineages", source_id, is_new)


def database_names(api: CatalogApi, source_id: str) -> frozenset[str]:
    """Return the names of the databases of a warehouse, in small letters; none where not all are told."""
    rows = _rows(api, _DATABASES, "getDatabases", {"sourceId": source_id})
    names = frozenset() if rows is None else frozenset(_name(row) for row in rows)
    return frozenset() if "" in names else names


def schema_ids(api: CatalogApi, name: str) -> frozenset[str] | None:
    """Return the ids of the schemas of a name, whatever its letters; ``None`` where too many are like it."""
    rows = _named(api, _SCHEMAS, "getSchemas", name)
    return None if rows is None else frozenset(str(row.get("id")) for row in rows)


def schemas_of_tables(api: CatalogApi, name: str) -> frozenset[str] | None:
    """Return the ids of the schemas that have a table of a name, whatever its letters; ``""`` for none.

    ``None``: so many names are like it that not all of them were looked at.
    """
    rows = _named(api, _TABLES, "getTables", name)
    return None if rows is None else frozenset(str(row.get("schemaId") or "") for row in rows)


def _of_source(api: CatalogApi, document: str, field: str, source_id: str, is_new: IsNew) -> Iterator[Row]:
    # None at all would mean that nothing arrived, or has lineage.
    return walk(
        api, document, field=field, variables={"sourceId": source_id}, is_new=is_new, none_is_odd=True
    )


def _named(api: CatalogApi, document: str, field: str, name: str) -> list[Row] | None:
    """Return the rows of a name, whatever its letters; ``None`` where too many are like it.

    Whether Catalog's own search minds capitals is documented nowhere, so what it does not find in small
    letters it is asked for in capitals, unless its answer has shown that it does not mind.
    """
    for spelled in (name.lower(), name.upper()):
        rows = _rows(api, document, field, {"name": spelled})
        if rows is None:
            return None
        found = [row for row in rows if _is(row, name)]
        if found or any(spelled not in str(row.get("name")) for row in rows):
            return found
    return []


def _rows(api: CatalogApi, document: str, field: str, variables: dict[str, Any]) -> list[Row] | None:
    seen: set[str] = set()

    def is_new(row: Row) -> bool:
        known = len(seen)
        seen.add(str(row.get("id")))
        return len(seen) > known

    rows = []
    for row in walk(api, document, field=field, variables=variables, is_new=is_new):
        rows.append(row)
        if len(rows) > _MOST_OF_ONE_NAME:
            return None
    return rows


def _is(row: Row, name: str) -> bool:
    return _name(row) == name.strip().lower()


def _name(row: Row) -> str:
    return str(row.get("name") or "").strip().lower()
