"""Rows of Catalog that are not quite as its schema has them: nothing false is concluded from them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from mode_catalog_provider.catalog.arrival_report import KINDS
from tests.integration.reconcile_cases import REPORTS, arrived, compared, entries, snapshot_of
from tests.unit.catalog.serving import running_catalog

NOTHING = dict.fromkeys(KINDS, 0)


@pytest.fixture
def catalog():
    with running_catalog() as sandbox:
        yield sandbox


@pytest.mark.parametrize("kind", ["dashboard", None, "", "REPORT"])
def test_a_row_with_the_address_of_a_report_is_its_dashboard_whatever_its_kind_is_called(
    catalog, tmp_path, kind
):
    snapshot = arrived(catalog, snapshot_of(tmp_path), tiles=2)
    for row in catalog.dashboards:
        row["type"] = kind if row["type"] == "DASHBOARD" else row["type"]
    report = compared(catalog, snapshot)
    assert (report.dashboards, report.child_rows, report.counts) == (4, 8, NOTHING)
    assert ("(REPORT)" in report.not_checked.get("kinds", "")) == (kind == "REPORT")


def test_a_row_of_an_unknown_kind_counts_for_nothing_beside_a_dashboard_or_without_a_report(
    catalog, tmp_path
):
    snapshot = arrived(catalog, snapshot_of(tmp_path))
    first = catalog.dashboards[0]
    catalog.dashboards += [
        {**first, "id": "0", "type": "PAGE", "name": "Page"},
        {**first, "id": "1", "type": "PAGE", "url": "https://app.mode.com/acme", "externalId": "x"},
    ]
    report = compared(catalog, snapshot)
    assert (report.dashboards, report.child_rows, report.counts) == (4, 2, NOTHING)


def test_a_dashboard_whose_name_catalog_does_not_tell_is_not_renamed(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path))
    catalog.dashboards[0]["name"] = ""
    assert compared(catalog, snapshot).counts == NOTHING


def test_an_address_in_capitals_is_that_of_its_report(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path))
    first, second = catalog.dashboards[:2]
    first["url"] = f"{first['url']}/".upper()
    catalog.dashboards.append({**second, "id": "0", "url": f"{second['url']}/charts/1".upper()})
    report = compared(catalog, snapshot)
    assert (report.matched_by["url"], report.child_rows, report.counts) == (4, 1, NOTHING)


@pytest.mark.parametrize("field", ["getDashboards", "getLineages"])
def test_a_listing_that_is_empty_once_is_no_empty_catalog(catalog, tmp_path, field):
    snapshot = arrived(catalog, snapshot_of(tmp_path))
    body = json.dumps({"data": {field: {"totalCount": 0, "data": []}}}).encode()
    catalog.fault(f"*op={field}*", body=body, times=1)
    assert compared(catalog, snapshot).counts == NOTHING


def test_an_ingestion_that_is_still_to_come_is_no_sign_that_the_snapshot_was_taken_in(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path), lost_dashboards=[REPORTS[0]["token"]])
    catalog.source(catalog.source_id).last_refreshed_at = datetime.now(UTC) + timedelta(days=9)
    report = compared(catalog, snapshot)
    assert [one["reason"] for one in entries(report, "missing")] == ["unknown"]
    assert "still to come" in report.not_checked["not_ingested"]
