"""One look at one run: what Mode's object says, and what may be made of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mode_catalog_provider.errors import (
    ConfigurationError,
    MalformedResponseError,
    NotFoundError,
    ServiceUnavailableError,
)
from mode_catalog_provider.refresh.runs import (
    ModeRun,
    RunTarget,
    failure_reason,
    parse_run_path,
    read_run,
    recent_runs,
    start_run,
)
from mode_catalog_provider.refresh.targets import Choice, Selection

REPORT, DATASET = RunTarget("report", "0a1b2c3d4e5f"), RunTarget("dataset", "1a1b2c3d4e5f")
BEGUN = datetime(2026, 11, 20, 5, tzinfo=UTC)
ENDED = BEGUN + timedelta(seconds=12.3456)


class Client:
    """Answers each path with what was laid there; what raises is raised."""

    def __init__(self, answers):
        self.answers = answers
        self.sent = []

    def get(self, path):
        answer = self.answers.get(path, NotFoundError("404", status=404))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def post_once(self, path, body):
        self.sent.append((path, body))
        return {"token": "r1", "state": "pending"}


def run(state="succeeded", **changes):
    return ModeRun(target=changes.pop("target", REPORT), token="r1", state=state, **changes)


def test_a_run_object_is_read_to_the_last_word():
    body = {
        "token": "r1",
        "state": "completed",
        "created_at": "2026-11-20T05:00:00.000Z",
        "completed_at": "2026-11-20T05:01:00.000Z",
        "python_state": "failed",
        "parameters": {"year": 2026},
    }
    assert ModeRun.from_json(REPORT, body) == run(
        "completed",
        created_at=BEGUN,
        completed_at=BEGUN + timedelta(minutes=1),
        notebook_failed=True,
        parameters={"year": 2026},
    )
    odd = {"token": "r1", "state": "pending", "python_state": "succeeded", "parameters": "none"}
    assert ModeRun.from_json(REPORT, odd) == run("pending")


@pytest.mark.parametrize(
    "body", [{}, {"token": "r1"}, {"state": "x"}, {"token": "a/b", "state": "x"}, {"token": 1, "state": "x"}]
)
def test_a_run_without_token_and_state_is_none(body):
    with pytest.raises(MalformedResponseError, match="without its token and state"):
        ModeRun.from_json(REPORT, body)


@pytest.mark.parametrize(
    ("state", "completed", "over", "active"),
    [
        ("succeeded", ENDED, True, False),
        ("completed", ENDED, True, False),
        ("failed", None, True, False),
        ("cancelled", None, True, False),
        ("pending", None, False, True),
        ("enqueued", None, False, True),
        ("running_notebook", ENDED, False, True),
        ("unheard_of", None, False, True),
        ("unheard_of", ENDED, False, False),
    ],
)
def test_which_states_are_over_and_which_are_worth_joining(state, completed, over, active):
    one = run(state, completed_at=completed)
    assert (one.over, one.active) == (over, active)


def test_a_run_took_what_lies_between_its_times_once_it_is_over():
    assert run(created_at=BEGUN, completed_at=ENDED).seconds == 12.346
    assert run("pending", created_at=BEGUN, completed_at=ENDED).seconds is None
    assert run(completed_at=ENDED).seconds is None
    assert run(created_at=BEGUN).seconds is None


@pytest.mark.parametrize(
    ("told", "wanted", "has", "may"),
    [
        ({}, {}, True, True),
        ({"a": 1, "b": 2}, {"a": 1}, True, True),
        ({"a": "1"}, {"a": 1}, True, True),
        ({"a": "true"}, {"a": True}, True, True),
        ({"a": "True"}, {"a": "true"}, False, False),
        ({"a": 2}, {"a": 1}, False, False),
        ({"a": 1}, {"a": 1, "b": 2}, False, True),
        ({"b": 3}, {"a": 1, "b": 2}, False, False),
    ],
)
def test_which_parameters_a_run_has_and_which_it_may_have(told, wanted, has, may):
    one = run(parameters=told)
    assert (one.has(wanted), one.may_have(wanted)) == (has, may)


@pytest.mark.parametrize("target", [REPORT, DATASET], ids=str)
def test_the_path_of_a_run_says_what_was_run(target):
    one = run(target=target)
    assert one.path == f"{target.kind}s/{target.token}/runs/r1"
    assert parse_run_path(one.path) == (target, "r1")


@pytest.mark.parametrize("path", ["reports/x", "spaces/x/runs/y", "reports/x/runs/y/z", "reports//runs/y"])
def test_what_is_no_path_of_a_run_is_refused(path):
    with pytest.raises(ConfigurationError, match="not the path of a Mode run"):
        parse_run_path(path)


ROW = {"token": "r1", "state": "pending"}


def test_a_run_that_its_own_route_does_not_know_is_looked_for_in_the_list():
    path, runs = f"{REPORT.path}/runs/r1", f"{REPORT.path}/runs"
    listed = {"_embedded": {"report_runs": [{"token": "r0", "state": "failed"}, ROW]}}
    assert read_run(Client({path: ROW}), path) == run("pending")
    assert read_run(Client({runs: listed}), path) == run("pending")
    assert read_run(Client({runs: listed}), f"{REPORT.path}/runs/r2") is None
    assert read_run(Client({}), path) is None


@pytest.mark.parametrize("body", [{}, {"_embedded": []}, {"_embedded": {"report_runs": None}}])
def test_a_list_that_is_none_has_no_runs(body):
    assert recent_runs(Client({f"{REPORT.path}/runs": body}), REPORT) == []


@pytest.mark.parametrize(
    ("target", "parameters", "body"),
    [
        (REPORT, {"year": 2026}, {"parameters": {"year": 2026}}),
        (REPORT, {}, None),
        (REPORT, None, None),
        (DATASET, {"year": 2026}, None),
    ],
)
def test_a_report_is_run_with_its_parameters_and_a_dataset_has_none(target, parameters, body):
    client = Client({})
    assert start_run(client, target, parameters).token == "r1"
    assert client.sent == [(f"{target.path}/runs", body)]


def reason(rows, one=None):
    one = one or run("failed")
    return failure_reason(Client({f"{one.path}/query_runs": {"_embedded": {"query_runs": rows}}}), one)


def test_each_query_that_failed_is_told_with_its_code():
    rows = [
        {
            "query_name": "Q",
            "state": "failed",
            "error_code": 42,
            "error_message": "no  table\nLINE 1: select",
        },
        {"query_name": "Good", "state": "succeeded"},
        {"state": "succeeded", "error_message": "half"},
        {"query_name": "Mute", "state": "failed"},
    ]
    assert reason(rows) == "query 'Q': [42] no table; query 'without a name': half; query 'Mute': no message"


def test_without_a_failed_query_the_notebook_or_nothing_is_the_reason():
    good = [{"state": "succeeded"}]
    assert reason(good, run("failed", notebook_failed=True)) == "its notebook failed"
    assert reason(good) == "ended as 'failed' without a reason"
    assert reason([], run("cancelled")) == "was cancelled in Mode"


def test_of_many_queries_that_failed_the_first_five_are_told():
    told = reason([{"query_name": f"Q{number}", "state": "failed"} for number in range(7)])
    assert told == "; ".join([*(f"query 'Q{number}': no message" for number in range(5)), "and 2 more"])


def test_a_message_is_cut_to_what_can_be_read():
    assert reason([{"query_name": "Q", "state": "failed", "error_message": "x" * 300}]).endswith("x" * 300)
    assert reason([{"query_name": "Q", "state": "failed", "error_message": "x" * 301}]) == (
        f"query 'Q': {'x' * 299}…"
    )
    assert len(reason([{"query_name": "Q", "state": "failed", "error_code": "4" * 5000}])) == 600


def test_a_datasets_query_runs_may_be_known_under_the_reports_route_alone():
    rows = {"_embedded": {"query_runs": [{"query_name": "Q", "state": "failed"}]}}
    one = run("failed", target=DATASET)
    client = Client({f"reports/{DATASET.token}/runs/r1/query_runs": rows})
    assert failure_reason(client, one) == "query 'Q': no message"
    assert "did not say why" in failure_reason(Client({}), one)
    assert "did not say why" in failure_reason(Client({}), run("failed"))
    down = Client({f"{one.path}/query_runs": ServiceUnavailableError("503", status=503)})
    assert failure_reason(down, one) == "ended as 'failed'; Mode did not say why when asked"


def test_a_choice_goes_to_xcom_with_its_reason():
    assert Choice(REPORT, "Sales", False, "it is archived").to_json() == {
        "target": REPORT.path,
        "name": "Sales",
        "run": False,
        "why": "it is archived",
    }


@pytest.mark.parametrize("argument", ["reports", "datasets", "collections", "data_sources"])
def test_whoever_names_anything_selects_something(argument):
    assert Selection().empty
    assert not Selection(**{argument: ("x",)}).empty
