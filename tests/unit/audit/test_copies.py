"""Copies: still the same, or drifted apart."""

from __future__ import annotations

import pytest

from mode_catalog_provider.audit.options import AuditOptions
from mode_catalog_provider.audit.workspace import audit_snapshot
from tests.unit.audit.workspaces import REVENUE, TICKETS

OLD, NEW = "2026-01-01T08:00:00.000Z", "2026-03-01T08:00:00.000Z"


def audit(workspace, *checks, **options):
    return audit_snapshot(workspace.snapshot(), AuditOptions(only=checks, **options))


def found(workspace, check):
    return [(finding.token, *finding.related) for finding in audit(workspace, check).findings]


def test_reports_with_the_same_queries_are_one_finding_of_the_one_to_keep(workspace):
    workspace.report("copy", TICKETS, f"-- as of today\n{REVENUE}", created_at=NEW)
    workspace.report("original", REVENUE, TICKETS, created_at=OLD)
    assert found(workspace, "duplicate_report") == [("original", "copy")]
    assert found(workspace, "drifted_copy") == []


def test_a_duplicate_that_joins_a_group_makes_no_new_finding(workspace):
    for token in "abc":
        workspace.report(token, REVENUE, created_at=f"2026-01-01T0{ord(token) - 96}:00:00.000Z")
    (before,) = audit(workspace, "duplicate_report").findings
    workspace.report("d", REVENUE, created_at=NEW, view_count=99)
    (after,) = audit(workspace, "duplicate_report").findings
    assert (before.token, after.token) == ("a", "d")
    assert before.identity == after.identity


def test_a_copy_with_a_changed_query_drifted_apart_and_the_difference_is_shown(workspace):
    workspace.report("original", ("Revenue", REVENUE), ("Tickets", TICKETS), created_at=OLD)
    workspace.report(
        "copy", ("Revenue", REVENUE.replace("'paid'", "'invoiced'")), ("Tickets", TICKETS), created_at=NEW
    )
    (finding,) = audit(workspace, "drifted_copy").findings
    assert (finding.token, finding.related) == ("copy", ("original",))
    assert "'Revenue' differs" in finding.message
    assert "'Tickets'" not in finding.message
    assert finding.difference.splitlines() == [
        "query 'Revenue':",
        "filter - o.status = 'paid'",
        "filter + o.status = 'invoiced'",
    ]
    assert finding.url == "https://app.mode.com/acme/reports/copy"


def test_queries_of_one_name_are_told_apart_by_their_numbers(workspace):
    texts = (REVENUE, TICKETS)
    workspace.report("original", *(("Query 1", text) for text in texts), created_at=OLD)
    changed = (("Query 1", text.replace("'b2b'", "'b2c'").replace("avg", "max")) for text in texts)
    workspace.report("copy", *changed, created_at=NEW)
    (finding,) = audit(workspace, "drifted_copy").findings
    assert (
        "'Query 1' (no. 1), 'Query 1' (no. 2) differ;"
        in f"{finding.message.split('apart: ')[1]};".replace(". It", "; It")
    )


def test_added_and_removed_queries_are_named(workspace):
    workspace.report("original", ("Revenue", REVENUE), ("Gone", "select 1"), created_at=OLD)
    workspace.report("copy", ("Revenue", REVENUE), ("Fresh", TICKETS), created_at=NEW)
    (finding,) = audit(workspace, "drifted_copy").findings
    assert "'Fresh' was added; 'Gone' is missing" in finding.message


def test_a_query_of_the_same_name_that_has_nothing_in_common_was_written_anew(workspace):
    workspace.report("original", ("Revenue", REVENUE), ("Query 1", "select 1"), created_at=OLD)
    workspace.report("copy", ("Revenue", REVENUE), ("Query 1", TICKETS), created_at=NEW)
    (finding,) = audit(workspace, "drifted_copy").findings
    assert "'Query 1' was written anew" in finding.message
    assert "added" not in finding.message
    assert "missing" not in finding.message


def test_the_same_queries_on_another_connection_are_told_as_that_and_not_as_drift(workspace):
    workspace.report("original", REVENUE, created_at=OLD)
    workspace.report("copy", REVENUE, connection=8, created_at=NEW)
    (finding,) = audit(workspace, "duplicate_report").findings
    assert "the same SQL on another connection as 'Report copy' (copy)" in finding.message
    assert found(workspace, "drifted_copy") == []


