"""What the audits of rights and of Mode's schedules tell: result, figures, and when they fail."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from mode_catalog_provider.errors import CancelledError, ConfigurationError
from mode_catalog_provider.extract.folder import workspace_layout
from mode_catalog_provider.operators import permissions, schedules
from mode_catalog_provider.operators.permissions import ModePermissionAuditOperator
from mode_catalog_provider.operators.schedules import ModeScheduleAuditOperator
from mode_catalog_provider.rights.audit import RightsReport
from mode_catalog_provider.rights.changes import RightChange
from mode_catalog_provider.rights.findings import RIGHTS_CHECKS
from mode_catalog_provider.schedules.audit import ScheduleReport
from mode_catalog_provider.schedules.findings import SCHEDULE_CHECKS, ScheduleFinding
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.tasks.compat import AirflowFailException
from mode_catalog_provider.tasks.links import ModeWorkspaceLink
from tests.unit.airflow_layer.telling import TaskInstance, finding
from tests.unit.snapshot.days import day


def change(what, member="ada"):
    return RightChange(
        member=member,
        object="c1",
        name="Finance",
        asset="collection",
        change=what,
        through="group F",
        before=None if what == "gained" else "edit",
        after="edit" if what == "gained" else None,
    )


def told_by(operator, report):
    with capture_logs() as lines:
        operator._tell(report)
    return [line["event"] for line in lines if line["log_level"] == "warning"]


RIGHTS = RightsReport(
    timestamp=7,
    workspace="acme",
    subjects={"members": 3},
    grants=12,
    findings=(
        finding("admins", "a", is_new=False),
        finding("admins", "b"),
        finding("empty_group", "c", is_new=False),
    ),
    changes=(change("gained"), change("lost"), change("lost", "bob")),
    not_read=(),
    requests=9,
    compared_with=6,
)


def rights(**arguments):
    return ModePermissionAuditOperator(task_id="permissions", **{"output_dir": "/staging", **arguments})


def test_an_audit_of_rights_is_told_in_xcom_with_the_new_findings_first():
    assert permissions._result(RIGHTS, {"grants": "/staging/7.csv"}) == {
        "timestamp": 7,
        "workspace": "acme",
        "subjects": {"members": 3},
        "grants": 12,
        "findings": {"admins": 2, "empty_group": 1},
        "new": {"admins": 1},
        "gained": 1,
        "lost": 2,
        "not_read": 0,
        "requests": 9,
        "compared_with": 6,
        "kept": {"grants": "/staging/7.csv"},
        "first": [one.to_json() for one in (RIGHTS.findings[1], RIGHTS.findings[0], RIGHTS.findings[2])],
        "changes": [one.to_json() for one in RIGHTS.changes],
    }


def test_of_many_findings_and_changes_the_first_fifty_are_told_and_all_are_counted(gauges):
    many = replace(
        RIGHTS,
        findings=tuple(finding("admins", f"r{number}", is_new=number > 0) for number in range(60)),
        changes=tuple(change("lost", f"m{number}") for number in range(60)),
    )
    result = permissions._result(many, {})
    assert [one["token"] for one in result["first"]] == [f"r{number}" for number in range(1, 51)]
    assert [one["member"] for one in result["changes"]] == [f"m{number}" for number in range(50)]
    assert (result["findings"], result["new"], result["lost"]) == ({"admins": 60}, {"admins": 59}, 60)
    assert len(told_by(rights(), many)) == 100
    assert gauges["permissions.lost",] == 60


def test_an_audit_of_rights_warns_of_what_is_new_and_sets_a_gauge_for_each_check(gauges):
    warned = told_by(rights(), RIGHTS)
    assert warned[0] == "admins: b is off."
    assert warned[1:] == [
        "ada gained edit on 'Finance' (group F)",
        "ada lost edit on 'Finance' (group F)",
        "bob lost edit on 'Finance' (group F)",
    ]
    assert gauges.pop(("permissions.gained",)) == 1
    assert gauges.pop(("permissions.lost",)) == 2
    named = {key[1]: value for key, value in gauges.items() if key[0] == "permissions.findings"}
    assert named == {**dict.fromkeys(RIGHTS_CHECKS, 0), "admins": 2, "empty_group": 1}


@pytest.mark.parametrize(
    ("fail_on", "counted"),
    [
        (("admins",), "1 admins"),
        (("lost",), "2 lost"),
        (("admins", "lost"), "1 admins, 2 lost"),
        (("empty_group",), None),
        ((), None),
    ],
)
def test_an_audit_of_rights_fails_for_what_is_new_of_what_was_named(fail_on, counted):
    ti, result = TaskInstance(), permissions._result(RIGHTS, {})
    if counted is None:
        rights()._fail(fail_on, RIGHTS, {"ti": ti}, result)
        assert ti.pushed == {}
        return
    with pytest.raises(AirflowFailException, match=f"rights in Mode: {counted}\\."):
        rights()._fail(fail_on, RIGHTS, {"ti": ti}, result)
    assert ti.pushed == {"return_value": result}
    with pytest.raises(AirflowFailException):
        rights()._fail(fail_on, RIGHTS, {}, result)


def test_nobody_lost_a_right_and_nothing_fails():
    rights()._fail(("lost",), RIGHTS, {}, {**permissions._result(RIGHTS, {}), "lost": 0})


def test_fail_on_takes_each_check_of_rights_and_lost_and_nothing_else():
    assert rights(fail_on=[*RIGHTS_CHECKS, "lost"])._fail_on() == (*RIGHTS_CHECKS, "lost")
    with pytest.raises(ConfigurationError, match="There is no check stale\\."):
        rights(fail_on=["admins", "stale"])._fail_on()


def test_owners_of_reports_are_left_out_where_no_snapshot_can_be_read(tmp_path):
    layout = Layout.nested(tmp_path, "acme")
    assert rights()._reports(layout) is None
    snapshot = day(tmp_path, 0, [("report", "r1", {"name": "R"})])
    assert [one.token for one in rights()._reports(layout)()] == ["r1"]
    next(snapshot.directory.glob("*-report.json")).write_text("[")
    with capture_logs() as lines:
        assert rights()._reports(layout) is None
    assert any("owners of reports are left out" in line["event"] for line in lines)


CHECK, OTHER_CHECK = list(SCHEDULE_CHECKS)[:2]
SCHEDULES = ScheduleReport(
    schedules=(),
    findings=(ScheduleFinding(finding=finding(CHECK), schedule="s1"),) * 2,
    not_read=("The schedules of report r9 cannot be read.",),
    unknown=4,
    stale=("r1",),
    requests=5,
)


def scheduled(**arguments):
    return ModeScheduleAuditOperator(task_id="schedules", **{"output_dir": "/staging", **arguments})


def test_an_audit_of_schedules_warns_of_each_finding_and_sets_a_gauge_for_each_check(gauges):
    unread, unknown = SCHEDULES.not_read[0], "Of 4 reports nobody knows whether they have schedules"
    warned = told_by(scheduled(), SCHEDULES)
    assert warned[:3] == [f"{CHECK}: r1 is off."] * 2 + [f"Not read: {unread}"]
    assert warned[3].startswith(unknown)
    named = {key[1]: value for key, value in gauges.items() if key[0] == "schedules.findings"}
    assert named == {**dict.fromkeys(SCHEDULE_CHECKS, 0), CHECK: 2}


def test_of_many_findings_about_schedules_the_first_fifty_are_told(tmp_path, monkeypatch, client, gauges):
    many = replace(
        SCHEDULES,
        findings=tuple(
            ScheduleFinding(finding=finding(CHECK, f"r{number}"), schedule="s") for number in range(60)
        ),
        not_read=tuple(f"Report n{number} cannot be read." for number in range(60)),
        stale=tuple(f"r{number}" for number in range(60)),
        unknown=0,
    )
    monkeypatch.setattr(schedules, "audit_schedules", lambda client, snapshot, *, load: many)
    operator = scheduled(manifest=str(day(tmp_path, 0, []).manifest_path))
    result = operator.execute({})
    tokens = [f"r{number}" for number in range(50)]
    assert [one["token"] for one in result["first"]] == tokens
    assert result["stale"] == tokens
    assert (result["findings"], result["not_read"]) == ({CHECK: 60}, 60)
    assert len(told_by(operator, many)) == 100
    assert gauges["schedules.findings", CHECK] == 60


def test_where_all_reports_are_known_nothing_is_said_of_that(gauges):
    assert not any("nobody knows" in line for line in told_by(scheduled(), replace(SCHEDULES, unknown=0)))


def test_fail_on_takes_each_check_of_schedules_and_nothing_else():
    assert scheduled(fail_on=list(SCHEDULE_CHECKS))._fail_on() == tuple(SCHEDULE_CHECKS)
    with pytest.raises(ConfigurationError, match="There is no check lost\\."):
        scheduled(fail_on=["lost", CHECK])._fail_on()


@pytest.mark.parametrize(
    ("given", "every"),
    [
        ("12", timedelta(hours=12)),
        (0.5, timedelta(minutes=30)),
        (timedelta(days=366), timedelta(days=366)),
        (timedelta(seconds=1), timedelta(seconds=1)),
    ],
)
def test_loads_come_at_any_interval_up_to_a_year(given, every):
    assert scheduled(loaded_every=given)._every() == every


@pytest.mark.parametrize("given", [0, "0", -1, timedelta(0), timedelta(days=366, seconds=1), 1e300])
def test_an_interval_of_loads_that_is_none_is_refused(given):
    with pytest.raises(ConfigurationError, match="loaded_every"):
        scheduled(loaded_every=given)._every()


class Client:
    """Stands for Mode's client."""

    host, workspace = "https://app.mode.com", "acme"

    def __init__(self):
        self.verified = self.cancelled = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def verify(self):
        self.verified += 1

    def cancel(self):
        self.cancelled += 1


