"""`mode-catalog index`: one table of all reports of a set of files."""

from __future__ import annotations

import argparse

from mode_catalog_provider.audit.workspace import audit_snapshot
from mode_catalog_provider.cli.audit import add_looking_arguments, options_of
from mode_catalog_provider.cli.output import DONE, Output
from mode_catalog_provider.cli.places import existing, folder_of
from mode_catalog_provider.snapshot.choice import newest_or_adopted

LEFT_BEHIND = "Files that were being written may be there under a name that ends in .partial."


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what is looked at, and where the table goes."""
    add_looking_arguments(command)
    command.add_argument(
        "-o",
        "--output",
        action="append",
        required=True,
        metavar="FILE",
        help="where to write the table; .csv, .json, .sqlite or .db; repeatable",
    )


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Audit the set, and write what is known of each report."""
    snapshot = newest_or_adopted(existing(arguments.directory, "-d/--directory"))
    paths = [folder_of(path, "-o/--output") for path in arguments.output]
    audit_snapshot(snapshot, options_of(arguments), index=paths)
    rows = snapshot.manifest.rows["report"]
    output.result(
        {"index": [str(path) for path in paths], "reports": rows},
        [f"Wrote {rows} reports to {path}" for path in paths],
    )
    return DONE
