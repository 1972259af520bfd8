from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from mode_catalog_provider.refresh.progress import result_of
from tests.unit.refresh.workspace import end_all, posts, states


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


@pytest.mark.parametrize("later", [0, 1])
def test_an_older_run_is_not_taken_for_ours_when_the_newest_of_then_is_gone(mode, refresh, reports, later):
    report = mode.world.report(reports[0])
    older, newest = (mode.runs.start(report, by="a person") for _ in range(2))
    end_all(mode)
    newest.created_at = older.created_at + timedelta(seconds=later)
    memory = Memory(crash_at=1)
    with pytest.raises(Crash):
        refresh(reports=reports[:1], remember=memory).step()
    mode.runs.of(report).remove(newest)
    refresh(reports=reports[:1], memory=memory.value).step()
    assert posts(mode) == reports[:1]


def test_a_good_end_that_was_seen_is_not_asked_about_again_nor_run_once_more(mode, refresh, reports):
    memory = Memory()
    first = refresh(reports=reports[:1], remember=memory)
    first.step()
    end_all(mode)
    first.step()
    asked = len(mode.requests)
    again = refresh(reports=reports[:1], memory=memory.value)
    assert again.over
    again.step()
    assert len(mode.requests) == asked
    assert result_of(again.progress) == result_of(first.progress)


def test_only_what_failed_is_forgotten_and_not_what_goes_on_or_may_have_started(mode, refresh, reports):
    memory = Memory()
    mode.fault(f"*/{reports[2]}/runs", method="POST", reset=True, times=None)
    work = refresh(reports=reports[:3], remember=memory)
    work.step()
    mode.runs.end(mode.runs.started(reports[0])[0], "failed")
    work.step()
    assert states(work) == {reports[0]: "failed", reports[1]: "enqueued", reports[2]: "not_started"}
    before = dict(memory.value["targets"])
    work.forget_failed()
    assert list(before) == [f"reports/{token}" for token in reports[:3]]
    del before[f"reports/{reports[0]}"]
    assert memory.value["targets"] == before