@pytest.fixture
def client(monkeypatch):
    client = Client()

    class Hook:
        default_conn_name = "mode_default"

        def __init__(self, conn_id):
            pass

        def get_client(self):
            return client

    for module in (schedules, permissions):
        monkeypatch.setattr(module, "ModeHook", Hook)
        monkeypatch.setattr(module, "metered", nullcontext)
    return client


@pytest.mark.parametrize("fail_on", [(), (OTHER_CHECK,), (CHECK, OTHER_CHECK)])
def test_an_audit_of_schedules_fails_only_for_what_was_named(tmp_path, monkeypatch, client, fail_on):
    asked = []

    def audit(client, snapshot, *, load):
        asked.append(load)
        return SCHEDULES

    monkeypatch.setattr(schedules, "audit_schedules", audit)
    snapshot = day(tmp_path, 0, [])
    loaded = datetime(2026, 11, 20, 5, tzinfo=UTC)
    ti = TaskInstance()
    operator = scheduled(
        manifest=str(snapshot.manifest_path), fail_on=list(fail_on), loaded_at=loaded, loaded_every=6
    )
    result = {
        "schedules": 0,
        "findings": {CHECK: 2},
        "first": [{**finding(CHECK).to_json(), "schedule": "s1"}] * 2,
        "stale": ["r1"],
        "not_read": 1,
        "unknown": 4,
        "requests": 5,
    }
    if CHECK in fail_on:
        with pytest.raises(AirflowFailException, match=f"Mode's schedules: 2 {CHECK}\\."):
            operator.execute({"ti": ti})
        assert ti.pushed["return_value"] == result
    else:
        assert operator.execute({"ti": ti}) == result
        assert "return_value" not in ti.pushed
    assert [(load.at, load.every) for load in asked] == [(loaded, timedelta(hours=6))]
    assert client.verified == 1
    assert ti.pushed[ModeWorkspaceLink().xcom_key] == "https://app.mode.com/acme"
    operator.on_kill()
    assert client.cancelled == 1


