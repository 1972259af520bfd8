"""What Catalog shows of one source: its dashboards."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from mode_catalog_provider.catalog.guards import refuse_fewer_than_catalog
from mode_catalog_provider.catalog.pages import walk
from mode_catalog_provider.catalog.push_target import BRIEF, SourceCheck
from mode_catalog_provider.errors import (
    CancelledError,
    MalformedResponseError,
    ModeCatalogError,
    SnapshotError,
)
from mode_catalog_provider.scratch import private_database
from mode_catalog_provider.text import first_of, visible

if TYPE_CHECKING:
    from mode_catalog_provider.catalog.api import CatalogApi
    from mode_catalog_provider.snapshot.manifest import Manifest

#: What a dashboard proper is called, and a row of which Catalog does not tell what it is.
DASHBOARDS = ("DASHBOARD", "")

#: Other kinds of rows, which hang on one. Catalog adds kinds over time.
PARTS = ("TILE", "VIZ_MODEL")

_TYPES = """
query getDashboards($sourceId: String!, $nbPerPage: Int!, $page: Int!) {
  getDashboards(scope: {sourceId: $sourceId}, pagination: {nbPerPage: $nbPerPage, page: $page}) {
    totalCount
    data { id type }
  }
}
"""


def compare_with_catalog(
    manifest: Manifest,
    api: CatalogApi,
    source_id: str,
    *,
    max_shrink: float,
    check: SourceCheck,
    log: logging.Logger,
) -> None:
    """Refuse a snapshot with far fewer reports than Catalog shows dashboards; for a push that knows no other.

    :param max_shrink: share of the dashboards that may be missing.
    :param check: what to do when Catalog cannot be asked, ``warn`` or ``require``.
    :raises SnapshotShrunkError: Catalog would drop too much.
    """
    try:
        # One request tells, unless there are tiles among the rows: then each has to be looked at.
        shown = api.dashboards_count(source_id, budget=BRIEF)
        # One empty answer is no empty world.
        shown = shown or api.dashboards_count(source_id, budget=BRIEF)
        if shown * (1 - max_shrink) <= manifest.rows["report"]:
            return
        listed = dashboards = 0
        unknown: set[str] = set()
        for kind in _types(api, source_id):
            listed += 1
            dashboards += kind in DASHBOARDS
            if kind not in (*DASHBOARDS, *PARTS):
                unknown.add(kind)
            refuse_fewer_than_catalog(manifest, dashboards, max_shrink)
        if listed * (1 - max_shrink) <= manifest.rows["report"]:
            raise MalformedResponseError(
                f"Catalog counts {shown} dashboards of this source and lists {listed}."
            )
        if unknown:
            log.warning(
                "Catalog shows %d rows of this source, some of a kind that is not known here (%s). They are "
                "not counted as dashboards, so this snapshot may have far fewer reports than Catalog shows.",
                shown,
                first_of(sorted(unknown)),
            )
    except (SnapshotError, CancelledError):
        raise
    except ModeCatalogError as error:
        if check == "require":
            raise
        log.warning(
            "Nothing here tells what Catalog got last, and how many dashboards it shows cannot be asked, so "
            "the size of this snapshot is not compared with anything. %s",
            visible(error, 500),
        )


def _types(api: CatalogApi, source_id: str) -> Iterator[str]:
    with closing(private_database(cache=1024)) as seen:
        seen.execute("CREATE TABLE seen (id TEXT PRIMARY KEY) WITHOUT ROWID")

        def is_new(row: dict[str, Any]) -> bool:
            return bool(seen.execute("INSERT OR IGNORE INTO seen VALUES (?)", (str(row.get("id")),)).rowcount)

        rows = walk(
            api,
            _TYPES,
            field="getDashboards",
            variables={"sourceId": source_id},
            budget=BRIEF,
            is_new=is_new,
            none_is_odd=True,
        )
        for row in rows:
            yield kind_of(row)


def kind_of(row: Mapping[str, Any]) -> str:
    """Return the kind of a row in capitals, ``""`` where Catalog does not tell it."""
    return str(row.get("type") or "").strip().upper()
