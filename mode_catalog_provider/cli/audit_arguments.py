"""What can be typed after `mode-catalog audit`. Imports nothing heavy."""

from __future__ import annotations

import argparse
from datetime import timedelta

from mode_catalog_provider.audit.finding import CHECKS
from mode_catalog_provider.cli.numbers import days


def add_audit_arguments(command: argparse.ArgumentParser) -> None:
    """Add everything."""
    command.add_argument(
        "-d", "--directory", metavar="FOLDER", required=True, help="a folder with one complete set of files"
    )
    command.add_argument(
        "--check",
        action="append",
        choices=tuple(CHECKS),
        metavar="NAME",
        help=f"look for this only, repeatable (default: all of {', '.join(CHECKS)})",
    )
    command.add_argument(
        "--ignore",
        action="append",
        metavar="PATTERN",
        help="leave out what was looked at and is fine: token, name or glob, or check:token; repeatable",
    )
    command.add_argument(
        "--stale-after",
        type=days,
        default=timedelta(days=365),
        metavar="DAYS",
        help="a report without a change for so long is stale (default 365)",
    )
    command.add_argument(
        "--fail-on",
        action="append",
        choices=tuple(CHECKS),
        metavar="NAME",
        help="exit with 5 when this check finds something new; repeatable",
    )
