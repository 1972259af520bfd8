"""What a reconciliation says, and how it is kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mode_catalog_provider.audit.finding import Finding
from mode_catalog_provider.errors import SnapshotAlteredError
from mode_catalog_provider.snapshot.kept import KeptRecords
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.storage import StoragePath

FORMAT_VERSION = 1

#: Kinds of findings, in the order in which they are told.
KINDS: Mapping[str, str] = {
    "missing": "Reports that Catalog does not show",
    "gone": "Dashboards that Catalog still shows and Mode no longer has",
    "without_lineage": "Reports that arrived without lineage",
    "renamed": "Reports whose name or folder differs in Catalog",
    "unknown_connections": "Connections of Mode that no warehouse of Catalog answers to",
}

#: Why a report is missing, in the order in which it is looked for.
MISSING: Mapping[str, str] = {
    "archived": "It is archived in Mode.",
    "personal": "It lies in a personal collection.",
    "dataset": "It is a dataset.",
    "not_ingested": "Catalog has not ingested the source since the snapshot was pushed.",
    "unknown": "None of the known reasons holds.",
}


@dataclass(frozen=True, kw_only=True)
class Item:
    """One finding, for people and for programs.

    :param finding: the record that audits have as well.
    :param entry: its keys for programs, JSON.
    """

    finding: Finding
    entry: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ArrivalReport:
    """Everything that one reconciliation found.

    :param source_id: UUID of the Mode source.
    :param timestamp: of the snapshot, in Unix seconds.
    :param workspace: name of the Mode workspace.
    :param reports: how many reports the snapshot has.
    :param arrived: how many of them Catalog shows.
    :param with_lineage: how many of these have lineage.
    :param dashboards: how many dashboards Catalog shows, tiles and the like not counted.
    :param child_rows: how many tiles and the like it shows.
    :param matched_by: how many reports were recognised by ``url`` and by ``external_id``.
    :param counts: how many findings there are of each kind.
    :param items: the first of them, the new ones before the others.
    :param not_checked: what could not be looked at, or only with a doubt, and why.
    :param compared_with: timestamp of the snapshot whose reconciliation tells what is new; ``None`` = all is.
    """

    source_id: str
    timestamp: int
    workspace: str
    reports: int
    arrived: int
    with_lineage: int
    dashboards: int
    child_rows: int
    matched_by: Mapping[str, int]
    counts: Mapping[str, int]
    items: Mapping[str, tuple[Item, ...]]
    not_checked: Mapping[str, str] = field(default_factory=dict)
    compared_with: int | None = None

    @property
    def arrived_share(self) -> float:
        """Share of the snapshot's reports that Catalog shows; 1 where there are none."""
        return self.arrived / self.reports if self.reports else 1.0

    @property
    def lineage_share(self) -> float:
        """Share of the reports that arrived that have lineage; 1 where there are no reports at all."""
        if self.arrived:
            return self.with_lineage / self.arrived
        return 0.0 if self.reports else 1.0

    @property
    def findings(self) -> Iterator[Finding]:
        """The findings that are named, kind by kind."""
        for kind in KINDS:
            for item in self.items[kind]:
                yield item.finding

    @property
    def new_counts(self) -> dict[str, int]:
        """How many of those that are named are new, of each kind."""
        return {kind: sum(item.finding.is_new for item in self.items[kind]) for kind in KINDS}

    def identities(self, kind: str) -> frozenset[tuple[str, str | None]] | None:
        """Return what was found of a kind, ``None`` when not all of it is named."""
        items = self.items[kind]
        if len(items) < self.counts[kind]:
            return None
        return frozenset(item.finding.identity for item in items)

    def missed(self, *, min_arrived: float | None, min_lineage: float | None) -> list[str]:
        """Return a sentence for each threshold that is missed."""
        missed = []
        if min_arrived is not None and self.arrived_share < min_arrived:
            missed.append(
                f"{self.arrived} of {self.reports} reports arrived in Catalog ({self.arrived_share:.1%}); "
                f"{min_arrived:.1%} are required."
            )
        if min_lineage is not None and self.lineage_share < min_lineage:
            missed.append(
                f"{self.with_lineage} of {self.arrived} reports in Catalog have lineage "
                f"({self.lineage_share:.1%}); {min_lineage:.1%} are required."
            )
        return missed

    def to_json(self, *, snapshot: str) -> dict[str, Any]:
        """Return the result for programs.

        :param snapshot: where the snapshot lies.
        """
        return {
            "source_id": self.source_id,
            "snapshot": snapshot,
            "reports": self.reports,
            "arrived": self.arrived,
            "with_lineage": self.with_lineage,
            **{kind: [dict(item.entry) for item in self.items[kind]] for kind in KINDS},
            "matched_by": dict(self.matched_by),
        }

    def to_bytes(self) -> bytes:
        """Return the whole as JSON."""
        document = {
            "format_version": FORMAT_VERSION,
            "source_id": self.source_id,
            "timestamp": self.timestamp,
            "workspace": self.workspace,
            "reports": self.reports,
            "arrived": self.arrived,
            "with_lineage": self.with_lineage,
            "dashboards": self.dashboards,
            "child_rows": self.child_rows,
            "matched_by": dict(self.matched_by),
            "counts": dict(self.counts),
            "not_checked": dict(self.not_checked),
            "compared_with": self.compared_with,
            "items": {
                kind: [
                    {"finding": item.finding.to_json(), "entry": dict(item.entry)}
                    for item in self.items[kind]
                ]
                for kind in KINDS
            },
        }
        return json.dumps(document, indent=1).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> ArrivalReport:
        """Read what :meth:`to_bytes` wrote.

        :raises SnapshotAlteredError: it is none, or one of another version.
        """
        try:
            document: dict[str, Any] = json.loads(content)
            if document.pop("format_version") != FORMAT_VERSION:
                raise ValueError("another format")
            items = {
                kind: tuple(
                    Item(finding=Finding.from_json(one["finding"]), entry=dict(one["entry"]))
                    for one in document["items"][kind]
                )
                for kind in KINDS
            }
            report = cls(**{**document, "items": items})
            if type(report.timestamp) is not int or not all(
                type(report.counts[kind]) is int for kind in KINDS
            ):
                raise ValueError("a count is none")
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise SnapshotAlteredError(f"This is not the record of a reconciliation ({error}).") from error
        return report


