"""`mode-catalog report`: what is known of a workspace, as one HTML file."""

from __future__ import annotations

import argparse
from pathlib import Path

from mode_catalog_provider.cli.output import DONE, Output
from mode_catalog_provider.cli.places import existing, folder_of
from mode_catalog_provider.errors import SnapshotNotFoundError
from mode_catalog_provider.report.html import as_html
from mode_catalog_provider.report.records import WorkspaceRecords
from mode_catalog_provider.report.workspace import gather
from mode_catalog_provider.snapshot.choice import LATEST, chosen_snapshot, kept_snapshots
from mode_catalog_provider.snapshot.output import OutputFile
from mode_catalog_provider.snapshot.reader import open_or_adopt
from mode_catalog_provider.storage import StoragePath

LEFT_BEHIND = "No report was written."


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what the report is of, and where it goes."""
    command.add_argument(
        "-d",
        "--directory",
        metavar="SNAPSHOT",
        required=True,
        help="a snapshot, or the folder of a workspace",
    )
    command.add_argument(
        "-o", "--output", metavar="FILE", default="report.html", help="the file (default report.html)"
    )


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Gather, and write the file in one piece."""
    folder = existing(arguments.directory, "-d/--directory")
    kept = _kept(folder)
    snapshot = chosen_snapshot(LATEST, kept) if kept else open_or_adopt(folder)

    home = snapshot.layout.home
    report = gather(WorkspaceRecords(home), snapshot=snapshot)
    target = folder_of(arguments.output, "-o/--output")
    content = as_html(report).encode("utf-8", "replace")
    with OutputFile(target) as file:
        file.write(content)
    file.publish()
    result = {
        "report": str(target),
        "bytes": len(content),
        "workspace": report.workspace,
        "state": report.state.kind,
        "sentence": report.state.sentence,
    }
    output.result(result, [report.state.sentence, f"Wrote {target}"])
    return DONE


def _kept(folder: Path) -> dict[int, StoragePath]:
    """Return our snapshots in a folder; none in one of another tool."""
    try:
        return kept_snapshots(folder)
    except SnapshotNotFoundError:
        return {}
