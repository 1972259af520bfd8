"""What this package's own client does in a measured process."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from mode_catalog_provider.catalog.endpoint import CatalogEndpoint
from mode_catalog_provider.catalog.ingest import CatalogIngest, OutgoingFile
from mode_catalog_provider.extract.capture import capture
from mode_catalog_provider.extract.extraction import Extraction, ExtractionOptions
from mode_catalog_provider.mode.client import ModeClient, ModeCredentials, ModeEndpoint
from mode_catalog_provider.snapshot.layout import Layout


def extract(
    mode: dict[str, Any], folder: str, options: dict[str, Any], requests_per_second: float
) -> dict[str, Any]:
    """Take a snapshot; returns how many rows it has and which route was taken."""
    credentials = ModeCredentials(token=mode["token"], secret=mode["secret"])
    with ModeClient(
        ModeEndpoint(
            workspace=mode["workspace"],
            host=mode["url"],
            credentials=lambda: credentials,
            requests_per_second=requests_per_second,
        )
    ) as client:
        result = capture(
            client=client,
            extraction=Extraction(client=client, options=ExtractionOptions(**options)),
            layout=Layout.nested(Path(folder), mode["workspace"]),
            log=logging.getLogger("benchmark"),
        )
    return {
        "folder": str(result.directory),
        "rows": result.manifest.rows,
        "strategy": result.manifest.strategy,
        "reuse": result.manifest.reuse,
    }


def extract_made_up(route: str, queries: int, folder: str) -> dict[str, Any]:
    """Take a snapshot of a workspace that exists only as numbers in this process; returns its figures."""
    from tests.benchmarks.memory import measure

    return measure(route, queries, Path(folder))


def upload(catalog: dict[str, Any], file: str, sha256: str, name: str) -> dict[str, Any]:
    """Push one file to Catalog; returns how much memory that took beyond what was there before."""
    from tests.benchmarks.subject import peak_megabytes

    path = Path(file)
    before = peak_megabytes()
    endpoint = CatalogEndpoint(token=lambda: catalog["token"], ingest_url=catalog["ingest_url"])
    with CatalogIngest(endpoint, source_id=catalog["source_id"]) as ingest:
        ingest.push(
            OutgoingFile(open=lambda: path.open("rb"), name=name, size=path.stat().st_size, sha256=sha256)
        )
    return {"growth": peak_megabytes() - before}
