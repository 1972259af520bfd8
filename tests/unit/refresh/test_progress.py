from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.refresh.progress import (
    VISIBLE_WITHIN,
    Progress,
    failure_sentence,
    from_json,
    memory_of,
    plan,
    result_of,
    to_json,
)
from mode_catalog_provider.refresh.runs import RunTarget

GOOD = Progress(
    target="reports/aaa", run="reports/aaa/runs/r1", ours=True, state="succeeded", seconds=2.5, over=True
)
JOINED = Progress(target="datasets/ddd", run="datasets/ddd/runs/r2", state="enqueued", newest_before="r0")
FAILED = Progress(
    target="reports/bbb",
    run="reports/bbb/runs/r3",
    ours=True,
    state="failed",
    error="query 'q': [42] no such table",
    over=True,
)
NEVER_STARTED = Progress(target="reports/ccc", state="refused", error="403", over=True)


def test_datasets_come_before_reports_and_nothing_comes_twice():
    planned = plan(reports=["bbb", "aaa", "bbb"], datasets=["ddd", "ddd"])
    assert [one.target for one in planned] == ["datasets/ddd", "reports/bbb", "reports/aaa"]


@pytest.mark.parametrize(
    "token", ["", "Weekly sales", "https://app.mode.com/acme/reports/aaa", "../aaa", "a/b"]
)
def test_what_cannot_be_a_token_is_refused_before_anything_is_asked(token):
    with pytest.raises(ConfigurationError, match="not the token of a report"):
        plan(reports=[token])


def test_a_plan_with_a_memory_knows_its_runs_and_only_those_it_was_asked_for():
    memory = json.loads(json.dumps(memory_of([GOOD, JOINED, FAILED])))
    planned = {one.target: one for one in plan(reports=["aaa", "new"], datasets=["ddd"], memory=memory)}
    assert planned["reports/aaa"] == replace(GOOD, recovered=True)
    assert planned["datasets/ddd"] == replace(JOINED, state="waiting", newest_before=None, recovered=True)
    assert planned["reports/new"] == Progress(target="reports/new")
    assert "reports/bbb" not in planned


def test_a_memory_of_another_version_is_not_trusted():
    memory = {**memory_of([GOOD]), "version": 99}
    assert plan(reports=["aaa"], memory=memory) == [Progress(target="reports/aaa")]


def test_the_memory_holds_a_good_end_and_of_other_runs_that_there_is_one():
    assert memory_of([GOOD, JOINED, FAILED, NEVER_STARTED]) == {
        "version": 1,
        "targets": {
            "reports/aaa": {
                "run": "reports/aaa/runs/r1",
                "ours": True,
                "state": "succeeded",
                "seconds": 2.5,
                "over": True,
            },
            "datasets/ddd": {"run": "datasets/ddd/runs/r2", "ours": False},
            "reports/bbb": {"run": "reports/bbb/runs/r3", "ours": True},
        },
    }


def test_what_was_never_asked_for_is_not_remembered():
    assert memory_of([Progress(target="reports/aaa"), NEVER_STARTED])["targets"] == {}


def test_the_result_counts_each_target_once():
    result = result_of([GOOD, JOINED, FAILED, NEVER_STARTED])
    assert {key: result[key] for key in ("started", "joined", "skipped", "failed")} == {
        "started": 2,
        "joined": 1,
        "skipped": 0,
        "failed": 2,
    }
    assert result["runs"][0] == {
        "report": "aaa",
        "run": "r1",
        "state": "succeeded",
        "seconds": 2.5,
        "error": None,
    }
    assert result["runs"][3] == {
        "report": "ccc",
        "run": None,
        "state": "refused",
        "seconds": None,
        "error": "403",
    }


@pytest.mark.parametrize(
    ("failure", "max_failed", "fails"),
    [
        ("fail", 0, True),
        ("fail", 9, True),
        ("threshold", 1, True),
        ("threshold", 2, False),
        ("warn", 0, False),
    ],
)
def test_two_failures_of_four_under_each_policy(failure, max_failed, fails):
    result = result_of([GOOD, JOINED, FAILED, NEVER_STARTED])
    sentence = failure_sentence(result, failure=failure, max_failed=max_failed)
    assert bool(sentence) is fails
    if sentence:
        assert "2 of 4" in sentence
        assert "query 'q': [42] no such table" in sentence


