"""What the sandbox's Catalog shows of an upload that it ingested: dashboards, tiles, lineages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.sandbox.catalog_sources import millis
from tests.sandbox.switches import CatalogSwitches

Row = dict[str, Any]


def shown(
    reports: list[Row],
    *,
    queries: list[Row],
    collections: list[Row],
    source_id: str,
    switches: CatalogSwitches,
) -> tuple[list[Row], list[Row]]:
    """Dashboards (and tiles) and lineages, as the switches have them."""
    folders = {row["token"]: row["name"] for row in collections}
    read = {row["report_token"] for row in queries if row.get("raw_query")}
    dashboards: list[Row] = []
    lineages: list[Row] = []
    for row in reports:
        token = row["token"]
        if token in switches.lost_dashboards:
            continue
        dashboard = _dashboard(row, folders.get(row.get("space_token")) or "", source_id, switches)
        dashboards.append(dashboard)
        lost = switches.lost_lineage
        if token in read and lost is not None and token not in lost:
            lineages.append(_edge(f"{token}-table", dashboard["id"], source_id, table="table-1"))
        for number in range(switches.tiles):
            tile = {
                **dashboard,
                "id": f"{dashboard['id']}-tile-{number}",
                "externalId": f"{token}:{number}",
                "name": f"Tile {number}",
                "type": "TILE",
                "url": f"{dashboard['url']}/queries/{number:012x}",
            }
            dashboards.append(tile)
            lineages.append(_edge(f"{tile['id']}-edge", tile["id"], source_id, dashboard=dashboard["id"]))
    return dashboards, lineages


def _dashboard(row: Row, folder: str, source_id: str, switches: CatalogSwitches) -> Row:
    moment = millis(datetime.now(UTC))
    token = row["token"]
    workspace = "https://app.mode.com/acme"
    return {
        "id": f"dashboard-{token}",
        "externalId": token if switches.external_ids == "token" else str(row["id"]),
        "externalSlug": None,
        "name": switches.renamed.get(token) or row["name"] or "Untitled Report",
        "slug": token,
        "type": "DASHBOARD",
        "folderPath": f"/{switches.moved.get(token, folder)}",
        "folderUrl": None,
        "url": f"{workspace}/reports/{token}" if switches.urls == "report" else workspace,
        "popularity": None,
        "sourceId": source_id,
        "createdAt": moment,
        "updatedAt": moment,
        "deletedAt": None,
        "isDeprecated": False,
        "isVerified": False,
    }


def _edge(
    identity: str, child: str, source_id: str, *, table: str | None = None, dashboard: str | None = None
) -> Row:
    return {
        "id": identity,
        "lineageType": "AUTOMATIC",
        "parentTableId": table,
        "childTableId": None,
        "parentDashboardId": dashboard,
        "childDashboardId": child,
        "createdAt": None,
        "refreshedAt": None,
        "_childSourceId": source_id,
    }
