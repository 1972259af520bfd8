"""Which other runs wait for a snapshot, by what Airflow tells a task."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mode_catalog_provider.catalog.coverage import RunRequest
from mode_catalog_provider.tasks import run_requests


class TaskInstance:
    dag_id, task_id, run_id = "sync", "extract", "mine"

    def __init__(self, runs):
        self._runs = runs

    def get_task_states(self, *, dag_id, task_ids):
        assert (dag_id, task_ids) == ("sync", ["extract"])
        return {run_id: {"extract": extract} for run_id, (extract, _) in self._runs.items()}

    def get_dagrun_state(self, dag_id, run_id):
        return self._runs[run_id][1]


@pytest.fixture
def waiting(monkeypatch):
    def waiting(runs, *, clear_numbers=True):
        def fetch(dag_id, run_id):
            if not clear_numbers:
                return None
            return SimpleNamespace(state=runs[run_id][1], clear_number=len(run_id))

        monkeypatch.setattr(run_requests, "fetch_dag_run", fetch)
        return run_requests.waiting_runs({"ti": TaskInstance(runs)})

    return waiting


def test_queued_runs_and_runs_that_wait_for_the_lock_are_waiting(waiting):
    runs = {
        "queued": (None, "queued"),
        "at the lock": (None, "running"),
        "again": ("up_for_retry", "running"),
    }
    assert waiting(runs) == [
        RunRequest(dag_id="sync", run_id=run_id, clear_number=len(run_id)) for run_id in sorted(runs)
    ]


def test_finished_runs_and_this_one_are_not(waiting):
    runs = {
        "mine": ("running", "running"),
        "done": ("success", "success"),
        "past the extraction": ("success", "running"),
        "failed before it": ("upstream_failed", "failed"),
        "marked as failed": (None, "failed"),
    }
    assert waiting(runs) == []


def test_where_airflow_does_not_tell_how_often_a_run_was_cleared_that_stays_open(waiting):
    (found,) = waiting({"queued": (None, "queued")}, clear_numbers=False)
    assert found.clear_number is None


def test_without_an_answer_from_airflow_nobody_is_waiting(caplog):
    class Silent(TaskInstance):
        def get_task_states(self, **_):
            raise RuntimeError("API_SERVER_ERROR")

    assert run_requests.waiting_runs({"ti": Silent({})}) == []
    assert "does not say which other runs are waiting" in caplog.text


def test_outside_of_a_run_there_is_nobody():
    assert run_requests.waiting_runs({}) == []
    assert run_requests.this_run({}) is None


def test_a_run_that_is_alone_does_not_ask_for_the_states_of_all_runs_there_ever_were():
    class Alone(TaskInstance):
        def get_dr_count(self, *, dag_id, states):
            assert (dag_id, states) == ("sync", ["queued", "running"])
            return 1

        def get_task_states(self, **_):
            raise AssertionError("asked")

    assert run_requests.waiting_runs({"ti": Alone({})}) == []


def test_of_runs_that_were_ended_by_hand_only_so_many_are_asked_for_the_newest_first(monkeypatch):
    class Crowd(TaskInstance):
        def get_dr_count(self, *, dag_id, states):
            return 1_000

    asked = []
    runs = {f"manual__{number:06}": (None, "failed") for number in range(5_000)}
    runs["scheduled__005000"] = (None, "queued")
    monkeypatch.setattr(run_requests, "fetch_dag_run", lambda _, run_id: asked.append(run_id))
    (found,) = run_requests.waiting_runs({"ti": Crowd(runs)})
    assert found.run_id == "scheduled__005000"
    assert asked == sorted(runs, key=lambda run_id: run_id[-6:])[::-1][: run_requests.MOST_ASKED]


def test_nobody_is_asked_for_any_more_once_all_that_wait_are_found(monkeypatch):
    class Three(TaskInstance):
        def get_dr_count(self, *, dag_id, states):
            return 3

    asked = []
    runs = {f"manual__{number}": (None, "queued" if number > 6 else "failed") for number in range(9)}
    monkeypatch.setattr(run_requests, "fetch_dag_run", lambda _, run_id: asked.append(run_id))
    found = run_requests.waiting_runs({"ti": Three(runs)})
    assert [one.run_id for one in found] == ["manual__7", "manual__8"]
    assert asked == ["manual__8", "manual__7"]


def test_with_another_run_about_the_states_are_asked_for(monkeypatch):
    class Two(TaskInstance):
        def get_dr_count(self, *, dag_id, states):
            return 2

    monkeypatch.setattr(run_requests, "fetch_dag_run", lambda *_: None)
    found = run_requests.waiting_runs({"ti": Two({"other": ("queued", "running")})})
    assert [one.run_id for one in found] == ["other"]
