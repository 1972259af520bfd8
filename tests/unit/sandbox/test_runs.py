from __future__ import annotations

import math
import time

import pytest

NEVER = math.inf


@pytest.fixture
def slow(start):
    """A sandbox whose runs end only when they are told to."""
    return start(run_seconds=NEVER)


def _report(caller, **wanted):
    reports = (one for one in caller.sandbox.mode.world.reports if one.nasty in ("", "notebook"))
    wanted = {"type": "Report", "notebook": False, **wanted}
    return next(one for one in reports if all(getattr(one, name) == value for name, value in wanted.items()))


def _start(caller, report, kind="reports", **options):
    return caller.mode(f"{kind}/{report.token}/runs", "POST", **options)


def _read(caller, report, token, kind="reports"):
    return caller.mode(f"{kind}/{report.token}/runs/{token}")


@pytest.mark.parametrize(("status", "state"), [(202, "enqueued"), (201, "pending")])
def test_a_run_starts_with_the_status_and_state_the_switches_say(start, status, state):
    caller = start(run_status=status, run_first_state=state, run_seconds=NEVER)
    answer = _start(caller, _report(caller))
    assert (answer.status_code, answer.json()["state"]) == (status, state)


def test_a_run_advances_with_time_and_succeeds(start):
    caller = start(time_scale=0.001)
    report = _report(caller)
    token = _start(caller, report).json()["token"]
    deadline = time.monotonic() + 5
    while _read(caller, report, token).json()["state"] == "enqueued":
        assert time.monotonic() < deadline
    body = _read(caller, report, token).json()
    assert body["state"] == "succeeded"
    assert body["completed_at"] > body["created_at"]
    assert body["python_state"] == "none"


def test_a_notebook_report_ends_as_completed(slow):
    report = _report(slow, notebook=True)
    token = _start(slow, report).json()["token"]
    slow.sandbox.mode.runs.end(slow.sandbox.mode.runs.started()[0], "completed")
    body = _read(slow, report, token).json()
    assert (body["state"], body["python_state"]) == ("completed", "succeeded")


def test_a_notebook_report_is_running_its_notebook_before_that(start):
    caller = start()
    report = _report(caller, notebook=True)
    run = caller.sandbox.mode.runs.start(report, by="somebody")
    assert [run.state(run.begun + seconds) for seconds in (0, 5, 15, 20)] == [
        "enqueued",
        "enqueued",
        "running_notebook",
        "completed",
    ]


def test_the_reason_of_a_failed_run_is_on_its_query_runs_only(start):
    caller = start()
    report = _report(caller)
    caller.sandbox.mode.runs.script(
        report, outcome="failed", seconds=0, error_message="no such table", error_code="42P01"
    )
    run = _start(caller, report).json()
    assert run["state"] == "failed"
    assert "no such table" not in str(run)
    path = f"reports/{report.token}/runs/{run['token']}/query_runs"
    failed = [row for row in caller.rows(path, "query_runs") if row["state"] == "failed"]
    assert [(row["error_message"], row["error_code"], row["error_type"]) for row in failed] == [
        ("no such table", "42P01", "generic")
    ]


def test_a_failing_notebook_leaves_the_queries_good(start):
    caller = start()
    report = _report(caller, notebook=True)
    caller.sandbox.mode.runs.script(report, notebook_fails=True, seconds=0)
    run = _start(caller, report).json()
    rows = caller.rows(f"reports/{report.token}/runs/{run['token']}/query_runs", "query_runs")
    assert (run["state"], run["python_state"]) == ("failed", "failed")
    assert {row["state"] for row in rows} == {"succeeded"}


def test_a_script_is_for_the_next_runs_only(start):
    caller = start()
    report = _report(caller)
    caller.sandbox.mode.runs.script(report, outcome="failed", seconds=0, times=2)
    states = [_start(caller, report).json()["state"] for _ in range(3)]
    assert states == ["failed", "failed", "enqueued"]


def test_a_run_can_vanish_while_it_is_watched(slow):
    report = _report(slow)
    slow.sandbox.mode.runs.script(report, vanish_after=2)
    token = _start(slow, report).json()["token"]
    assert [_read(slow, report, token).status_code for _ in range(4)] == [200, 200, 404, 404]
    assert token not in slow.tokens(f"reports/{report.token}/runs", "report_runs")


def test_a_run_is_cancelled_by_the_form_it_carries(slow):
    report = _report(slow)
    run = _start(slow, report).json()
    form = run["_forms"]["cancel"]
    assert slow.mode(form["action"], form["method"].upper()).status_code == 202
    body = _read(slow, report, run["token"]).json()
    assert body["state"] == "cancelled"
    assert body["_forms"] == {}