def test_a_long_list_of_failures_is_cut_short():
    result = result_of(replace(FAILED, target=f"reports/r{n}") for n in range(60))
    sentence = failure_sentence(result, failure="fail", max_failed=0)
    assert sentence is not None
    assert sentence.count("no such table") == 10
    assert "and 50 more" in sentence


def test_a_start_of_which_no_run_is_known_yet_is_remembered_with_the_newest_of_then():
    asked = Progress(target="reports/aaa", newest_before="", newest_at="2026-11-20T05:30:00+00:00")
    memory = memory_of([asked])
    assert memory["targets"]["reports/aaa"] == {
        "newest_before": "",
        "newest_at": "2026-11-20T05:30:00+00:00",
    }
    assert plan(reports=["aaa"], memory=memory) == [replace(asked, recovered=True)]


def test_what_needs_no_run_is_counted_beside_what_others_skipped():
    planned = plan(reports=["aaa"], skipped=[RunTarget("report", "bbb")])
    assert planned[1] == Progress(target="reports/bbb", state="skipped", over=True)
    result = result_of(planned, skipped=3)
    assert (len(result["runs"]), result["skipped"]) == (1, 4)


def test_a_run_that_was_just_accepted_need_not_be_shown_yet():
    accepted = Progress(target="reports/aaa", run="reports/aaa/runs/r1", unseen_since=1000.0)
    assert accepted.not_visible_yet(1000.0 + VISIBLE_WITHIN - 1)
    assert not accepted.not_visible_yet(1000.0 + VISIBLE_WITHIN)
    assert not replace(accepted, unseen_since=None).not_visible_yet(1000.0)


@pytest.mark.parametrize(("failure", "allowed"), [("fail", ""), ("threshold", " (allowed: 0)")])
@pytest.mark.parametrize(
    ("one", "told"),
    [
        (FAILED, "bbb (run r3): query 'q': [42] no such table"),
        (NEVER_STARTED, "ccc (run none): 403"),
    ],
)
def test_a_single_failure_is_told_whole_and_only_a_threshold_tells_what_is_allowed(
    failure, allowed, one, told
):
    sentence = failure_sentence(result_of([GOOD, JOINED, one]), failure=failure, max_failed=0)
    assert sentence == f"1 of 3 refreshes in Mode failed{allowed}: {told}."


def test_a_run_ended_well_or_may_go_on_or_neither():
    assert [(one.good, one.in_flight) for one in (GOOD, FAILED, NEVER_STARTED)] == [
        (True, False),
        (False, False),
        (False, False),
    ]
    assert replace(GOOD, over=False).in_flight
    assert not replace(GOOD, over=False).good


def test_what_is_carried_from_process_to_process_leaves_out_what_is_usual():
    assert to_json([JOINED, Progress(target="reports/aaa")]) == [
        {
            "target": "datasets/ddd",
            "run": "datasets/ddd/runs/r2",
            "state": "enqueued",
            "newest_before": "r0",
        },
        {"target": "reports/aaa"},
    ]


progress = st.builds(
    Progress,
    target=st.sampled_from(["reports/", "datasets/"]).flatmap(
        lambda kind: st.from_regex(r"[0-9a-f]{12}", fullmatch=True).map(lambda token: kind + token)
    ),
    run=st.none() | st.just("reports/aaa/runs/r1"),
    ours=st.booleans(),
    state=st.text(max_size=20),
    seconds=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    error=st.none() | st.text(),
    over=st.booleans(),
    newest_before=st.none() | st.text(max_size=12),
    newest_at=st.none() | st.just("2026-11-20T05:30:00+00:00"),
    recovered=st.booleans(),
)


@given(st.lists(progress))
def test_progress_survives_a_deferral(carried):
    assert from_json(json.loads(json.dumps(to_json(carried)))) == carried
