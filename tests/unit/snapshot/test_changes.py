"""What happened between two days."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mode_catalog_provider.errors import SnapshotAlteredError, SnapshotMismatchError, SnapshotNotFoundError
from mode_catalog_provider.snapshot.change_texts import as_markdown, log_lines
from mode_catalog_provider.snapshot.changes import changes_between
from mode_catalog_provider.snapshot.choice import PREVIOUS, chosen_snapshot, kept_snapshots
from mode_catalog_provider.snapshot.diff import SnapshotDiff
from mode_catalog_provider.snapshot.reader import adopt_directory
from tests.unit.snapshot.days import Object, day, refused, told
from tests.unit.snapshot.sets import lay, vendor_files

COLLECTION = {"name": "Finance", "space_type": "custom", "state": "active", "default_access_level": "view"}
REPORT = {"name": "Sales", "space_token": "c1", "archived": False, "creator": "ann", "type": "Report"}


def test_two_days_with_every_kind_of_change_are_told_exactly(tmp_path: Path) -> None:
    before = day(
        tmp_path,
        0,
        [
            ("collection", "c1", COLLECTION),
            ("collection", "c2", {**COLLECTION, "name": "Sales", "creator": "ann"}),
            ("collection", "c3", {**COLLECTION, "name": "Gone"}),
            ("collection", "c4", {**COLLECTION, "name": "Locked"}),
            ("collection", "c5", {**COLLECTION, "name": "Opened"}),
            ("report", "r01", REPORT),
            ("report", "r02", {**REPORT, "name": "Old name"}),
            ("report", "r03", REPORT),
            ("report", "r04", REPORT),
            ("report", "r05", {**REPORT, "archived": True}),
            ("report", "r06", REPORT),
            ("report", "r07", {**REPORT, "published_at": "2026-01-01T00:00:00Z"}),
            ("report", "r08", REPORT),
            ("report", "r09", {**REPORT, "public": False, "is_embedded": False, "description": "a"}),
            ("report", "r10", REPORT),
            ("report", "r11", {**REPORT, "space_token": "c4"}),
            ("report", "r12", REPORT),
            ("report", "r13", {**REPORT, "view_count": 5, "updated_at": "2026-01-01", "id": 13}),
            ("query", "q1", {"report_token": "r01", "raw_query": "select a from t", "data_source_id": 1}),
            ("query", "q2", {"report_token": "r01", "name": "Main", "data_source_id": 1}),
            ("query", "q3", {"report_token": "r01"}),
            ("query", "q4", {"report_token": "r12"}),
            ("query", "q6", {"report_token": "r10"}),
            ("datasource", "d1", {"name": "wh", "host": "a", "adapter": "jdbc:snowflake", "queryable": True}),
            ("datasource", "d2", {"name": "old"}),
            ("datasource", "d4", {"name": "x", "public": False}),
            ("member", "m1", {"username": "ann", "name": "Ann", "email": "ann@a.example"}),
            ("member", "m2", {"username": "bob"}),
            ("member", "m4", {"username": "dan"}),
            ("member", "m5", {"username": "eve"}),
        ],
        facts=[
            ("member", "m4", {"state": "active", "admin": False}),
            ("member", "m5", {"state": "inactive", "admin": True}),
            ("collection", "c1", {"restricted": False}),
        ],
        left_out=[refused("collection", "c5", "Opened"), refused("report", "r14", "Hidden")],
    )
    after = day(
        tmp_path,
        1,
        [
            ("collection", "c1", {**COLLECTION, "description": "money"}),
            ("collection", "c2", {**COLLECTION, "name": "Revenue", "creator": "bob", "state": "archived"}),
            ("collection", "c4", {**COLLECTION, "name": "Locked", "default_access_level": "query"}),
            ("collection", "c5", {**COLLECTION, "name": "Opened"}),
            ("collection", "c6", {**COLLECTION, "name": "New"}),
            ("report", "r01", REPORT),
            ("report", "r02", {**REPORT, "name": "New name"}),
            ("report", "r03", {**REPORT, "space_token": "c2"}),
            ("report", "r04", {**REPORT, "archived": True}),
            ("report", "r05", REPORT),
            ("report", "r06", {**REPORT, "published_at": "2026-02-02T00:00:00Z"}),
            ("report", "r07", REPORT),
            ("report", "r08", {**REPORT, "creator": "bob"}),
            ("report", "r09", {**REPORT, "public": True, "is_embedded": True, "description": "b"}),
            ("report", "r13", {**REPORT, "view_count": 9, "updated_at": "2026-01-02", "id": "13"}),
            ("report", "r14", REPORT),
            ("report", "r15", {**REPORT, "space_token": "c5"}),
            ("report", "r16", {**REPORT, "type": "DatasetReport"}),
            ("query", "q1", {"report_token": "r01", "raw_query": "select b from t", "data_source_id": "1"}),
            ("query", "q2", {"report_token": "r01", "name": "Side", "data_source_id": 2}),
            ("query", "q3", {"report_token": "r02"}),
            ("query", "q5", {"report_token": "r16"}),
            ("query", "q7", {"report_token": "r01"}),
            (
                "datasource",
                "d1",
                {"name": "wh", "host": "b", "adapter": "jdbc:snowflake", "queryable": False},
            ),
            ("datasource", "d3", {"name": "new"}),
            ("datasource", "d4", {"name": "x", "public": True}),
            ("member", "m1", {"username": "anna", "name": "Ann", "email": "anna@a.example"}),
            ("member", "m3", {"username": "cyd"}),
            ("member", "m4", {"username": "dan"}),
            ("member", "m5", {"username": "eve"}),
        ],
        facts=[
            ("member", "m4", {"state": "inactive", "admin": True}),
            ("member", "m5", {"state": "active", "admin": False}),
            ("collection", "c1", {"restricted": True}),
        ],
        left_out=[
            refused("collection", "c4", "Locked"),
            refused("report", "r12", "Sales", "gone"),
            refused("report", "r17", "Never seen"),
        ],
    )

    address = {"adapter": "jdbc:snowflake", "vendor": None, "provider": None, "host": "a", "database": None}
    assert told(before, after) == [
        ("collection", "c1", "description_changed", None, "money"),
        ("collection", "c1", "unshared", False, True),
        ("collection", "c2", "renamed", "Sales", "Revenue"),
        ("collection", "c2", "owner_changed", "ann", "bob"),
        ("collection", "c2", "archived", "active", "archived"),
        ("collection", "c3", "deleted", None, None),
        ("collection", "c4", "access_changed", "view", "query"),
        ("collection", "c6", "created", None, None),
        ("collection", "c4", "access_lost", None, "forbidden"),
        ("collection", "c5", "access_gained", "forbidden", None),
        ("report", "r02", "renamed", "Old name", "New name"),
        ("report", "r03", "moved", "c1", "c2"),
        ("report", "r04", "archived", False, True),
        ("report", "r05", "unarchived", True, False),
        ("report", "r06", "published", None, "2026-02-02T00:00:00Z"),
        ("report", "r07", "unpublished", "2026-01-01T00:00:00Z", None),
        ("report", "r08", "owner_changed", "ann", "bob"),
        ("report", "r09", "description_changed", "a", "b"),
        ("report", "r09", "shared", False, True),
        ("report", "r09", "embedded", False, True),
        ("report", "r10", "deleted", None, None),
        ("report", "r11", "access_lost", None, None),
        ("report", "r12", "access_lost", None, None),
        ("report", "r14", "access_gained", None, None),
        ("report", "r15", "access_gained", None, None),
        ("report", "r16", "created", None, None),
        ("report", "r17", "refused", None, "forbidden"),
        ("query", "q1", "sql_changed", "select a from t", "select b from t"),
        ("query", "q2", "renamed", "Main", "Side"),
        ("query", "q2", "connection_changed", 1, 2),
        ("query", "q3", "moved", "r01", "r02"),
        ("query", "q7", "created", None, None),
        ("datasource", "d1", "connection_changed", address, {**address, "host": "b"}),
        ("datasource", "d1", "unqueryable", True, False),
        ("datasource", "d2", "deleted", None, None),
        ("datasource", "d3", "created", None, None),
        ("datasource", "d4", "shared", False, True),
        ("member", "m1", "renamed", "ann", "anna"),
        ("member", "m1", "email_changed", "ann@a.example", "anna@a.example"),
        ("member", "m2", "deleted", None, None),
        ("member", "m3", "created", None, None),
        ("member", "m4", "deactivated", "active", "inactive"),
        ("member", "m4", "admin_granted", False, True),
        ("member", "m5", "activated", "inactive", "active"),
        ("member", "m5", "admin_revoked", True, False),
    ]


def test_a_creator_who_took_another_username_is_renamed_and_no_owner_changed(tmp_path: Path) -> None:
    before, after = (
        day(
            tmp_path,
            number,
            [
                ("collection", "c1", {**COLLECTION, "creator": name}),
                ("report", "r1", {**REPORT, "creator": name.title()}),
                ("report", "r2", {**REPORT, "creator": given_to}),
                ("member", "m1", {"username": name}),
                ("member", "m2", {"username": "bob"}),
            ],
        )
        for number, (name, given_to) in enumerate((("ann", "ann"), ("zoë", "bob")))
    )
    assert told(before, after) == [
        ("report", "r2", "owner_changed", "ann", "bob"),
        ("member", "m1", "renamed", "ann", "zoë"),
    ]


def test_a_day_compared_with_itself_has_no_changes(tmp_path: Path) -> None:
    one = day(tmp_path, 0, [("report", "r1", REPORT)], left_out=[refused("report", "r2", "x")])
    assert told(one, one) == []


def test_a_query_that_is_gone_from_a_report_that_stays_is_told(tmp_path: Path) -> None:
    before = day(tmp_path, 0, [("report", "r1", REPORT), ("query", "q1", {"report_token": "r1"})])
    after = day(tmp_path, 1, [("report", "r1", REPORT)])
    assert told(before, after) == [("query", "q1", "deleted", None, None)]


def test_a_change_of_a_query_names_its_report_as_it_is_called_now(tmp_path: Path) -> None:
    def queries(sql: str, **of: str) -> list[Object]:
        return [
            ("query", token, {"name": "Main", "report_token": report, "raw_query": sql})
            for token, report in of.items()
        ]

    before = day(
        tmp_path,
        0,
        [
            ("report", "r1", REPORT),
            ("report", "r2", {**REPORT, "name": "Old"}),
            ("report", "r3", {**REPORT, "name": "Odd \ud800"}),
            *queries("select 1", q1="r1", q2="r2", q3="r3", q4="unseen", q5="r1", q6="r1"),
        ],
    )
    after = day(
        tmp_path,
        1,
        [
            ("report", "r1", REPORT),
            ("report", "r2", {**REPORT, "name": "New"}),
            ("report", "r3", {**REPORT, "name": "Odd \ud800"}),
            *queries("select 2", q1="r1", q2="r2", q3="r3", q4="unseen"),
            *queries("select 1", q6="r2", q7="r1"),
        ],
    )
    found = {(one.asset, one.token, one.change): one.report for one in changes_between(before, after)}
    assert found == {
        ("report", "r2", "renamed"): None,
        ("query", "q1", "sql_changed"): "Sales",
        ("query", "q2", "sql_changed"): "New",
        ("query", "q3", "sql_changed"): "Odd \ud800",
        ("query", "q4", "sql_changed"): None,
        ("query", "q5", "deleted"): "Sales",
        ("query", "q6", "moved"): "New",
        ("query", "q7", "created"): "Sales",
    }
    with SnapshotDiff(before, after) as diff:
        lines = list(log_lines(diff))
        text = as_markdown(diff)
        document = json.loads("".join(diff.to_json()))
    assert "query 'Main' (q2) of report 'New' sql changed:" in lines
    assert "query 'Main' (q4) sql changed:" in lines
    assert "query 'Main' (q6) of report 'New' moved: Sales -> New" in lines
    assert "- **1 query deleted**: Main of Sales" in text
    assert "Main of New (" in text
    assert {one["token"]: one["report"] for one in document["changes"] if one["asset"] == "query"} == {
        token: name for (asset, token, _), name in found.items() if asset == "query"
    }


def test_what_the_side_files_of_one_day_do_not_say_is_no_change(tmp_path: Path) -> None:
    before = day(tmp_path, 0, [("member", "m1", {"username": "a"})])
    after = day(
        tmp_path,
        1,
        [("member", "m1", {"username": "a"})],
        facts=[("member", "m1", {"state": "inactive", "admin": True})],
    )
    assert told(before, after) == []


def test_two_workspaces_are_not_compared(tmp_path: Path) -> None:
    with pytest.raises(SnapshotMismatchError, match=r"'acme'.*'other'"):
        SnapshotDiff(day(tmp_path, 0, []), day(tmp_path, 1, [], workspace="other"))
    with pytest.raises(SnapshotMismatchError, match=r"'acme'.*'other'"):
        list(changes_between(day(tmp_path, 0, []), day(tmp_path, 1, [], workspace="other")))


def test_sets_of_the_vendors_tool_are_compared_in_whatever_order_their_rows_are(tmp_path: Path) -> None:
    files = vendor_files()
    one = adopt_directory(lay(tmp_path / "one", files))
    (name,) = (name for name in files if name.endswith("report.json"))
    rows = list(reversed(json.loads(files[name])))
    rows[0]["name"] = "Renamed"
    two = adopt_directory(lay(tmp_path / "two", {**files, name: json.dumps(rows).encode()}))
    assert [(one.asset, one.change, one.after) for one in changes_between(one, two)] == [
        ("report", "renamed", "Renamed")
    ]
    with SnapshotDiff(one, two) as diff:
        assert "another tool" not in "\n".join(log_lines(diff))


def test_a_set_of_the_vendors_tool_beside_one_of_ours_is_told_with_a_warning(tmp_path: Path) -> None:
    vendors = adopt_directory(lay(tmp_path / "vendor", vendor_files()))
    with SnapshotDiff(vendors, day(tmp_path, 1, [])) as diff:
        assert "another tool" in "\n".join(log_lines(diff))


def test_a_file_that_is_gone_or_altered_is_refused(tmp_path: Path) -> None:
    before, after = (
        day(tmp_path, 0, []),
        day(tmp_path, 1, [("report", "r1", REPORT), ("report", "r2", REPORT)]),
    )
    path = Path(str(after.directory)) / f"{after.manifest.timestamp}-report.json"
    content = json.loads(path.read_bytes())
    path.write_text(json.dumps(content[::-1]))
    with pytest.raises(SnapshotAlteredError, match="order"):
        SnapshotDiff(before, after)
    path.write_text("[{")
    with pytest.raises(SnapshotAlteredError, match="not a whole report file"):
        SnapshotDiff(before, after)
    path.unlink()
    with pytest.raises(SnapshotNotFoundError):
        SnapshotDiff(before, after)


@pytest.mark.parametrize("content", [b"[]", b"[\n]\n"])
def test_a_file_that_was_emptied_is_no_workspace_in_which_all_was_deleted(
    tmp_path: Path, content: bytes
) -> None:
    before = day(tmp_path, 0, [("report", "r1", REPORT)])
    after = day(tmp_path, 1, [("report", "r1", REPORT)])
    entry = next(entry for entry in after.manifest.files if entry.asset == "report")
    path = Path(str(after.file_path(entry)))
    path.write_bytes(content)
    with pytest.raises(SnapshotAlteredError, match="is not the file that was written"):
        list(changes_between(before, after))


def test_the_first_snapshot_has_no_previous_one(tmp_path: Path) -> None:
    only = day(tmp_path, 0, [])
    kept = kept_snapshots(only.directory)
    with pytest.raises(SnapshotNotFoundError, match="can be told after the next extraction"):
        chosen_snapshot(PREVIOUS, kept)
