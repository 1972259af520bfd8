"""The audit of Mode's scheduler against the sandbox, from an extraction to the findings."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.extract.capture import capture
from mode_catalog_provider.extract.extraction import Extraction
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.schedules.audit import ScheduleReport, audit_schedules
from mode_catalog_provider.schedules.findings import Load
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import newest_snapshot
from tests.sandbox import ModeSwitches, Report, Sandbox, WorkspaceShape
from tests.sandbox.objects import stamp
from tests.unit.mode.conftest import connect

__all__ = ["connect"]

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
SHAPE = WorkspaceShape(collections=2, reports=15, members=4, datasets=1, personal_reports=0, nasty=False)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(shape=SHAPE, mode=ModeSwitches(limiter="off", run_seconds=0.0)) as running:
        yield running


@pytest.fixture
def reports(sandbox: Sandbox) -> list[Report]:
    return [one for one in sandbox.mode.world.reports if not one.is_dataset]


@pytest.fixture
def audit(sandbox: Sandbox, connect: Callable[..., Any], tmp_path: Path) -> Callable[..., ScheduleReport]:
    """Extract, then audit."""

    def run(load: Load = Load()) -> ScheduleReport:  # noqa: B008
        client = connect()
        client.verify()
        layout = Layout.nested(tmp_path, client.workspace)
        extraction = Extraction(client=client, options=ExtractionOptions(strategy="rest"))
        capture(client=client, extraction=extraction, layout=layout, log=logging.getLogger(__name__))
        snapshot = newest_snapshot(layout)
        assert snapshot is not None
        return audit_schedules(connect(), snapshot, load=load, now=lambda: NOW)

    return run


def ago(**duration: float) -> str:
    return stamp(NOW - timedelta(**duration))


def fine(**fields: Any) -> dict[str, Any]:
    """A schedule that nothing is wrong with."""
    return {
        "last_run_at": ago(hours=3),
        "last_succeeded_at": ago(hours=3),
        "next_scheduled_run": stamp(NOW + timedelta(hours=21)),
        **fields,
    }


def found(report: ScheduleReport) -> list[tuple[str, str | None]]:
    return [(one.finding.check, one.schedule) for one in report.findings]


def test_only_reports_that_have_schedules_are_asked_for_them(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report]
) -> None:
    made = sandbox.mode.add_schedule(reports[2], **fine())
    report = audit()
    assert [one.token for one in report.schedules] == [made.token]
    assert found(report) == []
    asked = [one.path for one in sandbox.mode.requests if one.path.endswith("/schedules")]
    assert set(asked) == {f"/api/acme/reports/{reports[2].token}/schedules"}


@pytest.mark.parametrize(
    ("check", "fields"),
    [
        ("never_succeeded", {"last_succeeded_at": None}),
        ("failing", {"last_succeeded_at": ago(days=3)}),
        ("overdue", {"next_scheduled_run": ago(hours=5)}),
        ("paused", {"state": "paused", "next_scheduled_run": ago(hours=5)}),
        ("nobody", {"subscriber_count": 0}),
        ("too_often", {"frequency": "hourly"}),
        ("owner_left", {"creator": "somebody_else"}),
    ],
)
def test_each_trouble_of_a_schedule_is_found_alone(
    sandbox: Sandbox,
    audit: Callable[..., ScheduleReport],
    reports: list[Report],
    check: str,
    fields: dict[str, Any],
) -> None:
    made = sandbox.mode.add_schedule(reports[0], **fine(**fields))
    sandbox.mode.add_schedule(reports[1], **fine())
    assert found(audit()) == [(check, made.token)]


def test_unknown_fields_are_no_finding(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report]
) -> None:
    names = frozenset(
        {"last_run_at", "last_succeeded_at", "next_scheduled_run", "last_scheduled_run", "subscriber_count"}
        | {"frequency", "cron_hour", "cron_minute", "time_zone", "state", "name"}
    )
    sandbox.mode.add_schedule(reports[0], absent=names)
    checks = {check for check, _ in found(audit(Load(at=NOW)))}
    assert checks <= {"stale_results"}


@pytest.mark.parametrize("word", ["Hourly", "every 15 minutes", "Every-30-Minutes", " HOURLY "])
def test_how_often_it_runs_is_understood_as_people_write_it(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report], word: str
) -> None:
    sandbox.mode.add_schedule(reports[0], **fine(frequency=word))
    assert [check for check, _ in found(audit())] == ["too_often"]


def test_a_load_that_is_still_to_come_is_refused(audit: Callable[..., ScheduleReport]) -> None:
    with pytest.raises(ConfigurationError, match="cannot have been loaded at 2027-11-20 08:00:00 UTC"):
        audit(Load(at=NOW + timedelta(days=365)))


def test_the_reason_of_a_failing_schedule_is_that_of_the_failed_query(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report]
) -> None:
    sandbox.mode.runs.script(reports[0], outcome="failed", error_message="relation orders does not exist")
    sandbox.mode.runs.start(reports[0], by="the scheduler")
    sandbox.mode.add_schedule(reports[0], **fine(last_succeeded_at=ago(days=3)))
    (one,) = audit().findings
    assert "relation orders does not exist" in one.finding.message


def test_a_schedule_shortly_before_the_load_shows_old_numbers_also_in_its_own_zone(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report]
) -> None:
    loaded = NOW.replace(hour=6, minute=0)
    early = sandbox.mode.add_schedule(reports[0], **fine(cron_hour=5, cron_minute=30))
    berlin = {"cron_hour": 6, "cron_minute": 30, "time_zone": "Europe/Berlin"}
    abroad = sandbox.mode.add_schedule(reports[1], **fine(**berlin))
    sandbox.mode.add_schedule(reports[2], **fine(cron_hour=6, cron_minute=30))
    load = Load(at=loaded)
    checks = [one for one in found(audit(load)) if one[0] != "stale_results"]
    assert sorted(checks) == [("before_load", early.token), ("before_load", abroad.token)]


def test_many_schedules_at_the_same_minute_are_one_finding(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report]
) -> None:
    for report in reports[:9]:
        sandbox.mode.add_schedule(report, **fine())
    assert found(audit()) == []
    sandbox.mode.add_schedule(reports[9], **fine())
    (one,) = audit().findings
    assert (one.finding.check, len(one.finding.related)) == ("same_minute", 10)


def test_stale_results_come_the_most_viewed_first_with_the_command_that_refreshes_them(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report]
) -> None:
    for report in sandbox.mode.world.reports:
        report.last_successfully_run_at = ago(hours=1)
    for report, views in ((reports[3], 5), (reports[4], 50)):
        report.last_successfully_run_at, report.view_count = ago(hours=30), views
    reports[5].last_successfully_run_at = None
    answer = audit(Load(at=NOW - timedelta(hours=2)))
    assert answer.stale == (reports[4].token, reports[3].token)
    assert f"mode-catalog refresh --report {reports[4].token}" in answer.findings[0].finding.message


def test_a_notebook_that_failed_although_its_queries_were_fine(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report]
) -> None:
    for report in reports[:3]:
        report.notebook = True
    sandbox.mode.runs.script(reports[0], notebook_fails=True)
    sandbox.mode.runs.script(reports[1], outcome="failed")
    for report in reports[:3]:
        sandbox.mode.runs.start(report, by="somebody")
    answer = audit()
    assert [(one.finding.check, one.finding.token) for one in answer.findings] == [
        ("notebook_failed", reports[0].token)
    ]


@pytest.mark.parametrize("status", [403, 404])
def test_schedules_that_the_key_may_not_read_are_told_as_what_they_are(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report], status: int
) -> None:
    sandbox.mode.add_schedule(reports[0], **fine())
    sandbox.mode.switches.throw(schedules=status)
    answer = audit()
    assert len(answer.not_read) == 1
    assert f"({status})" in answer.not_read[0]


def test_nothing_is_written_and_the_cost_is_told(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report]
) -> None:
    sandbox.mode.add_schedule(reports[0], **fine())
    answer = audit()
    assert {one.method for one in sandbox.mode.requests} == {"GET"}
    asked = [one for one in sandbox.mode.requests if one.path.endswith("/schedules")]
    assert answer.requests == len(asked) == 2  # one page, and the one that shows that there is no more


@pytest.mark.parametrize("succeeded", [ago(days=1), None])
def test_a_schedule_whose_run_goes_on_has_not_failed(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report], succeeded: str | None
) -> None:
    sandbox.mode.runs.script(reports[0], seconds=10_000)
    sandbox.mode.runs.start(reports[0], by="the scheduler")
    sandbox.mode.add_schedule(reports[0], **fine(last_run_at=ago(minutes=1), last_succeeded_at=succeeded))
    assert found(audit()) == []


def test_a_schedule_that_failed_before_the_run_that_goes_on_fails_still(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report]
) -> None:
    sandbox.mode.runs.script(reports[0], outcome="failed", error_message="no such table")
    sandbox.mode.runs.start(reports[0], by="the scheduler")
    sandbox.mode.runs.script(reports[0], seconds=10_000)
    sandbox.mode.runs.start(reports[0], by="the scheduler")
    made = sandbox.mode.add_schedule(reports[0], **fine(last_succeeded_at=ago(days=3)))
    report = audit()
    assert found(report) == [("failing", made.token)]
    assert "no such table" in report.findings[0].finding.message


@pytest.mark.parametrize("embedded", [{}, [], {"query_runs": []}, {"query_runs": None}], ids=str)
def test_queries_of_which_mode_tells_nothing_were_not_fine(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report], embedded: Any
) -> None:
    reports[0].notebook = True
    sandbox.mode.runs.script(reports[0], notebook_fails=True)
    sandbox.mode.runs.start(reports[0], by="somebody")
    body = json.dumps({"_links": {}, "_embedded": embedded}).encode()
    sandbox.mode.faults.add("*/query_runs", times=None, body=body)
    assert found(audit()) == []


def test_a_time_of_day_without_its_zone_is_no_time(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report]
) -> None:
    absent = frozenset({"time_zone"})
    sandbox.mode.add_schedule(reports[0], absent=absent, **fine(cron_hour=7, cron_minute=30))
    assert "before_load" not in {check for check, _ in found(audit(Load(at=NOW)))}


@pytest.mark.parametrize("creator", ["acme", "acme-api-key"])
def test_what_a_program_made_belongs_to_nobody_who_left(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report], creator: str
) -> None:
    sandbox.mode.add_schedule(reports[0], **fine(creator=creator))
    assert found(audit()) == []


def test_one_report_that_mode_will_not_hear_of_does_not_end_the_audit(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report]
) -> None:
    sandbox.mode.add_schedule(reports[0], **fine())
    made = sandbox.mode.add_schedule(reports[1], **fine())
    sandbox.mode.faults.add(f"*/reports/{reports[0].token}/schedules", times=None, status=400)
    report = audit()
    assert [one.token for one in report.schedules] == [made.token]
    (told,) = report.not_read
    assert "400" in told


def test_a_failing_report_whose_runs_mode_will_not_tell_of_is_told_all_the_same(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report]
) -> None:
    made = sandbox.mode.add_schedule(reports[0], **fine(last_succeeded_at=ago(days=3)))
    sandbox.mode.faults.add(f"*/reports/{reports[0].token}/runs", times=None, status=400)
    report = audit()
    assert found(report) == [("failing", made.token)]
    assert "Mode refuses to show its runs (400)" in report.findings[0].finding.what


def test_the_owner_is_known_in_any_script(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report]
) -> None:
    sandbox.mode.world.members[0].username = "josé"
    sandbox.mode.add_schedule(reports[0], **fine(creator="JOSE\u0301"))
    assert found(audit()) == []


def test_schedules_that_the_snapshot_counts_and_mode_does_not_list_are_told(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report]
) -> None:
    for report in reports[:2]:
        sandbox.mode.add_schedule(report, **fine())
    body = json.dumps({"_links": {}, "_embedded": {}}).encode()
    sandbox.mode.faults.add("*/schedules", times=None, body=body)
    (told,) = audit().not_read
    assert "no schedule of 2 reports" in told
    assert reports[0].name in told


@pytest.mark.parametrize("frequency", ["weekly", "monthly"])
def test_schedules_of_which_the_day_is_not_known_do_not_run_at_the_same_minute(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report], frequency: str
) -> None:
    for report in reports[:9]:
        sandbox.mode.add_schedule(report, **fine())
    sandbox.mode.add_schedule(reports[9], **fine(frequency=frequency))
    assert found(audit()) == []


def test_a_load_is_told_in_any_zone_and_compared_in_utc(
    sandbox: Sandbox, audit: Callable[..., ScheduleReport], reports: list[Report]
) -> None:
    loaded = NOW.replace(hour=5, minute=0).astimezone(timezone(timedelta(hours=3)))
    early = sandbox.mode.add_schedule(reports[0], **fine(cron_hour=4, cron_minute=30))
    sandbox.mode.add_schedule(reports[1], **fine(cron_hour=7, cron_minute=30))
    checks = [one for one in found(audit(Load(at=loaded))) if one[0] != "stale_results"]
    assert checks == [("before_load", early.token)]