def test_an_audit_of_schedules_takes_loads_for_daily_and_of_an_unknown_time(tmp_path, monkeypatch, client):
    asked = []
    monkeypatch.setattr(
        schedules, "audit_schedules", lambda client, snapshot, *, load: asked.append(load) or SCHEDULES
    )
    scheduled(manifest=str(day(tmp_path, 0, []).manifest_path)).execute({})
    assert [(load.at, load.every) for load in asked] == [(None, timedelta(days=1))]


def test_an_audit_of_schedules_asks_nothing_about_a_snapshot_that_was_altered(tmp_path, monkeypatch, client):
    monkeypatch.setattr(schedules, "audit_schedules", lambda client, snapshot, *, load: SCHEDULES)
    snapshot = day(tmp_path, 0, [("report", "r1", {"name": "R"})])
    next(snapshot.directory.glob("*-report.json")).write_text("[")
    with pytest.raises(AirflowFailException, match="report"):
        scheduled(manifest=str(snapshot.manifest_path)).execute({})


@pytest.mark.parametrize("operator", [rights(), scheduled()], ids=["rights", "schedules"])
def test_a_task_that_is_killed_before_it_began_has_nothing_to_break_off(operator):
    operator.on_kill()


@pytest.mark.usefixtures("connect")
def test_an_audit_of_rights_verifies_its_key_first_and_leads_to_the_workspace(sandbox, tmp_path, gauges):
    operator, ti = rights(output_dir=str(tmp_path)), TaskInstance()
    result = operator.execute({"ti": ti})
    assert json.loads(json.dumps(result)) == result
    assert sandbox.mode.requests[0].path == "/api/verify"
    assert ti.pushed[ModeWorkspaceLink().xcom_key] == f"{sandbox.mode.url}/{sandbox.mode.workspace}"
    assert {Path(path).parent for path in result["kept"].values()} == {
        workspace_layout(tmp_path, workspace=result["workspace"], host=sandbox.mode.url).home / "permissions"
    }
    assert gauges["http.requests", "mode", "verify", "2xx"] == 1
    asked = len(sandbox.mode.requests)
    operator.on_kill()
    with pytest.raises(CancelledError):
        operator._client.verify()
    assert len(sandbox.mode.requests) == asked


@pytest.mark.usefixtures("connect")
def test_a_name_that_is_no_check_fails_an_audit_at_once(sandbox, tmp_path):
    for operator in (
        rights(output_dir=str(tmp_path), fail_on="stale"),
        scheduled(output_dir=str(tmp_path), fail_on="lost"),
    ):
        with pytest.raises(AirflowFailException, match=r"stale|lost"):
            operator.execute({})
    assert sandbox.mode.requests == []
