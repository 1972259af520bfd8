"""`mode-catalog diff`: what changed between two snapshots."""

from __future__ import annotations

import argparse
from pathlib import Path

from mode_catalog_provider.cli.environment import UsageError
from mode_catalog_provider.cli.output import DONE, Output
from mode_catalog_provider.cli.places import folder_of
from mode_catalog_provider.errors import SnapshotNotFoundError
from mode_catalog_provider.snapshot.change_texts import as_markdown, log_lines
from mode_catalog_provider.snapshot.choice import LATEST, PREVIOUS, chosen_snapshot, kept_snapshots
from mode_catalog_provider.snapshot.diff import SnapshotDiff, since_previous
from mode_catalog_provider.snapshot.layout import parse_directory_name
from mode_catalog_provider.snapshot.reader import Snapshot, open_or_adopt

LEFT_BEHIND = "Nothing was changed."


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the two snapshots, and how the answer is told."""
    command.add_argument(
        "before",
        nargs="?",
        default=PREVIOUS,
        metavar="A",
        help="previous, latest, a timestamp, or a folder with one set of files (default previous)",
    )
    command.add_argument(
        "after", nargs="?", default=LATEST, metavar="B", help="likewise, the later one (default latest)"
    )
    command.add_argument(
        "-d",
        "--directory",
        metavar="FOLDER",
        help="where the snapshots lie: an output directory, or a workspace's folder in it",
    )
    command.add_argument("--markdown", action="store_true", help="print Markdown")
    command.add_argument(
        "--keep", action="store_true", help="keep it beside the later snapshot, as the DAG does"
    )


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Print what changed."""
    if arguments.markdown and arguments.json:
        raise UsageError("--markdown and --json exclude each other.")
    after = _snapshot(arguments, arguments.after, None)
    with _difference(arguments, after) as diff:
        kept = diff.keep() if arguments.keep else None
        if output.as_json:
            output.pieces(diff.to_json())
        elif arguments.markdown:
            output.pieces([as_markdown(diff), "\n"])
        else:
            output.result({}, [*log_lines(diff), *([f"Wrote {kept}"] if kept else [])])
    return DONE


def _difference(arguments: argparse.Namespace, after: Snapshot) -> SnapshotDiff:
    if arguments.before == PREVIOUS and arguments.directory:
        return since_previous(after, kept_snapshots(folder_of(arguments.directory, "-d/--directory")))
    return SnapshotDiff(_snapshot(arguments, arguments.before, after.manifest.timestamp), after)


def _snapshot(arguments: argparse.Namespace, word: str, later: int | None) -> Snapshot:
    is_word = word in (LATEST, PREVIOUS) or parse_directory_name(word) is not None
    if not is_word or (not arguments.directory and Path(word).is_dir()):
        folder = folder_of(word, "A snapshot")
        if not folder.exists():
            raise SnapshotNotFoundError(
                f"There is no {folder}. Name a snapshot by previous, latest, its timestamp or its folder."
            )
        return open_or_adopt(folder)
    if not arguments.directory:
        raise UsageError(f"-d/--directory is needed to find the snapshot '{word}'.")
    return chosen_snapshot(
        word, kept_snapshots(folder_of(arguments.directory, "-d/--directory")), earlier_than=later
    )
