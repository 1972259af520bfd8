"""Copies: still the same, or drifted apart."""

from __future__ import annotations

import pytest

from mode_catalog_provider.audit.workspace import audit_snapshot
from tests.unit.audit.workspaces import REVENUE, TICKETS

OLD, NEW = "2026-01-01T08:00:00.000Z", "2026-03-01T08:00:00.000Z"


def found(workspace, check):
    return [
        (finding.token, *finding.related)
        for finding in audit_snapshot(workspace.snapshot(), only=[check]).findings
    ]


def test_a_report_with_the_same_queries_duplicates_the_older_one(workspace):
    workspace.report("copy", TICKETS, f"-- as of today\n{REVENUE}", created_at=NEW)
    workspace.report("original", REVENUE, TICKETS, created_at=OLD)
    assert found(workspace, "duplicate_report") == [("copy", "original")]
    assert found(workspace, "drifted_copy") == []


def test_every_copy_of_one_report_is_told_once(workspace):
    for token in "abcd":
        workspace.report(token, REVENUE, created_at=f"2026-01-01T0{ord(token) - 96}:00:00.000Z")
    assert sorted(found(workspace, "duplicate_report")) == [("b", "a"), ("c", "a"), ("d", "a")]


def test_a_copy_with_a_changed_query_drifted_apart(workspace):
    workspace.report("original", ("Revenue", REVENUE), ("Tickets", TICKETS), created_at=OLD)
    workspace.report(
        "copy", ("Revenue", REVENUE.replace("'paid'", "'invoiced'")), ("Tickets", TICKETS), created_at=NEW
    )
    (finding,) = audit_snapshot(workspace.snapshot(), only=["drifted_copy"]).findings
    assert (finding.token, finding.related) == ("copy", ("original",))
    assert "'Revenue' differs" in finding.message
    assert "'Tickets'" not in finding.message
    assert finding.url == "https://app.mode.com/acme/reports/copy"


def test_added_and_removed_queries_are_named(workspace):
    workspace.report("original", ("Revenue", REVENUE), ("Gone", "select 1"), created_at=OLD)
    workspace.report("copy", ("Revenue", REVENUE), ("Fresh", TICKETS), created_at=NEW)
    (finding,) = audit_snapshot(workspace.snapshot(), only=["drifted_copy"]).findings
    assert "'Fresh' was added; 'Gone' is missing" in finding.message


def test_the_same_queries_on_another_connection_are_no_duplicate_but_drifted(workspace):
    workspace.report("original", REVENUE, created_at=OLD)
    workspace.report("copy", REVENUE, connection=8, created_at=NEW)
    assert found(workspace, "duplicate_report") == []
    assert found(workspace, "drifted_copy") == [("copy", "original")]


def test_of_several_origins_the_one_with_the_most_in_common_is_named(workspace):
    workspace.report("far", REVENUE.replace("sum", "avg"), TICKETS.replace("avg", "max"), created_at=OLD)
    workspace.report("near", REVENUE.replace("sum", "avg"), TICKETS, created_at=OLD)
    workspace.report("copy", REVENUE, TICKETS, created_at=NEW)
    assert ("copy", "near") in found(workspace, "drifted_copy")


@pytest.mark.parametrize(
    ("names", "drifted"), [(("Revenue", "Revenue (copy)"), 1), (("Revenue", "Churn"), 0)]
)
def test_less_similar_queries_need_similar_names(workspace, names, drifted):
    rewritten = REVENUE.replace("'paid'", "'open'").replace("o.region", "o.country").replace("'b2b'", "'b2c'")
    workspace.report("original", REVENUE, name=names[0], created_at=OLD)
    workspace.report("copy", rewritten, name=names[1], created_at=NEW)
    assert len(found(workspace, "drifted_copy")) == drifted


@pytest.mark.parametrize("stamps", [(OLD, NEW), (NEW, OLD)], ids=["the copy", "the origin"])
def test_one_shared_query_among_many_makes_no_copy(workspace, stamps):
    workspace.report("one", REVENUE, created_at=stamps[0])
    workspace.report("other", REVENUE, TICKETS, "select 1", "select 2", created_at=stamps[1])
    assert found(workspace, "drifted_copy") == []


def test_a_query_that_was_copied_twice_stems_from_the_original_once(workspace):
    workspace.report("original", ("Revenue", REVENUE), ("Tickets", TICKETS), created_at=OLD)
    workspace.report("copy", ("Revenue", REVENUE), ("Revenue 2", REVENUE), created_at=NEW)
    (finding,) = audit_snapshot(workspace.snapshot(), only=["drifted_copy"]).findings
    assert "'Revenue 2' was added; 'Tickets' is missing" in finding.message


def test_a_duplicate_of_a_drifted_copy_is_told_as_a_duplicate_only(workspace):
    drifted = REVENUE.replace("sum", "avg")
    workspace.report("original", REVENUE, created_at=OLD)
    workspace.report("drifted", drifted, created_at="2026-02-01T08:00:00.000Z")
    workspace.report("again", drifted, created_at=NEW)
    assert found(workspace, "drifted_copy") == [("drifted", "original")]
    assert found(workspace, "duplicate_report") == [("again", "drifted")]


def test_a_twin_of_an_archived_report_drifted_from_the_one_that_lives(workspace):
    drifted = REVENUE.replace("sum", "avg")
    workspace.report("original", REVENUE, created_at=OLD)
    workspace.report("archived", drifted, created_at="2026-02-01T08:00:00.000Z", archived=True)
    workspace.report("again", drifted, created_at=NEW)
    assert found(workspace, "drifted_copy") == [("again", "original")]
    assert found(workspace, "duplicate_report") == []


def test_the_copies_that_most_people_look_at_come_first(workspace):
    workspace.report("original", REVENUE, created_at=OLD)
    for token, views in (("a", 3), ("b", 5), ("c", 4)):
        workspace.report(token, REVENUE, created_at=NEW, view_count=views)
    assert [token for token, _ in found(workspace, "duplicate_report")] == ["b", "c", "a"]


def test_trivial_queries_make_no_copies(workspace):
    workspace.report("one", "select * from orders", created_at=OLD)
    workspace.report("other", "select * from orders", created_at=NEW)
    assert found(workspace, "duplicate_report") == found(workspace, "drifted_copy") == []


def test_archived_reports_are_settled(workspace):
    workspace.report("original", REVENUE, created_at=OLD)
    workspace.report("copy", REVENUE, created_at=NEW, archived=True)
    workspace.report("drifted", REVENUE.replace("sum", "avg"), created_at=NEW, archived=True)
    assert found(workspace, "duplicate_report") == found(workspace, "drifted_copy") == []


def test_a_text_that_half_the_house_uses_is_no_mark_of_a_copy(workspace):
    for number in range(25):
        own = " ".join(f"word_{number}_{line}" for line in range(20))
        workspace.report(f"report-{number}", REVENUE, own, created_at=OLD)
    assert found(workspace, "drifted_copy") == []


def test_names_with_braces_are_told_as_they_are(workspace):
    workspace.report("original", ("{0}", REVENUE), name="{a}", created_at=OLD)
    workspace.report("copy", ("{0}", REVENUE.replace("sum", "avg")), name="{b}", created_at=NEW)
    (finding,) = audit_snapshot(workspace.snapshot(), only=["drifted_copy"]).findings
    assert "'{0}' differs" in finding.message
