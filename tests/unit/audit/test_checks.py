"""The other checks, and what an audit leaves out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mode_catalog_provider.audit.workspace import audit_snapshot
from mode_catalog_provider.errors import ConfigurationError, SnapshotAlteredError
from tests.unit.audit.workspaces import REVENUE


def audit(workspace, *checks, **options):
    return audit_snapshot(workspace.snapshot(), only=checks, **options)


def found(workspace, check, **options):
    return [finding.token for finding in audit(workspace, check, **options).findings]


def test_what_mode_refused_is_told_with_what_to_do(workspace):
    workspace.left_out = [
        {"asset": "report", "token": "secret", "name": "Board", "reason": "forbidden", "detail": ""},
        {"asset": "collection", "token": "gone", "name": None, "reason": "gone", "detail": ""},
    ]
    board, gone = audit(workspace, "refused").findings
    assert "'Board' is not in Catalog" in board.message
    assert "grant View" in board.message
    assert (gone.name, gone.url) == ("gone", "https://app.mode.com/acme/spaces/gone")


def test_a_query_on_a_connection_that_is_not_there_is_told(workspace):
    workspace.report("fine", REVENUE)
    workspace.report("lost", ("Sales", REVENUE), connection=99)
    (finding,) = audit(workspace, "unknown_connection").findings
    assert (finding.token, finding.related) == ("lost", ("99",))
    assert "'Sales'" in finding.message


def test_definitions_are_told(workspace):
    workspace.report("plain", REVENUE)
    workspace.report("defined", "select * from {{ @orders as o }}")
    assert found(workspace, "definition") == ["defined"]


def test_a_report_of_somebody_who_left_is_told(workspace):
    workspace.report("kept", REVENUE)
    workspace.report("orphan", REVENUE, creator="bob")
    workspace.report("unknown", REVENUE, creator=None)
    assert found(workspace, "owner_gone") == ["orphan"]


def test_owners_are_not_checked_when_the_key_may_not_list_members(workspace):
    workspace.left_out = [
        {"asset": "member", "token": None, "name": None, "reason": "forbidden", "detail": ""}
    ]
    workspace.report("orphan", REVENUE, creator="bob")
    report = audit(workspace, "owner_gone")
    assert report.findings == ()
    assert report.counts == {}
    assert "may not list" in report.not_checked["owner_gone"]


def test_reports_without_a_name_are_told(workspace):
    workspace.report("named", REVENUE)
    workspace.report("null", REVENUE, name=None)
    workspace.report("blank", REVENUE, name=" \n ")
    assert sorted(found(workspace, "unnamed")) == ["blank", "null"]


def test_one_name_twice_in_a_collection_is_told_of_both(workspace):
    workspace.add("collection", token="sales", name="Sales")
    workspace.report("a", name="Overview")
    workspace.report("b", name="overview ")
    workspace.report("elsewhere", name="Overview", space_token="sales")
    first, second = audit(workspace, "same_name").findings
    assert {(first.token, *first.related), (second.token, *second.related)} == {("a", "b"), ("b", "a")}


def test_a_report_without_a_change_for_so_long_is_stale(workspace):
    workspace.report("old", REVENUE, created_at="2024-01-01T08:00:00.000Z")
    workspace.report(
        "edited", REVENUE, created_at="2024-01-01T08:00:00.000Z", updated_at="2026-05-01T08:00:00.000Z"
    )
    workspace.report("archived", REVENUE, created_at="2024-01-01T08:00:00.000Z", archived=True)
    workspace.report("undated", REVENUE, created_at=None)
    assert found(workspace, "stale") == ["old"]
    assert found(workspace, "stale", stale_after=timedelta(days=1000)) == []


@pytest.mark.parametrize("pattern", ["null", "unnamed:null", "nu*"])
def test_what_was_looked_at_is_not_told_again(workspace, pattern):
    workspace.report("null", name=None)
    workspace.report("other", name=None)
    assert found(workspace, "unnamed", ignore=[pattern]) == ["other"]


def test_the_most_viewed_come_first(workspace):
    for token, views in (("some", 5), ("most", 50), ("few", None)):
        workspace.report(token, name=None, view_count=views)
    assert found(workspace, "unnamed") == ["most", "some", "few"]


def test_an_unknown_check_is_refused_with_those_there_are(workspace):
    with pytest.raises(ConfigurationError, match=r"no check drift\. There are drifted_copy, "):
        audit(workspace, "drift")


def test_altered_files_are_not_audited(workspace):
    snapshot = workspace.snapshot()
    (path,) = snapshot.directory.glob("*-report.json")
    path.write_text("[] ")
    with pytest.raises(SnapshotAlteredError):
        audit_snapshot(snapshot)
