"""`mode-catalog audit`: what somebody should mend in Mode, found in one set of files."""

from __future__ import annotations

import argparse
from datetime import timedelta

from mode_catalog_provider.audit.finding import CHECKS, AuditReport
from mode_catalog_provider.audit.record import keep_audit
from mode_catalog_provider.audit.workspace import audit_snapshot
from mode_catalog_provider.cli.output import DONE, REFUSED, Output
from mode_catalog_provider.cli.places import folder_of
from mode_catalog_provider.cli.values import days
from mode_catalog_provider.snapshot.reader import open_or_adopt

LEFT_BEHIND = "Nothing was changed."


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add what is looked at, and what for."""
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


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Print the findings and keep them, unless the set was made by another tool."""
    snapshot = open_or_adopt(folder_of(arguments.directory, "-d/--directory"))
    report = audit_snapshot(
        snapshot,
        only=arguments.check or (),
        ignore=arguments.ignore or (),
        stale_after=arguments.stale_after,
    )
    kept = keep_audit(report, snapshot)
    result = {
        "audit": kept and str(kept),
        "timestamp": report.timestamp,
        "workspace": report.workspace,
        "counts": report.counts,
        "new": report.new_counts,
        "not_checked": dict(report.not_checked),
        "compared_with": report.compared_with,
        "findings": [finding.to_json() for finding in report.findings],
    }
    output.result(result, [*_lines(report), *([f"Wrote {kept}"] if kept else [])])
    new = report.new_counts
    return REFUSED if any(new.get(check) for check in arguments.fail_on or ()) else DONE


def _lines(report: AuditReport) -> list[str]:
    lines = []
    for check in report.checks:
        found = [finding for finding in report.findings if finding.check == check]
        if found:
            lines += ["", f"{CHECKS[check]} ({check}): {len(found)}"]
        for finding in found:
            new = "new  " if finding.is_new and report.compared_with is not None else "     "
            lines.append(f"{new}{finding.message}{f' {finding.url}' if finding.url else ''}")
    lines += [f"Not checked: {check}, for {why}." for check, why in report.not_checked.items()]
    return lines or ["Nothing was found."]
