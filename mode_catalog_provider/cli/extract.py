"""`mode-catalog extract`: one Mode workspace into one folder."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from mode_catalog_provider.cli.console import Output
from mode_catalog_provider.cli.exit_codes import DONE
from mode_catalog_provider.cli.locked import locked
from mode_catalog_provider.cli.services import mode_client, required
from mode_catalog_provider.extract.capture import capture
from mode_catalog_provider.extract.extraction import Extraction
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.snapshot.layout import Layout

log = logging.getLogger(__name__)


def extract(arguments: argparse.Namespace, output: Output) -> int:
    """Extract into the output folder; the six files lie directly in it, the manifest beside them."""
    folder = Path(required(arguments, "output", "-o/--output")).expanduser().absolute()
    options = ExtractionOptions(
        strategy=arguments.strategy,
        incremental=arguments.incremental,
        full_refresh_after=arguments.full_refresh_after,
        include_collections=arguments.include_collection,
        exclude_collections=arguments.exclude_collection,
        include_personal=arguments.include_personal,
        include_archived=not arguments.exclude_archived,
        members=arguments.members,
    )
    with (
        mode_client(arguments) as client,
        locked(arguments, folder, on_lost=client.cancel) as fence,
        output.progress() as progress,
    ):
        extraction = Extraction(client=client, options=options, progress=progress)
        captured = capture(
            client=client, extraction=extraction, layout=Layout.flat(folder), fence=fence, log=log
        )
    manifest = captured.manifest
    result = {
        "manifest": str(captured.manifest_path),
        "directory": str(captured.directory),
        "timestamp": manifest.timestamp,
        "workspace": manifest.workspace,
        "strategy": manifest.strategy,
        "rows": manifest.rows,
        "left_out": manifest.left_out_counts,
        "requests": manifest.figures["requests"],
        "seconds": captured.seconds,
    }
    lines = [f"{asset:<12}{rows:>9,} rows" for asset, rows in manifest.rows.items()]
    lines += [
        f"{count} {asset}(s) left out, see the manifest"
        for asset, count in manifest.left_out_counts.items()
        if count
    ]
    output.result(result, [*lines, f"Wrote {captured.manifest_path}"])
    return DONE
