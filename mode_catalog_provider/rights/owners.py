"""Reports as far as rights concern them, from a snapshot that is there already."""

from __future__ import annotations

from collections.abc import Iterator

from mode_catalog_provider.rights.findings import OwnedReport
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.row_stream import json_rows

_CHUNK = 1 << 20


def owned_reports(snapshot: Snapshot) -> Iterator[OwnedReport]:
    """Yield each report of a snapshot that is not archived; its files should have been verified."""
    entry = next(entry for entry in snapshot.manifest.files if entry.asset == "report")
    with snapshot.file_path(entry).open("rb") as file:
        for row in json_rows(iter(lambda: file.read(_CHUNK), b"")):
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
