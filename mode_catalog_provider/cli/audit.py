"""`mode-catalog audit`: what somebody should mend in Mode, found in one set of files."""

from __future__ import annotations

import argparse
from pathlib import Path

from mode_catalog_provider.audit.finding import CHECKS, AuditReport
from mode_catalog_provider.audit.record import keep_audit
from mode_catalog_provider.audit.workspace import audit_snapshot
from mode_catalog_provider.cli.console import Output
from mode_catalog_provider.cli.exit_codes import DONE, REFUSED
from mode_catalog_provider.snapshot.reader import open_or_adopt


def audit(arguments: argparse.Namespace, output: Output) -> int:
    """Print the findings and keep them, unless the set was made by another tool."""
    snapshot = open_or_adopt(Path(arguments.directory).expanduser().absolute())
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
