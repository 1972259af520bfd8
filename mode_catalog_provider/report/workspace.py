"""Everything that is shown of one workspace, gathered from its records and bounded in size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mode_catalog_provider.audit.finding import CHECKS, COPIES, AuditReport, Family, Finding
from mode_catalog_provider.catalog.arrival_report import KINDS, ArrivalReport
from mode_catalog_provider.catalog.push_record import PushRecord
from mode_catalog_provider.contract import DATA_ASSETS
from mode_catalog_provider.errors import SnapshotError
from mode_catalog_provider.mode.hosts import PAGES, web_url
from mode_catalog_provider.moments import CLOCKS_DIFFER, in_words, of_second, parsed, spoken
from mode_catalog_provider.report.plots import Plot, series
from mode_catalog_provider.report.records import WorkspaceRecords
from mode_catalog_provider.snapshot.change_texts import remarks, sql_difference, values_of
from mode_catalog_provider.snapshot.change_words import CHANGE_WORDS
from mode_catalog_provider.snapshot.changes import Change
from mode_catalog_provider.snapshot.diff import since_previous
from mode_catalog_provider.snapshot.manifest import Manifest
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.usage import UsageReport
from mode_catalog_provider.text import visible

#: What is shown at most of each kind; how many more there are is said.
MOST_FINDINGS, MOST_CHANGES, MOST_FAMILIES, MOST_SNAPSHOTS = 300, 200, 100, 60

#: Reports that are listed as the most viewed, and as rising.
MOST_USED = 15

#: Lines that are shown of one difference: of a finding, and of a changed query.
DIFFERENCE_LINES = 24

#: A Catalog that was fed longer ago than this is not current: the sync runs daily.
CURRENT = timedelta(hours=26)


@dataclass(frozen=True, kw_only=True)
class ShownChange:
    """One change as people read it."""

    asset: str
    name: str
    report: str
    word: str
    meaning: str
    before: str
    after: str
    difference: str
    url: str | None


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How reports are used.

    :param days: how far back the kept snapshots reach, at most 30.
    :param most_viewed: reports as :class:`~mode_catalog_provider.snapshot.usage.ReportUsage` tells them.
    :param rising: those that are viewed more lately than before.
    :param is_known: whether it is known of any report how often it was viewed.
    """

    days: float
    is_known: bool
    most_viewed: tuple[Mapping[str, Any], ...]
    rising: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class State:
    """The workspace in one line.

    :param kind: ``good``, ``warning`` or ``bad``.
    :param sentence: the line.
    """

    kind: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class WorkspaceReport:
    """What is shown; every part may be missing, and says then what makes it."""

    workspace: str
    host: str
    made_at: datetime
    state: State
    manifest: Manifest | None
    push: PushRecord | None
    changes_head: Mapping[str, Any]
    remarks: tuple[str, ...]
    changes: tuple[ShownChange, ...]
    changes_total: int | None
    audit: AuditReport | None
    findings: tuple[Finding, ...]
    families: tuple[Family, ...]
    names: Mapping[str, str]
    arrival: ArrivalReport | None
    rights: Mapping[str, Any] | None
    usage: Usage | None
    plots: tuple[Plot, ...]
    damaged: tuple[str, ...]

    @property
    def not_looked_for(self) -> tuple[str, ...]:
        """The checks that the audit was not asked to make."""
        return tuple(check for check in CHECKS if self.audit and check not in self.audit.checks)

    @property
    def has_families(self) -> bool:
        """Whether the audit looked for copies."""
        return self.audit is not None and not self.audit.counts.keys().isdisjoint(COPIES)

    def url(self, asset: str, token: str | None) -> str | None:
        """Return the page of an object in Mode, ``None`` where it has none."""
        return page_of(self.host, self.workspace, asset, token)


