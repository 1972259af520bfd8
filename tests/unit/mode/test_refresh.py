from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from mode_catalog_provider.errors import ConfigurationError, ModeAuthenticationError
from mode_catalog_provider.mode.client import ModeClient, ModeCredentials
from mode_catalog_provider.mode.refresh import Refresh, cancel_quietly
from mode_catalog_provider.mode.refresh_progress import plan, result_of
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.sandbox.mode import ModeSandbox

FOREVER = math.inf
SHAPE = WorkspaceShape(collections=1, reports=6, members=1, datasets=2, personal_reports=0, nasty=False)


@pytest.fixture
def mode() -> Iterator[ModeSandbox]:
    """A Mode whose runs never end by themselves."""
    with Sandbox(shape=SHAPE, mode=ModeSwitches(limiter="off", run_seconds=FOREVER)) as sandbox:
        yield sandbox.mode


@pytest.fixture
def client(mode: ModeSandbox) -> Iterator[ModeClient]:
    with make_client(mode) as client:
        yield client


def make_client(mode: ModeSandbox) -> ModeClient:
    return ModeClient(
        workspace=mode.workspace,
        credentials=lambda: ModeCredentials(mode.token, mode.secret),
        host=mode.url,
        requests_per_second=1000,
        retry_budget=0.5,
    )


@pytest.fixture
def reports(mode: ModeSandbox) -> list[str]:
    return [report.token for report in mode.world.reports if not report.is_dataset]


@pytest.fixture
def datasets(mode: ModeSandbox) -> list[str]:
    return [report.token for report in mode.world.reports if report.is_dataset]


@pytest.fixture
def refresh(client: ModeClient) -> Callable[..., Refresh]:
    """Make a refresh that does not wait: ``refresh(reports=[...], datasets=[...], memory=...)``."""

    def make(
        *,
        reports: Any = (),
        datasets: Any = (),
        memory: Any = None,
        limit: int | None = 4,
        **options: Any,
    ) -> Refresh:
        progress = plan(reports=reports, datasets=datasets, memory=memory)
        return Refresh(
            client=client, progress=progress, limit=limit, **{"sleep": lambda seconds: None, **options}
        )

    return make


def posts(mode: ModeSandbox) -> list[str]:
    """Targets that a run was asked for, in order."""
    return [request.path.split("/")[-2] for request in mode.requests if request.method == "POST"]


def end_all(mode: ModeSandbox, state: str = "succeeded") -> None:
    for run in mode.runs.started():
        mode.runs.end(run, state)


def states(refresh: Refresh) -> dict[str, str]:
    return {one.run_target.token: one.state for one in refresh.progress}


# -- what is started, and when ------------------------------------------------------------------------------


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


# -- how runs end -------------------------------------------------------------------------------------------


def test_completed_is_the_good_end_of_a_notebook_report(mode, refresh, reports):
    work = refresh(reports=reports[:1])
    work.step()
    end_all(mode, "completed")
    work.step()
    assert work.over
    assert result_of(work.progress)["failed"] == 0
    assert states(work) == {reports[0]: "completed"}


@pytest.mark.parametrize("kind", ["reports", "datasets"])
def test_a_failed_run_is_explained_by_its_query_runs_without_any_sql(mode, refresh, reports, datasets, kind):
    token = {"reports": reports, "datasets": datasets}[kind][0]
    query = mode.world.queries_of(mode.world.report(token))[0]
    query.raw_query = "select secret_column from vault"
    mode.runs.script(
        token,
        outcome="failed",
        seconds=0,
        error_code="42P01",
        error_message='ERROR: relation "vault" does not exist\nLINE 1: select secret_column from vault\n  ^',
    )
    work = refresh(**{kind: [token]})
    work.step()
    work.step()
    [row] = result_of(work.progress)["runs"]
    assert row["state"] == "failed"
    assert row["error"] == f'query {query.name!r}: [42P01] ERROR: relation "vault" does not exist'
    assert "secret_column" not in json.dumps(row)


def test_a_failed_notebook_is_named_as_the_reason(mode, refresh, reports):
    mode.runs.script(reports[0], seconds=0, notebook_fails=True)
    work = refresh(reports=reports[:1])
    work.step()
    work.step()
    assert result_of(work.progress)["runs"][0]["error"] == "its notebook failed"


def test_a_reason_that_cannot_be_read_does_not_hide_the_failure(mode, refresh, reports):
    mode.runs.script(reports[0], outcome="failed", seconds=0)
    mode.fault("*/query_runs", status=403, times=None)
    work = refresh(reports=reports[:1])
    work.step()
    work.step()
    assert "did not say why" in result_of(work.progress)["runs"][0]["error"]


