"""Reports as far as rights concern them, from a snapshot that is there already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.rows import rows_of


@dataclass(frozen=True, kw_only=True)
class OwnedReport:
    """A report as far as rights concern it: its collection, its creator, and whether everybody sees it."""

    token: str
    name: str
    collection: str | None
    creator: str | None
    public: bool | None


def owned_reports(snapshot: Snapshot) -> Iterator[OwnedReport]:
    """Yield each report of a snapshot that is not archived; its files should have been verified."""
    for row in rows_of(snapshot, "report"):
        if row.get("archived") is True:
            continue
        creator, public = row.get("creator"), row.get("public")
        yield OwnedReport(
            token=str(row.get("token")),
            name=str(row.get("name") or row.get("token")),
            collection=str(row["space_token"]) if row.get("space_token") else None,
            creator=creator if isinstance(creator, str) else None,
            public=public if isinstance(public, bool) else None,
        )
