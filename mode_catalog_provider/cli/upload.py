"""`mode-catalog upload`: one complete set, or one file, to Catalog."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from contextlib import ExitStack

from mode_catalog_provider.catalog.push import PushResult, push_snapshot
from mode_catalog_provider.catalog.push_files import push_file, push_folder
from mode_catalog_provider.cli.arguments import CommandParser
from mode_catalog_provider.cli.connections import add_catalog, catalog_api, catalog_ingest
from mode_catalog_provider.cli.environment import ENVIRONMENT, UsageError, with_variable
from mode_catalog_provider.cli.locked import add_lock, locked
from mode_catalog_provider.cli.output import DONE, Output
from mode_catalog_provider.cli.places import existing
from mode_catalog_provider.cli.values import share
from mode_catalog_provider.snapshot.reader import open_to_upload

log = logging.getLogger(__name__)


# The long flags of the vendor's command.
VENDOR_FLAGS = (
    "--token",
    "--source_id",
    "--file_type",
    "--zone",
    "--file_path",
    "--directory_path",
    "--project_name",
)

_LOOKML = "LookML is not Mode's: upload it with castor-upload"

LEFT_BEHIND = "Files that were sent stay in Catalog; of a set, the same command goes on from there."


def add_arguments(command: CommandParser) -> None:
    """Add the source, what is uploaded and the lock."""
    command.vendor_flags = VENDOR_FLAGS
    add_catalog(command, token=("-k", "--token"), token_file=("--token-file", "--secret-file"), pushes=True)
    what = command.add_argument_group("what is uploaded")
    path = what.add_mutually_exclusive_group()
    path.add_argument(
        "-d",
        "--directory_path",
        "--directory-path",
        metavar="FOLDER",
        help=with_variable("directory_path", "a folder with one complete set, or the manifest of a snapshot"),
    )
    path.add_argument(
        "-f",
        "--file_path",
        "--file-path",
        metavar="FILE",
        help=with_variable("file_path", "one file, as it is"),
    )
    what.add_argument(
        "-t",
        "--file_type",
        "--file-type",
        type=_file_type,
        metavar="TYPE",
        help=with_variable("file_type", "kind of source: VIZ (Mode), WAREHOUSE, DBT (with -f), QUALITY"),
    )
    # The vendor's command has it for LookML: told rather than unknown.
    what.add_argument("--project_name", "--project-name", help=argparse.SUPPRESS)
    what.add_argument(
        "--max-shrink",
        type=share,
        default=0.3,
        metavar="SHARE",
        help="refuse when a larger share of an asset's rows vanished since the last push (default 0.3)",
    )
    what.add_argument(
        "--accept-shrink", action="store_true", help="push although rows vanished, or there are none"
    )
    what.add_argument(
        "--source-check",
        choices=("warn", "require"),
        default="warn",
        help="when Catalog's API cannot be asked about the source id: warn and push, or push nothing "
        "(default warn)",
    )
    what.add_argument("--dry-run", action="store_true", help="check everything, push nothing")
    add_lock(command, "the uploaded folder's own; none for -f")


def _file_type(text: str) -> str:
    kind = text.strip().upper()
    if kind == "LOOKML":
        raise argparse.ArgumentTypeError(_LOOKML)
    if kind not in ("VIZ", "WAREHOUSE", "DBT", "QUALITY"):
        raise argparse.ArgumentTypeError("it is none of VIZ, WAREHOUSE, DBT and QUALITY")
    return kind


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Push what ``-d`` or ``-f`` names."""
    if arguments.project_name:
        raise UsageError(f"{_LOOKML}.")
    try:
        # A variable gives it as it is.
        arguments.file_type = _file_type(arguments.file_type)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{ENVIRONMENT['file_type']}: {error}.") from None
    if arguments.file_path and arguments.directory_path:
        log.info(
            "%s and %s are both set: the folder is uploaded, not the file.",
            ENVIRONMENT["directory_path"],
            ENVIRONMENT["file_path"],
        )
    if arguments.directory_path:
        result = _upload_directory(arguments)
    elif arguments.file_path:
        result = _upload_file(arguments)
    else:
        raise UsageError("Nothing to upload: give -d/--directory_path or -f/--file_path.")
    if arguments.dry_run:
        line = "Dry run: everything is in order, nothing was sent."
    else:
        line = f"Pushed {len(result.pushed)} files, {result.bytes:,} bytes"
        line += f"; {len(result.already_there)} were there already." if result.already_there else "."
    output.result(result.to_json(), [line])
    return DONE


def _upload_directory(arguments: argparse.Namespace) -> PushResult:
    folder = existing(arguments.directory_path, "-d/--directory_path")
    with ExitStack() as stack:
        ingest = stack.enter_context(catalog_ingest(arguments))
        api = stack.enter_context(catalog_api(arguments))
        own = folder if folder.is_dir() else folder.parent
        fence: Callable[[], None] = _no_fence
        if arguments.file_type != "VIZ":
            if arguments.lock:
                fence = stack.enter_context(locked(arguments, own, on_lost=ingest.cancel))
            return push_folder(
                folder=folder,
                ingest=ingest,
                api=api,
                source_check=arguments.source_check,
                dry_run=arguments.dry_run,
                fence=fence,
                log=log,
            )
        snapshot = open_to_upload(folder)
        fence = stack.enter_context(locked(arguments, own, on_lost=ingest.cancel))
        return push_snapshot(
            snapshot=snapshot,
            ingest=ingest,
            api=api,
            max_shrink=arguments.max_shrink,
            accept_shrink=arguments.accept_shrink,
            source_check=arguments.source_check,
            dry_run=arguments.dry_run,
            fence=fence,
            log=log,
        )


def _upload_file(arguments: argparse.Namespace) -> PushResult:
    path = existing(arguments.file_path, "-f/--file_path")
    with ExitStack() as stack:
        ingest = stack.enter_context(catalog_ingest(arguments))
        api = stack.enter_context(catalog_api(arguments))
        fence: Callable[[], None] = _no_fence
        if arguments.lock:
            fence = stack.enter_context(locked(arguments, path.parent, on_lost=ingest.cancel))
        return push_file(
            path=path,
            ingest=ingest,
            api=api,
            source_check=arguments.source_check,
            dry_run=arguments.dry_run,
            fence=fence,
            log=log,
        )


def _no_fence() -> None:
    """Hold nobody up: without a lock there is nothing to lose."""
