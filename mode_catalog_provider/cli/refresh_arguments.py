"""What can be typed after `mode-catalog refresh`. Imports nothing heavy."""

from __future__ import annotations

import argparse

from mode_catalog_provider.cli.numbers import count, positive


def add_refresh_arguments(command: argparse.ArgumentParser) -> None:
    """Add everything but the connection."""
    what = command.add_argument_group("what is refreshed (each repeatable)")
    for flag, text in (
        ("--report", "token or name of a report"),
        ("--dataset", "token or name of a dataset; run before the reports"),
        ("--collection", "token, name or glob: its reports and datasets"),
        ("--data-source", "token, name or glob of a connection: the reports and datasets on it"),
    ):
        what.add_argument(flag, action="append", default=[], metavar="NAME", help=text)
    what.add_argument(
        "--stale-since",
        metavar="TIME|SOURCE",
        help="only what has no good run since this ISO time (UTC unless it says otherwise), or since Catalog "
        "last ingested this warehouse source (id or name)",
    )
    what.add_argument("--include-archived", action="store_true", help="archived reports as well")
    how = command.add_argument_group("how")
    how.add_argument(
        "--refresh",
        choices=("results", "schema", "endpoint"),
        default="results",
        help="run reports (default); read tables of connections anew; or call a private cache endpoint",
    )
    how.add_argument(
        "--endpoint",
        default="/api/cache_invalidate",
        metavar="PATH",
        help="for --refresh endpoint (default /api/cache_invalidate; Mode's cloud has none)",
    )
    how.add_argument(
        "--parameter",
        action="append",
        default=[],
        type=_assignment,
        metavar="NAME=VALUE",
        help="value of a report's parameter; repeatable",
    )
    how.add_argument(
        "--max-concurrent-runs", type=count, default=4, metavar="N", help="runs at a time (default 4)"
    )
    how.add_argument(
        "--max-runs", type=count, metavar="N", help="refuse a refresh that could start more runs"
    )
    how.add_argument("--dry-run", action="store_true", help="list what would be run and why, start nothing")
    how.add_argument("--no-wait", action="store_true", help="start everything and end")
    how.add_argument(
        "--wait-timeout",
        type=positive,
        default=10800.0,
        metavar="SECONDS",
        help="wait so long for all runs together (default 3 hours)",
    )
    how.add_argument(
        "--check-interval",
        type=positive,
        default=30.0,
        metavar="SECONDS",
        help="time between two looks (default 30)",
    )
    how.add_argument(
        "--max-failed", type=count, default=0, metavar="N", help="so many runs may fail (default 0)"
    )
    how.add_argument(
        "--keep-running", action="store_true", help="do not cancel our runs on Ctrl-C or out of time"
    )


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value
