"""Which warehouse of Catalog answers to a connection of Mode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.reading import database_names
from mode_catalog_provider.catalog.sources import TECHNOLOGIES, WAREHOUSE, CatalogSource
from mode_catalog_provider.errors import CancelledError, ModeCatalogError
from mode_catalog_provider.sql.dialects import WITHOUT_TABLES, adapter_name
from mode_catalog_provider.text import visible

# Warehouses of which Catalog does not say what they are.
_ANY = ("GENERIC_WAREHOUSE",)


@dataclass(frozen=True, kw_only=True)
class UnknownConnection:
    """A connection of Mode that no warehouse of Catalog answers to.

    :param token: of the connection.
    :param id: as queries name it.
    :param why: one sentence.
    """

    token: str
    id: str
    name: str
    adapter: str
    database: str
    why: str

    def to_json(self) -> dict[str, Any]:
        """Return what tells it, as a JSON object."""
        return {
            "token": self.token,
            "name": self.name,
            "adapter": self.adapter,
            "database": self.database,
            "reason": self.why,
        }


class Warehouses:
    """The warehouses of a tenant.

    :param api: Catalog's API.
    :param sources: all sources of the tenant.
    """

    def __init__(self, api: CatalogApi, sources: Iterable[CatalogSource]) -> None:
        self._api = api
        self._sources = [one for one in sources if one.may_be(WAREHOUSE) and one.deleted_at is None]
        self._databases: dict[str, frozenset[str]] = {}
        self.not_asked: str | None = None

    def without_answer(self, connections: Iterator[tuple[str, ...]]) -> Iterator[UnknownConnection]:
        """Yield the connections that none of the warehouses answers to.

        Compared are the technology and, where Catalog tells its databases, the database.

        :param connections: token, id, name, adapter and database of each.
        """
        for token, number, name, adapter, database in connections:
            kind = adapter_name(adapter)
            if kind in WITHOUT_TABLES:
                continue
            if why := self._why_not(kind, database):
                yield UnknownConnection(
                    token=token, id=number, name=name, adapter=adapter, database=database, why=why
                )

    def _why_not(self, kind: str, database: str) -> str:
        wanted = (*TECHNOLOGIES.get(kind, (kind.upper(),) if kind else ()), *_ANY)
        fitting = [
            one
            for one in self._sources
            if not one.technology or any(word in one.technology.upper() for word in wanted)
        ]
        if not fitting:
            return f"Catalog has no warehouse of the kind {visible(kind) or 'unknown'}."
        if not database:
            return ""
        known = [self._databases_of(one) for one in fitting]
        # A warehouse that tells no database may be the one.
        if not all(known) or any(database.strip().lower() in names for names in known):
            return ""
        named = ", ".join(visible(one.name) for one in fitting[:3])
        return f"Catalog's warehouses of that kind ({named}) have no database {visible(database)}."

    def _databases_of(self, source: CatalogSource) -> frozenset[str]:
        if source.id not in self._databases:
            try:
                found = frozenset() if self.not_asked else database_names(self._api, source.id)
            except CancelledError:
                raise
            except ModeCatalogError as error:
                self.not_asked = f"Catalog's databases cannot be asked: {visible(error, 300)}"
                found = frozenset()
            self._databases[source.id] = found
        return self._databases[source.id]
