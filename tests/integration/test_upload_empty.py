"""An empty answer is not an empty world: nothing at all is not uploaded without consent."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from mode_catalog_provider.catalog.push_record import AcceptedShrink
from mode_catalog_provider.errors import SnapshotShrunkError
from mode_catalog_provider.snapshot.reader import adopt_directory
from tests.integration.upload_cases import AT, NOW, ORDER, ROWS, make_snapshot, new_api, push
from tests.unit.catalog.serving import running_catalog
from tests.unit.snapshot.sets import lay, vendor_files

DAY = 86_400


@pytest.fixture
def catalog():
    with running_catalog() as sandbox:
        yield sandbox


def shows(catalog, dashboards, tiles=0):
    catalog.dashboards = [
        {
            "id": f"d{number}",
            "type": "DASHBOARD" if number < dashboards else "TILE",
            "name": "",
            "folderPath": "",
            "sourceId": catalog.source_id,
            "deletedAt": None,
        }
        for number in range(dashboards + tiles)
    ]


@pytest.mark.parametrize("asset", ["datasource", "collection", "report"])
@pytest.mark.parametrize("flat", [True, False])
def test_nothing_of_what_every_workspace_has_is_refused_at_the_first_upload(catalog, tmp_path, asset, flat):
    empty = make_snapshot(tmp_path, rows={**ROWS, asset: 0}, flat=flat)
    with pytest.raises(SnapshotShrunkError, match=f"has no {asset}") as caught:
        push(catalog, empty)
    assert (caught.value.since, caught.value.shrunk) == (0, {asset: (0, 0)})
    assert catalog.uploads == []
    assert push(catalog, empty, accept_shrink=True).pushed == ORDER


def test_no_query_and_no_member_are_no_sign(catalog, tmp_path):
    assert push(catalog, make_snapshot(tmp_path, rows={**ROWS, "query": 0, "member": 0})).pushed == ORDER


def test_a_person_may_accept_a_first_upload_of_nothing(catalog, tmp_path):
    consent = AcceptedShrink(since=0, by="Ada", at="2026-11-20T08:00:00+00:00")
    empty = make_snapshot(tmp_path, rows={**ROWS, "report": 0})
    assert push(catalog, empty, accepted=consent).pushed == ORDER


def test_what_was_accepted_as_nothing_once_is_not_asked_for_daily(catalog, tmp_path):
    first = make_snapshot(tmp_path, at=AT - DAY, rows={**ROWS, "datasource": 0})
    push(catalog, first, accept_shrink=True, now=lambda: NOW - timedelta(days=1))
    push(catalog, make_snapshot(tmp_path, rows={**ROWS, "datasource": 0}))
    assert len(catalog.uploads) == 12


@pytest.mark.parametrize("tiles", [0, 50])
def test_far_fewer_reports_than_catalog_shows_dashboards_are_refused(catalog, tmp_path, tiles):
    shows(catalog, 15, tiles)
    with pytest.raises(SnapshotShrunkError, match="Catalog shows 15 dashboards or more") as caught:
        push(catalog, make_snapshot(tmp_path), api=new_api(catalog))
    assert caught.value.shrunk == {"report": (15, 10)}
    assert catalog.uploads == []


def test_rows_of_which_catalog_does_not_tell_the_kind_are_dashboards(catalog, tmp_path):
    shows(catalog, 15)
    for row in catalog.dashboards:
        row["type"] = None
    with pytest.raises(SnapshotShrunkError, match="Catalog shows 15 dashboards or more"):
        push(catalog, make_snapshot(tmp_path), api=new_api(catalog))


def test_rows_of_an_unknown_kind_are_told(catalog, tmp_path, caplog):
    shows(catalog, 15)
    for row in catalog.dashboards:
        row["type"] = "PAGE"
    assert push(catalog, make_snapshot(tmp_path), api=new_api(catalog)).pushed == ORDER
    assert "15 rows of this source, some of a kind that is not known here (PAGE)" in caplog.text


def test_a_count_that_is_nothing_once_is_asked_for_again(catalog, tmp_path):
    shows(catalog, 15)
    nothing = b'{"data": {"getDashboards": {"totalCount": 0}}}'
    catalog.fault("*op=getDashboards*", body=nothing, times=1)
    with pytest.raises(SnapshotShrunkError, match="Catalog shows 15 dashboards or more"):
        push(catalog, make_snapshot(tmp_path), api=new_api(catalog))


@pytest.mark.parametrize("tiles", [0, 50])
def test_some_more_dashboards_than_reports_are_no_sign_nor_are_tiles(catalog, tmp_path, tiles):
    shows(catalog, 14, tiles)
    assert push(catalog, make_snapshot(tmp_path), api=new_api(catalog)).pushed == ORDER


def test_where_the_last_push_is_known_catalogs_own_count_does_not_decide(catalog, tmp_path):
    push(catalog, make_snapshot(tmp_path, at=AT - DAY), now=lambda: NOW - timedelta(days=1))
    shows(catalog, 500)
    assert push(catalog, make_snapshot(tmp_path), api=new_api(catalog)).pushed == ORDER


@pytest.mark.parametrize("listed", [0, 4])
def test_a_count_that_the_listing_does_not_bear_out_is_told(catalog, tmp_path, caplog, listed):
    shows(catalog, listed)
    many = b'{"data": {"getDashboards": {"totalCount": 40}}}'
    catalog.fault("*op=getDashboards*", body=many, times=1)
    assert push(catalog, make_snapshot(tmp_path), api=new_api(catalog)).pushed == ORDER
    assert f"Catalog counts 40 dashboards of this source and lists {listed}." in caplog.text


def test_a_count_that_cannot_be_asked_is_no_obstacle(catalog, tmp_path, caplog):
    catalog.fault("*op=getDashboards*", status=500, times=None)
    assert push(catalog, make_snapshot(tmp_path), api=new_api(catalog)).pushed == ORDER
    assert "is not compared with anything" in caplog.text


# -- the vendor's set as the last push ----------------------------------------------------------------------


def test_the_vendors_set_in_the_same_folder_counts_as_the_last_push(catalog, tmp_path):
    lay(tmp_path, vendor_files(AT - DAY))
    with pytest.raises(SnapshotShrunkError, match=f"since snapshot {AT - DAY}"):
        push(catalog, make_snapshot(tmp_path, flat=True, rows={**ROWS, "member": 0}))


@pytest.mark.parametrize(
    "identity",
    [
        {"base_url": "https://app.mode.com/acme"},
        {"base_url": "https://ModeAnalytics.com/Acme/"},
        {"base_url": None},
        {},
    ],
    ids=str,
)
def test_the_vendors_set_counts_however_it_names_the_workspace(catalog, tmp_path, identity):
    old = vendor_files(AT - DAY)
    old[f"{AT - DAY}-summary.json"] = json.dumps({"connection_identity": identity}).encode()
    lay(tmp_path, old)
    with pytest.raises(SnapshotShrunkError, match=f"since snapshot {AT - DAY}"):
        push(catalog, make_snapshot(tmp_path, flat=True, rows={**ROWS, "member": 0}))


@pytest.mark.parametrize(
    "address", ["https://modeanalytics.com/globex", "https://mode.internal/acme", "http://[/acme"]
)
def test_the_vendors_set_of_another_workspace_does_not_count(catalog, tmp_path, address):
    old = vendor_files(AT - DAY)
    old[f"{AT - DAY}-summary.json"] = json.dumps({"connection_identity": {"base_url": address}}).encode()
    lay(tmp_path, old)
    assert push(catalog, make_snapshot(tmp_path, flat=True, rows={**ROWS, "member": 0})).pushed == ORDER


def test_half_a_set_or_that_of_another_workspace_does_not_count(catalog, tmp_path):
    old = vendor_files(AT - DAY)
    old.pop(f"{AT - DAY}-query.json")
    lay(tmp_path, old)
    assert push(catalog, make_snapshot(tmp_path, flat=True, rows={**ROWS, "member": 0})).pushed == ORDER


# -- several sets in one folder -----------------------------------------------------------------------------


def test_of_two_complete_sets_of_the_vendor_the_newest_goes_and_that_is_said(catalog, tmp_path, caplog):
    caplog.set_level("INFO")
    lay(tmp_path, vendor_files(AT))
    lay(tmp_path, vendor_files(AT - DAY))
    (tmp_path / "notes.csv").write_text("a")
    result = push(catalog, adopt_directory(tmp_path))
    assert result.pushed == ORDER
    assert f"the newest, {AT}, is taken" in caplog.text
    assert "notes.csv" in caplog.text
    assert f"{AT - DAY}-report.json" in caplog.text
