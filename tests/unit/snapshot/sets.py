"""Small sets of rows and files for the snapshot tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from mode_catalog_provider.contract import DATA_ASSETS, KEYS, SUMMARY, contract_row
from mode_catalog_provider.snapshot.layout import Layout, StoragePath, data_file
from mode_catalog_provider.snapshot.manifest import Manifest
from mode_catalog_provider.snapshot.writer import SnapshotWriter
from tests.unit.snapshot.planting import lies_on_s3, plant

HOST = "https://modeanalytics.com"
WORKSPACE = "acme"
AT = 1_700_000_000

ROWS = [
    (
        "member",
        contract_row("member", {"id": 2, "token": "m2", "username": "zoë", "email": "z@a.example"}),
    ),
    (
        "query",
        contract_row("query", {"id": "7", "token": "q1", "raw_query": "select 1"}),
    ),
    ("report", contract_row("report", {"token": "r2", "name": None, "archived": True})),
    ("report", contract_row("report", {"token": "r1", "name": "Sales", "query_count": 1})),
    ("collection", contract_row("collection", {"token": "c1", "name": "Finance"})),
    ("datasource", contract_row("datasource", {"id": 1, "token": "d1", "name": "warehouse"})),
    ("member", contract_row("member", {"id": 1, "token": "m1", "username": "ann"})),
]


def new_writer(layout: Layout, timestamp: int | None = AT) -> SnapshotWriter:
    return SnapshotWriter(layout=layout, workspace=WORKSPACE, host=HOST, timestamp=timestamp)


def finish(writer: SnapshotWriter, **changes: Any) -> tuple[Manifest, StoragePath]:
    settings: dict[str, Any] = {
        "strategy": "rest",
        "options": {"members": "full"},
        "left_out": [],
        "filtered": {"personal": 1},
        "figures": {"requests": 12},
    }
    return writer.finish(**{**settings, **changes})


def write_set(
    layout: Layout, timestamp: int = AT, rows: Iterable[tuple[str, dict[str, Any]]] = ROWS, **changes: Any
) -> StoragePath:
    """Write a set and return its manifest's path."""
    with new_writer(layout, timestamp) as writer:
        for asset, row in rows:
            writer.add(asset, row)
        return finish(writer, **changes)[1]


def vendor_files(timestamp: int = AT) -> dict[str, bytes]:
    """The six files as the vendor's tool leaves them: any order of rows, a summary of its own."""
    files = {
        data_file(timestamp, asset): json.dumps([row for name, row in ROWS if name == asset]).encode()
        for asset in DATA_ASSETS
    }
    summary = {
        "python_version": "3.11.0 (main)",
        "version": "0.26.131",
        "executed_at": "2023-11-14T17:13:20",
        "connection_identity": {"base_url": f"{HOST}/{WORKSPACE}"},
        "client_name": "ModeAnalytics/API",
    }
    return {**files, data_file(timestamp, SUMMARY): json.dumps(summary).encode()}


def lay(directory: StoragePath, files: dict[str, bytes]) -> StoragePath:
    """Let files lie in a directory."""
    if lies_on_s3(directory):
        plant(directory, files)
        return directory
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        with (directory / name).open("wb") as file:
            file.write(content)
    return directory


def row_of(asset: str, token: str, **values: Any) -> dict[str, Any]:
    assert values.keys() <= set(KEYS[asset])
    return contract_row(asset, {"token": token, **values})
