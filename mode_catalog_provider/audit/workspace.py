"""Audits the workspace of one snapshot: makes the checks, and marks what is new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial

from mode_catalog_provider.audit import access_checks, copy_checks, name_checks, people_checks, use_checks
from mode_catalog_provider.audit.earlier import earlier_snapshot, previous_snapshot
from mode_catalog_provider.audit.facts import Facts
from mode_catalog_provider.audit.families import Kin, find_families
from mode_catalog_provider.audit.finding import COPIES, AuditReport, Family, Finding, chosen_checks
from mode_catalog_provider.audit.index import index_rows
from mode_catalog_provider.audit.index_files import check_names, write_index
from mode_catalog_provider.audit.matching import MatchingTimeoutError
from mode_catalog_provider.audit.options import AuditOptions, fits
from mode_catalog_provider.audit.pages import Pages
from mode_catalog_provider.audit.record import earlier_audits
from mode_catalog_provider.audit.scope import narrowing
from mode_catalog_provider.moments import of_second
from mode_catalog_provider.snapshot.reader import Snapshot, verify
from mode_catalog_provider.storage import StoragePath

_Check = Callable[[Facts, Pages], Iterator[Finding]]


def audit_snapshot(
    snapshot: Snapshot,
    options: AuditOptions | None = None,
    *,
    index: Sequence[StoragePath] = (),
) -> AuditReport:
    """Look at a snapshot, and compare with what the audit of an earlier one found.

    :param snapshot: its files are verified first. They are only read.
    :param options: what to look for, default: everything that needs no setting.
    :param index: files to write the index of all reports to, see
        :func:`~mode_catalog_provider.audit.index_files.write_index`. Default: none.
    :return: the findings; known are those that the last audit of an earlier snapshot had. A snapshot of a
        part of the workspace is compared with nothing, and says in ``narrowed`` which part.
    :raises ConfigurationError: there is no such check.
    :raises SnapshotError: the files are not those that the manifest names.
    """
    wanted = options or AuditOptions()
    checks = chosen_checks(wanted.only)
    check_names(path.name for path in index)
    verify(snapshot)
    narrowed = narrowing(snapshot)
    pages = Pages(snapshot.manifest.host, snapshot.manifest.workspace)
    with Facts(snapshot) as facts:
        impossible = {check: why for check, why in _impossible(facts, wanted) if check in checks}
        families: list[Kin] = []
        if set(checks).difference(impossible).intersection(COPIES):
            families = find_families(facts, wanted.canonical)
        makers = _makers(wanted, snapshot, families, of_second(snapshot.manifest.timestamp))
        findings: list[Finding] = []
        for check in checks:
            if check in impossible:
                continue
            try:
                made = list(makers[check](facts, pages))
            except MatchingTimeoutError as error:
                impossible[check] = str(error)
            else:
                findings += (found for found in made if not _is_accepted(found, wanted.ignore))
        report = AuditReport(
            timestamp=snapshot.manifest.timestamp,
            workspace=snapshot.manifest.workspace,
            checks=checks,
            findings=tuple(findings),
            families=_told(families),
            not_checked=impossible,
            narrowed=narrowed,
        )
        if index:
            write_index(index_rows(facts, report, earlier_snapshot(snapshot, "report", days=30)), index)
    return report if narrowed else report.compared(earlier_audits(snapshot))


def _makers(
    options: AuditOptions, snapshot: Snapshot, families: Sequence[Kin], at: datetime
) -> dict[str, _Check]:
    return {
        "drifted_copy": partial(copy_checks.drifted_copy, families=families),
        "duplicate_report": partial(copy_checks.duplicate_report, families=families),
        "canonical": partial(copy_checks.canonical, families=families),
        "refused": partial(
            access_checks.refused,
            # Asked by the check alone: it may read a file of each snapshot since the last audit.
            previous=lambda: previous_snapshot(snapshot, "collection", audited=_last_audited(snapshot)),
        ),
        "unknown_connection": access_checks.unknown_connection,
        "definition": access_checks.definition,
        "owner_gone": people_checks.owner_gone,
        "unnamed": name_checks.unnamed,
        "same_name": name_checks.same_name,
        "naming": partial(
            name_checks.naming, name_pattern=options.name_pattern, version_pattern=options.version_pattern
        ),
        "stale": partial(use_checks.stale, stale_after=options.stale_after, at=at),
        "unmaintained": partial(use_checks.unmaintained, stale_after=options.stale_after, at=at),
    }


def _last_audited(snapshot: Snapshot) -> int | None:
    """Return which snapshot was looked at last for what is refused."""
    return next((one.timestamp for one in earlier_audits(snapshot) if "refused" in one.counts), None)


def _told(families: Sequence[Kin]) -> tuple[Family, ...]:
    return tuple(copy_checks.told_families(families))


def _impossible(facts: Facts, options: AuditOptions) -> Iterator[tuple[str, str]]:
    manifest = facts.snapshot.manifest
    refused = any(entry.get("asset") == "member" and not entry.get("token") for entry in manifest.left_out)
    creators = next(facts.ask("SELECT count(*), count(creator) FROM report"))
    if refused or not manifest.rows["member"]:
        yield "owner_gone", "the key may not list the members"
    elif creators[0] and not creators[1]:
        yield "owner_gone", "Mode names the creator of no report"
    if not manifest.rows["datasource"]:
        yield "unknown_connection", "the key sees no connection at all"
    if facts.snapshot.adopted:
        yield "refused", "the tool that made these files does not say what it left out"
    if not options.name_pattern and not options.version_pattern:
        yield "naming", "no pattern is set for names (audit_name_pattern, audit_version_pattern)"
    if not options.canonical:
        yield "canonical", "no collection is set as canonical (audit_canonical)"


def _is_accepted(finding: Finding, accepted: Iterable[str]) -> bool:
    # Which report speaks for a group of them changes with their views.
    is_group = finding.asset == "report" and finding.group is not None
    others = (finding.group, *finding.related) if is_group else ()
    by_check = (f"{finding.check}:{token}" for token in (finding.token, *others))
    return fits((finding.name, finding.token, *by_check), accepted)
