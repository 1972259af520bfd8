"""An open question is not a refusal, and a damaged push record says which file it is."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import pytest

from mode_catalog_provider.catalog.coverage import RunRequest, covering_snapshot
from mode_catalog_provider.catalog.push_record import AcceptedShrink, close_question, read, record_path
from mode_catalog_provider.errors import SnapshotError, SnapshotShrunkError, SnapshotStaleError
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.manifest import Manifest
from tests.integration.upload_cases import AT, HOST, NOW, ROWS, make_snapshot, push

RUN = RunRequest(dag_id="sync", run_id="b", clear_number=0)


@pytest.fixture
def asked(catalog, tmp_path):
    snapshot = make_snapshot(tmp_path, rows={**ROWS, "report": 0})
    manifest = Manifest.from_json(json.loads(snapshot.manifest.to_bytes()))
    object.__setattr__(manifest, "answers", ({"dag_id": "sync", "run_id": "b", "clear_number": 0},))
    snapshot.manifest_path.write_bytes(manifest.to_bytes())
    with pytest.raises(SnapshotShrunkError):
        push(catalog, snapshot, asking_for=timedelta(hours=2))
    return snapshot


def answer(catalog, tmp_path, now=NOW):
    return covering_snapshot(
        RUN,
        layout=Layout.nested(tmp_path, "acme"),
        source_id=catalog.source_id,
        host=HOST,
        options={},
        started_at=None,
        now=now,
    )


def test_while_a_person_is_asked_other_runs_are_told_so(catalog, tmp_path, asked):
    found = answer(catalog, tmp_path)
    assert found.refused is None
    assert "has no report" in found.asked.why


def test_a_question_that_nobody_acts_on_any_more_answers_nothing(catalog, tmp_path, asked):
    assert answer(catalog, tmp_path, now=NOW + timedelta(hours=3)) is None


def test_a_rejected_question_is_a_refusal(catalog, tmp_path, asked):
    close_question(record_path(asked, catalog.source_id), "Ada rejected it.")
    found = answer(catalog, tmp_path)
    assert (found.asked, found.refused) == (None, "Ada rejected it.")


def test_an_approved_question_stays_open_until_the_upload_is_done(catalog, tmp_path, asked):
    push(catalog, asked, accept_shrink=True)
    found = answer(catalog, tmp_path)
    assert (found.asked, found.refused) == (None, None)
    assert read(record_path(asked, catalog.source_id)).asked is None


def test_a_question_that_a_newer_upload_has_overtaken_is_over(catalog, tmp_path, asked):
    push(catalog, make_snapshot(tmp_path, at=AT + 60))
    yes = AcceptedShrink(since=0, by="Ada", at="2026-11-20T00:00:00+00:00")
    with pytest.raises(SnapshotStaleError):
        push(catalog, asked, accepted=yes, asking_for=timedelta(hours=2))
    found = answer(catalog, tmp_path)
    assert found.asked is None
    assert "is older than snapshot" in found.refused


def test_a_push_record_damaged_in_any_way_is_told_with_its_path(catalog, tmp_path):
    snapshot = make_snapshot(tmp_path)
    push(catalog, snapshot)
    path = record_path(snapshot, catalog.source_id)
    whole = path.read_bytes()
    chance = random.Random(7)
    damaged = [b"", b"[" * 200_000, b"\xff" * 9, b"null", b'{"format_version": 1e999}', b"1" * 5_000]
    for _ in range(500):
        content = bytearray(whole)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        damaged.append(bytes(content))
    refused = 0
    for content in damaged:
        path.write_bytes(content)
        if (told := refusal(path)) is not None:
            refused += 1
            assert str(path) in told
    assert refused > 100


def refusal(path):
    try:
        read(path)
    except SnapshotError as error:
        return str(error)
    return None
