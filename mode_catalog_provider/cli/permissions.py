"""`mode-catalog permissions`: who may see or edit what in Mode, through what, and what is wrong with it."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from itertools import islice

from mode_catalog_provider.audit.finding import Finding
from mode_catalog_provider.cli.connections import add_mode, mode_client
from mode_catalog_provider.cli.output import DONE, REFUSED, Output
from mode_catalog_provider.cli.places import existing, folder_of
from mode_catalog_provider.cli.values import count
from mode_catalog_provider.rights.audit import RightsAudit, RightsReport
from mode_catalog_provider.rights.changes import RightChange
from mode_catalog_provider.rights.findings import RIGHTS_CHECKS, Expectations
from mode_catalog_provider.rights.owners import owned_reports
from mode_catalog_provider.rights.store import Grant
from mode_catalog_provider.snapshot.reader import open_or_adopt, verify
from mode_catalog_provider.text import visible

LEFT_BEHIND = "Nothing was changed in Mode, and nothing was kept."

log = logging.getLogger(__name__)

#: Rows of the matrix that are shown on a screen; the CSV file has them all.
_SHOWN = 50


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add whom and what to ask about, and where audits are kept."""
    add_mode(command)
    command.add_argument("--who", metavar="MEMBER", help="only what this member may see: username or e-mail")
    command.add_argument(
        "--collection", metavar="NAME", help="only who may see this collection or connection: name or token"
    )
    command.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        help="keep the matrix (CSV, SQLite) and the findings here, and tell what changed since the last time",
    )
    command.add_argument(
        "-d", "--directory", metavar="SNAPSHOT", help="also look at the owners of the reports in this set"
    )
    command.add_argument(
        "--most-admins", type=count, default=5, metavar="N", help="more admins are told (default 5)"
    )
    command.add_argument(
        "--admin", action="append", metavar="MEMBER", help="may be an admin; repeatable, others are told"
    )
    command.add_argument(
        "--group", action="append", metavar="NAME", help="its members should have the same; repeatable"
    )
    command.add_argument(
        "--fail-on",
        action="append",
        choices=(*RIGHTS_CHECKS, "lost"),
        metavar="NAME",
        help="exit with 5 when this check finds something new, or somebody lost a right (lost); repeatable",
    )


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Read, judge, compare and print."""
    reports = None
    if arguments.directory:
        snapshot = open_or_adopt(existing(arguments.directory, "-d/--directory"))
        verify(snapshot)
        reports = lambda: owned_reports(snapshot)  # noqa: E731
    folder = folder_of(arguments.output, "-o/--output") if arguments.output else None
    with mode_client(arguments) as client:
        client.verify()
        with RightsAudit(
            client,
            folder=folder,
            reports=reports,
            expectations=Expectations(
                most_admins=arguments.most_admins,
                admins=arguments.admin or (),
                groups=arguments.group or (),
            ),
            progress=_told(),
        ) as audit:
            report = audit.report
            asked = arguments.who or arguments.collection
            grants = audit.grants(who=arguments.who, on=arguments.collection)
            kept = {kind: str(path) for kind, path in audit.kept.items()}
            if output.as_json:
                document = report.to_json()
                rows = [grant.to_json() for grant in grants]
                output.result({**document, "grants": rows, "kept": kept}, [])
            else:
                lines = _matrix(list(islice(grants, None if asked else _SHOWN)), report, asked=bool(asked))
                output.result(
                    {}, [*lines, *_changes(report.changes), *_findings(report), *_rest(report, kept)]
                )
    new = report.new_counts
    lost = any(change.change == "lost" for change in report.changes)
    failed = [name for name in arguments.fail_on or () if new.get(name) or (name == "lost" and lost)]
    return REFUSED if failed else DONE


def _told() -> Callable[[int, int], None]:
    told = 0

    def tell(done: int, of: int) -> None:
        nonlocal told
        if done * 10 // of > told:
            told = done * 10 // of
            log.info("Read %d of %d groups, collections and connections.", done, of)

    return tell


def _matrix(grants: list[Grant], report: RightsReport, *, asked: bool) -> list[str]:
    if not grants:
        if report.not_read:
            return ["Nobody, as far as this key could read; see below what it could not."]
        return ["Nobody may see this."] if asked else ["Nobody may see anything."]
    lines = [f"{'member':<20} {'level':<7} {'on':<28} through"]
    lines += [
        f"{visible(one.member, 20):<20} {visible(one.level, 20):<7} {visible(one.name, 28):<28} "
        f"{visible(one.through, 40)}"
        for one in grants
    ]
    if not asked and report.grants > len(grants):
        lines.append(
            f"... and {report.grants - len(grants)} more: -o FOLDER keeps them all, --who asks for one."
        )
    return lines


def _changes(changes: tuple[RightChange, ...]) -> list[str]:
    lines = [
        f"{visible(one.member)} {one.change} {visible(one.after or one.before, 20)} on '{visible(one.name)}' "
        f"({visible(one.through)})"
        for one in changes
    ]
    return ["", f"Changed since the last time: {len(lines)}", *lines] if lines else []


def _findings(report: RightsReport) -> list[str]:
    lines: list[str] = []
    for check, count_ in report.counts.items():
        lines += ["", f"{RIGHTS_CHECKS[check]} ({check}): {count_}"]
        lines += [_line(one, report) for one in report.findings if one.check == check]
    return lines


def _line(finding: Finding, report: RightsReport) -> str:
    new = "new  " if finding.is_new and report.compared_with is not None else "     "
    return f"{new}{finding.message}"


def _rest(report: RightsReport, kept: dict[str, str]) -> list[str]:
    lines = [""]
    if report.not_read:
        lines.append(f"Not read: {len(report.not_read)} parts. The first: {report.not_read[0].detail}")
    lines += [f"Wrote {path}" for path in kept.values()]
    subjects = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in report.subjects.items())
    return [*lines, f"{subjects}; {report.grants} rows, {report.requests} requests."]
