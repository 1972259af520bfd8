"""What audits found, kept in the staging area for the next one to compare with."""

from __future__ import annotations

from collections.abc import Iterator

from mode_catalog_provider.audit.finding import AuditReport
from mode_catalog_provider.snapshot.kept import KeptRecords
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.storage import StoragePath


def keep_audit(report: AuditReport, snapshot: Snapshot) -> StoragePath | None:
    """Write a report, in place of an earlier one of the same snapshot, and remove the oldest others.

    What the earlier one looked for, and this one did not, stays as it was.

    :return: its path, ``{timestamp}.audit``; ``None`` for a folder of another tool, which is only read.
    """
    if snapshot.adopted:
        return None
    kept = _kept(snapshot)
    newest = next(kept.read(AuditReport.from_bytes, until=report.timestamp), None)
    if newest is not None and newest.timestamp == report.timestamp:
        report = report.completed(newest)
    return kept.keep(report.timestamp, [report.to_bytes()])


def earlier_audits(snapshot: Snapshot) -> Iterator[AuditReport]:
    """Yield what audits of earlier snapshots found, the newest first.

    Those that cannot be read, or saw a part of the workspace only, say nothing of what is new.
    """
    for report in _kept(snapshot).read(AuditReport.from_bytes, until=snapshot.manifest.timestamp - 1):
        if not report.narrowed:
            yield report


def _kept(snapshot: Snapshot) -> KeptRecords:
    return KeptRecords(snapshot.layout.home, "audit")
