"""A snapshot that shrank: what is noted of its refusal, and of a person's consent."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mode_catalog_provider.catalog.push_record import AcceptedShrink, read, record_path
from mode_catalog_provider.errors import RequestRefusedError, SnapshotShrunkError
from tests.integration.upload_cases import AT, NOW, ROWS, make_snapshot, push
from tests.unit.catalog.serving import running_catalog

DAY = 86_400


@pytest.fixture
def catalog():
    with running_catalog() as sandbox:
        yield sandbox


def record_of(snapshot, catalog):
    return read(record_path(snapshot, catalog.source_id))


def test_a_refusal_is_recorded_for_the_runs_that_the_snapshot_answers(catalog, tmp_path):
    push(catalog, make_snapshot(tmp_path, at=AT - DAY), now=lambda: NOW - timedelta(days=1))
    small = make_snapshot(tmp_path, rows={**ROWS, "report": 1})
    with pytest.raises(SnapshotShrunkError) as caught:
        push(catalog, small, dry_run=True)
    assert record_of(small, catalog) is None
    with pytest.raises(SnapshotShrunkError):
        push(catalog, small)
    assert record_of(small, catalog).refused == str(caught.value)
    push(catalog, small, accept_shrink=True)
    assert record_of(small, catalog).refused is None


def test_a_persons_consent_outlives_the_try_that_was_given_it(catalog, tmp_path):
    push(catalog, make_snapshot(tmp_path, at=AT - DAY), now=lambda: NOW - timedelta(days=1))
    small = make_snapshot(tmp_path, rows={**ROWS, "report": 1})
    consent = AcceptedShrink(since=AT - DAY, by="Ada", at="2026-11-20T08:00:00+00:00")
    catalog.fault("*-query.json", status=422, body=b"{}")
    with pytest.raises(RequestRefusedError, match="422"):
        push(catalog, small, accepted=consent)
    assert push(catalog, small).already_there
    assert record_of(small, catalog).accepted == consent


def test_consent_holds_only_against_the_push_that_it_speaks_of(catalog, tmp_path):
    for days in (2, 1):
        made = make_snapshot(tmp_path, at=AT - days * DAY)
        push(catalog, made, now=lambda days=days: NOW - timedelta(days=days))
    small = make_snapshot(tmp_path, rows={**ROWS, "report": 1})
    consent = AcceptedShrink(since=AT - 2 * DAY, by="Ada", at="2026-11-20T08:00:00+00:00")
    with pytest.raises(SnapshotShrunkError):
        push(catalog, small, accepted=consent)
    assert len(catalog.uploads) == 12