def chosen(
    found: Iterable[Item], known: frozenset[tuple[str, str | None]] | None, *, first: int
) -> tuple[tuple[Item, ...], int]:
    """Return the first findings, the new ones before the others, and how many there are.

    :param known: what the reconciliation before found; ``None``: it is not known, so all is new.
    """
    new: list[Item] = []
    old: list[Item] = []
    count = 0
    for item in found:
        count += 1
        is_new = known is None or item.finding.identity not in known
        of_its_kind = new if is_new else old
        if len(of_its_kind) < first:
            of_its_kind.append(replace(item, finding=replace(item.finding, is_new=is_new)))
    return tuple((new + old)[:first]), count


def keep_arrival(report: ArrivalReport, snapshot: Snapshot) -> StoragePath | None:
    """Write a report, in place of an earlier one of the same snapshot, and remove the oldest others.

    :return: its path, ``{timestamp}.{source_id}.arrival``; ``None`` for a folder of another tool, which is
        only read.
    """
    if snapshot.adopted:
        return None
    return _kept(snapshot, report.source_id).keep(report.timestamp, [report.to_bytes()])


def earlier_arrival(snapshot: Snapshot, source_id: str) -> ArrivalReport | None:
    """Return the newest reconciliation of this or an earlier snapshot that can be read, ``None`` for none."""
    kept = _kept(snapshot, source_id)
    return next(kept.read(ArrivalReport.from_bytes, until=snapshot.manifest.timestamp), None)


def _kept(snapshot: Snapshot, source_id: str) -> KeptRecords:
    return KeptRecords(snapshot.layout.home, f"{source_id}.arrival")
