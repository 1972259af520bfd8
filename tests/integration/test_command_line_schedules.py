"""`mode-catalog schedules` as a user runs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.command_line import CommandLine
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.unit.snapshot.sets import vendor_files


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    shape = WorkspaceShape(collections=2, reports=26, members=3, personal_reports=0, nasty=False)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off")) as running:
        yield running


@pytest.fixture
def mode_catalog(sandbox: Sandbox) -> CommandLine:
    return CommandLine(sandbox)


def test_the_answer_has_the_documented_keys_and_a_finding_can_fail_it(
    sandbox: Sandbox, mode_catalog: CommandLine, tmp_path: Path
) -> None:
    report = sandbox.mode.world.reports[0]
    made = sandbox.mode.add_schedule(report, subscriber_count=0)
    mode_catalog.json("extract", "-o", tmp_path)
    answer = mode_catalog.json("schedules", "-d", tmp_path)
    assert answer.keys() >= {"schedules", "findings", "requests"}
    assert [one["token"] for one in answer["schedules"]] == [made.token]
    (finding,) = answer["findings"]
    assert {name: finding[name] for name in ("check", "token", "schedule")} == {
        "check": "nobody",
        "token": report.token,
        "schedule": made.token,
    }
    assert "delivers to nobody" in finding["message"]
    assert mode_catalog("schedules", "-d", tmp_path, "--fail-on", "nobody").returncode == 5
    assert mode_catalog("schedules", "-d", tmp_path, "--fail-on", "failing").returncode == 0


def test_a_set_of_another_tool_does_not_tell_which_reports_have_schedules_and_that_is_said(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    for name, content in vendor_files().items():
        (tmp_path / name).write_bytes(content)
    done = mode_catalog("schedules", "-d", tmp_path)
    assert done.returncode == 0
    assert "nobody knows whether they have schedules" in done.stdout


def test_a_time_that_is_none_is_refused(mode_catalog: CommandLine, tmp_path: Path) -> None:
    done = mode_catalog("schedules", "-d", tmp_path, "--loaded-at", "this morning")
    assert done.returncode == 3
    assert "is not a point in time" in done.stderr


def test_of_many_reports_that_could_not_be_asked_about_the_first_are_named(
    sandbox: Sandbox, mode_catalog: CommandLine, tmp_path: Path
) -> None:
    for report in sandbox.mode.world.reports:
        sandbox.mode.add_schedule(report)
    mode_catalog.json("extract", "-o", tmp_path)
    sandbox.mode.switches.schedules = 403
    done = mode_catalog("schedules", "-d", tmp_path)
    assert done.returncode == 0
    told = [line for line in done.stdout.splitlines() if line.startswith("Not read: ")]
    assert len(told) == 20
    more = len(sandbox.mode.world.reports) - 20
    assert f"... and {more} more were not read; --json has them all." in done.stdout