def test_a_copy_that_reads_the_tables_of_developers_is_a_duplicate(workspace):
    workspace.report("original", REVENUE.replace("sales.", "prod.sales."), created_at=OLD)
    workspace.report("dev", REVENUE.replace("sales.", "sales_dev."), created_at=NEW)
    (finding,) = audit(workspace, "duplicate_report").findings
    assert "the same SQL on tables of developers as 'Report dev' (dev)" in finding.message


def test_the_same_question_to_the_schemas_of_two_customers_is_no_duplicate(workspace):
    workspace.report("one", REVENUE.replace("sales.", "acme."), created_at=OLD)
    workspace.report("two", REVENUE.replace("sales.", "globex."), created_at=NEW)
    assert found(workspace, "duplicate_report") == []


def test_of_several_origins_the_one_with_the_most_in_common_is_named(workspace):
    workspace.report("far", REVENUE.replace("sum", "avg"), TICKETS.replace("avg", "max"), created_at=OLD)
    workspace.report("near", REVENUE.replace("sum", "avg"), TICKETS, created_at=OLD)
    workspace.report("copy", REVENUE, TICKETS, created_at=NEW)
    assert ("copy", "near") in found(workspace, "drifted_copy")


@pytest.mark.parametrize(
    ("names", "drifted"), [(("Revenue", "Revenue (copy)"), 1), (("Revenue", "Churn"), 0)]
)
def test_less_similar_queries_need_similar_names(workspace, names, drifted):
    more = ", ".join(f"max(o.column_{number}) as most_{number}" for number in range(18))
    rewritten = REVENUE.replace("o.region", f"o.region, {more}")
    workspace.report("original", REVENUE, name=names[0], created_at=OLD)
    workspace.report("copy", rewritten, name=names[1], created_at=NEW)
    assert len(found(workspace, "drifted_copy")) == drifted


@pytest.mark.parametrize("stamps", [(OLD, NEW), (NEW, OLD)], ids=["the copy", "the origin"])
def test_one_shared_query_among_many_makes_no_copy(workspace, stamps):
    workspace.report("one", REVENUE, created_at=stamps[0])
    more = "select s.store, s.city, count(*) from stores s join visits v on v.store = s.id where v.day > 7"
    workspace.report("other", REVENUE, TICKETS, more, created_at=stamps[1])
    assert found(workspace, "drifted_copy") == []


def test_a_query_that_was_copied_twice_stems_from_the_original_once(workspace):
    workspace.report("original", ("Revenue", REVENUE), ("Tickets", TICKETS), created_at=OLD)
    workspace.report("copy", ("Revenue", REVENUE), ("Revenue 2", REVENUE), created_at=NEW)
    (finding,) = audit(workspace, "drifted_copy").findings
    assert "'Revenue 2' was added; 'Tickets' is missing" in finding.message


def test_a_duplicate_of_a_drifted_copy_is_told_as_a_duplicate_only(workspace):
    drifted = REVENUE.replace("sum", "avg")
    workspace.report("original", REVENUE, created_at=OLD)
    workspace.report("drifted", drifted, created_at="2026-02-01T08:00:00.000Z")
    workspace.report("again", drifted, created_at=NEW)
    assert found(workspace, "drifted_copy") == [("drifted", "original")]
    assert found(workspace, "duplicate_report") == [("drifted", "again")]


def test_a_twin_of_an_archived_report_drifted_from_the_one_that_lives(workspace):
    drifted = REVENUE.replace("sum", "avg")
    workspace.report("original", REVENUE, created_at=OLD)
    workspace.report("archived", drifted, created_at="2026-02-01T08:00:00.000Z", archived=True)
    workspace.report("again", drifted, created_at=NEW)
    assert found(workspace, "drifted_copy") == [("again", "original")]
    assert found(workspace, "duplicate_report") == []


def test_the_copies_that_most_people_look_at_come_first(workspace):
    workspace.report("original", REVENUE, created_at=OLD)
    for token, views, word in (("a", 3, "x"), ("b", 5, "y"), ("c", 4, "z")):
        workspace.report(token, REVENUE.replace("paid", word), created_at=NEW, view_count=views)
    assert [token for token, *_ in found(workspace, "drifted_copy")] == ["b", "c", "a"]


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
    (finding,) = audit(workspace, "drifted_copy").findings
    assert "'{0}' differs" in finding.message


