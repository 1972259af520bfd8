"""A run whose snapshot a person is being asked about waits, and ends as the run that asked."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mode_catalog_provider.catalog.coverage import Coverage, RunRequest
from mode_catalog_provider.catalog.push_record import OpenQuestion
from mode_catalog_provider.lock import Holder, RunLock
from mode_catalog_provider.operators import extract as extract_module
from mode_catalog_provider.operators.extract import LOOK_AGAIN, ModeExtractOperator
from mode_catalog_provider.tasks.compat import AirflowFailException, AirflowSkipException
from tests.airflow_exceptions import TaskDeferred

pytestmark = pytest.mark.usefixtures("connect")

MANIFEST = SimpleNamespace(timestamp=1_795_000_000, workspace="acme", started_at="2026-11-18T11:06:40+00:00")
ASKED = Coverage(manifest=MANIFEST, asked=OpenQuestion(why="It shrank.", until="2099-01-01T00:00:00+00:00"))
CONTEXT = {"dag_run": SimpleNamespace(start_date=None), "ti": SimpleNamespace(xcom_push=lambda **_: None)}


@pytest.fixture
def extract(tmp_path, monkeypatch):
    monkeypatch.setattr(
        extract_module, "this_run", lambda _: RunRequest(dag_id="d", run_id="r", clear_number=0)
    )

    def made(answer, **arguments):
        monkeypatch.setattr(extract_module, "covering_snapshot", lambda *_, **__: answer)
        return ModeExtractOperator(
            task_id="extract", output_dir=str(tmp_path), on_covered="skip", **arguments
        )

    return made


def test_it_gives_the_lock_back_and_waits_without_a_worker(extract, sandbox, tmp_path):
    lock = RunLock(tmp_path / ".lock", ttl=2 * LOOK_AGAIN)
    lease = lock.try_acquire(Holder.here("test"))
    before = len(sandbox.mode.requests)
    with pytest.raises(TaskDeferred) as deferred:
        extract(ASKED, lease=lease.to_json()).execute(CONTEXT)
    assert deferred.value.method_name == "question_looked_at"
    assert lock.state().released
    assert len(sandbox.mode.requests) == before


def test_it_waits_on_as_long_as_nobody_has_answered(extract):
    with pytest.raises(TaskDeferred):
        extract(ASKED).question_looked_at(CONTEXT)


def test_it_is_skipped_when_the_snapshot_was_uploaded(extract):
    with pytest.raises(
        AirflowSkipException, match="covers this run: it was begun at 2026-11-18 11:06:40 UTC"
    ):
        extract(Coverage(manifest=MANIFEST)).question_looked_at(CONTEXT)


def test_it_fails_when_the_snapshot_was_rejected(extract):
    with pytest.raises(AirflowFailException, match="Ada rejected it"):
        extract(Coverage(manifest=MANIFEST, refused="Ada rejected it.")).question_looked_at(CONTEXT)


def test_it_fails_when_nobody_acted_on_the_question(extract):
    with pytest.raises(AirflowFailException, match="Clear this run"):
        extract(None).question_looked_at(CONTEXT)


def test_somebody_elses_refusal_does_not_overrule_a_run_that_asks(extract, sandbox):
    refused = Coverage(manifest=MANIFEST, refused="It shrank.")
    with pytest.raises(AirflowFailException, match="It shrank"):
        extract(refused).execute(CONTEXT)
    assert extract(refused, approve_shrink="ask").execute(CONTEXT)["rows"]["report"] > 0