def test_the_cancel_form_can_be_absent(start):
    caller = start(cancel_form=False, run_seconds=NEVER)
    assert _start(caller, _report(caller)).json()["_forms"] == {}


def test_runs_are_listed_newest_first_down_to_the_one_before_the_sandbox(slow):
    report = _report(slow)
    old = report.last_run_token
    first, second = (_start(slow, report).json()["token"] for _ in range(2))
    assert slow.tokens(f"reports/{report.token}/runs", "report_runs") == [second, first, old]


def test_a_filter_on_the_run_listing_is_a_certain_500(slow):
    path = f"reports/{_report(slow).token}/runs"
    assert [slow.mode(path, params={"filter": "x"}).status_code for _ in range(3)] == [500] * 3
    assert slow.mode(path, params={"state": "failed"}).status_code == 200


@pytest.mark.parametrize(("asked", "served"), [({}, 20), ({"per_page": 25}, 25), ({"per_page": 99}, 30)])
def test_the_run_listing_has_twenty_rows_and_thirty_at_most(slow, asked, served):
    report = _report(slow)
    for _ in range(35):
        slow.sandbox.mode.runs.start(report, by="somebody")
    body = slow.mode(f"reports/{report.token}/runs", params=asked).json()
    assert len(body["_embedded"]["report_runs"]) == served
    assert body["pagination"]["total_count"] == 36


def test_a_good_run_moves_updated_at_but_not_the_edit_stamps(start):
    caller = start()
    report = _report(caller)
    before = caller.mode(f"reports/{report.token}").json()
    caller.sandbox.mode.runs.script(report, seconds=0)
    _start(caller, report)
    after = caller.mode(f"reports/{report.token}").json()
    assert after["updated_at"] > before["updated_at"]
    assert after["last_successfully_run_at"] > before["last_successfully_run_at"]
    assert (after["edited_at"], after["last_saved_at"]) == (before["edited_at"], before["last_saved_at"])


def test_a_failed_run_moves_only_last_run_at(start):
    caller = start()
    report = _report(caller)
    before = caller.mode(f"reports/{report.token}").json()
    caller.sandbox.mode.runs.script(report, outcome="failed", seconds=0)
    _start(caller, report)
    after = caller.mode(f"reports/{report.token}").json()
    assert after["last_run_at"] > before["last_run_at"]
    assert after["updated_at"] == before["updated_at"]


def test_a_dataset_is_run_by_its_own_route_and_has_no_notebook_fields(slow):
    dataset = _report(slow, type="DatasetReport")
    run = _start(slow, dataset, "datasets").json()
    assert not {"python_state", "parameters", "form_fields"} & run.keys()
    assert _read(slow, dataset, run["token"], "datasets").json()["token"] == run["token"]
    assert _start(slow, _report(slow), "datasets").status_code == 404


def test_a_report_run_can_refresh_imported_datasets(slow):
    dataset = _report(slow, type="DatasetReport")
    body = {"report": {"dataset_tokens": [{"token": dataset.token}]}}
    assert _start(slow, _report(slow), json=body).status_code == 202
    assert len(slow.sandbox.mode.runs.started(dataset)) == 1


def test_parameters_of_a_run_are_kept(slow):
    run = _start(slow, _report(slow), json={"parameters": {"region": "north"}}).json()
    assert run["parameters"] == {"region": "north"}


def test_a_malformed_body_starts_nothing(slow):
    report = _report(slow)
    assert _start(slow, report, data=b"{").status_code == 400
    assert slow.sandbox.mode.runs.started() == []


@pytest.mark.parametrize(("nasty", "status"), [("forbidden queries", 403), ("vanishes", 404)])
def test_a_report_that_cannot_be_read_cannot_be_run(slow, nasty, status):
    report = next(one for one in slow.sandbox.mode.world.reports if one.nasty == nasty)
    slow.tokens(f"spaces/{report.collection}/reports", "reports")
    assert _start(slow, report).status_code == status


def test_a_schema_update_is_accepted_and_remembered(slow):
    source = slow.sandbox.mode.world.data_sources[0]
    assert slow.mode(f"data_sources/{source.token}/schema_updates", "POST").status_code == 202
    assert slow.mode("data_sources/ffffffffffff/schema_updates", "POST").status_code == 404
    assert slow.sandbox.mode.runs.schema_updates == [source.token]


def test_there_is_no_cache_to_invalidate(slow):
    assert slow.mode("/api/cache_invalidate", "POST").status_code == 404