def test_a_run_that_somebody_cancels_has_failed(mode, refresh, reports):
    work = refresh(reports=reports[:1])
    work.step()
    end_all(mode, "cancelled")
    work.step()
    assert work.over
    assert result_of(work.progress)["runs"][0]["error"] == "was cancelled in Mode"


def test_an_unknown_state_is_waited_for_until_the_deadline_and_is_a_failure_then(mode, refresh, reports):
    mode.runs.script(reports[0], outcome="hibernated", seconds=0)
    work = refresh(reports=reports[:1])
    work.step()
    work.step()
    assert not work.over
    work.give_up("after 1 h", cancel=lambda run: False)
    assert work.over
    [row] = result_of(work.progress)["runs"]
    assert row["state"] == "hibernated"
    assert row["error"] == "was still 'hibernated' after 1 h"


def test_a_run_that_vanishes_is_a_failure_and_the_others_go_on(mode, refresh, reports):
    mode.runs.script(reports[0], vanish_after=0)
    work = refresh(reports=reports[:2])
    work.step()
    work.step()
    assert states(work) == {reports[0]: "vanished", reports[1]: "enqueued"}
    assert posts(mode) == reports[:2]


def test_a_run_that_only_its_own_route_denies_is_followed_in_the_list(mode, refresh, reports):
    work = refresh(reports=reports[:1])
    work.step()
    mode.fault("*/runs/*", method="GET", status=404, times=None)
    work.step()
    assert not work.over
    end_all(mode)
    work.step()
    assert states(work) == {reports[0]: "succeeded"}


def test_a_target_that_mode_refuses_to_run_fails_alone(mode, refresh, reports):
    mode.fault(f"*/{reports[0]}/runs", method="POST", status=403)
    work = refresh(reports=[*reports[:2], "000000000000"])
    work.step()
    assert states(work) == {reports[0]: "refused", reports[1]: "enqueued", "000000000000": "refused"}
    assert posts(mode) == reports[:2]


def test_a_refused_credential_ends_everything_at_once(mode, refresh, reports):
    mode.rotate()
    old = ModeCredentials("000000000000", "wrong")
    with ModeClient(workspace=mode.workspace, credentials=lambda: old, host=mode.url) as client:
        work = Refresh(client=client, progress=plan(reports=reports))
        with pytest.raises(ModeAuthenticationError):
            work.step()


# -- a start whose answer never came ------------------------------------------------------------------------


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


# -- crashes, and who comes back -----------------------------------------------------------------------------


class Crash(BaseException):
    """The worker is gone."""


class Memory:
    """What survives a worker; the worker dies when told the ``crash_at``-th thing."""

    def __init__(self, crash_at: int = 0, *, stored: bool = True) -> None:
        self.value: Any = None
        self._left, self._stored = crash_at, stored

    def __call__(self, value: Any) -> None:
        self._left -= 1
        if self._left or self._stored:
            self.value = json.loads(json.dumps(value))
        if not self._left:
            raise Crash


def test_a_worker_that_dies_before_the_post_leaves_no_run_and_the_next_try_starts_it(mode, refresh, reports):
    memory = Memory(crash_at=1)
    with pytest.raises(Crash):
        refresh(reports=reports[:1], remember=memory).step()
    assert posts(mode) == []
    work = refresh(reports=reports[:1], memory=memory.value)
    work.step()
    assert posts(mode) == reports[:1]


def test_a_worker_that_dies_between_post_and_remembering_leaves_a_run_that_is_found(mode, refresh, reports):
    memory = Memory(crash_at=2, stored=False)
    with pytest.raises(Crash):
        refresh(reports=reports[:1], remember=memory).step()
    work = refresh(reports=reports[:1], memory=memory.value)
    work.step()
    assert posts(mode) == reports[:1]
    assert work.started_runs == [f"reports/{reports[0]}/runs/{mode.runs.started()[0].token}"]


def test_a_run_that_ended_between_post_and_the_next_try_is_found_as_well(mode, refresh, reports):
    memory = Memory(crash_at=2, stored=False)
    with pytest.raises(Crash):
        refresh(reports=reports[:1], remember=memory).step()
    end_all(mode)
    work = refresh(reports=reports[:1], memory=memory.value)
    work.step()
    assert work.over
    assert posts(mode) == reports[:1]
    assert result_of(work.progress)["started"] == 1


