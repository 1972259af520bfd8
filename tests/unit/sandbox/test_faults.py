from __future__ import annotations

import json
import time

import pytest
import requests


@pytest.fixture
def mode(caller):
    return caller.sandbox.mode


def test_a_fault_meets_the_nth_matching_call_and_only_that(caller, mode):
    mode.fault("spaces", nth=2, status=503)
    statuses = [caller.mode(path).status_code for path in ("spaces", "data_sources", "spaces", "spaces")]
    assert statuses == [200, 200, 503, 200]


def test_a_fault_can_last_for_several_calls_or_for_ever(caller, mode):
    mode.fault("spaces", times=2, status=500)
    mode.fault("data_sources", times=None, status=504)
    assert [caller.mode("spaces").status_code for _ in range(3)] == [500, 500, 200]
    assert [caller.mode("data_sources").status_code for _ in range(3)] == [504, 504, 504]
    mode.faults.clear()
    assert caller.mode("data_sources").status_code == 200


def test_a_fault_may_be_meant_for_one_page_or_one_method(caller, mode):
    mode.fault("spaces?*page=2*", status=500)
    mode.fault("data_sources", method="POST", status=500)
    assert caller.mode("spaces", params={"page": 1}).status_code == 200
    assert caller.mode("spaces", params={"page": 2}).status_code == 500
    assert caller.mode("data_sources").status_code == 200


def test_a_status_comes_with_modes_error_body_and_the_headers_asked_for(caller, mode):
    mode.fault("spaces", status=429, headers={"Retry-After": "7"})
    answer = caller.mode("spaces")
    assert answer.headers["Retry-After"] == "7"
    assert set(answer.json()) == {"id", "message"}


def test_a_reset_breaks_the_connection_without_an_answer(caller, mode):
    mode.fault("spaces", reset=True)
    with pytest.raises(requests.ConnectionError, match="reset by peer"):
        caller.mode("spaces")
    assert caller.mode("spaces").status_code == 200
    assert mode.requests_to("spaces")[0].status is None


def test_a_closed_connection_gives_no_answer(caller, mode):
    mode.fault("spaces", close=True)
    with pytest.raises(requests.ConnectionError, match="without response"):
        caller.mode("spaces")


def test_a_truncated_answer_promises_more_than_it_sends(caller, mode):
    mode.fault("spaces", truncate=True)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        caller.mode("spaces", headers={"Accept-Encoding": "identity"})


def test_an_html_page_comes_with_status_200(caller, mode):
    mode.fault("spaces", html=True)
    answer = caller.mode("spaces")
    assert answer.status_code == 200
    assert answer.text.startswith("<!DOCTYPE html>")


def test_any_body_can_be_answered(caller, mode):
    mode.fault("spaces", body=b"{}")
    mode.fault("spaces", nth=2, body=b"no", status=418)
    assert caller.mode("spaces").json() == {}
    assert caller.mode("spaces").status_code == 418


def test_a_hanging_call_outlasts_the_callers_patience(caller, mode):
    mode.fault("spaces", hang=30)
    with pytest.raises(requests.ReadTimeout):
        caller.session.get(f"{mode.url}/api/acme/spaces", auth=(mode.token, mode.secret), timeout=0.1)


def test_stopping_the_sandbox_ends_a_hanging_call(caller, mode):
    mode.fault("spaces", hang=60)
    with pytest.raises(requests.ReadTimeout):
        caller.session.get(f"{mode.url}/api/acme/spaces", auth=(mode.token, mode.secret), timeout=0.1)
    begun = time.monotonic()
    caller.sandbox.stop()
    assert time.monotonic() - begun < 5


def test_a_dripping_answer_arrives_whole_in_the_end(caller, mode):
    mode.fault("verify", drip=0.0001)
    assert caller.mode("/api/verify").json()["workspace"] == "acme"


@pytest.mark.parametrize(("after", "runs"), [(True, 1), (False, 0)])
def test_a_fault_after_the_call_spoils_only_the_answer(caller, mode, after, runs):
    report = mode.world.reports[0]
    mode.fault("runs", method="POST", reset=True, after=after)
    with pytest.raises(requests.ConnectionError):
        caller.mode(f"reports/{report.token}/runs", "POST")
    assert len(mode.runs.started(report)) == runs


def test_code_can_run_in_the_middle_of_a_walk(caller, mode):
    first = (mode.token, mode.secret)
    mode.when("data_sources", do=mode.rotate, nth=2)
    answers = [caller.mode(path, auth=first).status_code for path in ["data_sources"] * 3]
    assert answers == [200, 200, 401]


def test_a_refused_credential_does_not_use_up_a_fault(caller, mode):
    mode.fault("spaces", status=503)
    assert caller.mode("spaces", auth=("nobody", "x")).status_code == 401
    assert caller.mode("spaces").status_code == 503


def test_a_fault_without_a_kind_is_refused(mode):
    with pytest.raises(ValueError, match="a fault needs"):
        mode.fault("spaces", nth=3)


def test_random_faults_hit_the_asked_share_the_same_way_every_time(start):
    def statuses():
        caller = start(random_faults=0.3, random_fault_kinds=(503, "html"))
        answers = [caller.mode("data_sources") for _ in range(60)]
        return ["html" if answer.text.startswith("<!") else answer.status_code for answer in answers]

    seen = statuses()
    assert set(seen) == {200, 503, "html"}
    assert seen == statuses()


def test_latency_delays_each_answer_in_service_seconds(start):
    caller = start(latency=5.0, time_scale=0.01)
    caller.mode("data_sources")
    request = caller.sandbox.mode.requests[0]
    assert request.ended - request.started >= 0.05


def test_control_calls_schedule_faults_and_throw_switches_from_outside(caller, mode):
    control = f"{mode.url}/_sandbox/mode"
    caller.session.post(f"{control}/faults", json={"path_glob": "spaces", "status": 503})
    caller.session.post(f"{control}/switches", json={"id_type": "number"})
    assert caller.mode("spaces").status_code == 503
    assert isinstance(caller.rows("data_sources", "data_sources")[0]["id"], int)


def test_control_calls_read_the_record_and_leave_no_trace_in_it(caller, mode):
    caller.mode("spaces")
    read = caller.session.get(f"{mode.url}/_sandbox/mode/requests").json()
    assert [one["path"] for one in read] == ["/api/acme/spaces"]
    assert len(mode.requests) == 1


def test_control_calls_change_the_workspace(caller, mode):
    report = mode.world.reports[0]
    control = f"{mode.url}/_sandbox/mode"
    caller.session.post(f"{control}/world/remove_report", json={"report": report.token})
    expected = caller.session.post(f"{control}/expected", json={"members": "lite"}).json()
    assert report.token not in {row["token"] for row in expected["report"]}
    assert expected == json.loads(json.dumps(mode.expected(members="lite")))


@pytest.mark.parametrize(("path", "status"), [("mode/nothing", 404), ("state", 200), ("", 200)])
def test_control_calls_that_do_not_exist_say_so(caller, mode, path, status):
    assert caller.session.get(f"{mode.url}/_sandbox/{path}").status_code == status


def test_a_control_call_with_an_unknown_switch_is_refused(caller, mode):
    answer = caller.session.post(f"{mode.url}/_sandbox/mode/switches", json={"nonsense": 1})
    assert answer.status_code == 400
    assert "no such switch" in answer.json()["error"]
