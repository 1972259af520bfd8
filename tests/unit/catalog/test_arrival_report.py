"""What a reconciliation says: its shares, its thresholds, what is named first, and what is kept."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mode_catalog_provider.audit.finding import Finding
from mode_catalog_provider.catalog.arrival_report import (
    KINDS,
    ArrivalReport,
    Item,
    chosen,
    earlier_arrival,
    keep_arrival,
)
from mode_catalog_provider.errors import SnapshotAlteredError
from mode_catalog_provider.snapshot.reader import open_or_adopt
from tests.integration.upload_cases import AT, LEAST, make_snapshot
from tests.unit.snapshot.sets import lay, vendor_files


def item(token, *, is_new=True):
    finding = Finding(check="missing", asset="report", token=token, name="R", what="Gone.", is_new=is_new)
    return Item(finding=finding, entry={"token": token})


NOTHING = dict.fromkeys(KINDS, ())
REPORT = ArrivalReport(
    source_id="source",
    timestamp=1_795_000_000,
    workspace="acme",
    reports=10,
    arrived=8,
    with_lineage=2,
    dashboards=9,
    child_rows=3,
    matched_by={"url": 7, "external_id": 1},
    counts={**dict.fromkeys(KINDS, 0), "missing": 2, "gone": 5},
    items={**NOTHING, "missing": (item("r1"), item("r2", is_new=False)), "gone": (item("r3"),)},
    not_checked={"lineage": "it was not asked"},
    compared_with=1_794_000_000,
)


@pytest.mark.parametrize(
    ("reports", "arrived", "with_lineage", "shares"),
    [(10, 8, 2, (0.8, 0.25)), (10, 0, 0, (0.0, 0.0)), (0, 0, 0, (1.0, 1.0))],
)
def test_shares_are_of_what_there_is_and_whole_where_there_is_nothing(reports, arrived, with_lineage, shares):
    report = replace(REPORT, reports=reports, arrived=arrived, with_lineage=with_lineage)
    assert (report.arrived_share, report.lineage_share) == shares


def test_a_threshold_that_is_just_reached_is_not_missed():
    assert REPORT.missed(min_arrived=None, min_lineage=None) == []
    assert REPORT.missed(min_arrived=0.8, min_lineage=0.25) == []
    assert REPORT.missed(min_arrived=0.81, min_lineage=None) == [
        "8 of 10 reports arrived in Catalog (80.0%); 81.0% are required."
    ]
    assert REPORT.missed(min_arrived=None, min_lineage=0.26) == [
        "2 of 8 reports in Catalog have lineage (25.0%); 26.0% are required."
    ]
    assert len(REPORT.missed(min_arrived=1, min_lineage=1)) == 2


def test_findings_come_kind_by_kind_and_the_new_ones_are_counted():
    assert [finding.token for finding in REPORT.findings] == ["r1", "r2", "r3"]
    assert REPORT.new_counts == {
        "missing": 1,
        "gone": 1,
        "without_lineage": 0,
        "renamed": 0,
        "unknown_connections": 0,
    }


def test_what_was_found_before_is_known_only_where_all_of_it_is_named():
    assert REPORT.identities("missing") == {("missing", "r1"), ("missing", "r2")}
    assert REPORT.identities("renamed") == frozenset()
    assert REPORT.identities("gone") is None


def test_what_is_kept_is_read_again_to_the_last_word():
    assert ArrivalReport.from_bytes(REPORT.to_bytes()) == REPORT


def test_programs_get_the_entries_of_each_kind():
    entries = {"missing": [{"token": "r1"}, {"token": "r2"}], "gone": [{"token": "r3"}]}
    assert REPORT.to_json(snapshot="/staging/1.manifest") == {
        "source_id": "source",
        "snapshot": "/staging/1.manifest",
        "reports": 10,
        "arrived": 8,
        "with_lineage": 2,
        **{kind: entries.get(kind, []) for kind in KINDS},
        "matched_by": {"url": 7, "external_id": 1},
    }


@pytest.mark.parametrize(
    "odd",
    [
        {"format_version": 2},
        {"timestamp": True},
        {"timestamp": "1795000000"},
        {"counts": {**REPORT.counts, "renamed": None}},
        {"counts": {"missing": 2}},
        {"items": {"missing": []}},
        {"unheard_of": 1},
    ],
    ids=lambda odd: str(odd)[:30],
)
def test_what_is_no_such_record_is_refused(odd):
    with pytest.raises(SnapshotAlteredError, match="not the record of a reconciliation"):
        ArrivalReport.from_bytes(json.dumps(json.loads(REPORT.to_bytes()) | odd).encode())


def test_the_new_ones_are_named_first_and_all_are_counted():
    known = frozenset(item(token).finding.identity for token in ("a", "b", "c"))
    named, count = chosen(map(item, "axbyc"), known, first=3)
    assert [(one.finding.token, one.finding.is_new) for one in named] == [
        ("x", True),
        ("y", True),
        ("a", False),
    ]
    assert count == 5
    named, count = chosen((item(token, is_new=False) for token in "abc"), None, first=2)
    assert ([one.finding.is_new for one in named], count) == ([True, True], 3)
    assert chosen([], None, first=2) == ((), 0)


def test_it_is_kept_beside_the_snapshots_for_those_that_come_after(tmp_path):
    snapshot = make_snapshot(tmp_path, rows=LEAST)
    assert earlier_arrival(snapshot, "source") is None
    report = replace(REPORT, timestamp=AT)
    assert keep_arrival(report, snapshot) == tmp_path / "acme" / f"{AT}.source.arrival"
    keep_arrival(replace(report, timestamp=AT + 1), snapshot)
    assert earlier_arrival(snapshot, "source") == report
    assert earlier_arrival(snapshot, "another") is None


def test_nothing_is_kept_in_a_folder_of_another_tool(tmp_path):
    folder = lay(tmp_path, vendor_files())
    before = sorted(tmp_path.rglob("*"))
    assert keep_arrival(REPORT, open_or_adopt(folder)) is None
    assert sorted(tmp_path.rglob("*")) == before
