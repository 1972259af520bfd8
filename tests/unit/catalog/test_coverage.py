"""Which runs a pushed snapshot answers: those that were waiting when it was begun, and no others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mode_catalog_provider.catalog import push_record
from mode_catalog_provider.catalog.coverage import CONTENT_OPTIONS, RunRequest, covering_snapshot
from mode_catalog_provider.catalog.push_record import OpenQuestion, PushRecord
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import open_snapshot
from mode_catalog_provider.snapshot.writer import SnapshotWriter

SOURCE = "0b6f2a4e-6f2d-4c53-9a3f-0f6c2f6f1a11"
HOST = "https://app.mode.com"
OPTIONS = {
    "strategy": "rest",
    "include_collections": None,
    "exclude_collections": None,
    "include_personal": False,
    "include_archived": True,
    "members": "full",
}
RUN = RunRequest(dag_id="sync", run_id="scheduled__2026-11-18", clear_number=1)


@pytest.fixture
def layout(tmp_path):
    return Layout.nested(tmp_path, "acme")


@pytest.fixture
def push(layout):
    def push(
        *waiting, options=OPTIONS, source_id=SOURCE, host=HOST, completed=True, refused=None, until=None
    ):
        with SnapshotWriter(layout=layout, workspace="acme", host=host) as writer:
            _, path = writer.finish(
                strategy="rest",
                options=options,
                left_out=[],
                filtered={},
                figures={},
                answers=[run.to_json() for run in waiting],
            )
        snapshot = open_snapshot(path)
        asked = OpenQuestion(why="It shrank.", until=until.isoformat()) if until else None
        record = replace(PushRecord.of(snapshot, source_id), refused=refused, asked=asked)
        if completed:
            record = record.completed(datetime.now(UTC))
        push_record.write(push_record.record_path(snapshot, source_id), record)
        return snapshot.manifest

    return push


def answer(layout, run=RUN, *, started_at=None, options=OPTIONS, now=None):
    return covering_snapshot(
        run, layout=layout, source_id=SOURCE, host=HOST, options=options, started_at=started_at, now=now
    )


def covering(layout, run=RUN, **arguments):
    found = answer(layout, run, **arguments)
    return found.manifest if found is not None and found.refused is None else None


def test_a_run_that_was_waiting_is_covered(layout, push):
    manifest = push(RUN)
    assert covering(layout) == manifest


def test_hosts_of_modes_own_cloud_are_one(layout, push):
    manifest = push(RUN, host="https://modeanalytics.com")
    assert manifest.host != HOST
    assert covering(layout) == manifest


def test_a_run_that_nobody_saw_waiting_is_not_covered(layout, push):
    push(replace(RUN, run_id="another"))
    assert covering(layout) is None


def test_the_same_run_of_another_dag_is_not_covered(layout, push):
    push(replace(RUN, dag_id="another"))
    assert covering(layout) is None


def test_a_run_that_was_cleared_since_wants_a_snapshot_of_its_own(layout, push):
    push(RUN)
    assert covering(layout, replace(RUN, clear_number=2)) is None


@pytest.mark.parametrize(
    "different",
    [
        {"completed": False},
        {"source_id": "11111111-6f2d-4c53-9a3f-0f6c2f6f1a11"},
        {"host": "https://mode.example.com"},
        {"options": {**OPTIONS, "include_collections": ["Finance"]}},
    ],
    ids=["not pushed in full", "pushed elsewhere", "of another host", "of other content"],
)
def test_a_snapshot_that_is_not_what_the_run_would_bring_covers_nothing(layout, push, different):
    push(RUN, **different)
    assert covering(layout) is None


@pytest.mark.parametrize("option", CONTENT_OPTIONS)
def test_each_option_that_changes_what_is_read_makes_another_snapshot(layout, push, option):
    push(RUN, options={**OPTIONS, option: "otherwise"})
    assert answer(layout) is None
    assert answer(layout, options={**OPTIONS, option: "otherwise"}) is not None


def test_how_mode_was_read_does_not_matter(layout, push):
    push(RUN, options={**OPTIONS, "strategy": "hybrid"})
    assert covering(layout) is not None


def test_an_older_snapshot_counts_when_a_newer_one_did_not_see_the_run(layout, push):
    older = push(RUN)
    push()
    assert covering(layout) == older


@pytest.mark.parametrize(("minutes", "covered"), [(-5, True), (0, True), (5, False)])
def test_where_clearings_are_not_counted_only_a_run_that_was_started_before_is_covered(
    layout, push, minutes, covered
):
    manifest = push(replace(RUN, clear_number=None))
    started_at = datetime.fromisoformat(manifest.started_at) + timedelta(minutes=minutes)
    assert (covering(layout, started_at=started_at) is not None) is covered


def test_a_run_that_was_never_cleared_is_covered_where_clearings_are_not_counted(layout, push):
    manifest = push(replace(RUN, clear_number=None))
    later = datetime.fromisoformat(manifest.started_at) + timedelta(minutes=5)
    assert covering(layout, replace(RUN, clear_number=0), started_at=later) == manifest


def test_a_snapshot_that_was_refused_answers_the_runs_that_wait_for_it(layout, push):
    manifest = push(RUN, completed=False, refused="It shrank.")
    found = answer(layout)
    assert (found.manifest, found.refused) == (manifest, "It shrank.")


@pytest.mark.parametrize("refused_first", [True, False])
def test_a_pushed_snapshot_goes_before_a_refused_one(layout, push, refused_first):
    pushed = None if refused_first else push(RUN)
    push(RUN, completed=False, refused="It shrank.")
    pushed = pushed or push(RUN)
    assert covering(layout) == pushed


UNTIL = datetime(2030, 1, 1, tzinfo=UTC)


def test_a_question_is_open_until_its_end(layout, push):
    push(RUN, completed=False, until=UNTIL)
    assert answer(layout, now=UNTIL) is None
    assert answer(layout, now=UNTIL - timedelta(seconds=1)).asked.until == UNTIL.isoformat()


@pytest.mark.parametrize("asked_first", [True, False])
def test_a_snapshot_that_is_asked_about_goes_before_a_refused_one(layout, push, asked_first):
    ways = [{"until": UNTIL}, {"refused": "It shrank."}]
    for way in ways if asked_first else ways[::-1]:
        push(RUN, completed=False, **way)
    assert (answer(layout).refused, answer(layout).asked.why) == (None, "It shrank.")


@pytest.mark.parametrize("way", [{"until": UNTIL}, {"refused": "It shrank."}], ids=["asked", "refused"])
def test_of_several_the_newest_is_told(layout, push, way):
    push(RUN, completed=False, **way)
    newest = push(RUN, completed=False, **way)
    assert answer(layout).manifest == newest


def test_a_refusal_that_was_lifted_answers_nobody_until_the_push_is_done(layout, push):
    push(RUN, completed=False)
    assert answer(layout) is None


def test_a_push_record_that_cannot_be_read_covers_nothing(layout, push):
    manifest = push(RUN)
    (record,) = layout.directory(manifest.timestamp).glob("*.pushed")
    record.write_text("{")
    assert covering(layout) is None
