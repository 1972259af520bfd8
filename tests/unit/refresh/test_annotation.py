"""The caching note: what is written at the end of a description, and what never is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mode_catalog_provider.refresh.annotation import annotate, annotated, line_of
from mode_catalog_provider.refresh.progress import plan
from mode_catalog_provider.refresh.refresh import Refresh
from tests.sandbox import ModeSwitches, Sandbox
from tests.unit.refresh.workspace import SHAPE, make_client

AT = datetime(2026, 11, 20, 5, 41, 30, tzinfo=UTC)
LINE = "Numbers as of 2026-11-20 05:41 UTC, after the warehouse load [mode-catalog]"
WRITING = {"POST", "PUT", "PATCH", "DELETE"}


@pytest.fixture
def mode():
    with Sandbox(shape=SHAPE, mode=ModeSwitches(limiter="off", run_seconds=0)) as sandbox:
        yield sandbox.mode


def report_of(mode, description="About revenue"):
    report = next(one for one in mode.world.reports if not one.is_dataset and not one.archived)
    report.description = description
    return report


def refreshed(mode, *reports, datasets=(), loaded_at=None):
    with make_client(mode) as client:
        refresh = Refresh(
            client=client,
            progress=plan(reports=[one.token for one in reports], datasets=[one.token for one in datasets]),
            sleep=lambda seconds: None,
        )
        while not refresh.over:
            refresh.step()
        return annotate(client, refresh.progress, loaded_at=loaded_at, sleep=lambda seconds: None)


def written(mode):
    return [
        (one.method, one.path.rpartition("/reports/")[2]) for one in mode.requests if one.method in WRITING
    ]


def test_the_line_says_when_the_run_began_and_whether_that_was_after_the_load():
    assert line_of(AT, after_load=True) == LINE
    assert line_of(AT, after_load=False) == "Numbers as of 2026-11-20 05:41 UTC [mode-catalog]"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", LINE),
        ("About revenue", f"About revenue\n\n{LINE}"),
        ("ends with space \n", f"ends with space \n\n\n{LINE}"),
        (line_of(AT - timedelta(days=1), after_load=False), LINE),
        (f"About\n\n{line_of(AT - timedelta(days=1), after_load=True)}", f"About\n\n{LINE}"),
        (f"About\r\n\r\n{line_of(AT - timedelta(days=1), after_load=True)}\r\n", f"About\r\n\r\n{LINE}"),
        (f"{LINE}\n\nand a person's words", f"{LINE}\n\nand a person's words\n\n{LINE}"),
        ("Numbers as of 2026-11-20 05:41 UTC", f"Numbers as of 2026-11-20 05:41 UTC\n\n{LINE}"),
        (f"see {LINE}", f"see {LINE}\n\n{LINE}"),
    ],
)
def test_only_an_own_line_at_the_end_is_replaced(before, after):
    assert annotated(before, LINE) == after
    assert annotated(after, LINE) == after


def test_a_refreshed_report_says_of_when_its_numbers_are_and_nothing_else_is_written(mode):
    report = report_of(mode)
    loaded = datetime.now(UTC) - timedelta(hours=1)
    (note,) = refreshed(mode, report, loaded_at=loaded)
    assert note.state == "written"
    assert report.description == f"About revenue\n\n{note.line}"
    assert ", after the warehouse load [" in note.line
    assert written(mode) == [("POST", f"{report.token}/runs"), ("PATCH", report.token)]


def test_the_next_refresh_replaces_the_line(mode):
    report = report_of(mode, "About revenue\n\nNumbers as of 2020-01-01 05:41 UTC [mode-catalog]")
    (note,) = refreshed(mode, report)
    assert report.description == f"About revenue\n\n{note.line}"


def test_a_line_that_says_so_already_is_not_written_again(mode):
    report = report_of(mode, None)
    first, second = (annotate_again(mode, report) for _ in range(2))
    assert (first.state, second.state) == ("written", "unchanged")


def annotate_again(mode, report):
    if not mode.runs.started(report):
        return refreshed(mode, report)[0]
    with make_client(mode) as client:
        (run,) = mode.runs.started(report)
        (progress,) = plan(reports=[report.token])
        done = type(progress)(
            target=progress.target,
            run=f"reports/{report.token}/runs/{run.token}",
            state="succeeded",
            over=True,
        )
        return annotate(client, [done], sleep=lambda seconds: None)[0]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_who_edits_the_description_at_the_same_time_wins(mode, moment):
    mode.switches.description_conflict = moment
    report = report_of(mode)
    (note,) = refreshed(mode, report)
    assert note.state == "conflict"
    assert report.description == "Edited by a person"
    assert [method for method, _ in written(mode)].count("PATCH") == (moment == "after")


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_key_that_may_not_write_is_told_and_fails_nothing(mode, status):
    mode.switches.report_writes = status
    report = report_of(mode)
    (note,) = refreshed(mode, report)
    assert note.state == "refused"
    assert str(status) in note.reason
    assert report.description == "About revenue"


def test_an_unclear_answer_is_looked_after_and_not_repeated(mode):
    mode.switches.report_writes = 503
    (note,) = refreshed(mode, report_of(mode))
    assert note.state == "unknown"
    assert [method for method, _ in written(mode)].count("PATCH") == 1


@pytest.mark.parametrize("fault", [{"reset": True}, {"status": 504}])
def test_a_note_that_was_written_though_the_answer_was_lost_is_found(mode, fault):
    mode.fault("reports/*", method="PATCH", after=True, **fault)
    report = report_of(mode)
    (note,) = refreshed(mode, report)
    assert (note.state, note.reason) == ("written", None)
    assert report.description == f"About revenue\n\n{note.line}"
    assert [method for method, _ in written(mode)].count("PATCH") == 1


def test_a_note_that_mode_took_and_never_shows_is_told(mode):
    mode.switches.description_conflict = "lost"
    (note,) = refreshed(mode, report_of(mode))
    assert note.state == "unknown"


def test_a_description_that_mode_does_not_show_is_never_overwritten(mode):
    mode.switches.description_shown = False
    report = report_of(mode)
    (note,) = refreshed(mode, report)
    assert (note.state, report.description) == ("unknown", "About revenue")
    assert "PATCH" not in {method for method, _ in written(mode)}


def test_datasets_and_failed_runs_get_no_note(mode):
    report = report_of(mode)
    mode.runs.script(report, outcome="failed")
    dataset = next(one for one in mode.world.reports if one.is_dataset)
    assert refreshed(mode, report, datasets=[dataset]) == []
    assert report.description == "About revenue"


def test_numbers_from_before_the_load_do_not_claim_to_be_from_after_it(mode):
    (note,) = refreshed(mode, report_of(mode), loaded_at=datetime.now(UTC) + timedelta(hours=1))
    assert "warehouse" not in note.line
