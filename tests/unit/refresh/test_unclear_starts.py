from __future__ import annotations

import pytest

from mode_catalog_provider.refresh.progress import result_of
from tests.unit.refresh.workspace import posts


@pytest.mark.parametrize(
    "fault", [{"reset": True}, {"status": 504}, {"html": True}, {"truncate": True}, {"body": b"{}"}]
)
def test_a_run_that_was_started_though_the_answer_was_lost_is_found_and_is_ours(
    mode, refresh, reports, fault
):
    mode.fault("*/runs", method="POST", after=True, **fault)
    work = refresh(reports=reports[:1])
    work.step()
    assert posts(mode) == reports[:1]
    [run] = mode.runs.started()
    assert work.started_runs == [f"reports/{reports[0]}/runs/{run.token}"]


@pytest.mark.parametrize("fault", [{"reset": True}, {"status": 504}])
def test_a_run_that_was_not_started_is_asked_for_again_after_looking(mode, refresh, reports, fault):
    mode.fault("*/runs", method="POST", **fault)
    waits: list[float] = []
    work = refresh(reports=reports[:1], sleep=waits.append)
    work.step()
    assert posts(mode) == [reports[0]] * 2
    assert len(mode.runs.started()) == 1
    assert len(work.started_runs) == 1
    assert sum(waits) > 0


def test_a_run_that_shows_up_late_is_still_found_before_another_is_asked_for(mode, refresh, reports):
    mode.fault("*/runs", method="POST", reset=True)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if seconds and len([wait for wait in waits if wait]) == 2:
            mode.runs.start(mode.world.report(reports[0]), by="the POST, at last")

    work = refresh(reports=reports[:1], sleep=sleep)
    work.step()
    assert posts(mode) == reports[:1]
    assert len(work.started_runs) == 1


def test_of_several_runs_that_appeared_the_newest_is_followed_and_none_counts_as_ours(mode, refresh, reports):
    report = mode.world.report(reports[0])
    mode.when(
        "*/runs", method="POST", do=lambda: mode.runs.start(report, by="a person"), after=True, reset=True
    )
    work = refresh(reports=reports[:1])
    work.step()
    assert work.in_flight[0].run == f"reports/{reports[0]}/runs/{mode.runs.of(report)[0].token}"
    assert work.started_runs == []
    assert posts(mode) == reports[:1]


def test_a_start_that_stays_unclear_twice_is_given_up_and_says_so(mode, refresh, reports):
    mode.fault("*/runs", method="POST", reset=True, times=None)
    work = refresh(reports=reports[:1])
    work.step()
    assert posts(mode) == [reports[0]] * 2
    [row] = result_of(work.progress)["runs"]
    assert row["state"] == "not_started"
    assert "did not say whether" in row["error"]


@pytest.mark.parametrize("echo", [{}, {"all": "true"}, {"all": "true", "year": "2026"}])
def test_a_run_is_found_though_mode_tells_its_parameters_in_other_words(mode, refresh, reports, echo):
    report = mode.world.report(reports[0])
    mode.when(
        "*/runs", method="POST", do=lambda: mode.runs.start(report, by="us", parameters=echo), reset=True
    )
    work = refresh(reports=reports[:1], parameters={"all": True, "year": 2026})
    work.step()
    assert posts(mode) == reports[:1]
    assert len(work.started_runs) == 1


def test_a_run_with_other_parameters_is_not_taken_for_the_one_we_asked_for(mode, refresh, reports):
    report = mode.world.report(reports[0])
    theirs = {"region": "US"}
    mode.when(
        "*/runs",
        method="POST",
        do=lambda: mode.runs.start(report, by="a person", parameters=theirs),
        reset=True,
    )
    refresh(reports=reports[:1], parameters={"region": "EU"}).step()
    assert posts(mode) == reports[:1] * 2


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_good_status_is_a_started_run(mode, refresh, reports, status):
    mode.switches.throw(run_status=status)
    work = refresh(reports=reports[:1])
    work.step()
    assert posts(mode) == reports[:1]
    assert len(work.started_runs) == 1
