"""Audits the workspace of one snapshot: makes the checks, and marks what is new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial

from mode_catalog_provider.audit import checks
from mode_catalog_provider.audit.facts import Facts
from mode_catalog_provider.audit.finding import AuditReport, Finding, chosen_checks
from mode_catalog_provider.audit.pages import Pages
from mode_catalog_provider.audit.record import earlier_audits
from mode_catalog_provider.snapshot.reader import Snapshot, verify

#: A report without a change for so long is stale.
DEFAULT_STALE_AFTER = timedelta(days=365)


def audit_snapshot(
    snapshot: Snapshot,
    *,
    only: Iterable[str] = (),
    ignore: Iterable[str] = (),
    stale_after: timedelta = DEFAULT_STALE_AFTER,
) -> AuditReport:
    """Look at a snapshot, and compare with what the audit of an earlier one found.

    :param snapshot: its files are verified first. They are only read.
    :param only: names of the checks to make (see :data:`~mode_catalog_provider.audit.finding.CHECKS`);
        default: all.
    :param ignore: what was looked at and is fine: tokens, names or globs of objects, or ``check:token`` for
        one finding.
    :param stale_after: for how long nobody changed a stale report, default 365 days, up to the snapshot.
    :return: the findings; known are those that the last audit of an earlier snapshot had.
    :raises ConfigurationError: there is no such check.
    :raises SnapshotError: the files are not those that the manifest names.
    """
    wanted, accepted = chosen_checks(only), tuple(ignore)
    verify(snapshot)
    manifest = snapshot.manifest
    at = datetime.fromtimestamp(manifest.timestamp, UTC)
    makers: dict[str, Callable[[Facts, Pages], Iterator[Finding]]] = {
        "drifted_copy": checks.drifted_copy,
        "duplicate_report": checks.duplicate_report,
        "refused": checks.refused,
        "unknown_connection": checks.unknown_connection,
        "definition": checks.definition,
        "owner_gone": checks.owner_gone,
        "unnamed": checks.unnamed,
        "same_name": checks.same_name,
        "stale": partial(checks.stale, stale_after=stale_after, at=at),
    }
    pages = Pages(manifest.host, manifest.workspace)
    impossible = {check: why for check, why in _impossible(snapshot) if check in wanted}
    with Facts(snapshot) as facts:
        findings = tuple(
            finding
            for check in wanted
            if check not in impossible
            for finding in makers[check](facts, pages)
            if not _is_accepted(finding, accepted)
        )
    report = AuditReport(
        timestamp=manifest.timestamp,
        workspace=manifest.workspace,
        checks=wanted,
        findings=findings,
        not_checked=impossible,
    )
    return report.compared(earlier_audits(snapshot))


def _impossible(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    manifest = snapshot.manifest
    refused = any(entry["asset"] == "member" and not entry.get("token") for entry in manifest.left_out)
    if refused or not manifest.rows["member"]:
        yield "owner_gone", "the key may not list the members"
    if not manifest.rows["datasource"]:
        yield "unknown_connection", "the key sees no connection at all"


def _is_accepted(finding: Finding, accepted: Iterable[str]) -> bool:
    names = (finding.name, finding.token or "", f"{finding.check}:{finding.token}")
    return any(fnmatchcase(name, pattern) for pattern in accepted for name in names)
