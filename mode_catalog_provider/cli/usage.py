"""`mode-catalog usage`: which reports are looked at, which only run, and what was asked of Mode."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from mode_catalog_provider.cli.output import DONE, Output
from mode_catalog_provider.cli.places import folder_of
from mode_catalog_provider.cli.values import count, days
from mode_catalog_provider.errors import SnapshotError
from mode_catalog_provider.snapshot.api_usage import PER_SECOND, DayOfRequests, api_usage
from mode_catalog_provider.snapshot.choice import kept_snapshots, pass_over
from mode_catalog_provider.snapshot.layout import StoragePath
from mode_catalog_provider.snapshot.reader import Snapshot, open_snapshot
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

    command.add_argument(
        "--api",
        action="store_true",
        help="tell instead the requests of each day, by kind, against what Mode's API allows",
    )


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Print the most viewed, the rising, the never opened, and what runs for nobody; or the requests."""
    kept = kept_snapshots(folder_of(arguments.directory, "-d/--directory"))
    if arguments.api:
        return _run_api(kept, arguments.days, output)
    with UsageReport(kept, window=arguments.days) as report:
        if output.as_json:
            output.pieces(report.to_json())
        else:
            output.result({}, list(_lines(report, arguments.first)))
    return DONE


def _run_api(kept: Mapping[int, StoragePath], window: timedelta, output: Output) -> int:
    since = time.time() - window.total_seconds()
    damaged: list[int] = []
    lately = {timestamp: path for timestamp, path in kept.items() if timestamp >= since}
    days = api_usage(_readable(lately, damaged))
    result = {
        "allowed_per_second": PER_SECOND,
        "days": [day.to_json() for day in days],
        "damaged": damaged,
    }
    output.result(result, list(_api_lines(days)))
    return DONE


def _readable(kept: Mapping[int, StoragePath], damaged: list[int]) -> Iterator[Snapshot]:
    for timestamp, path in kept.items():
        try:
            yield open_snapshot(path)
        except SnapshotError as error:
            pass_over(error)
            damaged.append(timestamp)


def _api_lines(days: Sequence[DayOfRequests]) -> Iterator[str]:
    if not days:
        yield "No snapshot of these days tells its requests."
        return
    yield f"Mode allows {PER_SECOND:g} requests a second, {int(PER_SECOND * 86_400)} a day."
    yield f"{'day':<12}{'snapshots':>10}{'requests':>10}{'of the day':>12}{'at work':>9}{'429':>6}  kinds"
    for day in days:
        working = "?" if day.share_while_working is None else f"{day.share_while_working:.0%}"
        kinds = ", ".join(f"{count} {name}" for name, count in day.operations.most_common())
        yield (
            f"{day.day:<12}{day.snapshots:>10}{day.requests:>10}{day.share_of_day:>12.2%}{working:>9}"
            f"{day.refused:>6}  {kinds}"
        )
    yield "'at work': how much of the rate was used while an extraction went on; 100 % is all there is."


def _lines(report: UsageReport, first: int) -> Iterator[str]:
    if not report.has_history:
        yield "There is one snapshot only: what was viewed in the last days can be told after the next."
    else:
        yield f"{report.reports} reports, in the last {report.days:g} days"
        if report.reports and not report.known:
            yield "How often they were viewed is not known: Mode sent no counters, or they went back."
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
