"""Snapshots of a part of a workspace: not taken where there is a whole one, and compared with nothing."""

from __future__ import annotations

import json

import pytest

from mode_catalog_provider.audit.earlier import newest_whole_snapshot
from mode_catalog_provider.audit.options import AuditOptions
from mode_catalog_provider.audit.record import keep_audit
from mode_catalog_provider.audit.scope import same_scope
from mode_catalog_provider.audit.telling import head_line
from mode_catalog_provider.audit.workspace import audit_snapshot
from mode_catalog_provider.snapshot.layout import Layout, push_record_name
from tests.unit.audit.workspaces import AT, spoil

DAY = 86_400
ONLY = AuditOptions(only=("unnamed",))


def test_the_newest_whole_snapshot_is_taken(workspace, tmp_path):
    workspace.snapshot(AT)
    workspace.options = {"include_collections": ["General"]}
    workspace.snapshot(AT + DAY)
    assert newest_whole_snapshot(Layout.nested(tmp_path, "acme")).manifest.timestamp == AT


def test_one_whose_upload_was_refused_is_not_taken(workspace, tmp_path):
    workspace.snapshot(AT)
    refused = workspace.snapshot(AT + DAY)
    record = refused.directory / push_record_name(AT + DAY, "1b671a64-40d5-491e-99b0-da01ff1f3341")
    record.write_text(json.dumps({"refused": "too few reports", "accepted": None}))
    assert newest_whole_snapshot(Layout.nested(tmp_path, "acme")).manifest.timestamp == AT
    record.write_text(json.dumps({"refused": "too few reports", "accepted": {"by": "ana"}}))
    assert newest_whole_snapshot(Layout.nested(tmp_path, "acme")).manifest.timestamp == AT + DAY


@pytest.mark.parametrize(
    ("host", "same"), [("https://modeanalytics.com", True), ("https://mode.example.com", False)]
)
def test_hosts_of_modes_own_cloud_are_one(workspace, host, same):
    one = workspace.snapshot(AT)
    workspace.host = host
    assert same_scope(one, workspace.snapshot(AT + DAY)) is same


def test_where_all_are_parts_the_newest_is_taken(workspace, tmp_path):
    workspace.options = {"exclude_collections": ["Board"]}
    workspace.snapshot(AT)
    workspace.snapshot(AT + DAY)
    assert newest_whole_snapshot(Layout.nested(tmp_path, "acme")).manifest.timestamp == AT + DAY


def test_the_audit_of_a_part_says_so_first_and_is_compared_with_nothing(workspace):
    workspace.report("a", name=None)
    whole = workspace.snapshot(AT)
    keep_audit(audit_snapshot(whole, ONLY), whole)
    workspace.options = {"include_collections": ["General"]}
    report = audit_snapshot(workspace.snapshot(AT + DAY), ONLY)
    assert report.compared_with is None
    assert head_line(report).startswith("NOT THE WHOLE WORKSPACE (only collections General)")


def test_a_collection_that_vanished_between_two_audits_is_told_by_the_later_one_and_once(workspace):
    refused = AuditOptions(only=("refused",))
    workspace.add("collection", token="board", name="Board")
    workspace.snapshot(AT - DAY)
    first = workspace.snapshot(AT)
    keep_audit(audit_snapshot(first, refused), first)
    workspace.snapshot(AT + DAY)
    workspace.remove("board")
    workspace.snapshot(AT + 2 * DAY)
    weekly = workspace.snapshot(AT + 7 * DAY)
    report = audit_snapshot(weekly, refused)
    (finding,) = report.findings
    assert f"Collection 'Board' vanished from Mode's listing since snapshot {AT}" in finding.what
    keep_audit(report, weekly)
    assert audit_snapshot(workspace.snapshot(AT + 14 * DAY), refused).findings == ()


@pytest.mark.parametrize("damage", ["gone", "cut off"])
def test_an_earlier_snapshot_that_is_damaged_ends_no_audit(workspace, damage):
    refused = AuditOptions(only=("refused",))
    workspace.add("collection", token="board", name="Board")
    for days in (2, 1):
        spoiled = workspace.snapshot(AT - days * DAY)
    spoil(spoiled, "collection", damage)
    workspace.remove("board")
    (finding,) = audit_snapshot(workspace.snapshot(AT), refused).findings
    assert f"since snapshot {AT - 2 * DAY}" in finding.what


def test_where_the_snapshot_of_the_last_audit_is_gone_the_next_that_is_kept_is_compared_with(workspace):
    refused = AuditOptions(only=("refused",))
    workspace.add("collection", token="board", name="Board")
    audited = workspace.snapshot(AT)
    keep_audit(audit_snapshot(audited, refused), audited)
    for file in audited.directory.iterdir():
        file.unlink()
    workspace.snapshot(AT + DAY)
    workspace.remove("board")
    workspace.snapshot(AT + 2 * DAY)
    (finding,) = audit_snapshot(workspace.snapshot(AT + 7 * DAY), refused).findings
    assert f"since snapshot {AT + DAY}" in finding.what


@pytest.mark.parametrize("odd", [7, 1.5, {"a": 1}, [["a"]]])
def test_an_option_of_another_type_ends_no_audit(workspace, odd):
    workspace.report("a", name=None)
    workspace.options = {"include_collections": odd}
    assert head_line(audit_snapshot(workspace.snapshot(AT), ONLY)).startswith("NOT THE WHOLE WORKSPACE")


def test_what_a_part_did_not_show_is_not_new_afterwards(workspace):
    workspace.report("a", name=None)
    whole = workspace.snapshot(AT)
    keep_audit(audit_snapshot(whole, ONLY), whole)
    workspace.options = {"include_collections": ["General"]}
    workspace.remove("a")
    part = workspace.snapshot(AT + DAY)
    keep_audit(audit_snapshot(part, ONLY), part)
    workspace.options = {}
    workspace.report("a", name=None)
    report = audit_snapshot(workspace.snapshot(AT + 2 * DAY), ONLY)
    assert report.new_counts == {"unnamed": 0}
    assert report.compared_with == AT
