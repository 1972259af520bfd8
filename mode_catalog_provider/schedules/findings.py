"""What is wrong with schedules and with the results that people see."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from mode_catalog_provider.audit.finding import Finding
from mode_catalog_provider.audit.people_checks import is_program
from mode_catalog_provider.audit.values import folded
from mode_catalog_provider.moments import in_utc, in_words, spoken
from mode_catalog_provider.schedules.reports import KnownReport
from mode_catalog_provider.schedules.schedule import Schedule
from mode_catalog_provider.text import first_of, visible

#: What is looked for, by name, in the order in which it is told.
SCHEDULE_CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "failing": "Schedules whose last run failed",
        "never_succeeded": "Schedules that never ran well",
        "overdue": "Schedules that did not run when they should have",
        "paused": "Schedules that are paused",
        "too_often": "Schedules that run more often than the warehouse is loaded",
        "nobody": "Schedules that deliver to nobody",
        "owner_left": "Schedules of people who left",
        "before_load": "Schedules that run shortly before the warehouse is loaded",
        "same_minute": "Many schedules at the same minute",
        "notebook_failed": "Notebooks that failed although the queries were fine",
        "stale_results": "Reports whose results are older than the warehouse",
    }
)

#: Time that a schedule may be late.
_GRACE = timedelta(hours=1)

#: A run so shortly before the load shows yesterday's numbers.
_SHORTLY = timedelta(hours=2)

_DAY = timedelta(days=1)

#: Schedules at one minute that are told.
_MANY = 10


@dataclass(frozen=True, kw_only=True)
class Load:
    """When the warehouse is loaded.

    :param every: time between two loads, default a day.
    :param at: when it was loaded last, ``None``: unknown, and what needs it is not checked.
    """

    every: timedelta = timedelta(days=1)
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ScheduleFinding:
    """A finding, and the schedule it is about (``None``: about a report, or about several schedules)."""

    finding: Finding
    schedule: str | None


class ScheduleJudge:
    """Judges one schedule after the other, then all together.

    :param now: Mode's clock, as near as it is known.
    :param load: when the warehouse is loaded.
    :param members: usernames of all members, folded; empty: unknown.
    :param gone: those of them who are not active.
    :param workspace: whose key makes things in its name.
    :param reason: says why a report failed since a moment, ``None``: it runs now; asked for failing schedules
        only.
    :param url: gives the page of a report, ``None`` where addresses are unknown.
    """

    def __init__(
        self,
        *,
        now: datetime,
        load: Load,
        members: Collection[str],
        gone: Collection[str],
        workspace: str,
        reason: Callable[[KnownReport, datetime | None], str | None],
        url: Callable[[str], str | None],
    ) -> None:
        self._now = now
        self._load = load
        self._members = members
        self._gone = gone
        self._workspace = workspace
        self._reason = reason
        self._url = url
        self._minutes: dict[int, list[tuple[KnownReport, Schedule]]] = {}

    def judge(self, report: KnownReport, schedule: Schedule) -> Iterator[ScheduleFinding]:
        """Yield what is wrong with a schedule."""
        minute = schedule.minute_of_day(self._now)
        # Those that run on one day of the week or month may never meet.
        if minute is not None and schedule.every == _DAY and not schedule.paused:
            self._minutes.setdefault(minute, []).append((report, schedule))
        if schedule.paused:
            yield self._of(report, schedule, "paused", "is paused.", "Start it again, or delete it.")
        else:
            yield from self._runs(report, schedule)
            yield from self._times(report, schedule, minute)
        if schedule.subscribers == 0:
            yield self._of(
                report,
                schedule,
                "nobody",
                "delivers to nobody.",
                "Add a recipient, or delete it: each run costs.",
            )
        owner = folded(schedule.creator or report.creator or "")
        unknown = bool(self._members) and owner not in self._members
        if owner and (owner in self._gone or (unknown and not is_program(owner, self._workspace))):
            what = f"belongs to {visible(owner)}, who is no active member any more."
            yield self._of(report, schedule, "owner_left", what, "Let somebody else own it, before it stops.")

    def crowds(self) -> Iterator[ScheduleFinding]:
        """Yield the minutes at which many of the judged schedules run."""
        for minute, found in sorted(self._minutes.items()):
            if len(found) < _MANY:
                continue
            named = first_of((report.name for report, _ in found), 5, of=len(found))
            at = f"{minute // 60:02d}:{minute % 60:02d} UTC"
            yield ScheduleFinding(
                finding=Finding(
                    check="same_minute",
                    asset="workspace",
                    token=None,
                    name=at,
                    what=f"{len(found)} schedules run at {at}: {named}.",
                    advice="Spread them: they wait for each other, and for the warehouse.",
                    related=tuple(report.token for report, _ in found),
                    group=at,
                ),
                schedule=None,
            )

    def notebook(self, report: KnownReport, said: str) -> ScheduleFinding:
        """Return the finding about a notebook that failed although its queries were fine."""
        return self._of(
            report,
            None,
            "notebook_failed",
            f"has a notebook that failed in its last run although the queries were fine{said}.",
            "Look whether a library of its environment changed; cells cannot be read with an API key.",
        )

    def stale(self, reports: Iterable[KnownReport]) -> Iterator[ScheduleFinding]:
        """Yield reports whose last good run is older than the last load, the most viewed first."""
        loaded = self._load.at
        if loaded is None:
            return
        old = [one for one in reports if one.last_good_run is not None and one.last_good_run < loaded]
        for report in sorted(old, key=lambda one: (-(one.views or 0), one.token)):
            assert report.last_good_run is not None  # noqa: S101 - chosen above
            age = in_words(loaded - report.last_good_run)
            kind = "--dataset" if report.dataset else "--report"
            yield self._of(
                report,
                None,
                "stale_results",
                f"shows results of {spoken(report.last_good_run)}, {age} before the warehouse was loaded.",
                f"Run it again: mode-catalog refresh {kind} {report.token}",
            )

    def _runs(self, report: KnownReport, schedule: Schedule) -> Iterator[ScheduleFinding]:
        since = schedule.last_succeeded_at
        bad = schedule.failing or (schedule.last_run_at is not None and since is None)
        reason = self._reason(report, since) if bad else None
        if reason is not None and since is not None:
            what = f"fails since {spoken(since)}: {reason}."
            yield self._of(report, schedule, "failing", what, "Mend the report, and run it once.")
        elif reason is not None:
            what = f"never ran well: {reason}."
            yield self._of(
                report, schedule, "never_succeeded", what, "Mend the report, or delete the schedule."
            )
        due = schedule.next_run_at
        if due is not None and due < self._now - _GRACE:
            what = f"should have run at {spoken(due)} and did not."
            yield self._of(
                report, schedule, "overdue", what, "Save the schedule again, or ask Mode's support."
            )

    def _times(
        self, report: KnownReport, schedule: Schedule, minute: int | None
    ) -> Iterator[ScheduleFinding]:
        every = schedule.every
        if every is not None and every < self._load.every:
            what = (
                f"runs every {in_words(every)}, the warehouse is loaded every {in_words(self._load.every)}."
            )
            yield self._of(report, schedule, "too_often", what, "Run it as often as its numbers change.")
        elif minute is not None and self._load.at is not None:
            load = in_utc(self._load.at)
            loaded = load.hour * 60 + load.minute
            early = timedelta(minutes=(loaded - minute) % 1440)
            if timedelta(0) < early <= _SHORTLY:
                what = (
                    f"runs {in_words(early)} before the warehouse is loaded, so it shows yesterday's numbers."
                )
                yield self._of(report, schedule, "before_load", what, "Let it run after the load.")

    def _of(
        self, report: KnownReport, schedule: Schedule | None, check: str, what: str, advice: str
    ) -> ScheduleFinding:
        named = f"Schedule '{visible(schedule.name or schedule.token)}' of report" if schedule else "Report"
        finding = Finding(
            check=check,
            asset="report",
            token=report.token,
            name=visible(report.name),
            what=f"{named} '{visible(report.name)}' {what}",
            advice=advice,
            url=self._url(report.token),
            group=f"{report.token} {schedule.token}" if schedule else None,
        )
        return ScheduleFinding(finding=finding, schedule=schedule.token if schedule else None)
