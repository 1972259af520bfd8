"""A small workspace, pushed to the sandbox's Catalog and ingested there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mode_catalog_provider.catalog.arrival_report import ArrivalReport
from mode_catalog_provider.catalog.reconciliation import reconcile
from mode_catalog_provider.contract import contract_row
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import Snapshot, open_snapshot
from mode_catalog_provider.snapshot.writer import SnapshotWriter
from tests.integration.upload_cases import AT, HOST, new_api, push
from tests.sandbox import CatalogSandbox

Row = Mapping[str, Any]

CONNECTIONS: list[Row] = [
    {"id": 1, "token": "snow", "name": "Snow", "adapter": "jdbc:snowflake", "database": "ANALYTICS"},
]
COLLECTIONS: list[Row] = [
    {"token": "fin", "name": "Finance", "space_type": "custom"},
    {"token": "own", "name": "Personal", "space_type": "private"},
]
REPORTS: list[Row] = [
    {"id": f"10{number}", "token": f"aaaa0000000{number}", "name": f"Report {number}", "space_token": "fin"}
    for number in range(4)
]
SQL = "select * from analytics.core.orders"


def queries_of(reports: Iterable[Row], sql: str = SQL, connection: int = 1) -> list[Row]:
    return [
        {
            "id": number,
            "token": f"q{number:04d}",
            "name": "Query 1",
            "data_source_id": connection,
            "raw_query": sql,
            "report_token": report["token"],
        }
        for number, report in enumerate(reports)
    ]


def snapshot_of(
    place: Path,
    *,
    reports: Iterable[Row] = REPORTS,
    queries: Iterable[Row] | None = None,
    connections: Iterable[Row] = CONNECTIONS,
    collections: Iterable[Row] = COLLECTIONS,
    at: int = AT,
    **settings: Any,
) -> Snapshot:
    reports = list(reports)
    rows = {
        "datasource": connections,
        "collection": collections,
        "report": ({"type": "Report", **report} for report in reports),
        "query": queries_of(reports) if queries is None else queries,
        "member": (),
    }
    with SnapshotWriter(
        layout=Layout.nested(place, "acme"), workspace="acme", host=HOST, timestamp=at
    ) as writer:
        for asset, found in rows.items():
            for row in found:
                writer.add(asset, contract_row(asset, row))
        arguments = {"strategy": "rest", "options": {}, "left_out": [], "filtered": {}, "figures": {}}
        _, path = writer.finish(**{**arguments, **settings})
    return open_snapshot(path)


def arrived(catalog: CatalogSandbox, snapshot: Snapshot, **switches: Any) -> Snapshot:
    """Push a snapshot and let Catalog ingest it, as the switches say."""
    at = datetime.fromtimestamp(snapshot.manifest.timestamp, UTC) + timedelta(hours=1)
    push(catalog, snapshot, accept_shrink=True, now=lambda: at)
    catalog.switches.throw(**switches)
    catalog.ingest_mode(at + timedelta(hours=1))
    return snapshot


def compared(catalog: CatalogSandbox, snapshot: Snapshot, **changes: Any) -> ArrivalReport:
    arguments: dict[str, Any] = {
        "snapshot": snapshot,
        "api": new_api(catalog),
        "source_id": catalog.source_id,
    }
    return reconcile(**{**arguments, **changes})


def entries(report: ArrivalReport, kind: str) -> list[Row]:
    return [item.entry for item in report.items[kind]]
