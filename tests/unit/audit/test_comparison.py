"""What is new since the audit before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mode_catalog_provider.audit import workspace as audit_module
from mode_catalog_provider.audit.finding import AuditReport
from mode_catalog_provider.audit.options import AuditOptions
from mode_catalog_provider.audit.record import keep_audit
from mode_catalog_provider.audit.workspace import audit_snapshot
from mode_catalog_provider.errors import SnapshotAlteredError
from mode_catalog_provider.snapshot.kept import KEPT
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import open_snapshot
from mode_catalog_provider.snapshot.retention import prune
from tests.unit.audit.workspaces import AT, REVENUE, Workspace
from tests.unit.snapshot.days import refused


@pytest.fixture
def audited(workspace):
    """Audit the workspace as it is now; each time a day later."""
    days = iter(range(100))

    def audited(*checks):
        snapshot = workspace.snapshot(AT + 86_400 * next(days))
        report = audit_snapshot(snapshot, AuditOptions(only=checks or ("unnamed",)))
        keep_audit(report, snapshot)
        return report

    return audited


def test_at_first_everything_is_new(workspace, audited):
    workspace.report("a", name=None)
    report = audited()
    assert (report.counts, report.new_counts, report.compared_with) == ({"unnamed": 1}, {"unnamed": 1}, None)


def test_later_only_what_was_not_found_before(workspace, audited):
    workspace.report("a", name=None)
    audited()
    workspace.report("b", name=None)
    report = audited()
    assert {finding.token: finding.is_new for finding in report.findings} == {"a": False, "b": True}
    assert report.new_counts == {"unnamed": 1}
    assert report.compared_with == AT


def test_auditing_a_snapshot_again_tells_the_same(workspace, audited):
    workspace.report("a", name=None)
    first = audited()
    workspace.report("b", name=None)
    audited()
    snapshot = open_snapshot(workspace._folder / "acme" / str(AT))
    assert audit_snapshot(snapshot, AuditOptions(only=("unnamed",))) == first


def test_a_look_for_one_thing_leaves_the_rest_of_the_record_as_it_was(workspace):
    workspace.report("a", REVENUE, name=None)
    workspace.report("b", REVENUE, name="Sales", created_at="2020-01-01T00:00:00Z")
    snapshot = workspace.snapshot(AT)
    whole = audit_snapshot(snapshot)
    keep_audit(whole, snapshot)
    recent = AuditOptions(only=("stale",), stale_after=timedelta(days=100_000))
    path = keep_audit(audit_snapshot(snapshot, recent), snapshot)
    kept = AuditReport.from_bytes(path.read_bytes())
    assert kept.checks == whole.checks
    assert kept.counts == {**whole.counts, "stale": 0}
    assert kept.families == whole.families != ()
    assert kept.not_checked == whole.not_checked
    later = audit_snapshot(workspace.snapshot(AT + 86_400))
    assert {one.check for one in later.findings if one.is_new} == {"stale"}


def test_an_original_is_no_new_finding_because_another_of_its_family_is_viewed_more(tmp_path):
    told = []
    for number, (older, younger) in enumerate(((9, 1), (9, 20), (30, 20))):
        workspace = Workspace(tmp_path)
        workspace.add("collection", token="ops", name="Ops")
        workspace.report("a", REVENUE, view_count=older, created_at="2026-01-01T00:00:00Z")
        workspace.report("b", REVENUE, view_count=younger, created_at="2026-02-01T00:00:00Z")
        workspace.report("copy", REVENUE, space_token="ops", created_at="2026-03-01T00:00:00Z")
        snapshot = workspace.snapshot(AT + number)
        report = audit_snapshot(snapshot, AuditOptions(only=("canonical",), canonical=("Finance",)))
        keep_audit(report, snapshot)
        told += [(finding.token, finding.is_new) for finding in report.findings]
    assert told == [("a", True), ("b", False), ("a", False)]


def test_a_listing_that_is_newly_refused_is_new_beside_one_that_was_refused_before(workspace, audited):
    workspace.left_out = [refused("member", None, None)]
    audited("refused")
    workspace.left_out += [refused("datasource", None, None)]
    found = {finding.asset: finding.is_new for finding in audited("refused").findings}
    assert found == {"member": False, "datasource": True}


def test_each_row_without_a_token_is_told_and_new_once(workspace, audited):
    workspace.left_out = [refused("report", None, "One", "no_token")]
    audited("refused")
    workspace.left_out += [refused("report", None, "Two", "no_token")] * 2
    found = {finding.name: finding.is_new for finding in audited("refused").findings}
    assert found == {"One": False, "Two": True}


def test_a_damaged_record_counts_as_none(workspace, audited, tmp_path):
    workspace.report("a", name=None)
    audited()
    (record,) = tmp_path.glob("acme/*.audit")
    record.write_text("{")
    assert audited().compared_with is None


def test_what_is_kept_reads_back_the_same(workspace, audited, tmp_path):
    workspace.report("ä\ud83d", name=None)
    report = audited()
    (record,) = tmp_path.glob("acme/*.audit")
    assert AuditReport.from_bytes(record.read_bytes()) == report


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"format_version": 2}', b'{"format_version": 1}', b'{"format_version": 3}'],
)
def test_anything_else_is_no_record_of_an_audit(content):
    with pytest.raises(SnapshotAlteredError):
        AuditReport.from_bytes(content)


def test_what_is_new_is_known_when_retention_has_removed_the_audited_snapshot(workspace, audited, tmp_path):
    workspace.report("a", name=None)
    audited()
    for day in range(1, 8):
        workspace.snapshot(AT + 86_400 * day)
    assert AT in prune(Layout.nested(tmp_path, "acme"), 7)
    (finding,) = audit_snapshot(workspace.snapshot(AT + 86_400 * 8), AuditOptions(only=("unnamed",))).findings
    assert not finding.is_new


def test_no_earlier_snapshot_is_read_for_checks_that_need_none(workspace, audited, monkeypatch):
    asked = []
    monkeypatch.setattr(audit_module, "previous_snapshot", lambda *args, **_: asked.append(args))
    audited("unnamed")
    assert asked == []
    audited("refused")
    assert len(asked) == 1


def test_an_audit_of_one_check_makes_nothing_new_in_the_others(workspace, audited):
    workspace.report("a", name=None)
    audited("unnamed")
    audited("stale")
    report = audited("unnamed", "stale")
    assert report.new_counts == {"unnamed": 0, "stale": 0}
    assert report.compared_with == AT + 86_400


def test_what_came_back_is_new_although_an_older_audit_had_it(workspace, audited):
    workspace.report("a", name=None)
    audited("unnamed", "stale")
    workspace.remove("a")
    audited("unnamed")
    workspace.report("a", name=None)
    assert audited("unnamed", "stale").new_counts == {"unnamed": 1, "stale": 0}


def test_the_oldest_audits_go(audited, tmp_path):
    for _ in range(KEPT + 2):
        audited()
    kept = sorted(int(path.stem) for path in tmp_path.glob("acme/*.audit"))
    assert kept == [AT + 86_400 * day for day in range(2, KEPT + 2)]


def test_the_audit_of_an_old_snapshot_is_kept_all_the_same(workspace, audited):
    for _ in range(KEPT + 2):
        audited()
    old = open_snapshot(workspace._folder / "acme" / str(AT))
    assert keep_audit(audit_snapshot(old, AuditOptions(only=("unnamed",))), old).exists()


def test_a_record_nested_beyond_reason_counts_as_none():
    with pytest.raises(SnapshotAlteredError):
        AuditReport.from_bytes(b"[" * 200_000)