def gather(
    records: WorkspaceRecords,
    *,
    snapshot: Snapshot | None = None,
    now: datetime | None = None,
    find: bool = True,
) -> WorkspaceReport:
    """Gather what is known of a workspace.

    :param records: where it lies.
    :param snapshot: what the report is of, default the newest complete one.
    :param now: the moment of the report, default now.
    :param find: whether to read snapshots for what no record tells: what changed, and how reports are used;
        default ``True``. Takes seconds where there are many reports.
    """
    now = now or datetime.now(UTC)
    shown = snapshot or next(filter(None, map(records.snapshot, records.timestamps)), None)
    manifest = shown.manifest if shown else None
    audit = next(iter(records.audits(1)), None)
    arrival = next(iter(records.arrivals(1)), None)
    pushes = list(records.pushes(10))
    push = next((one for one in pushes if one.completed_at), None)
    head, changes, total = _changes(records, shown, find)
    host = manifest.host if manifest else ""
    workspace = manifest.workspace if manifest else records.home.name
    findings = sorted(audit.findings, key=lambda one: not one.is_new) if audit else []
    return WorkspaceReport(
        workspace=workspace,
        host=host,
        made_at=now,
        state=_state(manifest, push, pushes[0] if pushes else None, arrival, now),
        manifest=manifest,
        push=push,
        changes_head=head,
        remarks=tuple(_remarks(head)),
        changes=tuple(shown_change(change, host, workspace) for change in changes),
        changes_total=total,
        audit=audit,
        findings=tuple(findings[:MOST_FINDINGS]),
        families=audit.families[:MOST_FAMILIES] if audit else (),
        names={str(one.token): one.name for one in findings if one.token},
        arrival=arrival,
        rights=records.rights(),
        usage=usage_in(records) if find and shown and not shown.adopted else None,
        plots=tuple(_plots(records)),
        damaged=tuple(dict.fromkeys(records.damaged)),
    )


def usage_in(records: WorkspaceRecords) -> Usage | None:
    """Return how the reports are used, as far as the kept snapshots tell."""
    kept = records.manifest_paths
    if len(kept) < 2:
        return None
    try:
        with UsageReport(kept) as report:
            records.damaged.extend(kept[timestamp].name for timestamp in report.damaged)
            if not report.has_history:
                return None
            return Usage(
                days=report.days,
                is_known=report.known > 0,
                most_viewed=tuple(report.most_viewed(MOST_USED)),
                rising=tuple(report.rising(MOST_USED)),
            )
    except SnapshotError:
        records.damaged.append(kept[max(kept)].name)
        return None


def page_of(host: str, workspace: str, asset: str, token: str | None) -> str | None:
    """Return the page of an object in Mode, ``None`` where it has none or the host is unknown."""
    kind = PAGES.get(asset)
    return web_url(host, workspace, kind, token) if host and kind and token else None


def _state(
    manifest: Manifest | None,
    push: PushRecord | None,
    newest: PushRecord | None,
    arrival: ArrivalReport | None,
    now: datetime,
) -> State:
    if manifest is None:
        return State(kind="bad", sentence="There is no complete snapshot yet. Run mode_catalog_sync.")
    if newest is not None and not newest.completed_at and newest.refused:
        sentence = f"Catalog was not fed: the last upload was refused. {visible(newest.refused, 300)}"
        return State(kind="bad", sentence=sentence)
    fed = parsed(push.completed_at) if push else None
    if push is None or fed is None:
        return State(
            kind="warning",
            sentence=f"The snapshot of {spoken(manifest.timestamp)} was not uploaded from this staging area.",
        )
    if fed - now > CLOCKS_DIFFER:
        return State(
            kind="warning",
            sentence=f"Whether Catalog is current is not known: it was fed at {spoken(fed)}, which is still "
            "to come by the clock of this machine. Set the clocks right.",
        )
    current = now - fed <= CURRENT
    sentence = f"it was fed at {spoken(fed)}, {in_words(now - fed)} ago"
    if arrival is None:
        return _fed(sentence, current)
    of_it = arrival.timestamp == push.timestamp
    of = "" if of_it else f"of the snapshot of {spoken(arrival.timestamp)} "
    sentence += (
        f"; {of}{arrival.arrived:,} of {arrival.reports:,} reports arrived ({arrival.arrived_share:.1%}), "
        f"{arrival.with_lineage:,} with lineage ({arrival.lineage_share:.1%})"
    )
    # What was pushed after the last ingestion cannot be there yet.
    if current and of_it and arrival.reports and not arrival.arrived and "arrival" not in arrival.not_checked:
        return State(kind="bad", sentence=f"Catalog shows nothing of what it got: {sentence}.")
    return _fed(sentence, current)


