"""`mode-catalog extract`: one Mode workspace into one folder."""

from __future__ import annotations

import argparse
import logging
from datetime import timedelta

from mode_catalog_provider.cli.arguments import CommandParser
from mode_catalog_provider.cli.connections import add_mode, mode_client, required
from mode_catalog_provider.cli.environment import with_variable
from mode_catalog_provider.cli.locked import add_lock, locked
from mode_catalog_provider.cli.output import DONE, Output
from mode_catalog_provider.cli.places import folder_of
from mode_catalog_provider.cli.values import at_least_one, days, positive
from mode_catalog_provider.extract.capture import capture
from mode_catalog_provider.extract.extraction import Extraction
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.snapshot.layout import Layout

log = logging.getLogger(__name__)


# The long flags of the vendor's command.
VENDOR_FLAGS = ("--host", "--workspace", "--token", "--secret", "--output")

LEFT_BEHIND = "Nothing that could be taken for a complete set was left behind."


def add_arguments(command: CommandParser) -> None:
    """Add the workspace, what is extracted and the lock."""
    command.vendor_flags = VENDOR_FLAGS
    add_mode(command)
    what = command.add_argument_group("what is extracted")
    what.add_argument(
        "-o", "--output", metavar="FOLDER", help=with_variable("output", "folder for the files")
    )
    what.add_argument(
        "--strategy",
        choices=("auto", "rest", "hybrid"),
        default="auto",
        help="which of Mode's APIs is read (default auto: the cheapest that works)",
    )
    what.add_argument(
        "--incremental",
        action="store_true",
        help="take queries of unchanged reports and known members from the set in the output folder",
    )
    what.add_argument(
        "--full-refresh-after",
        type=days,
        default=timedelta(days=7),
        metavar="DAYS",
        help="read again all the same what was read so long ago (default 7)",
    )
    what.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on from what an extraction that died in the output folder read at most a day ago, where it "
        "has not changed (default: yes)",
    )
    what.add_argument(
        "--members",
        choices=("full", "lite"),
        default="full",
        help="lite saves one request per member, their id and creation time stay empty (default full)",
    )
    what.add_argument(
        "--definitions",
        choices=("keep", "expand"),
        default="keep",
        help="expand puts the SQL of Mode definitions into queries, for lineage (default keep)",
    )
    for flag, text in (("--include-collection", "only these"), ("--exclude-collection", "not these")):
        what.add_argument(
            flag, action="append", metavar="NAME", help=f"{text}: name, token or glob; repeatable"
        )
    what.add_argument("--include-personal", action="store_true", help="members' personal collections as well")
    what.add_argument(
        "--keep",
        type=at_least_one,
        metavar="N",
        help="remove the oldest sets of the folder when it holds more (default: none is removed)",
    )
    what.add_argument(
        "--include-datasets",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="datasets, as reports of type DatasetReport, and their queries (default: yes)",
    )
    what.add_argument(
        "--on-forbidden",
        choices=("ignore", "warn", "fail"),
        default="warn",
        help="when Mode refuses or hides what it showed at the last set in the folder: name it, or make no "
        "set (default warn)",
    )
    what.add_argument("--exclude-archived", action="store_true", help="leave archived reports out")
    what.add_argument(
        "--requests-per-second",
        type=positive,
        metavar="N",
        help="never ask Mode more often (default: its published 4)",
    )
    add_lock(command, "the output folder's own")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Extract into the output folder; the six files lie directly in it, the manifest beside them."""
    folder = folder_of(required(arguments, "output", "-o/--output"), "-o/--output")
    options = ExtractionOptions(
        strategy=arguments.strategy,
        incremental=arguments.incremental,
        full_refresh_after=arguments.full_refresh_after,
        resume=arguments.resume,
        include_collections=arguments.include_collection,
        exclude_collections=arguments.exclude_collection,
        include_personal=arguments.include_personal,
        include_archived=not arguments.exclude_archived,
        include_datasets=arguments.include_datasets,
        members=arguments.members,
        definitions=arguments.definitions,
    )
    with (
        mode_client(arguments) as client,
        locked(arguments, folder, on_lost=client.cancel) as fence,
        output.progress() as progress,
    ):
        extraction = Extraction(client=client, options=options, progress=progress)
        captured = capture(
            client=client,
            extraction=extraction,
            layout=Layout.flat(folder),
            fence=fence,
            log=log,
            keep=arguments.keep,
            on_forbidden=arguments.on_forbidden,
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
