"""Sets of the vendor's tool, which lists a report once more when it moves while the extraction runs."""

from __future__ import annotations

import json

import pytest

from mode_catalog_provider.audit.options import AuditOptions
from mode_catalog_provider.audit.search import search
from mode_catalog_provider.audit.workspace import audit_snapshot
from mode_catalog_provider.snapshot.layout import data_file
from mode_catalog_provider.snapshot.reader import open_or_adopt
from tests.unit.audit.workspaces import REVENUE
from tests.unit.snapshot.sets import AT, lay, row_of, vendor_files


@pytest.fixture
def listed_twice(tmp_path):
    """A set in which report ``r1`` and its query are there twice, in two collections."""
    reports = [
        row_of("report", token, name=name, space_token=collection, creator="ann", view_count=3)
        for token, name, collection in (
            ("r1", "New Report", "c0"),
            ("r1", "New Report", "c1"),
            ("r2", "B", "c1"),
        )
    ]
    queries = [
        row_of("query", token, name="Q", raw_query=REVENUE, report_token=report, data_source_id=1)
        for token, report in (("q1", "r1"), ("q1", "r1"), ("q2", "r2"))
    ]
    files = {
        data_file(AT, "report"): json.dumps(reports).encode(),
        data_file(AT, "query"): json.dumps(queries).encode(),
    }
    return open_or_adopt(lay(tmp_path / "set", {**vendor_files(), **files}))


def test_a_report_that_is_listed_twice_is_audited_once(listed_twice, tmp_path):
    path = tmp_path / "index.json"
    found = audit_snapshot(listed_twice, AuditOptions(), index=[path]).findings
    assert sorted(one.check for one in found) == ["duplicate_report", "unnamed"]
    assert any("it holds 1 query" in one.what for one in found)
    rows = {row["token"]: row for row in json.loads(path.read_bytes())}
    assert {token: (row["queries"], row["collection"]) for token, row in rows.items()} == {
        "r1": (1, "Finance"),
        "r2": (1, "Finance"),
    }


def test_a_report_that_is_listed_twice_is_found_once(listed_twice):
    hits = search(listed_twice, text="revenue").hits
    assert [(hit.token, hit.queries) for hit in hits] == [("r2", ["Q"]), ("r1", ["Q"])]