def _fed(sentence: str, current: bool) -> State:
    return State(
        kind="good" if current else "bad",
        sentence=f"{'Catalog is current' if current else 'Catalog is not current'}: {sentence}.",
    )


def _changes(
    records: WorkspaceRecords, snapshot: Snapshot | None, find: bool
) -> tuple[Mapping[str, Any], list[Change], int | None]:
    """Return what changed since the snapshot before: as it was kept, else as it is found now."""
    if snapshot is None:
        return {}, [], None
    timestamp = snapshot.manifest.timestamp
    found = records.changes(timestamp)
    if found is None and not find:
        return {}, [], None
    if found is None:
        if not any(one < timestamp for one in records.timestamps):
            return {}, [], None
        try:
            with since_previous(snapshot, records.manifest_paths) as diff:
                head = {"from": diff.before.timestamp, "to": timestamp, "options": diff.options}
                found = head, list(diff.changes())
        except SnapshotError as error:
            damaged = records.manifest_paths.get(error.timestamp or timestamp, snapshot.manifest_path)
            records.damaged.append(damaged.name)
            return {}, [], None
    head, changes = found
    order = {word: place for place, word in enumerate(CHANGE_WORDS)}
    changes.sort(key=lambda one: order.get(one.change, len(order)))
    return head, changes[:MOST_CHANGES], len(changes)


def _remarks(head: Mapping[str, Any]) -> Iterator[str]:
    return remarks(head.get("options", {}), days=head.get("to", 0) - head.get("from", 0))


def shown_change(change: Change, host: str, workspace: str) -> ShownChange:
    """Return a change as people read it; a changed text as its difference."""
    long = change.change == "sql_changed"
    before, after = ("", "") if long else values_of(change)
    return ShownChange(
        asset=change.asset,
        name=visible(change.name),
        report="" if change.report is None else visible(change.report),
        word=change.change.replace("_", " "),
        meaning=CHANGE_WORDS.get(change.change, ""),
        before=visible(before),
        after=visible(after),
        difference="\n".join(sql_difference(change, DIFFERENCE_LINES // 2)) if long else "",
        url=page_of(host, workspace, change.asset, change.token),
    )


def _plots(records: WorkspaceRecords) -> Iterator[Plot]:
    manifests = list(records.manifests(MOST_SNAPSHOTS))
    days = [_day(one.timestamp) for one in manifests]
    for asset in DATA_ASSETS:
        rows = [_value(one.rows.get(asset)) for one in manifests]
        yield Plot(title=f"{asset} rows", points=series(list(zip(days, rows, strict=True))))
    for title, figure, unit in (
        ("requests to Mode", "requests", ""),
        ("seconds of the extraction", "seconds", " s"),
    ):
        values = [_value(one.figures.get(figure)) for one in manifests]
        yield Plot(title=title, points=series(list(zip(days, values, strict=True))), unit=unit)
    audits = [(_day(one.timestamp), float(len(one.findings))) for one in records.audits(20)]
    yield Plot(title="findings", points=tuple(reversed(audits)))
    arrivals = list(records.arrivals(20))[::-1]
    arrived = tuple((_day(one.timestamp), 100 * one.arrived_share) for one in arrivals)
    yield Plot(title="reports that arrived", points=arrived, unit=" %")
    lineage = tuple((_day(one.timestamp), 100 * one.lineage_share) for one in arrivals)
    yield Plot(title="reports with lineage", points=lineage, unit=" %")


def _day(timestamp: int) -> str:
    return f"{of_second(timestamp):%Y-%m-%d}"


def _value(value: Any) -> float | None:
    is_one = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**63
    return float(value) if is_one else None


#: What the sections are called where checks and kinds are listed.
LEGENDS: Mapping[str, str] = {**CHECKS, **KINDS}
