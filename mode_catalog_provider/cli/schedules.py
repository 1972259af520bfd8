"""`mode-catalog schedules`: Mode's own schedules, which of them fail, and which reports show old results."""

from __future__ import annotations

import argparse
from datetime import timedelta

from mode_catalog_provider.cli.connections import add_mode, mode_client
from mode_catalog_provider.cli.output import DONE, REFUSED, Output
from mode_catalog_provider.cli.places import existing
from mode_catalog_provider.cli.values import hours
from mode_catalog_provider.moments import point_in_time
from mode_catalog_provider.schedules.audit import ScheduleReport, audit_schedules
from mode_catalog_provider.schedules.findings import SCHEDULE_CHECKS, Load
from mode_catalog_provider.snapshot.reader import open_or_adopt, verify

LEFT_BEHIND = "Nothing was changed in Mode."

#: Findings of one check that are shown on a screen; ``--json`` has them all.
_SHOWN = 20


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the snapshot that names the reports, and when the warehouse is loaded."""
    add_mode(command)
    command.add_argument(
        "-d", "--directory", metavar="SNAPSHOT", required=True, help="a set of files that names the reports"
    )
    command.add_argument(
        "--loaded-at",
        metavar="TIME",
        help="when the warehouse was loaded last, such as 2026-11-20T05:30+01:00 (without a zone: UTC); "
        "needed to find old results and schedules that run too early",
    )
    command.add_argument(
        "--loaded-every",
        type=hours,
        default=timedelta(days=1),
        metavar="HOURS",
        help="time between two loads (default 24)",
    )
    command.add_argument(
        "--fail-on",
        action="append",
        choices=tuple(SCHEDULE_CHECKS),
        metavar="NAME",
        help="exit with 5 when this check finds something; repeatable",
    )


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Ask, judge and print."""
    loaded = point_in_time("--loaded-at", arguments.loaded_at)
    snapshot = open_or_adopt(existing(arguments.directory, "-d/--directory"))
    verify(snapshot)
    with mode_client(arguments) as client:
        client.verify()
        report = audit_schedules(client, snapshot, load=Load(every=arguments.loaded_every, at=loaded))
    output.result(report.to_json(), _lines(report))
    return REFUSED if any(report.counts.get(check) for check in arguments.fail_on or ()) else DONE


def _lines(report: ScheduleReport) -> list[str]:
    lines: list[str] = []
    for check, count in report.counts.items():
        found = [one.finding for one in report.findings if one.finding.check == check]
        lines += ["", f"{SCHEDULE_CHECKS[check]} ({check}): {count}"]
        lines += [f"     {finding.message}" for finding in found[:_SHOWN]]
        if count > _SHOWN:
            lines.append(f"     ... and {count - _SHOWN} more; --json has them all.")
    lines += ["", *(f"Not read: {sentence}" for sentence in report.not_read[:_SHOWN])]
    if (more := len(report.not_read) - _SHOWN) > 0:
        lines.append(f"... and {more} more were not read; --json has them all.")
    if report.unknown:
        lines.append(
            f"Of {report.unknown} reports nobody knows whether they have schedules: this set was made by "
            "a tool that does not keep that. Extract with mode-catalog, then ask again."
        )
    return [*lines, f"{len(report.schedules)} schedules, {report.requests} requests."]
