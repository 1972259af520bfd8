"""Schedules of reports and datasets, as Mode tells them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.sandbox.answers import Answer, Request, json_answer
from tests.sandbox.mode_answers import TOKEN, Route, mode_error
from tests.sandbox.pages import paged_without_block, positive

if TYPE_CHECKING:
    from tests.sandbox.mode import ModeSandbox


@dataclass
class Schedule:
    """One schedule; ``absent``: keys left out of the row."""

    token: str
    report: str
    name: str | None = "Every morning"
    frequency: str = "daily"
    cron_hour: int | None = 5
    cron_minute: int | None = 30
    time_zone: str = "UTC"
    state: str | None = "active"
    retry_state: str | None = None
    retry_count: int | None = 0
    last_run_at: str | None = None
    last_succeeded_at: str | None = None
    last_scheduled_run: str | None = None
    next_scheduled_run: str | None = None
    subscriber_count: int | None = 3
    creator: str | None = None
    absent: frozenset[str] = frozenset()


class ModeSchedules:
    """Handlers of the routes about schedules."""

    def __init__(self, mode: ModeSandbox) -> None:
        self._mode = mode

    def routes(self) -> list[Route]:
        ws = f"/api/{self._mode.workspace}"
        return [("GET", f"{ws}/(reports|datasets)/{TOKEN}/schedules", self._schedules)]

    def _schedules(self, request: Request, kind: str, token: str) -> Answer:
        if self._mode.switches.schedules != "rows":
            return mode_error(self._mode.switches.schedules)
        report = self._mode.world.report(token)
        if report is None or report.refused:
            return mode_error(report.refused if report and report.refused else 404)
        rows = [self._row(one) for one in self._mode.schedules if one.report == token]
        number = positive(request.params.get("page"), 1)
        page, shown = paged_without_block(rows, number, self._mode.switches.page_after_last)
        embedded = {} if page is None else {"report_schedules": shown}
        return json_answer({"_links": {"self": {"href": request.path}}, "_embedded": embedded})

    def _row(self, schedule: Schedule) -> dict[str, Any]:
        links: dict[str, Any] = {"self": {"href": f"schedules/{schedule.token}"}}
        if schedule.creator:
            links["creator"] = {"href": f"/api/{schedule.creator}"}
        names = (
            *("token", "name", "frequency", "cron_hour", "cron_minute", "time_zone", "state", "retry_state"),
            *("retry_count", "last_run_at", "last_succeeded_at", "last_scheduled_run"),
            *("next_scheduled_run", "subscriber_count"),
        )
        row = {name: getattr(schedule, name) for name in names if name not in schedule.absent}
        return {**row, "report_token": schedule.report, "delivery": "email", "_links": links}
