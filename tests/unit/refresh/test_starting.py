from __future__ import annotations

import json

import pytest

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.refresh.progress import plan, result_of
from mode_catalog_provider.refresh.refresh import Refresh, goes_on
from mode_catalog_provider.refresh.runs import RunTarget
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.unit.refresh.workspace import FOREVER, end_all, make_client, posts


def test_each_target_is_run_once_and_reports_wait_for_the_datasets(mode, refresh, reports, datasets):
    work = refresh(reports=reports[:2], datasets=datasets)
    work.step()
    assert posts(mode) == datasets
    end_all(mode)
    work.step()
    assert posts(mode) == [*datasets, *reports[:2]]
    end_all(mode)
    work.step()
    assert work.over
    assert result_of(work.progress)["started"] == 4
    assert result_of(work.progress)["failed"] == 0
    assert all(row["seconds"] is not None for row in result_of(work.progress)["runs"])


def test_a_dataset_that_fails_does_not_keep_the_reports_from_running(mode, refresh, reports, datasets):
    work = refresh(reports=reports[:1], datasets=datasets[:1])
    work.step()
    end_all(mode, "failed")
    work.step()
    assert posts(mode) == [datasets[0], reports[0]]


def test_no_more_runs_are_in_flight_than_allowed(mode, refresh, reports):
    work = refresh(reports=reports, limit=2)
    work.step()
    work.step()
    assert posts(mode) == reports[:2]
    mode.runs.end(mode.runs.started(reports[1])[0])
    work.step()
    assert posts(mode) == reports[:3]


def test_two_hundred_targets_cost_two_hundred_posts_and_never_more_than_four_in_flight():
    shape = WorkspaceShape(collections=1, reports=200, members=1, datasets=0, personal_reports=0, nasty=False)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off", run_seconds=FOREVER)) as sandbox:
        mode = sandbox.mode
        targets = [report.token for report in mode.world.reports]
        in_flight = []
        with make_client(mode) as client:
            work = Refresh(client=client, progress=plan(reports=targets))
            while not work.over:
                work.step()
                in_flight.append(sum(not run.over(mode.service_now()) for run in mode.runs.started()))
                end_all(mode)
        assert sorted(posts(mode)) == sorted(targets)
        assert len(targets) == 200
        assert max(in_flight) == 4


def test_without_a_limit_everything_is_started_at_once(mode, refresh, reports, datasets):
    work = refresh(reports=reports, datasets=datasets, limit=None)
    work.step()
    assert posts(mode) == [*datasets, *reports]


def test_a_limit_below_one_is_refused(refresh, reports):
    with pytest.raises(ConfigurationError, match="max_concurrent_runs"):
        refresh(reports=reports, limit=0)


def test_with_a_limit_of_one_a_run_follows_the_other(mode, refresh, reports):
    work = refresh(reports=reports[:2], limit=1)
    work.step()
    assert posts(mode) == reports[:1]
    end_all(mode)
    work.step()
    assert posts(mode) == reports[:2]


def test_of_more_runs_than_are_allowed_now_the_end_of_one_lets_nothing_start(mode, refresh, reports):
    memory = {}
    refresh(reports=reports[:3], limit=None, remember=memory.update).step()
    work = refresh(reports=reports[:4], limit=2, memory=memory)
    assert not work.each_end_counts
    mode.runs.end(mode.runs.started(reports[0])[0])
    work.step()
    assert posts(mode) == reports[:3]
    assert work.each_end_counts


def test_before_each_target_the_caller_may_stop(mode, refresh, reports):
    stops = iter([False, False, True, False, True])

    def sleep(seconds):
        assert seconds == 0
        if next(stops):
            raise InterruptedError

    work = refresh(reports=reports[:3], sleep=sleep)
    with pytest.raises(InterruptedError):
        work.step()
    assert posts(mode) == reports[:2]
    looked = len(mode.requests)
    with pytest.raises(InterruptedError):
        work.step()
    assert [request.path.split("/")[-3] for request in mode.requests[looked:]] == reports[:1]


