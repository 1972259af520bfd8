"""Did it arrive? Each finding, with its exact list."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mode_catalog_provider.catalog.arrival_report import (
    KINDS,
    ArrivalReport,
    earlier_arrival,
    keep_arrival,
)
from mode_catalog_provider.catalog.sources import ListedSources
from mode_catalog_provider.errors import (
    MalformedResponseError,
    ModeCatalogError,
    SnapshotAlteredError,
    UnknownSourceError,
)
from tests.integration.reconcile_cases import (
    CONNECTIONS,
    REPORTS,
    arrived,
    compared,
    entries,
    queries_of,
    snapshot_of,
)
from tests.integration.upload_cases import AT, new_api
from tests.integration.upload_cases import push as push_snapshot
from tests.unit.catalog.serving import running_catalog

TOKENS = [report["token"] for report in REPORTS]
NOTHING = dict.fromkeys(KINDS, 0)


@pytest.fixture
def catalog():
    with running_catalog() as sandbox:
        yield sandbox


def test_all_that_was_uploaded_and_ingested_is_there(catalog, tmp_path):
    report = compared(catalog, arrived(catalog, snapshot_of(tmp_path)))
    assert (report.reports, report.arrived, report.with_lineage) == (4, 4, 4)
    assert report.counts == NOTHING
    assert report.matched_by == {"url": 4, "external_id": 0}
    assert report.not_checked == {}


# -- missing, gone, renamed ---------------------------------------------------------------------------------


def test_each_missing_report_has_the_likeliest_reason(catalog, tmp_path):
    reports = [
        {**REPORTS[0], "archived": True, "space_token": "own", "type": "DatasetReport"},
        {**REPORTS[1], "space_token": "own", "type": "DatasetReport"},
        {**REPORTS[2], "type": "DatasetReport"},
        REPORTS[3],
    ]
    report = compared(
        catalog, arrived(catalog, snapshot_of(tmp_path, reports=reports), lost_dashboards=TOKENS)
    )
    assert entries(report, "missing") == [
        {"token": TOKENS[0], "name": "Report 0", "reason": "archived"},
        {"token": TOKENS[1], "name": "Report 1", "reason": "personal"},
        {"token": TOKENS[2], "name": "Report 2", "reason": "dataset"},
        {"token": TOKENS[3], "name": "Report 3", "reason": "unknown"},
    ]
    assert (report.arrived, report.counts["without_lineage"]) == (0, 0)


def test_what_was_pushed_after_the_last_ingestion_is_not_yet_missing(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path, reports=REPORTS[:3]))
    later = snapshot_of(tmp_path, at=AT + 86_400)
    push_snapshot(catalog, later, now=lambda: datetime.fromtimestamp(AT + 90_000, UTC))
    assert snapshot is not later
    report = compared(catalog, later)
    assert entries(report, "missing") == [{"token": TOKENS[3], "name": "Report 3", "reason": "not_ingested"}]
    assert "once a day" in report.not_checked["arrival"]
    assert "was pushed after that" in report.not_checked["arrival"]


def test_dashboards_that_mode_no_longer_has_are_named(catalog, tmp_path):
    arrived(catalog, snapshot_of(tmp_path))
    later = snapshot_of(tmp_path, at=AT + 86_400, reports=REPORTS[1:])
    report = compared(catalog, arrived(catalog, later, dead_dashboards=True))
    assert entries(report, "gone") == [
        {
            "dashboard": f"dashboard-{TOKENS[0]}",
            "name": "Report 0",
            "url": f"https://app.mode.com/acme/reports/{TOKENS[0]}",
        }
    ]
    assert report.counts == {**NOTHING, "gone": 1}
    assert "which Mode no longer has" in report.items["gone"][0].finding.what


def test_a_report_that_mode_refused_to_show_is_not_gone(catalog, tmp_path):
    arrived(catalog, snapshot_of(tmp_path))
    left_out = [{"asset": "report", "token": TOKENS[0], "name": None, "reason": "forbidden", "detail": ""}]
    later = snapshot_of(tmp_path, at=AT + 86_400, reports=REPORTS[1:], left_out=left_out)
    assert compared(catalog, arrived(catalog, later, dead_dashboards=True)).counts["gone"] == 0


@pytest.mark.parametrize(
    "entry",
    [
        {"asset": "collection", "token": "fin", "name": "Finance", "reason": "forbidden", "detail": ""},
        {"asset": "report", "token": None, "name": None, "reason": "forbidden", "detail": ""},
    ],
    ids=["a collection", "a second look"],
)
def test_what_lies_in_a_listing_that_was_refused_may_be_there_still(catalog, tmp_path, entry):
    arrived(catalog, snapshot_of(tmp_path))
    later = snapshot_of(tmp_path, at=AT + 86_400, reports=REPORTS[1:], left_out=[entry])
    report = compared(catalog, arrived(catalog, later, dead_dashboards=True))
    assert report.counts["gone"] == 1
    assert "may be in Mode still" in report.not_checked["gone"]
    assert entry["name"] is None or "'Finance'" in report.not_checked["gone"]


def test_a_snapshot_without_a_report_does_not_prove_that_mode_has_none(catalog, tmp_path):
    arrived(catalog, snapshot_of(tmp_path))
    report = compared(catalog, snapshot_of(tmp_path, at=AT + 86_400, reports=[]))
    assert report.counts["gone"] == 4
    assert "a key of Mode without rights" in report.not_checked["gone"]


def test_of_a_snapshot_whose_push_nobody_recorded_it_is_not_said_when_it_was_pushed(catalog, tmp_path):
    arrived(catalog, snapshot_of(tmp_path, reports=REPORTS[:3]))
    note = compared(catalog, snapshot_of(tmp_path, at=AT + 86_400)).not_checked["arrival"]
    assert "was made after that (no record tells of its push)" in note


@pytest.mark.parametrize(
    "settings", [{"filtered": {"archived": 2}}, {"options": {"include_collections": ["Finance"]}}]
)
def test_what_was_filtered_may_only_have_been_left_out_of_the_snapshot(catalog, tmp_path, settings):
    arrived(catalog, snapshot_of(tmp_path))
    later = snapshot_of(tmp_path, at=AT + 86_400, reports=REPORTS[1:], **settings)
    report = compared(catalog, arrived(catalog, later, dead_dashboards=True))
    assert report.counts["gone"] == 1
    assert "was filtered" in report.not_checked["gone"]
    assert "which the snapshot does not have" in report.items["gone"][0].finding.what


def test_names_and_folders_that_differ_are_told(catalog, tmp_path):
    snapshot = arrived(
        catalog,
        snapshot_of(tmp_path),
        renamed={TOKENS[0]: "Old name", TOKENS[1]: " REPORT  1 "},
        moved={TOKENS[2]: "Marketing"},
    )
    report = compared(catalog, snapshot)
    assert entries(report, "renamed") == [
        {
            "token": TOKENS[0],
            "name": "Report 0",
            "dashboard": f"dashboard-{TOKENS[0]}",
            "url": f"https://app.mode.com/acme/reports/{TOKENS[0]}",
            "catalog_name": "Old name",
        },
        {
            "token": TOKENS[2],
            "name": "Report 2",
            "dashboard": f"dashboard-{TOKENS[2]}",
            "url": f"https://app.mode.com/acme/reports/{TOKENS[2]}",
            "collection": "Finance",
            "folder": "/Marketing",
        },
    ]


def test_a_report_without_a_name_is_not_renamed(catalog, tmp_path):
    reports = [{**REPORTS[0], "name": None}]
    assert compared(catalog, arrived(catalog, snapshot_of(tmp_path, reports=reports))).counts == NOTHING


def test_folders_that_are_never_collections_are_not_compared(catalog, tmp_path):
    reports = [{**REPORTS[0], "token": f"bbbb0000000{number}"} for number in range(6)]
    moved = {report["token"]: "acme" for report in reports}
    report = compared(catalog, arrived(catalog, snapshot_of(tmp_path, reports=reports), moved=moved))
    assert report.counts["renamed"] == 0
    assert "folders" in report.not_checked


# -- recognising --------------------------------------------------------------------------------------------


def test_tiles_are_recognised_and_counted_for_nothing(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path), tiles=3, lost_lineage=TOKENS[:1])
    report = compared(catalog, snapshot)
    assert (report.dashboards, report.child_rows, report.arrived, report.with_lineage) == (4, 12, 4, 3)
    assert report.counts == {**NOTHING, "without_lineage": 1}


def test_tiles_alone_are_no_dashboard(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path), tiles=1)
    catalog.dashboards = [row for row in catalog.dashboards if row["id"] != f"dashboard-{TOKENS[0]}"]
    assert [entry["token"] for entry in entries(compared(catalog, snapshot), "missing")] == TOKENS[:1]


def test_a_chart_that_calls_itself_a_dashboard_is_a_part_of_its_report(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path))
    first = catalog.dashboards[0]
    catalog.dashboards.append({**first, "id": "0", "url": f"{first['url']}/charts/0123", "name": "Chart"})
    report = compared(catalog, snapshot)
    assert (report.dashboards, report.child_rows, report.counts) == (4, 1, NOTHING)


@pytest.mark.parametrize("external_ids", ["id", "token"])
def test_without_an_address_the_external_id_tells(catalog, tmp_path, external_ids):
    snapshot = arrived(catalog, snapshot_of(tmp_path), urls="workspace", external_ids=external_ids)
    report = compared(catalog, snapshot)
    assert report.matched_by == {"url": 0, "external_id": 4}
    assert report.counts == NOTHING


def test_an_address_whose_path_stands_behind_a_hash_tells_the_report(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path))
    for row in catalog.dashboards:
        row["url"] = row["url"].replace("/acme/", "/#/acme/")
        row["externalId"] = "1"
    assert compared(catalog, snapshot).matched_by == {"url": 4, "external_id": 0}


def test_the_address_of_another_report_outweighs_an_equal_id(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path))
    catalog.dashboards[0]["url"] = "https://app.mode.com/acme/reports/cccc00000000"
    report = compared(catalog, snapshot)
    assert [entry["token"] for entry in entries(report, "missing")] == TOKENS[:1]
    assert [entry["name"] for entry in entries(report, "gone")] == ["Report 0"]


# -- connections --------------------------------------------------------------------------------------------


def test_connections_that_no_warehouse_answers_to_are_named(catalog, tmp_path):
    connections = [
        *CONNECTIONS,
        {"id": 2, "token": "ora", "name": "Books", "adapter": "jdbc:oracle", "database": "X"},
        {"id": 3, "token": "red", "name": "Old", "adapter": "jdbc:redshift", "database": "dev"},
        {"id": 4, "token": "zed", "name": "Lab", "adapter": "jdbc:snowflake", "database": "LAB"},
    ]
    catalog.add_table("ANALYTICS.CORE.ORDERS")
    report = compared(catalog, arrived(catalog, snapshot_of(tmp_path, connections=connections)))
    found = entries(report, "unknown_connections")
    assert [(entry["token"], entry["name"], entry["reason"]) for entry in found] == [
        ("ora", "Books", "Catalog has no warehouse of the kind oracle."),
        ("red", "Old", "Catalog has no warehouse of the kind redshift."),
        ("zed", "Lab", "Catalog's warehouses of that kind (Snowflake) have no database LAB."),
    ]


def test_a_list_of_sources_without_the_mode_source_says_nothing_about_warehouses(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path), lost_lineage=None)
    catalog.fault("*op=getLineages*", do=catalog.sources.clear)
    report = compared(catalog, snapshot)
    assert report.counts["unknown_connections"] == 0
    assert "not whole" in report.not_checked["unknown_connections"]
    assert {one["reason"] for one in entries(report, "without_lineage")} == {"unknown_tables"}


def test_a_list_of_sources_that_is_shorter_than_its_count_says_nothing_about_warehouses(
    catalog, tmp_path, monkeypatch
):
    connections = [{**CONNECTIONS[0], "adapter": "jdbc:oracle"}]
    snapshot = arrived(catalog, snapshot_of(tmp_path, connections=connections), lost_lineage=None)
    assert compared(catalog, snapshot).counts["unknown_connections"] == 1
    api = new_api(catalog)
    monkeypatch.setattr(api, "listed_sources", lambda: ListedSources(api.sources(), unlisted=2))
    report = compared(catalog, snapshot, api=api)
    assert report.counts["unknown_connections"] == 0
    assert "counts 2 sources" in report.not_checked["unknown_connections"]


# -- what Catalog answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", ["duplicates", "losses", "repeat", "no_total"])
@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_pages_may_be_odd_and_all_rows_are_seen(catalog, tmp_path, odd, size):
    snapshot = arrived(catalog, snapshot_of(tmp_path), tiles=2)
    catalog.switches.throw(odd_pages=odd, max_per_page=size, per_page_over="clamp")
    if odd == "duplicates":
        catalog.switches.throw(max_per_page=500)
    report = compared(catalog, snapshot)
    assert (report.arrived, report.child_rows, report.counts) == (4, 8, NOTHING)


def test_half_a_listing_is_never_taken_for_the_whole(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path), tiles=2)
    catalog.switches.throw(odd_pages="half", max_per_page=5, per_page_over="clamp")
    with pytest.raises(MalformedResponseError, match="announced 12 rows and gave 10"):
        compared(catalog, snapshot)


@pytest.mark.parametrize("over", [499, 100, 20])
def test_pages_that_are_answered_with_nothing_are_asked_for_again_in_smaller_ones(catalog, tmp_path, over):
    snapshot = arrived(catalog, snapshot_of(tmp_path), tiles=9)
    catalog.switches.empty_over = over
    report = compared(catalog, snapshot)
    assert (report.arrived, report.child_rows, report.counts) == (4, 36, NOTHING)


def test_a_catalog_that_answers_nothing_at_all_is_no_empty_catalog(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path))
    catalog.fault("*op=getLineages*", body=b"{}", times=None)
    with pytest.raises(MalformedResponseError):
        compared(catalog, snapshot)


@pytest.mark.parametrize("field", ["getDashboards", "getLineages"])
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 401},
        {"status": 400, "body": b'{"errors": [{"message": "no such field"}]}'},
        {"body": b'{"data": {"getDashboards": {"data": null}, "getLineages": {"data": null}}}'},
        {"html": True},
    ],
    ids=str,
)
def test_a_listing_that_fails_concludes_nothing(catalog, tmp_path, field, fault):
    snapshot = arrived(catalog, snapshot_of(tmp_path))
    catalog.fault(f"*op={field}*", times=None, **fault)
    with pytest.raises(ModeCatalogError):
        compared(catalog, snapshot, api=new_api(catalog, retry_budget=5))


def test_a_source_that_does_not_exist_is_refused(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path))
    with pytest.raises(UnknownSourceError):
        compared(catalog, snapshot, source_id=catalog.warehouse_id)


def test_an_altered_snapshot_is_refused(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path))
    snapshot.file_path(snapshot.manifest.files[2]).write_bytes(b"[]")
    with pytest.raises(SnapshotAlteredError):
        compared(catalog, snapshot)


# -- kept and compared --------------------------------------------------------------------------------------


def test_what_is_new_since_the_reconciliation_before_comes_first(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path), lost_dashboards=TOKENS[:1])
    before = compared(catalog, snapshot)
    path = keep_arrival(before, snapshot)
    assert path.parent == snapshot.directory.parent
    assert json.loads(path.read_bytes())["format_version"] == 1
    assert earlier_arrival(snapshot, catalog.source_id) == before
    catalog.switches.throw(lost_dashboards=TOKENS[:2])
    catalog.ingest_mode()
    report = compared(catalog, snapshot, earlier=before)
    assert [(item.entry["token"], item.finding.is_new) for item in report.items["missing"]] == [
        (TOKENS[1], True),
        (TOKENS[0], False),
    ]
    assert report.compared_with == AT
    assert ArrivalReport.from_bytes(report.to_bytes()) == report


def test_of_many_reconciliations_the_newest_that_is_not_of_a_later_snapshot_counts(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path))
    report = compared(catalog, snapshot)
    for seconds in (-5, 3, -1, -8, -2, 1, -9, -7, 2, -3, -6, -4):
        keep_arrival(replace(report, timestamp=AT + seconds), snapshot)
    earlier = earlier_arrival(snapshot, catalog.source_id)
    assert earlier is not None
    assert earlier.timestamp == AT - 1


def test_all_are_counted_and_the_first_are_named(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path), lost_dashboards=TOKENS)
    report = compared(catalog, snapshot, first=1)
    assert (report.counts["missing"], len(report.items["missing"])) == (4, 1)


def test_a_record_that_cannot_be_read_is_passed_over(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path))
    path = keep_arrival(compared(catalog, snapshot), snapshot)
    for damaged in (b"", b"\xff", b"[" * 100_000, b'{"format_version": 1}'):
        path.write_bytes(damaged)
        assert earlier_arrival(snapshot, catalog.source_id) is None


def test_thresholds_say_what_they_miss(catalog, tmp_path):
    snapshot = arrived(catalog, snapshot_of(tmp_path), lost_dashboards=TOKENS[:1], lost_lineage=TOKENS[:2])
    report = compared(catalog, snapshot)
    assert report.missed(min_arrived=0.75, min_lineage=0.66) == []
    assert report.missed(min_arrived=0.76, min_lineage=0.67) == [
        "3 of 4 reports arrived in Catalog (75.0%); 76.0% are required.",
        "2 of 3 reports in Catalog have lineage (66.7%); 67.0% are required.",
    ]


def test_a_snapshot_without_reports_misses_nothing(catalog, tmp_path):
    report = compared(catalog, arrived(catalog, snapshot_of(tmp_path, reports=[], queries=queries_of([]))))
    assert (report.reports, report.counts["missing"]) == (0, 0)
    assert report.missed(min_arrived=1.0, min_lineage=1.0) == []
