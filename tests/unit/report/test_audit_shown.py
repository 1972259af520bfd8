"""What an audit found, as the report shows it: what was not looked for is not called fine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mode_catalog_provider.audit.options import AuditOptions
from mode_catalog_provider.audit.record import keep_audit
from mode_catalog_provider.audit.workspace import audit_snapshot
from mode_catalog_provider.report.html import as_html
from mode_catalog_provider.report.records import WorkspaceRecords
from mode_catalog_provider.report.workspace import gather
from tests.unit.snapshot.days import day


def shown(tmp_path: Path, *checks: str) -> str:
    snapshot = day(tmp_path, 0, [("report", "r1", {"name": "Sales"}), ("member", "m1", {"username": "ann"})])
    keep_audit(audit_snapshot(snapshot, AuditOptions(only=checks)), snapshot)
    return as_html(gather(WorkspaceRecords(tmp_path / "acme")))


def test_checks_that_an_audit_did_not_make_are_named(tmp_path: Path) -> None:
    text = shown(tmp_path, "unnamed", "stale")
    assert "Not looked for: drifted_copy, duplicate_report, canonical, refused, " in text
    assert "Copies were not looked for." in text
    assert "No reports that stem from one another are known" not in text


def test_of_a_long_difference_is_said_how_much_more_there_is(tmp_path: Path) -> None:
    snapshot = day(tmp_path, 0, [("report", "r1", {"name": None})])
    report = audit_snapshot(snapshot, AuditOptions(only=("unnamed",)))
    (finding,) = report.findings
    for lines, told in ((30, "line 23\nand 6 more lines</pre>"), (24, "line 23</pre>")):
        difference = "\n".join(f"line {number}" for number in range(lines))
        keep_audit(replace(report, findings=(replace(finding, difference=difference),)), snapshot)
        assert told in as_html(gather(WorkspaceRecords(tmp_path / "acme")))


def test_where_all_checks_were_made_nothing_was_found_and_there_are_no_families(tmp_path: Path) -> None:
    text = shown(tmp_path)
    assert "Not looked for" not in text
    assert "Not checked: owner_gone" in text
    assert "No reports that stem from one another are known" in text
