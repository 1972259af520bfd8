"""One audit of Mode's scheduler: which schedules there are, how they run, and what people see."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mode_catalog_provider.errors import (
    ConfigurationError,
    ForbiddenError,
    NotFoundError,
    RequestRefusedError,
    ServiceError,
)
from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.mode.hosts import web_url
from mode_catalog_provider.moments import CLOCKS_DIFFER, spoken
from mode_catalog_provider.refresh.runs import (
    BAD_STATES,
    GOOD_STATES,
    ModeRun,
    RunTarget,
    failure_reason,
    query_runs,
    recent_runs,
)
from mode_catalog_provider.schedules.findings import Load, ScheduleFinding, ScheduleJudge
from mode_catalog_provider.schedules.reports import KnownReport, inactive_members, known_reports
from mode_catalog_provider.schedules.schedule import Schedule
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.text import first_of

log = logging.getLogger(__name__)

_IN_FLIGHT = 8


@dataclass(frozen=True, kw_only=True)
class ScheduleReport:
    """What one audit of schedules says.

    :param schedules: all that could be read.
    :param findings: what somebody should look at.
    :param not_read: sentences about what could not be read.
    :param unknown: reports of which nobody knows whether they have schedules.
    :param stale: tokens of the reports with old results, the most viewed first.
    :param requests: sent to Mode.
    """

    schedules: tuple[Schedule, ...]
    findings: tuple[ScheduleFinding, ...]
    not_read: tuple[str, ...]
    unknown: int
    stale: tuple[str, ...]
    requests: int

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings of each check that found something."""
        counted: dict[str, int] = {}
        for one in self.findings:
            counted[one.finding.check] = counted.get(one.finding.check, 0) + 1
        return counted

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "schedules": [one.to_json() for one in self.schedules],
            "findings": [{**one.finding.to_json(), "schedule": one.schedule} for one in self.findings],
            "counts": self.counts,
            "not_read": list(self.not_read),
            "unknown": self.unknown,
            "stale": list(self.stale),
            "requests": self.requests,
        }


def audit_schedules(
    client: ModeClient,
    snapshot: Snapshot,
    *,
    load: Load = Load(),  # noqa: B008
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ScheduleReport:
    """Ask Mode about the schedules of the reports that have some, and about notebooks; read only.

    :param client: asks Mode; its key should have been verified.
    :param snapshot: names the reports; its files should have been verified. Only its side files tell which
        reports have schedules, so a set without them gives no schedules, and says so.
    :param load: when the warehouse is loaded.
    :param now: clock.
    :raises ConfigurationError: the load is still to come.
    :raises ModeCatalogError: anything else but the refusal of one report.
    """
    present = now()
    if load.at is not None and load.at > present + CLOCKS_DIFFER:
        raise ConfigurationError(
            f"The warehouse cannot have been loaded at {spoken(load.at)}: it is {spoken(present)} now. "
            "Correct the time of the load; one without a zone is in UTC."
        )
    before = client.statistics.requests
    reports = list(_concerned(snapshot))
    members, gone = inactive_members(snapshot)
    scheduled = [one for one in reports if one.schedules]
    notebooks = [one for one in reports if one.notebook]
    log.info(
        "Asking for the schedules of %d reports, and about %d notebooks.", len(scheduled), len(notebooks)
    )
    judge = ScheduleJudge(
        now=present,
        load=load,
        members=members,
        gone=gone,
        workspace=client.workspace,
        reason=lambda report, since: _why(client, report, since),
        url=lambda token: web_url(client.host, client.workspace, "reports", token),
    )
    found: list[Schedule] = []
    findings: list[ScheduleFinding] = []
    not_read: list[str] = []
    empty: list[KnownReport] = []
    for report, answer in _asked(client, scheduled, _schedules):
        if isinstance(answer, ServiceError):
            not_read.append(str(answer))
            continue
        if not answer:
            empty.append(report)
        for schedule in answer:
            found.append(schedule)
            findings += judge.judge(report, schedule)
    if empty:
        not_read.append(
            f"Mode lists no schedule of {len(empty)} reports that had some when the snapshot was made: "
            f"{first_of([one.name for one in empty])}."
        )
    findings += judge.crowds()
    for report, run in _asked(client, notebooks, _last_run):
        if isinstance(run, ServiceError):
            not_read.append(str(run))
        elif run is not None and run.notebook_failed and _queries_were_fine(client, run):
            findings.append(judge.notebook(report, ""))
    stale = list(judge.stale(reports))
    return ScheduleReport(
        schedules=tuple(found),
        findings=(*findings, *stale),
        not_read=tuple(not_read),
        unknown=sum(1 for one in reports if one.schedules is None),
        stale=tuple(str(one.finding.token) for one in stale),
        requests=client.statistics.requests - before,
    )


def _concerned(snapshot: Snapshot) -> Iterator[KnownReport]:
    """Yield reports that something can be said of; the others need no memory."""
    for report in known_reports(snapshot):
        if report.schedules != 0 or report.notebook or report.last_good_run is not None:
            yield report


def _asked(
    client: ModeClient, reports: list[KnownReport], ask: Callable[[ModeClient, KnownReport], Any]
) -> Iterable[tuple[KnownReport, Any]]:
    """Ask about each report, some at once; a refusal is given instead of the answer."""

    def answer(report: KnownReport) -> Any:
        try:
            return ask(client, report)
        except RequestRefusedError as error:
            return error

    with ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="schedules") as threads:
        try:
            yield from zip(reports, threads.map(answer, reports), strict=True)
        except BaseException:
            client.cancel()
            raise


def _schedules(client: ModeClient, report: KnownReport) -> list[Schedule]:
    pages = client.pages(f"{report.path}/schedules", "report_schedules", confirm=False)
    read = (Schedule.from_json(report.token, row) for rows in pages for row in rows)
    return [one for one in read if one is not None]


def _target(report: KnownReport) -> RunTarget:
    return RunTarget("dataset" if report.dataset else "report", report.token)


def _last_run(client: ModeClient, report: KnownReport) -> ModeRun | None:
    return next((run for run in recent_runs(client, _target(report)) if run.over), None)


def _why(client: ModeClient, report: KnownReport, since: datetime | None) -> str | None:
    """Return the reason of the newest failed run; what Mode does not show is said.

    :return: ``None`` where none failed since then, and one goes on.
    """
    try:
        runs = recent_runs(client, _target(report))
    except ForbiddenError:
        return "Mode refuses to show its runs to this key (403)"
    except NotFoundError:
        return "Mode shows no runs of it to this key (404)"
    except RequestRefusedError as error:
        return f"Mode refuses to show its runs ({error.status})"
    later = [run for run in runs if since is None or run.created_at is None or run.created_at > since]
    failed = next((run for run in later if run.state in BAD_STATES), None)
    if failed is not None:
        return failure_reason(client, failed)
    return None if any(run.active for run in later) else "Mode shows no failed run of it any more"


def _queries_were_fine(client: ModeClient, run: ModeRun) -> bool:
    with suppress(ServiceError):
        rows = query_runs(client, run)
        return bool(rows) and all(row.get("state") in GOOD_STATES for row in rows)
    return False
