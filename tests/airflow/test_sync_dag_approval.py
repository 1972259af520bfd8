"""A snapshot that shrank, when a person is asked whether it may be uploaded."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta

import pytest

from mode_catalog_provider.catalog.ingest import CatalogIngest
from mode_catalog_provider.errors import ServiceUnavailableError
from mode_catalog_provider.lock import Holder, RunLock
from mode_catalog_provider.operators.upload import QUESTION
from mode_catalog_provider.snapshot.layout import push_record_name
from mode_catalog_provider.text import markdown
from tests.airflow.answers import UNANSWERED, person
from tests.airflow_versions import needs_questions

ASK = {"approve_shrink": "ask"}


def remove_reports(sandbox, share=0.7):
    world = sandbox.mode.world
    removed = list(world.reports)[: int(len(world.reports) * share)]
    for report in removed:
        world.remove_report(report)
    return removed


@pytest.fixture
def removed(sync, sandbox):
    assert sync().state == "success"
    return remove_reports(sandbox)


@pytest.fixture
def lock(staging):
    return RunLock(staging / ".lock", ttl=timedelta(minutes=30))


def record(staging):
    newest = max(staging.glob("*/*/*.pushed"), key=lambda path: path.name)
    return json.loads(newest.read_text())


@needs_questions
def test_an_approved_snapshot_is_uploaded(sync, sandbox, staging, removed):
    with person("Approve") as asked:
        run = sync(ASK)
    assert run.state == "success"
    assert len(asked) == 1
    assert len(sandbox.catalog.uploads) == 12
    assert run.tasks["release_lock"] == "success"
    kept = record(staging)
    assert kept["accepted"]["by"] == "Ada"
    assert kept["completed_at"] is not None
    assert kept["refused"] is None


@needs_questions
def test_the_question_says_what_disappears(sync, sandbox, removed):
    with person("Reject") as asked:
        sync(ASK)
    (question,) = asked
    rows = {row["token"]: row["name"] for row in json.loads(sandbox.catalog.uploads[2].content)}
    gone = [rows[one.token] or one.token for one in removed if one.token in rows]
    assert gone
    assert f"| report | {len(rows)} | {len(rows) - len(gone)} | **-{len(gone)} " in question.body
    assert f"- **report**: {len(gone)}" in question.body
    assert [name for name in gone if markdown(name) not in question.body] == []
    assert sandbox.mode.workspace in question.subject
    assert question.options == ["Approve", "Reject"]


@needs_questions
def test_a_rejected_snapshot_fails_the_run_once_and_uploads_nothing(sync, sandbox, removed, lock, capfd):
    with person("Reject"):
        run = sync(ASK)
    assert run.state == "failed"
    assert run.tries["upload"] == 1
    assert len(sandbox.catalog.uploads) == 6
    assert lock.state().released
    assert "Ada rejected the upload of snapshot" in capfd.readouterr().out


@needs_questions
def test_a_question_that_nobody_answers_fails_the_run_once(sync, sandbox, removed, capfd):
    with person(UNANSWERED):
        run = sync(ASK)
    assert run.state == "failed"
    assert run.tries["upload"] == 1
    assert len(sandbox.catalog.uploads) == 6
    assert "Nobody said in time whether snapshot" in capfd.readouterr().out


@needs_questions
def test_others_may_take_the_lock_while_a_person_thinks(sync, sandbox, removed, lock):
    other = Holder.here("test")
    taken = []

    def think(_question):
        lease = lock.try_acquire(other)
        taken.append(lease)
        lock.release(lease)
        return "Approve"

    with person(think):
        run = sync(ASK)
    assert run.state == "success"
    assert len(taken) == 1
    # The new lease is given back as well: the next one gets it at once.
    assert lock.try_acquire(other).generation == taken[0].generation + 2


@needs_questions
def test_the_upload_waits_for_whoever_took_the_lock_meanwhile(sync, sandbox, removed, lock):
    released = []

    def think(_question):
        lease = lock.try_acquire(Holder.here("test"))

        def work():
            released.append(len(sandbox.catalog.uploads))
            lock.release(lease)

        threading.Timer(2, work).start()
        return "Approve"

    with person(think):
        run = sync(ASK)
    assert run.state == "success"
    assert released == [6]
    assert len(sandbox.catalog.uploads) == 12


@needs_questions
def test_an_approved_snapshot_is_not_uploaded_over_a_newer_one(sync, sandbox, removed, staging, capfd):
    first = next(staging.glob("*/*/*.pushed"))

    def another_run_uploads(_question):
        later = int(time.time()) + 60
        newer = json.loads(first.read_text()) | {"timestamp": later}
        directory = first.parent.parent / str(later)
        directory.mkdir()
        (directory / push_record_name(later, newer["source_id"])).write_text(json.dumps(newer))
        return "Approve"

    with person(another_run_uploads):
        run = sync(ASK)
    assert run.state == "failed"
    assert len(sandbox.catalog.uploads) == 6
    assert "is older than snapshot" in capfd.readouterr().out


@needs_questions
def test_who_approved_is_not_asked_again_when_the_upload_is_tried_again(sync, sandbox, removed, monkeypatch):
    push, broken = CatalogIngest.push, []

    def break_once(self, file, **options):
        if not broken:
            broken.append(file.name)
            raise ServiceUnavailableError("Catalog is away.", status=503)
        return push(self, file, **options)

    def approve(_question):
        monkeypatch.setattr(CatalogIngest, "push", break_once)
        return "Approve"

    with person(approve) as asked:
        run = sync(ASK)
    assert run.state == "success"
    assert len(broken) == len(asked) == 1
    assert run.tries["upload"] > 1
    assert len({upload.name for upload in sandbox.catalog.uploads}) == len(sandbox.catalog.uploads) == 12


def test_a_dry_run_asks_nobody(sync, removed):
    with person("Approve") as asked:
        run = sync({**ASK, "dry_run": True})
    assert asked == []
    assert run.state == "failed"
    assert run.result("upload", QUESTION) is None


@needs_questions
def test_a_notifier_is_called_when_the_question_is_put(sync, removed):
    from airflow.sdk import BaseNotifier

    told = []

    class Messenger(BaseNotifier):
        def notify(self, context):
            told.append(context["ti"].xcom_pull(task_ids="upload", key=QUESTION)["subject"])

    with person("Reject"):
        sync(ASK, adjust=lambda dag: setattr(dag.get_task("upload"), "approval_notifiers", [Messenger()]))
    assert len(told) == 1
    assert "smaller snapshot" in told[0]
