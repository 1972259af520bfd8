"""What the report says of the arrival: of which snapshot its figures are, and what is in doubt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mode_catalog_provider.catalog.arrival_report import keep_arrival
from mode_catalog_provider.report.html import as_html
from mode_catalog_provider.report.records import WorkspaceRecords
from mode_catalog_provider.report.workspace import gather
from tests.integration.reconcile_cases import REPORTS, arrived, compared, snapshot_of
from tests.integration.upload_cases import AT, push
from tests.unit.catalog.serving import running_catalog

DAY = 86_400


@pytest.fixture
def catalog():
    with running_catalog() as sandbox:
        yield sandbox


def reconciled(catalog, snapshot):
    keep_arrival(compared(catalog, snapshot), snapshot)


def state(tmp_path, at):
    now = datetime.fromtimestamp(at, UTC) + timedelta(hours=3)
    return gather(WorkspaceRecords(tmp_path / "acme"), now=now).state


def test_figures_of_an_earlier_snapshot_are_told_as_such(catalog, tmp_path):
    reconciled(catalog, arrived(catalog, snapshot_of(tmp_path)))
    before = state(tmp_path, AT)
    assert before.kind == "good"
    assert "; 4 of 4 reports arrived" in before.sentence
    later = snapshot_of(tmp_path, at=AT + DAY)
    push(catalog, later, now=lambda: datetime.fromtimestamp(AT + DAY + 60, UTC))
    after = state(tmp_path, AT + DAY)
    assert after.kind == "good"
    assert (
        f"; of the snapshot of {datetime.fromtimestamp(AT, UTC):%Y-%m-%d %H:%M:%S} UTC 4 of 4"
        in after.sentence
    )


def test_a_catalog_that_shows_nothing_of_what_it_ingested_is_not_called_current(catalog, tmp_path):
    lost = [report["token"] for report in REPORTS]
    reconciled(catalog, arrived(catalog, snapshot_of(tmp_path), lost_dashboards=lost))
    found = state(tmp_path, AT)
    assert (found.kind, "Catalog is current" in found.sentence) == ("bad", False)
    assert "0 of 4 reports arrived" in found.sentence


def test_what_was_not_ingested_yet_is_noted_and_no_fault(catalog, tmp_path):
    snapshot = snapshot_of(tmp_path)
    push(catalog, snapshot, now=lambda: datetime.fromtimestamp(AT + 60, UTC))
    reconciled(catalog, snapshot)
    assert state(tmp_path, AT).kind == "good"
    page = as_html(gather(WorkspaceRecords(tmp_path / "acme")))
    assert "Note on arrival: Catalog ingests this source about once a day, never so far" in page
    assert "Not looked at: arrival" not in page
