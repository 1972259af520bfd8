from __future__ import annotations

import json
import time

import pytest

from mode_catalog_provider.errors import ModeAuthenticationError
from mode_catalog_provider.mode.client import ModeClient, ModeCredentials, ModeEndpoint
from mode_catalog_provider.refresh.progress import VISIBLE_WITHIN, plan, result_of
from mode_catalog_provider.refresh.refresh import Refresh
from tests.unit.refresh.workspace import end_all, posts, states


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
    assert row["seconds"] is not None
    assert row["error"] == f'query {query.name!r}: [42P01] ERROR: relation "vault" does not exist'
    assert "secret_column" not in json.dumps(row)


def test_a_query_that_failed_without_a_message_is_named_all_the_same(mode, refresh, reports):
    query = mode.world.queries_of(mode.world.report(reports[0]))[0]
    mode.runs.script(reports[0], outcome="failed", seconds=0, error_code="", error_message="")
    work = refresh(reports=reports[:1])
    work.step()
    work.step()
    assert result_of(work.progress)["runs"][0]["error"] == f"query {query.name!r}: no message"


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


def test_a_run_that_mode_refuses_to_show_fails_alone(mode, refresh, reports):
    work = refresh(reports=reports[:2])
    work.step()
    mode.fault(f"*/{reports[0]}/runs/*", method="GET", status=403, times=None)
    end_all(mode)
    work.step()
    assert states(work) == {reports[0]: "refused", reports[1]: "succeeded"}
    first, second = result_of(work.progress)["runs"]
    assert "403" in first["error"]
    assert second["error"] is None


def test_giving_up_leaves_what_has_ended_as_it_is(mode, client, refresh, reports):
    work = refresh(reports=reports[:3])
    work.step()
    mode.runs.end(mode.runs.started(reports[0])[0])
    mode.runs.end(mode.runs.started(reports[1])[0], "failed")
    work.step()
    before = work.progress
    work.give_up("after 1 h", cancel=lambda run: run.startswith(f"reports/{reports[2]}/"))
    assert work.progress[:2] == before[:2]
    assert work.progress[2].error == "was still 'enqueued' after 1 h; the run was cancelled"


def test_a_refused_credential_ends_everything_at_once(mode, refresh, reports):
    mode.rotate()
    old = ModeCredentials("000000000000", "wrong")
    with ModeClient(ModeEndpoint(workspace=mode.workspace, credentials=lambda: old, host=mode.url)) as client:
        work = Refresh(client=client, progress=plan(reports=reports))
        with pytest.raises(ModeAuthenticationError):
            work.step()


@pytest.mark.parametrize(
    "message",
    [
        "[PARSE_ERROR] no viable alternative\n\n== SQL ==\nselect secret_column\n-------^^^\nfrom vault",
        "[UNRESOLVED] no such column\n\n== SQL (line 1, position 8) ==\nselect secret_column\n       ^^^^\n",
    ],
)
def test_the_sql_that_spark_repeats_stays_in_mode(mode, refresh, reports, message):
    mode.runs.script(reports[0], outcome="failed", seconds=0, error_code="42000", error_message=message)
    work = refresh(reports=reports[:1])
    work.step()
    work.step()
    [row] = result_of(work.progress)["runs"]
    assert "[42000] [" in row["error"]
    assert "secret_column" not in row["error"]


def test_a_run_that_mode_does_not_show_yet_is_asked_for_again(mode, refresh, reports):
    slept = []
    work = refresh(reports=reports[:1], sleep=slept.append)
    work.step()
    mode.fault("*/runs*", method="GET", status=404, times=4)
    work.step()
    assert states(work) == {reports[0]: "enqueued"}
    assert sum(slept) > 0
    end_all(mode)
    work.step()
    assert states(work) == {reports[0]: "succeeded"}
    assert posts(mode) == reports[:1]


def test_a_run_that_is_looked_at_first_after_the_usual_interval_may_not_be_shown_yet_either(
    mode, refresh, reports, monkeypatch
):
    slept = []
    work = refresh(reports=reports[:1], sleep=slept.append)
    work.step()
    # By default there are 30 seconds between two looks, and a trigger spreads them by a tenth.
    looked = time.time() + 35
    monkeypatch.setattr(time, "time", lambda: looked)
    mode.fault("*/runs*", method="GET", status=404, times=4)
    work.step()
    assert states(work) == {reports[0]: "enqueued"}
    assert sum(slept) > 0


def test_a_run_that_is_never_shown_is_gone_in_the_end(mode, refresh, reports, monkeypatch):
    slept = []
    work = refresh(reports=reports[:1], sleep=slept.append)
    work.step()
    looked = time.time() + VISIBLE_WITHIN
    monkeypatch.setattr(time, "time", lambda: looked)
    mode.fault("*/runs*", method="GET", status=404, times=None)
    work.step()
    assert states(work) == {reports[0]: "vanished"}
    assert sum(slept) == 0


def test_a_run_that_was_shown_before_and_is_gone_is_gone_at_once(mode, refresh, reports):
    slept = []
    work = refresh(reports=reports[:1], sleep=slept.append)
    work.step()
    work.step()
    mode.fault("*/runs*", method="GET", status=404, times=None)
    work.step()
    assert states(work) == {reports[0]: "vanished"}
    assert sum(slept) == 0