def test_a_worker_that_dies_while_waiting_leaves_runs_that_the_next_try_follows(mode, refresh, reports):
    memory = Memory()
    first = refresh(reports=reports[:3], limit=2, remember=memory)
    first.step()
    mode.runs.end(mode.runs.started(reports[0])[0])
    first.step()
    work = refresh(reports=reports[:3], limit=2, memory=memory.value)
    assert states(work)[reports[0]] == "succeeded"
    work.step()
    end_all(mode)
    work.step()
    assert work.over
    assert posts(mode) == reports[:3]
    assert result_of(work.progress)["started"] == 3


@pytest.mark.parametrize("state", ["cancelled", "vanished"])
def test_an_earlier_run_that_was_cancelled_or_is_gone_is_replaced_by_a_new_one(mode, refresh, reports, state):
    memory = Memory()
    if state == "vanished":
        mode.runs.script(reports[0], vanish_after=0)
    refresh(reports=reports[:1], remember=memory).step()
    if state == "cancelled":
        end_all(mode, "cancelled")
    work = refresh(reports=reports[:1], memory=memory.value)
    work.step()
    assert posts(mode) == [reports[0]] * 2
    assert states(work) == {reports[0]: "enqueued"}


def test_a_run_that_failed_while_nobody_watched_is_reported_once_and_run_again_only_after_that(
    mode, refresh, reports
):
    memory = Memory()
    refresh(reports=reports[:2], remember=memory).step()
    mode.runs.end(mode.runs.started(reports[0])[0])
    mode.runs.end(mode.runs.started(reports[1])[0], "failed")
    second = refresh(reports=reports[:2], memory=memory.value, remember=memory)
    second.step()
    assert result_of(second.progress)["failed"] == 1
    assert posts(mode) == reports[:2]
    second.forget_failed()
    third = refresh(reports=reports[:2], memory=memory.value)
    third.step()
    assert posts(mode) == [*reports[:2], reports[1]]


def test_a_start_is_remembered_before_it_is_asked_for(mode, refresh, reports):
    memory = Memory()
    before: list[Any] = []
    mode.when("*/runs", method="POST", do=lambda: before.append(memory.value))
    refresh(reports=reports[:1], remember=memory).step()
    assert list(before[0]["targets"]) == [f"reports/{reports[0]}"]


# -- cancelling ---------------------------------------------------------------------------------------------


def test_giving_up_cancels_the_runs_we_started_and_leaves_the_joined_ones_alone(
    mode, client, refresh, reports
):
    joined = mode.runs.start(mode.world.report(reports[0]), by="a person")
    work = refresh(reports=reports[:3], limit=2)
    work.step()
    work.give_up("after 1 h", cancel=partial(cancel_quietly, client))
    [ours] = mode.runs.started(reports[1])
    assert ours.state(mode.service_now()) == "cancelled"
    assert not joined.over(mode.service_now())
    errors = {row["report"]: row["error"] for row in result_of(work.progress)["runs"]}
    assert errors == {
        reports[0]: "was still 'enqueued' after 1 h",
        reports[1]: "was still 'enqueued' after 1 h; the run was cancelled",
        reports[2]: "was not started after 1 h",
    }


def test_a_run_that_is_over_or_gone_or_without_a_form_cannot_be_cancelled_and_that_is_no_error(
    mode, client, reports
):
    over = mode.runs.start(mode.world.report(reports[0]), by="test")
    mode.runs.end(over)
    assert not cancel_quietly(client, f"reports/{reports[0]}/runs/{over.token}")
    assert not cancel_quietly(client, f"reports/{reports[0]}/runs/000000000000")
    mode.switches.throw(cancel_form=False)
    going = mode.runs.start(mode.world.report(reports[0]), by="test")
    assert not cancel_quietly(client, f"reports/{reports[0]}/runs/{going.token}")
    assert not going.over(mode.service_now())


@pytest.mark.parametrize(
    "action",
    [
        "https://evil.example/api/acme/reports/a/runs/b/cancel",
        "//evil.example/api/acme/reports/a/runs/b/cancel",
        "/acme/reports/a",
        "/api/../logout",
        "/api/%2e%2e/logout",
        "/api\\..\\logout",
        "",
    ],
)
def test_a_cancel_form_that_points_away_from_the_api_is_not_followed(mode, client, reports, action):
    run = {
        "token": "0123456789ab",
        "state": "enqueued",
        "_forms": {"cancel": {"method": "put", "action": action}},
    }
    mode.fault("*/runs/0123456789ab", body=json.dumps(run).encode())
    assert not cancel_quietly(client, f"reports/{reports[0]}/runs/0123456789ab")
    assert {request.method for request in mode.requests} == {"GET"}


# -- parameters ---------------------------------------------------------------------------------------------


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
