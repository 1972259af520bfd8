"""What the last task of a sync says in its log."""

from __future__ import annotations

import logging

import pytest

from mode_catalog_provider.dags import outcome
from mode_catalog_provider.tasks.compat import AirflowFailException

GOOD = {"acquire_lock": "success", "extract": "success", "upload": "success"}
COVERED = {"acquire_lock": "success", "extract": "skipped", "upload": "skipped"}


class TaskInstance:
    """The last task of a run whose other tasks ended in these states."""

    dag_id, run_id = "mode_catalog_sync", "run"

    def __init__(self, states):
        self._states = states

    def get_task_states(self, *, dag_id, run_ids):
        return {self.run_id: self._states}

    def xcom_pull(self, *, task_ids, key="return_value"):
        return {"lease": "a1"} if task_ids == "extract" else {"token": "a1"}


@pytest.fixture
def lines(monkeypatch, caplog):
    def lines(states):
        monkeypatch.setattr(outcome, "get_current_context", lambda: {"ti": TaskInstance(states)})
        with caplog.at_level(logging.INFO):
            outcome.confirm_outcome.function()
        return [record.message for record in caplog.records if record.name == outcome.__name__]

    return lines


@pytest.mark.parametrize(
    ("states", "last"),
    [
        (GOOD, "Outcome: the upload succeeded, and nothing else failed."),
        ({**GOOD, "what_changed": "failed"}, "Outcome: the upload succeeded, and nothing else failed."),
        (COVERED, "Outcome: another run's snapshot is enough, and nothing else failed."),
    ],
)
def test_it_begins_with_what_it_does_and_ends_with_the_outcome(lines, states, last):
    assert lines(states) == ["Looking whether this run did what it is for.", last]


@pytest.mark.parametrize("states", [GOOD, COVERED])
def test_a_run_that_failed_after_the_upload_is_not_told_to_have_missed_it(lines, states):
    with pytest.raises(AirflowFailException) as caught:
        lines({**states, "refresh_mode_results": "failed"})
    why = "(refresh_mode_results failed: see its log)"
    assert str(caught.value) == f"Catalog is up to date, but not all of this run is done {why}."


def test_a_run_that_failed_before_the_upload_did_not_bring_catalog_up_to_date(lines):
    with pytest.raises(AirflowFailException) as caught:
        lines({"preflight": "failed", "acquire_lock": "upstream_failed", "upload": "upstream_failed"})
    told = "This run did not bring Catalog up to date (preflight failed: see its log)."
    assert str(caught.value) == told


def test_a_run_that_did_not_do_it_ends_with_why(lines):
    with pytest.raises(AirflowFailException, match="upload failed: see its log"):
        lines({**GOOD, "upload": "failed"})
