"""What a request to Catalog is about, in one of a few words."""

from __future__ import annotations

from mode_catalog_provider.http.statistics import OTHER

#: A file for the ingest endpoint.
UPLOAD = "upload"

#: Root fields of the GraphQL API, and the word for each.
_WORDS = {
    "getSources": "sources",
    "getDashboards": "dashboards",
    "getLineages": "lineage",
    "getDatabases": "tables",
    "getSchemas": "tables",
    "getTables": "tables",
}

#: All words there are, in the order of the alphabet.
OPERATIONS = tuple(sorted({*_WORDS.values(), UPLOAD, OTHER}))


def operation_of(field: str) -> str:
    """Return the word for a root field of the GraphQL API."""
    return _WORDS.get(field, OTHER)
