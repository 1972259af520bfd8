"""`mode-catalog upload`: one complete set, or one file, to Catalog."""

from __future__ import annotations

import argparse
import logging
from contextlib import ExitStack
from pathlib import Path

from mode_catalog_provider.catalog.push import PushResult, push_file, push_snapshot
from mode_catalog_provider.cli.console import Output
from mode_catalog_provider.cli.exit_codes import DONE
from mode_catalog_provider.cli.locked import locked
from mode_catalog_provider.cli.services import catalog_api, catalog_ingest
from mode_catalog_provider.cli.usage import UsageError
from mode_catalog_provider.snapshot.reader import open_or_adopt

log = logging.getLogger(__name__)


def upload(arguments: argparse.Namespace, output: Output) -> int:
    """Push what ``-d`` or ``-f`` names."""
    if arguments.file_path and arguments.directory_path:
        raise UsageError(
            "CASTOR_UPLOADER_FILE_PATH and CASTOR_UPLOADER_DIRECTORY_PATH are both set; type -f or -d."
        )
    if arguments.file_path:
        result = _upload_file(arguments)
    elif arguments.directory_path:
        result = _upload_directory(arguments)
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
    folder = Path(arguments.directory_path).expanduser().absolute()
    with ExitStack() as stack:
        ingest = stack.enter_context(catalog_ingest(arguments))
        api = stack.enter_context(catalog_api(arguments))
        snapshot = open_or_adopt(folder)
        fence = stack.enter_context(locked(arguments, folder, on_lost=ingest.cancel))
        return push_snapshot(
            snapshot=snapshot,
            ingest=ingest,
            api=api,
            max_shrink=arguments.max_shrink,
            accept_shrink=arguments.accept_shrink,
            dry_run=arguments.dry_run,
            fence=fence,
            log=log,
        )


def _upload_file(arguments: argparse.Namespace) -> PushResult:
    path = Path(arguments.file_path).expanduser().absolute()
    with catalog_ingest(arguments) as ingest, catalog_api(arguments) as api:
        return push_file(path=path, ingest=ingest, api=api, dry_run=arguments.dry_run, log=log)
