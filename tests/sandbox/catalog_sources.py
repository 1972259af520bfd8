"""The sources of the sandbox's Catalog."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_CREATED = datetime(2025, 3, 1, tzinfo=UTC)


@dataclass
class Source:
    """A source as Catalog knows it; change the fields to change what ``getSources`` tells."""

    id: str
    name: str
    technology: str
    type: str
    origin: str = "EXTRACTION"
    last_refreshed_at: datetime | None = None
    deleted_at: datetime | None = None
    created_at: datetime = _CREATED
    updated_at: datetime = _CREATED

    def to_graphql(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "slug": self.name.lower().replace(" ", "-"),
            "origin": self.origin,
            "technology": self.technology,
            "type": self.type,
            "createdAt": millis(self.created_at),
            "updatedAt": millis(self.updated_at),
            "deletedAt": millis(self.deleted_at),
            "lastRefreshedAt": millis(self.last_refreshed_at),
        }


def millis(moment: datetime | None) -> int | None:
    """Catalog's ``Timestamp``: whole milliseconds since the epoch."""
    return None if moment is None else round(moment.timestamp() * 1000)
