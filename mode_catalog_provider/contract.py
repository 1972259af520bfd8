"""The six files Catalog expects for Mode: their names, and the keys of their rows in order."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

#: The five assets that are arrays of rows, in the order in which they are written and uploaded.
DATA_ASSETS = ("datasource", "collection", "report", "query", "member")

#: The sixth file: one object that says what made the other five, uploaded last.
SUMMARY = "summary"

#: What the summary names as its client: the value by which a service may know what it reads, so the vendor's.
CLIENT_NAME = "ModeAnalytics/API"

#: Who wrote the files, in the ``version`` of the summary.
WRITER = "mode-catalog-provider"

#: Version of the vendor's tool whose files have the shape of ours; what a reader that compares versions sees.
SHAPE_VERSION = "0.26.131"

#: What the ``type`` of a report says when it is a dataset.
DATASET = "DatasetReport"

#: Keys of a row per asset. Catalog reads a Mode set by these names; all are always present.
KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "datasource": (
            "id",
            "token",
            "name",
            "host",
            "display_name",
            "description",
            "database",
            "provider",
            "vendor",
            "adapter",
            "created_at",
            "public",
            "queryable",
        ),
        "collection": (
            "id",
            "token",
            "space_type",
            "name",
            "description",
            "state",
            "default_access_level",
            "creator",
        ),
        "report": (
            "id",
            "token",
            "name",
            "description",
            "type",
            "archived",
            "space_token",
            "public",
            "created_at",
            "updated_at",
            "published_at",
            "edited_at",
            "is_embedded",
            "query_count",
            "chart_count",
            "view_count",
            "creator",
        ),
        "query": ("id", "token", "name", "data_source_id", "raw_query", "report_token"),
        "member": ("id", "token", "username", "name", "email", "created_at"),
    }
)

#: Keys of the summary object, in order.
SUMMARY_KEYS = ("python_version", "version", "executed_at", "connection_identity", "client_name")


def contract_row(asset: str, mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Return exactly the contract's keys of ``asset`` in order; what ``mapping`` lacks becomes ``None``.

    :param asset: one of :data:`DATA_ASSETS`.
    :param mapping: an object as the API gave it; keys outside the contract are dropped.
    """
    return {key: mapping.get(key) for key in KEYS[asset]}