def test_an_archived_original_ties_its_living_copies_together(workspace):
    workspace.report("original", REVENUE, created_at=OLD, archived=True)
    first = REVENUE.replace("sum(o.amount) as revenue", "sum(o.amount) as revenue, count(*), max(o.tax)")
    second = REVENUE.replace("o.region, ", "").replace("and kind = 'b2b'", "")
    workspace.report("first", first, created_at="2026-02-01T08:00:00.000Z")
    workspace.report("second", second, created_at=NEW)
    ((token, *related),) = found(workspace, "drifted_copy")
    assert token == "second"
    assert "first" in related


def test_a_living_copy_of_an_archived_original_is_settled(workspace):
    workspace.report("original", REVENUE, created_at=OLD, archived=True)
    workspace.report("copy", REVENUE.replace("sum", "avg"), created_at=NEW)
    assert audit(workspace, "drifted_copy", "duplicate_report").findings == ()


def test_a_family_has_a_survivor_and_says_what_to_do_with_each_of_the_others(workspace):
    workspace.report("original", REVENUE, created_at=OLD, view_count=10)
    workspace.report("popular", REVENUE.replace("paid", "open"), created_at=NEW, view_count=500)
    workspace.report("same", REVENUE.replace("paid", "open"), created_at=NEW, view_count=2)
    workspace.report("unseen", REVENUE.replace("sum", "avg"), created_at=NEW, view_count=0)
    (family,) = audit(workspace, "drifted_copy").families
    assert family.survivor == "popular"
    assert family.why == "it is the most viewed, 500 times"
    assert set(family.members) == {"original", "popular", "same", "unseen"}
    assert family.advice["same"].startswith("Archive it: it asks the same")
    assert family.advice["unseen"].startswith("Archive it: nobody views it")
    assert "bring this one in line" in family.advice["original"]


def test_a_report_of_a_canonical_collection_survives_and_copies_elsewhere_are_told(workspace):
    workspace.add("collection", token="gold", name="Gold")
    workspace.report("original", REVENUE, created_at=OLD, space_token="gold")
    workspace.report("popular", REVENUE.replace("paid", "open"), created_at=NEW, view_count=500)
    report = audit(workspace, "canonical", canonical=("gold",))
    (finding,) = report.findings
    assert (finding.token, finding.related) == ("original", ("popular",))
    assert report.families[0].survivor == "original"


def test_a_helper_query_that_several_reports_have_is_no_sign_of_a_copy(workspace):
    for number in range(4):
        own = " ".join(f"word_{number}_{line}" for line in range(40))
        workspace.report(f"report-{number}", f"select {own}", ("Helper", TICKETS), created_at=OLD)
    assert found(workspace, "drifted_copy") == []


def test_a_template_that_was_filled_in_for_many_tables_makes_no_copies(workspace):
    for number in range(8):
        text = REVENUE.replace("sales.orders", f"sales.facts_{number}").replace(
            "sales.customers", f"dim_{number}"
        )
        workspace.report(f"report-{number}", text, created_at=OLD)
    assert found(workspace, "drifted_copy") == []


def test_renamed_ctes_aliases_qualifiers_and_liquid_do_not_hide_a_copy(workspace):
    original = (
        "with base as (select o.region, o.amount, o.tax from sales.orders o where o.status = 'paid' "
        "and o.kind = 'b') select b.region, sum(b.amount) as total, max(b.tax) as tax from base b group by 1"
    )
    copy = (
        "with filtered_orders as (select x.region, x.amount, x.tax from dwh.sales.orders as x "
        "where x.status = 'paid' and x.kind = 'b' {% if day %} and x.day = '{{ day }}' {% endif %}) "
        "select f.region, sum(f.amount) total, max(f.tax) tax from filtered_orders f group by 1"
    )
    workspace.report("original", original, created_at=OLD)
    workspace.report("copy", copy, created_at=NEW)
    assert found(workspace, "drifted_copy") == [("copy", "original")]


def test_dates_of_edits_are_told_apart_from_runs_and_views(workspace):
    workspace.report("original", REVENUE, created_at=OLD)
    workspace.report("copy", REVENUE.replace("sum", "avg"), created_at=NEW, view_count=None)
    workspace.facts["report", "copy"] = {
        "last_saved_at": "2026-04-01T00:00:00Z",
        "last_run_at": "2026-05-02T00:00:00Z",
        "last_viewed_at": "2026-05-03T00:00:00Z",
    }
    (finding,) = audit(workspace, "drifted_copy").findings
    assert (
        "It was edited last on 2026-04-01, ran last on 2026-05-02, was viewed last on 2026-05-03."
        in finding.what
    )
