"""Catalog's sources: what one is, and how one is named."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from mode_catalog_provider.errors import (
    ConfigurationError,
    MalformedResponseError,
    ModeCatalogError,
    UnknownSourceError,
)
from mode_catalog_provider.text import first_of, visible

WAREHOUSE = "WAREHOUSE"
VISUALIZATION = "VISUALIZATION"
MODE = "MODE"

#: The words of Catalog for what Mode's adapters speak to; Catalog adds words over time.
TECHNOLOGIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "athena": ("ATHENA", "GLUE"),
        "bigquery": ("BIGQUERY",),
        "databricks": ("DATABRICKS",),
        "spark": ("DATABRICKS", "SPARK"),
        "hive": ("HIVE", "GLUE"),
        "mariadb": ("MARIADB", "MYSQL"),
        "mysql": ("MYSQL",),
        "oracle": ("ORACLE",),
        "oracledb": ("ORACLE",),
        "oracleadb": ("ORACLE",),
        "postgres": ("POSTGRES",),
        "postgresql": ("POSTGRES",),
        "presto": ("PRESTO", "TRINO"),
        "redshift": ("REDSHIFT",),
        "snowflake": ("SNOWFLAKE",),
        "sqlserver": ("SQLSERVER", "SYNAPSE", "FABRIC"),
        "teradata": ("TERADATA",),
        "trino": ("TRINO", "PRESTO", "STARBURST"),
        "treasuredata": ("TREASURE", "TRINO"),
        "vertica": ("VERTICA",),
    }
)

#: What tells a warehouse of which Catalog says no type.
_OF_WAREHOUSES = {WAREHOUSE, *(word for words in TECHNOLOGIES.values() for word in words)}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NEARLY_AN_ID = re.compile(r"(?i)[{]?[0-9a-f]+(-[0-9a-f]*){2,6}[}]?")


@dataclass(frozen=True)
class CatalogSource:
    """One source of a Catalog tenant: a warehouse, a BI tool, ...

    :param id: UUID, lower case.
    :param name: as shown in Catalog; not unique.
    :param technology: ``MODE``, ``SNOWFLAKE``, ... in capitals; Catalog adds values over time, so any text,
        and ``""`` where it does not tell it.
    :param type: ``WAREHOUSE``, ``VISUALIZATION``, ...; likewise.
    :param origin: ``EXTRACTION`` or ``API``; any text.
    :param last_refreshed_at: when Catalog last ingested it, UTC; ``None`` = never.
    :param deleted_at: when it was deleted, UTC; ``None`` = it exists.
    """

    id: str
    name: str
    technology: str
    type: str
    origin: str
    last_refreshed_at: datetime | None
    deleted_at: datetime | None

    @classmethod
    def from_graphql(cls, row: Any) -> CatalogSource:
        """Read a ``Source`` object of the GraphQL API.

        :raises MalformedResponseError: it has no id, or a time that is none.
        """
        if not isinstance(row, dict) or not isinstance(row.get("id"), str):
            raise MalformedResponseError("Catalog's getSources listed a source that has no id.")
        return cls(
            id=row["id"].lower(),
            name=str(row.get("name") or ""),
            technology=_word(row.get("technology")),
            type=_word(row.get("type")),
            origin=str(row.get("origin") or ""),
            last_refreshed_at=_time(row.get("lastRefreshedAt")),
            deleted_at=_time(row.get("deletedAt")),
        )

    def may_be(self, type: str) -> bool:
        """Say whether it is of a type or, where Catalog does not tell that, may be by its technology."""
        return (self.type or _kind_of(self.technology)) in (type, "")

    def to_json(self) -> dict[str, str | None]:
        """Return what tells a source apart, and its last ingestion in ISO format."""
        return {
            "id": self.id,
            "name": self.name,
            "technology": self.technology,
            "type": self.type,
            "last_refreshed_at": self.last_refreshed_at.isoformat() if self.last_refreshed_at else None,
        }

    def __str__(self) -> str:
        return f"'{visible(self.name)}' ({visible(self.id)})"


class ListedSources(list[CatalogSource]):
    """The sources of a tenant, as far as Catalog listed them.

    :param unlisted: how many more it announced; what is not among the listed ones may be one of those.
    """

    def __init__(self, sources: Iterable[CatalogSource] = (), *, unlisted: int = 0) -> None:
        super().__init__(sources)
        self.unlisted = unlisted

    @classmethod
    def of(cls, sources: Iterable[CatalogSource]) -> ListedSources:
        """Return the sources as they are, or as all there are."""
        return sources if isinstance(sources, cls) else cls(sources)

    def absent(self, message: str) -> ModeCatalogError:
        """Return the error for a source that is not listed: a permanent one only when all sources are."""
        if not self.unlisted:
            return UnknownSourceError(message)
        return MalformedResponseError(
            f"Catalog announced {self.unlisted} sources that it does not list, and the wanted one may be "
            f"among them: try again later. Of those that it lists: {message}"
        )


def parse_source_id(value: str | None) -> str:
    """Return a source id as Catalog writes it: a UUID in lower case, with hyphens.

    :param value: the id as a person typed it; surrounding spaces and upper case are accepted.
    :raises ConfigurationError: it is missing or not a UUID.
    """
    text = (value or "").strip()
    try:
        parsed = str(uuid.UUID(text))
    except ValueError:
        parsed = ""
    # uuid.UUID also takes braces, "urn:uuid:" and missing hyphens; a source id has none of these
    if parsed != text.lower():
        parsed = ""
    if not parsed:
        # What was given may be a secret in the wrong place, so only what comes near an id is repeated.
        shown = repr(text) if _NEARLY_AN_ID.fullmatch(text) else f"What was given ({len(text)} characters)"
        given = f"{shown} is not a Catalog source id" if text else "There is no Catalog source id"
        raise ConfigurationError(
            f"{given}. It is a UUID such as 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d, handed over by the Catalog "
            f"team and shown in Catalog's settings of the integration; put it into the connection's "
            "'source_id' field, on the command line behind -s/--source_id."
        )
    return parsed


def enumerated(sources: Sequence[CatalogSource]) -> str:
    """Return the sources' names and ids as part of a sentence; the first ten of many."""
    return first_of(sources, length=200)


def _word(value: Any) -> str:
    return str(value or "").strip().upper()


def _kind_of(technology: str) -> str:
    """Return the type that goes with a technology, ``""`` where that is not told either."""
    if any(word in technology for word in _OF_WAREHOUSES):
        return WAREHOUSE
    return VISUALIZATION if technology == MODE else technology


def _time(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        # whole arithmetic: a float of seconds would lose the millisecond that a threshold was made of
        return _EPOCH + timedelta(milliseconds=int(value))
    except (TypeError, ValueError, OverflowError) as error:
        raise MalformedResponseError(
            f"Catalog's getSources gave '{visible(value)}' as a time; milliseconds since 1970 were expected."
        ) from error