def test_the_end_of_any_run_counts_only_while_something_could_start_then(mode, refresh, reports, datasets):
    work = refresh(reports=reports[:3], datasets=datasets[:1], limit=2)
    work.step()
    assert not work.each_end_counts  # reports wait for all datasets
    end_all(mode)
    work.step()
    assert work.each_end_counts  # a third report waits for a slot
    end_all(mode)
    work.step()
    assert not work.each_end_counts  # nothing is left to start


def test_a_run_in_progress_is_joined_and_not_started_again(mode, refresh, reports):
    running = mode.runs.start(mode.world.report(reports[0]), by="a person")
    work = refresh(reports=reports[:1])
    work.step()
    assert posts(mode) == []
    assert work.started_runs == []
    mode.runs.end(running)
    work.step()
    result = result_of(work.progress)
    assert (result["started"], result["joined"], result["failed"]) == (0, 1, 0)
    assert result["runs"][0]["run"] == running.token


def test_an_older_run_in_a_state_nobody_knows_is_not_joined_once_it_has_ended(mode, refresh, reports):
    mode.runs.end(mode.runs.start(mode.world.report(reports[0]), by="a person"), "hibernated")
    refresh(reports=reports[:1]).step()
    assert posts(mode) == reports[:1]


def test_the_run_list_is_asked_for_without_parameters_because_a_filter_is_a_500(mode, refresh, reports):
    refresh(reports=reports[:1]).step()
    assert [request.query for request in mode.requests if request.path.endswith("/runs")] == ["", ""]


def test_runs_are_started_with_the_parameters_and_datasets_without(mode, refresh, reports, datasets):
    work = refresh(reports=reports[:1], datasets=datasets[:1], limit=None, parameters={"region": "EU"})
    work.step()
    assert [run.parameters for run in mode.runs.started()] == [{}, {"region": "EU"}]


def test_a_run_in_progress_with_other_parameters_is_not_the_one_asked_for(mode, refresh, reports):
    mode.runs.start(mode.world.report(reports[0]), by="a person", parameters={"region": "US"})
    mode.runs.start(mode.world.report(reports[1]), by="a person", parameters={"region": "EU", "year": 2026})
    refresh(reports=reports[:2], parameters={"region": "EU"}).step()
    assert posts(mode) == reports[:1]


def test_what_needs_no_run_is_counted_and_nothing_else(refresh, mode, reports):
    skipped = plan(reports=reports[:1])[0].run_target
    work = Refresh(client=None, progress=plan(skipped=[skipped]))  # type: ignore[arg-type]
    work.step()
    assert work.over
    assert result_of(work.progress) == {"runs": [], "started": 0, "joined": 0, "skipped": 1, "failed": 0}


def test_a_row_of_the_run_list_that_cannot_be_read_hides_no_other(mode, refresh, reports):
    running = mode.runs.start(mode.world.report(reports[0]), by="a person")
    rows = [{"state": None}, {"token": running.token, "state": "enqueued"}, {"token": "0123456789ab"}]
    body = json.dumps({"_embedded": {"report_runs": rows}}).encode()
    mode.fault(f"*/{reports[0]}/runs", method="GET", body=body)
    work = refresh(reports=reports[:1])
    work.step()
    assert posts(mode) == []
    assert [one.run for one in work.in_flight] == [f"reports/{reports[0]}/runs/{running.token}"]


def test_a_run_goes_on_that_would_be_joined(mode, client, reports, datasets):
    report, dataset = RunTarget("report", reports[0]), RunTarget("dataset", datasets[0])
    assert not goes_on(client, report, {})
    going = [
        mode.runs.start(mode.world.report(reports[0]), by="a person", parameters={"region": "US"}),
        mode.runs.start(mode.world.report(datasets[0]), by="a person"),
    ]
    assert goes_on(client, report, {})
    assert goes_on(client, report, {"region": "US"})
    assert not goes_on(client, report, {"region": "EU"})
    assert goes_on(client, dataset, {"region": "EU"})
    for run in going:
        mode.runs.end(run)
    assert not goes_on(client, report, {})
    assert not goes_on(client, dataset, {})
    assert not goes_on(client, RunTarget("report", "000000000000"), {})
