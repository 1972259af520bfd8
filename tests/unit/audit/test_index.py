"""The index: one row for each report, in files that people open."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys

import pytest

from mode_catalog_provider.audit.index import COLUMNS
from mode_catalog_provider.audit.index_files import write_index
from mode_catalog_provider.audit.options import AuditOptions
from mode_catalog_provider.audit.workspace import audit_snapshot
from mode_catalog_provider.errors import ConfigurationError
from tests.unit.audit.workspaces import AT, REVENUE, TICKETS, spoil


@pytest.fixture
def indexed(workspace, tmp_path):
    def indexed(*endings):
        paths = [tmp_path / f"index{ending}" for ending in endings]
        audit_snapshot(workspace.snapshot(), AuditOptions(), index=paths)
        return paths

    return indexed


def rows_of(path):
    return {row["token"]: row for row in json.loads(path.read_bytes())}


def test_an_owner_is_there_in_any_script_and_case_and_a_key_is_nobody_who_could_leave(workspace, indexed):
    workspace.add("member", token="zoe-token", username="Žoë", name="Zoë")
    for token, creator in (("zoe", "ŽOË"), ("gone", "bob"), ("key", "workspace-api-key"), ("own", "Acme")):
        workspace.report(token, REVENUE, creator=creator)
    (path,) = indexed(".json")
    told = {token: row["owner_is_there"] for token, row in rows_of(path).items()}
    assert told == {"zoe": True, "gone": False, "key": None, "own": None}


def test_a_row_says_what_is_known_of_a_report(workspace, indexed):
    workspace.report("one", REVENUE, "select a, b from {{ @people as p }}", name="Revenue", view_count=7)
    workspace.report("two", REVENUE, "select a, b from {{ @people as p }}", creator="bob", view_count=3)
    workspace.facts["report", "one"] = {
        "last_run_at": "2026-05-01T00:00:00Z",
        "last_successfully_run_at": "2026-05-01T00:01:00Z",
        "schedules_count": 2,
    }
    (path,) = indexed(".json")
    one = rows_of(path)["one"]
    assert list(one) == list(COLUMNS)
    expected = {
        "title": "Revenue",
        "link": "https://app.mode.com/acme/reports/one",
        "collection": "Finance",
        "owner": "ana",
        "owner_is_there": True,
        "last_run": "2026-05-01T00:00:00Z",
        "last_good_run": "2026-05-01T00:01:00Z",
        "views": 7,
        "views_30_days": None,
        "schedules": 2,
        "queries": 2,
        "connections": ["Warehouse"],
        "definitions": ["people"],
        "survivor": "one",
        "findings": ["duplicate_report", "definition"],
    }
    assert {column: one[column] for column in expected} == expected
    assert "sales.orders" in one["tables"]
    two = rows_of(path)["two"]
    assert two["owner_is_there"] is False
    assert two["family"] == one["family"]
    assert "owner_gone" in two["findings"]


def test_what_is_unknown_is_empty(workspace, indexed):
    workspace.report("one", view_count=None, creator=None, name=None)
    (path,) = indexed(".json")
    row = rows_of(path)["one"]
    unknown = ("title", "owner", "owner_is_there", "views", "schedules", "last_run", "family")
    assert {row[column] for column in unknown} == {None}


def test_views_of_the_last_30_days_are_told_where_a_snapshot_of_then_is_kept(workspace, indexed):
    workspace.report("one", view_count=5)
    workspace.snapshot(AT - 31 * 86_400)
    workspace.remove("one")
    workspace.report("one", view_count=25)
    workspace.report("fresh", view_count=3)
    (path,) = indexed(".json")
    assert rows_of(path)["one"]["views_30_days"] == 20
    assert rows_of(path)["fresh"]["views_30_days"] is None


@pytest.mark.parametrize(("days", "told"), [(29, None), (30, 20), (37, 20), (38, None), (300, None)])
def test_views_since_another_day_are_not_called_those_of_30_days(workspace, indexed, days, told):
    workspace.report("one", view_count=5)
    workspace.snapshot(AT - days * 86_400)
    workspace.remove("one")
    workspace.report("one", view_count=25)
    (path,) = indexed(".json")
    assert rows_of(path)["one"]["views_30_days"] == told


@pytest.mark.parametrize("damage", ["gone", "cut off"])
def test_a_damaged_snapshot_of_then_leaves_its_views_unknown_or_to_the_one_before(workspace, indexed, damage):
    workspace.report("one", view_count=5)
    older, newer = (workspace.snapshot(AT - days * 86_400) for days in (32, 31))
    spoil(newer, "report", damage)
    workspace.remove("one")
    workspace.report("one", view_count=25)
    (path,) = indexed(".json")
    assert rows_of(path)["one"]["views_30_days"] == 20
    spoil(older, "report", damage)
    (path,) = indexed(".json")
    assert rows_of(path)["one"]["views_30_days"] is None


def test_tables_of_queries_that_cannot_be_read_are_unknown_and_not_none_at_all(workspace, indexed):
    odd = "select from from orders where ((("
    workspace.report("odd", odd)
    workspace.report("both", odd, TICKETS)
    workspace.report("none", "select 1")
    workspace.report("empty")
    (path,) = indexed(".json")
    assert {token: row["tables"] for token, row in rows_of(path).items()} == {
        "odd": None,
        "both": ["support.agents", "support.tickets"],
        "none": [],
        "empty": [],
    }


def test_all_formats_hold_the_same_reports(workspace, indexed):
    workspace.report("one", REVENUE, TICKETS)
    workspace.report("two", TICKETS)
    as_csv, as_json, as_sqlite = indexed(".csv", ".json", ".sqlite")
    with as_csv.open(newline="", encoding="utf-8-sig") as file:
        assert [row["token"] for row in csv.DictReader(file)] == ["one", "two"]
    assert list(rows_of(as_json)) == ["one", "two"]
    found = sqlite3.connect(as_sqlite).execute("SELECT token, queries FROM report ORDER BY token").fetchall()
    assert found == [("one", 2), ("two", 1)]


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1+1", "-2", "@SUM(1)", " =1", "\t=1"])
def test_no_name_becomes_a_formula_in_a_spreadsheet(workspace, indexed, name):
    workspace.report("one", name=name)
    (path,) = indexed(".csv")
    with path.open(newline="", encoding="utf-8-sig") as file:
        (row,) = csv.DictReader(file)
    assert row["title"] == f"'{' '.join(name.split())}"


def test_a_name_shows_its_control_characters_in_a_table_for_people(workspace, indexed):
    workspace.report("one", name="a\x1b[31m\x00b\u202ec\x7f")
    (path,) = indexed(".csv")
    assert b"a\\x1b[31m\\x00b\\u202ec\\x7f" in path.read_bytes()


def test_another_ending_is_refused_before_anything_is_read(indexed):
    with pytest.raises(ConfigurationError, match=r"\.csv, \.json, \.sqlite or \.db"):
        indexed(".xlsx")


def test_an_index_of_nothing_is_a_table_without_rows(indexed):
    (path,) = indexed(".json")
    assert json.loads(path.read_bytes()) == []


def test_a_file_that_is_named_twice_is_written_once(tmp_path):
    path = tmp_path / "index.json"
    assert write_index([dict.fromkeys(COLUMNS, "x")], [path, path]) == 1
    assert len(json.loads(path.read_bytes())) == 1


# In a process of its own: the limit is on every file that a process writes.
_FULL = """
import resource, sys
from mode_catalog_provider.audit.index import COLUMNS
from mode_catalog_provider.audit.index_files import write_index
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
write_index((dict.fromkeys(COLUMNS, "x" * 999) for _ in range(99)), [Path(sys.argv[1])])
"""


def test_a_temporary_disk_that_is_full_is_told(tmp_path):
    # Python would leave half a file of bytecode where it may not write a whole one.
    done = subprocess.run(
        [sys.executable, "-B", "-c", _FULL, str(tmp_path / "index.sqlite")],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert "SnapshotError" in done.stderr
    assert "could not be kept on the temporary disk" in done.stderr
    assert list(tmp_path.iterdir()) == []
