"""Runs of reports and datasets: started, advancing with time, ending as their script says."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.sandbox.objects import Report, stamp
from tests.sandbox.switches import ModeSwitches
from tests.sandbox.world import World

# A clock value long past, yet finite: the difference of two infinities is not a number.
_BEFORE_THE_SANDBOX = -1e12
GOOD_ENDS = ("succeeded", "completed")


@dataclass(frozen=True)
class RunScript:
    """How a run goes.

    :param outcome: state it ends in; ``None`` = ``completed`` for notebook reports, ``succeeded`` for others.
    :param seconds: service seconds until then, ``None`` = the switch; ``math.inf`` = never.
    :param error_message: reason, on the first query run of a failed run.
    :param notebook_fails: the queries are fine, the notebook fails.
    :param vanish_after: the run answers 404 after it was read so many times.
    """

    outcome: str | None = None
    seconds: float | None = None
    error_message: str = "relation analytics.orders does not exist"
    error_code: str = "42P01"
    notebook_fails: bool = False
    vanish_after: int | None = None


@dataclass
class Run:
    """One run; times are service seconds of the server's clock, except ``created_at``."""

    token: str
    report: Report
    script: RunScript
    begun: float
    seconds: float
    first_state: str
    created_at: datetime
    time_scale: float
    by: str
    parameters: dict[str, Any] = field(default_factory=dict)
    reads: int = 0
    ended_early: tuple[str, float] | None = None
    settled: bool = False

    @property
    def ends_at(self) -> float:
        return self.begun + self.seconds if self.ended_early is None else self.ended_early[1]

    @property
    def end_state(self) -> str:
        if self.ended_early is not None:
            return self.ended_early[0]
        if self.script.notebook_fails:
            return "failed"
        return self.script.outcome or ("completed" if self.report.notebook else "succeeded")

    def over(self, now: float) -> bool:
        return now >= self.ends_at

    def state(self, now: float) -> str:
        if self.over(now):
            return self.end_state
        if now < self.begun + self.seconds * 0.1:
            return self.first_state
        if self.report.notebook and now >= self.begun + self.seconds / 2:
            return "running_notebook"
        return "enqueued"

    def completed_at(self, now: float) -> datetime | None:
        if not self.over(now):
            return None
        return self.created_at + timedelta(seconds=(self.ends_at - self.begun) * self.time_scale)

    @property
    def vanished(self) -> bool:
        return self.script.vanish_after is not None and self.reads > self.script.vanish_after


class RunBook:
    """All runs of the workspace, and the scripts of those to come.

    :param now: the server's clock in service seconds.
    """

    def __init__(
        self, *, world: World, switches: ModeSwitches, now: Callable[[], float], time_scale: float
    ) -> None:
        self._world, self._switches, self._now, self._time_scale = world, switches, now, time_scale
        self._runs: dict[str, list[Run]] = {}
        self._scripts: dict[str, list[tuple[RunScript, int | None]]] = {}
        self._unsettled: list[Run] = []
        self._lock = threading.RLock()
        self.schema_updates: list[str] = []
        self.purges: list[str] = []

    # -- for tests -----------------------------------------------------------------------------------------

    def script(self, report: Report | str, *, times: int | None = 1, **fields: Any) -> None:
        """Say how the next runs of a report or dataset go (``times=None``: all later ones), see RunScript."""
        token = report if isinstance(report, str) else report.token
        with self._lock:
            self._scripts.setdefault(token, []).append((RunScript(**fields), times))

    def started(self, report: Report | str | None = None) -> list[Run]:
        """The runs started since the sandbox began, in order; of one report if given."""
        with self._lock:
            runs = [run for listed in self._runs.values() for run in listed if run.by != "history"]
        token = report.token if isinstance(report, Report) else report
        return sorted((run for run in runs if token in (None, run.report.token)), key=lambda run: run.begun)

    def end(self, run: Run, state: str = "succeeded") -> None:
        """End a run at once."""
        with self._lock:
            if not run.over(self._now()):
                run.ended_early = (state, self._now())

    # -- for the routes ------------------------------------------------------------------------------------

    def start(self, report: Report, *, by: str, parameters: dict[str, Any] | None = None) -> Run:
        with self._lock:
            script = self._next_script(report.token)
            run = Run(
                token=secrets.token_hex(6),
                report=report,
                script=script,
                begun=self._now(),
                seconds=self._switches.run_seconds if script.seconds is None else script.seconds,
                first_state=self._switches.run_first_state,
                created_at=datetime.now(UTC),
                time_scale=self._time_scale,
                by=by,
                parameters=parameters or {},
            )
            self.of(report).insert(0, run)
            self._unsettled.append(run)
        report.last_run_at = stamp(run.created_at)
        return run

    def of(self, report: Report) -> list[Run]:
        """The report's runs, newest first; the one from before the sandbox began is the oldest."""
        with self._lock:
            if report.token not in self._runs:
                self._runs[report.token] = [self._history(report)] if report.last_run_token else []
            return self._runs[report.token]

    def find(self, report: Report, token: str) -> Run | None:
        return next((run for run in self.of(report) if run.token == token), None)

    def settle(self) -> None:
        """Let the reports of runs that have ended show it."""
        if not self._unsettled:
            return
        with self._lock:
            now = self._now()
            for run in [one for one in self._unsettled if one.over(now)]:
                self._unsettled.remove(run)
                if run.end_state in GOOD_ENDS:
                    ended = stamp(run.completed_at(now) or run.created_at)
                    # Only updated_at moves with a run; the edit stamps stay.
                    run.report.last_successfully_run_at = run.report.updated_at = ended
                    run.report.last_run_token = run.token

    def _next_script(self, token: str) -> RunScript:
        queue = self._scripts.get(token)
        if not queue:
            return RunScript()
        script, times = queue[0]
        if times is not None:
            queue.pop(0)
            if times > 1:
                queue.insert(0, (script, times - 1))
        return script

    def _history(self, report: Report) -> Run:
        begun = datetime.fromisoformat(report.last_run_at or report.created_at)
        return Run(
            token=report.last_run_token or "",
            report=report,
            script=RunScript(),
            begun=_BEFORE_THE_SANDBOX,
            seconds=0.0,
            first_state="enqueued",
            created_at=begun,
            time_scale=1.0,
            by="history",
        )
