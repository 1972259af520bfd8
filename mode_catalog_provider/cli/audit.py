"""`mode-catalog audit`: what somebody should mend in Mode, found in one set of files."""

from __future__ import annotations

import argparse
import logging
from datetime import timedelta

from mode_catalog_provider.audit.finding import CHECKS, AuditReport
from mode_catalog_provider.audit.options import AuditOptions, read_patterns
from mode_catalog_provider.audit.record import keep_audit
from mode_catalog_provider.audit.search import search
from mode_catalog_provider.audit.telling import WIDTH, as_lines, as_table, head_line, not_made
from mode_catalog_provider.audit.workspace import audit_snapshot
from mode_catalog_provider.cli.output import DONE, REFUSED, Output
from mode_catalog_provider.cli.places import existing
from mode_catalog_provider.cli.values import days
from mode_catalog_provider.snapshot.choice import newest_or_adopted
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.text import first_of, visible

log = logging.getLogger(__name__)

LEFT_BEHIND = "Nothing was changed."

#: Characters of the narrowest terminal that findings are fitted to.
_NARROWEST = 60


def add_looking_arguments(command: argparse.ArgumentParser) -> None:
    """Add what is looked at, and what for: the flags of every command that audits."""
    command.add_argument(
        "-d",
        "--directory",
        metavar="FOLDER",
        required=True,
        help="a folder with a complete set of files, or one with snapshots (the newest)",
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
        help="a report that nobody edited, ran or viewed for so long is stale (default 365)",
    )
    command.add_argument(
        "--name-pattern",
        metavar="REGEX",
        help="what must be found in each report's name; or a JSON object from collections to expressions",
    )
    command.add_argument(
        "--version-pattern",
        metavar="REGEX",
        help="how a version is written in the name of a report; or a JSON object as above",
    )
    command.add_argument(
        "--canonical",
        action="append",
        metavar="COLLECTION",
        help="a collection (name, token or glob) whose reports are the originals; repeatable",
    )


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add everything."""
    add_looking_arguments(command)
    command.add_argument(
        "--fail-on",
        action="append",
        choices=tuple(CHECKS),
        metavar="NAME",
        help="exit with 5 when this check finds something new; repeatable",
    )
    command.add_argument(
        "--table",
        metavar="TABLE",
        help="do not audit, but list the reports that read this table (needs the extra sql)",
    )
    command.add_argument(
        "--text",
        metavar="TEXT",
        help="do not audit, but list the reports in whose name, description or SQL this text stands",
    )


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Print the findings and keep them, unless the set was made by another tool; or print a search."""
    snapshot = newest_or_adopted(existing(arguments.directory, "-d/--directory"))
    if arguments.table or arguments.text:
        return _search(snapshot, arguments, output)
    report = audit_snapshot(snapshot, options_of(arguments))
    kept = keep_audit(report, snapshot)
    result = {
        "audit": kept and str(kept),
        "timestamp": report.timestamp,
        "workspace": report.workspace,
        "narrowed": report.narrowed,
        "counts": report.counts,
        "new": report.new_counts,
        "not_checked": dict(report.not_checked),
        "compared_with": report.compared_with,
        "findings": [finding.to_json() for finding in report.findings],
        "families": [family.to_json() for family in report.families],
    }
    output.result(
        result,
        [
            *_lines(report, min(WIDTH, max(_NARROWEST, output.width or WIDTH))),
            *([f"Wrote {kept}"] if kept else []),
        ],
    )
    for sentence in not_made(report, arguments.fail_on or ()):
        log.warning("%s", sentence)
    new = report.new_counts
    return REFUSED if any(new.get(check) for check in arguments.fail_on or ()) else DONE


def options_of(arguments: argparse.Namespace) -> AuditOptions:
    """Return what the arguments ask for."""
    return AuditOptions(
        only=tuple(arguments.check or ()),
        ignore=tuple(arguments.ignore or ()),
        stale_after=arguments.stale_after,
        name_pattern=read_patterns("--name-pattern", arguments.name_pattern),
        version_pattern=read_patterns("--version-pattern", arguments.version_pattern),
        canonical=tuple(arguments.canonical or ()),
    )


def _lines(report: AuditReport, width: int) -> list[str]:
    lines = [head_line(report), *as_table(report, width=width)]
    for finding in report.findings:
        mark = "new" if finding.is_new and report.compared_with is not None else ""
        lines += ["", *as_lines(finding, mark=mark, width=width)]
    return lines if report.findings else [*lines, "", "Nothing was found."]


def _search(snapshot: Snapshot, arguments: argparse.Namespace, output: Output) -> int:
    found = search(snapshot, table=arguments.table, text=arguments.text)
    lines = []
    for hit in found.hits:
        queries = first_of([f"'{name}'" for name in hit.queries], 5)
        where = f" in {queries}" if queries else ""
        lines.append(f"{visible(hit.name or hit.token, 70)}{where}{f'  {hit.url}' if hit.url else ''}")
    lines.append(f"{len(found.hits)} report{'' if len(found.hits) == 1 else 's'}")
    if found.not_read:
        lines.append(
            f"{found.not_read} queries name the table and could not be read as SQL; they are not counted. "
            "--text finds them."
        )
    output.result(found.to_json(), lines)
    return DONE
