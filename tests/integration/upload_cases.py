"""Snapshots and clients for the upload tests."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.endpoint import CatalogEndpoint
from mode_catalog_provider.catalog.ingest import CatalogIngest
from mode_catalog_provider.catalog.push import PushResult, push_snapshot
from mode_catalog_provider.contract import DATA_ASSETS, contract_row
from mode_catalog_provider.snapshot.layout import Layout, StoragePath, manifest_name
from mode_catalog_provider.snapshot.reader import Snapshot, open_snapshot
from mode_catalog_provider.snapshot.writer import SnapshotWriter
from tests.sandbox import CatalogSandbox
from tests.unit.catalog.serving import QuickStop
from tests.unit.snapshot.planting import write_or_plant

HOST = "https://modeanalytics.com"
AT = 1_795_000_000
NOW = datetime.fromtimestamp(AT, tz=UTC) + timedelta(hours=1)
ROWS = {"datasource": 1, "collection": 3, "report": 10, "query": 20, "member": 4}
LEAST = {"datasource": 1, "collection": 1}
ORDER = [f"{AT}-{asset}.json" for asset in (*DATA_ASSETS, "summary")]


def make_snapshot(
    output: StoragePath,
    *,
    rows: Mapping[str, int] = ROWS,
    at: int = AT,
    workspace: str = "acme",
    host: str = HOST,
    flat: bool = False,
    left_out: list[dict[str, Any]] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Snapshot:
    layout = Layout.flat(output) if flat else Layout.nested(output, workspace)
    with SnapshotWriter(layout=layout, workspace=workspace, host=host, timestamp=at) as writer:
        for asset, count in rows.items():
            for number in range(count):
                token = f"{asset}-{number:06d}"
                writer.add(asset, contract_row(asset, {"token": token, "name": f"näme of {token}"}))
        _, path = writer.finish(
            strategy="rest",
            options=options or {},
            left_out=left_out or [],
            filtered={},
            figures={"requests": 1},
        )
    return open_snapshot(path)


def planted_snapshot(output: StoragePath, *, at: int = AT, flat: bool = False, **changes: Any) -> Snapshot:
    """The same where it is no matter how the snapshot got there: into S3 it is not written, it lies there."""
    workspace = changes.get("workspace", "acme")
    write_or_plant(output, lambda folder: make_snapshot(folder, at=at, flat=flat, **changes))
    layout = Layout.flat(output) if flat else Layout.nested(output, workspace)
    return open_snapshot(layout.directory(at) / manifest_name(at))


def new_ingest(catalog: CatalogSandbox, **changes: Any) -> CatalogIngest:
    arguments: dict[str, Any] = {
        "token": lambda: catalog.token,
        "ingest_url": catalog.ingest_url,
        "connection": "catalog_prod",
        "timeout": 5,
        "stop": QuickStop(),
    }
    own = {name: changes.pop(name) for name in ("source_id", "file_type") if name in changes}
    endpoint = CatalogEndpoint(**{**arguments, **changes})
    return CatalogIngest(endpoint, **{"source_id": catalog.source_id, **own})


def new_api(catalog: CatalogSandbox, **changes: Any) -> CatalogApi:
    arguments: dict[str, Any] = {
        "token": lambda: catalog.token,
        "api_url": catalog.api_url,
        "timeout": 5,
        "stop": QuickStop(),
    }
    return CatalogApi(CatalogEndpoint(**{**arguments, **changes}))


def push(catalog: CatalogSandbox, snapshot: Snapshot, **changes: Any) -> PushResult:
    arguments: dict[str, Any] = {"snapshot": snapshot, "now": lambda: NOW, "log": logging.getLogger("push")}
    if "ingest" not in changes:
        arguments["ingest"] = new_ingest(catalog)
    return push_snapshot(**{**arguments, **changes})


def stored(catalog: CatalogSandbox) -> dict[str, bytes]:
    """What Catalog holds: names and bytes."""
    return {upload.name: upload.content for upload in catalog.uploads}


def on_disk(snapshot: Snapshot) -> dict[str, bytes]:
    return {entry.name: snapshot.file_path(entry).read_bytes() for entry in snapshot.manifest.files}
