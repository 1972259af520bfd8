"""`mode-catalog usage`: which reports are looked at, and which only run."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from mode_catalog_provider.cli.output import DONE, Output
from mode_catalog_provider.cli.values import count, days
from mode_catalog_provider.snapshot.choice import kept_snapshots
from mode_catalog_provider.snapshot.usage import UsageReport
from mode_catalog_provider.text import visible

LEFT_BEHIND = "Nothing was changed."


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add where the snapshots lie, and how much is told."""
    command.add_argument(
        "-d",
        "--directory",
        metavar="FOLDER",
        required=True,
        help="where the snapshots lie: an output directory, or a workspace's folder in it",
    )
    command.add_argument(
        "--days",
        type=days,
        default=timedelta(days=30),
        metavar="DAYS",
        help="how far back to look (default 30)",
    )
    command.add_argument(
        "--first", type=count, default=20, metavar="N", help="how many of each to print (default 20)"
    )


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Print the most viewed, the rising, the never opened, and what runs for nobody."""
    kept = kept_snapshots(Path(arguments.directory).expanduser().absolute())
    with UsageReport(kept, window=arguments.days) as report:
        if output.as_json:
            output.pieces(report.to_json())
        else:
            output.result({}, list(_lines(report, arguments.first)))
    return DONE


def _lines(report: UsageReport, first: int) -> Iterator[str]:
    if not report.has_history:
        yield "There is one snapshot only: what was viewed in the last days can be told after the next."
    else:
        yield f"{report.reports} reports, in the last {report.days:g} days"
    for title, found in (
        ("Most viewed", report.most_viewed(first)),
        ("Rising", report.rising(first)),
        ("Never opened", report.never_opened(first)),
        ("Scheduled for nobody: run, and not viewed", report.for_nobody(first)),
    ):
        told = [_line(one) for one in found]
        if told:
            yield from ("", f"{title}:", *told)


def _line(one: dict[str, Any]) -> str:
    views = "?" if one["views_recent"] is None else one["views_recent"]
    runs = "?" if one["runs_recent"] is None else one["runs_recent"]
    return f"{views:>8} views {runs:>6} runs  {visible(one['name'])} ({visible(one['token'])})"
