"""The other checks, and what an audit leaves out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mode_catalog_provider.audit import matching
from mode_catalog_provider.audit.options import AuditOptions, read_patterns
from mode_catalog_provider.audit.workspace import audit_snapshot
from mode_catalog_provider.errors import ConfigurationError, SnapshotAlteredError
from tests.unit.audit.workspaces import AT, REVENUE


def audit(workspace, *checks, **options):
    return audit_snapshot(workspace.snapshot(), AuditOptions(only=checks, **options))


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


def test_what_is_in_the_file_is_not_called_missing(workspace):
    workspace.report("half", REVENUE, name="Half")
    workspace.left_out = [
        {"asset": "member", "token": "ana-token", "name": "Ana", "reason": "gone", "detail": ""},
        {"asset": "report", "token": "half", "name": "Half", "reason": "forbidden", "detail": ""},
    ]
    member, report = audit(workspace, "refused").findings
    assert "Member 'Ana' is in Catalog without what the profile says" in member.message
    assert "is in Catalog without its queries" in report.message


def test_what_mode_hides_is_told_as_a_right_that_may_be_lost(workspace):
    workspace.left_out = [
        {"asset": "report", "token": "hidden", "name": "Board", "reason": "gone", "detail": ""}
    ]
    (finding,) = audit(workspace, "refused").findings
    assert "(404)" in finding.what
    assert "lost right" in finding.advice


def test_a_collection_that_vanished_from_the_listing_is_told(workspace):
    workspace.add("collection", token="board", name="Board")
    workspace.snapshot(AT - 86_400)
    workspace.remove("board")
    (finding,) = audit(workspace, "refused").findings
    assert (finding.asset, finding.token) == ("collection", "board")
    assert "vanished" in finding.message


def test_a_collection_that_was_not_asked_for_did_not_vanish(workspace):
    workspace.add("collection", token="board", name="Board")
    workspace.snapshot(AT - 86_400)
    workspace.remove("board")
    workspace.options = {"include_collections": ["Finance"]}
    assert audit(workspace, "refused").findings == ()


def test_a_query_on_a_connection_that_is_not_there_is_told(workspace):
    workspace.report("fine", REVENUE)
    workspace.report("lost", ("Sales", REVENUE), connection=99)
    (finding,) = audit(workspace, "unknown_connection").findings
    assert (finding.token, finding.related) == ("lost", ("99",))
    assert "'Sales'" in finding.message


def test_each_definition_is_told_by_name_with_the_reports_that_use_it(workspace):
    workspace.report("plain", REVENUE)
    workspace.report("defined", "select * from {{ @orders as o }} join {{@Customers as c}}", name="Sales")
    workspace.report("more", "select 1 from {{ @orders as o }}")
    orders, customers = audit(workspace, "definition").findings
    assert (orders.token, sorted(orders.related)) == ("orders", ["defined", "more"])
    assert (customers.token, customers.related) == ("customers", ("defined",))
    assert "used by 1 report (Sales)" in customers.message


def test_a_definition_that_could_not_be_put_in_is_told_with_the_reason(workspace):
    workspace.options["definitions"] = "expand"
    unresolved = [
        {"name": "Old", "reason": "unknown", "queries": 1},
        {"name": "odd", "reason": "new word"},
        None,
    ]
    workspace.figures["definitions"] = {"unresolved": unresolved}
    workspace.report("one", "select * from {{ @old as o }}, {{ @odd as p }}, {{ @other as q }}")
    odd, old, other = audit(workspace, "definition").findings
    assert "there is no definition of that name that the key may see" in old.message
    for finding in (odd, old, other):
        assert "definitions=expand" not in finding.message
        assert "was not put into the queries" in finding.message


def test_a_report_of_somebody_who_left_is_told(workspace):
    workspace.report("kept", REVENUE)
    workspace.report("orphan", REVENUE, creator="bob")
    assert found(workspace, "owner_gone") == ["orphan"]


def test_a_report_of_somebody_who_was_deactivated_is_told(workspace):
    workspace.facts["member", "ana-token"] = {"state": "deactivated"}
    workspace.report("orphan", REVENUE)
    (finding,) = audit(workspace, "owner_gone").findings
    assert "whose account is deactivated" in finding.message


def test_a_report_of_which_mode_names_no_creator_is_told_as_that(workspace):
    workspace.report("kept", REVENUE)
    workspace.report("unknown", REVENUE, creator=None)
    (finding,) = audit(workspace, "owner_gone").findings
    assert finding.token == "unknown"
    assert "no creator that Mode names" in finding.message


def test_where_mode_names_no_creator_at_all_owners_are_not_checked(workspace):
    workspace.report("unknown", REVENUE, creator=None)
    assert "creator of no report" in audit(workspace, "owner_gone").not_checked["owner_gone"]


@pytest.mark.parametrize("check", ["duplicate_report", "same_name", "canonical"])
def test_a_group_that_is_fine_stays_so_whichever_of_it_is_viewed_most(workspace, check):
    workspace.add("collection", token="ops", name="Ops")
    for token, views, place in (("a", 5, "finance"), ("b", 9, "finance"), ("c", 1, "ops")):
        workspace.report(token, REVENUE, name="Sales", view_count=views, space_token=place)
    options = {"canonical": ("Finance",)}
    assert found(workspace, check, **options) == ["b"]
    assert found(workspace, check, **options, ignore=(f"{check}:a",)) == []
    assert found(workspace, check, **options, ignore=("stale:a", "a")) == ["b"]


def test_somebody_who_was_deactivated_is_found_in_any_script_and_case(workspace):
    workspace.add("member", token="zoe-token", username="ŽOË", name="Zoë")
    workspace.facts["member", "zoe-token"] = {"state": "deactivated"}
    workspace.report("small", REVENUE, creator="žoë")
    workspace.report("mixed", REVENUE, creator="Žoë")
    workspace.report("large", REVENUE, creator="ŽOË")
    assert sorted(found(workspace, "owner_gone")) == ["large", "mixed", "small"]


@pytest.mark.parametrize(
    "names",
    [("ÜBERSICHT", "Übersicht"), ("Отчёт", "ОТЧЁТ"), ("Caf\u00e9", "CAFE\u0301"), ("Straße", "STRASSE")],
)
def test_names_that_people_read_as_one_are_one_in_any_script(workspace, names):
    for token, name in zip(("one", "two"), names, strict=True):
        workspace.report(token, REVENUE, name=name)
    workspace.report("other", REVENUE, name="Cafe")
    (finding,) = audit(workspace, "same_name").findings
    assert {finding.token, *finding.related} == {"one", "two"}


@pytest.mark.parametrize("creator", ["ANA", "Ana", "acme", "Acme", "workspace-api-key", "api_key_3"])
def test_neither_the_case_of_a_username_nor_the_key_of_the_workspace_makes_an_orphan(workspace, creator):
    workspace.report("fine", REVENUE, creator=creator)
    assert found(workspace, "owner_gone") == []


def test_usernames_of_any_alphabet_are_compared_whatever_their_case(workspace):
    workspace.add("member", token="z", username="ÉMILE")
    workspace.report("fine", REVENUE, creator="émile")
    assert found(workspace, "owner_gone") == []


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


@pytest.mark.parametrize(
    "name",
    ["Untitled Report", "untitled report (copy)", "Untitled", "New Report", "Copy of Untitled Report 2"],
)
def test_the_name_that_mode_gives_is_none(workspace, name):
    workspace.report("default", REVENUE, name=name)
    workspace.report("named", REVENUE, name="Untitled invoices")
    workspace.report("new", REVENUE, name="New customers")
    assert found(workspace, "unnamed") == ["default"]


def test_what_is_unknown_is_not_told_as_nothing(workspace):
    workspace.report("unseen", REVENUE, name=None, view_count=None)
    (finding,) = audit(workspace, "unnamed").findings
    assert "viewed" not in finding.message


def test_reports_of_one_name_are_one_finding_in_a_collection_and_across_them(workspace):
    workspace.add("collection", token="sales", name="Sales")
    workspace.report("a", name="Overview", view_count=9)
    workspace.report("b", name="overview ")
    workspace.report("elsewhere", name="Overview", space_token="sales")
    workspace.report("alone", name="Churn")
    (finding,) = audit(workspace, "same_name").findings
    assert (finding.token, sorted(finding.related)) == ("a", ["b", "elsewhere"])
    assert "2 in 'Finance', 1 in 'Sales'" in finding.message


def test_default_names_are_not_told_as_shared_ones(workspace):
    workspace.report("a", name="Untitled Report")
    workspace.report("b", name="Untitled Report")
    assert found(workspace, "same_name") == []


def test_one_more_report_of_a_name_makes_no_new_finding(workspace):
    for number in range(10):
        workspace.report(f"r{number}", name="Overview")
    (before,) = audit(workspace, "same_name").findings
    workspace.report("newest", name="Overview", view_count=99)
    (after,) = audit(workspace, "same_name").findings
    assert before.token != after.token == "newest"
    assert before.identity == after.identity


def test_many_reports_of_one_name_cost_as_much_as_there_are(workspace):
    for number in range(2000):
        workspace.report(f"r{number}", name="Overview")
    report = audit(workspace, "same_name")
    assert len(report.findings) == 1
    assert len(report.to_bytes()) < 100_000


OLD, RECENT = "2024-01-01T08:00:00.000Z", "2026-05-01T08:00:00.000Z"


def test_a_report_that_nobody_changed_for_so_long_is_stale(workspace):
    workspace.report("old", REVENUE, created_at=OLD)
    workspace.report("edited", REVENUE, created_at=OLD, updated_at=RECENT)
    workspace.report("archived", REVENUE, created_at=OLD, archived=True)
    workspace.report("undated", REVENUE, created_at=None)
    assert found(workspace, "stale") == ["old"]
    assert found(workspace, "stale", stale_after=timedelta(days=1000)) == []
    assert found(workspace, "stale", stale_after=timedelta.max) == []


@pytest.mark.parametrize(
    "use",
    [{"last_run_at": RECENT}, {"last_viewed_at": RECENT}, {"schedules_count": 1}, {"last_saved_at": RECENT}],
    ids=str,
)
def test_what_ran_or_was_viewed_saved_or_scheduled_since_is_not_stale(workspace, use):
    workspace.report("used", REVENUE, created_at=OLD)
    workspace.facts["report", "used"] = use
    assert found(workspace, "stale") == []


def test_what_is_used_but_not_edited_is_told_in_other_words_once_for_a_collection(workspace):
    workspace.report("daily", REVENUE, created_at=OLD, updated_at=RECENT, view_count=5)
    workspace.report("weekly", REVENUE, created_at=OLD)
    workspace.facts["report", "weekly"] = {"schedules_count": 1}
    workspace.report("fresh", REVENUE, created_at=OLD, edited_at=RECENT)
    (finding,) = audit(workspace, "unmaintained").findings
    assert (finding.token, finding.related) == ("finance", ("daily", "weekly"))
    assert "2 reports are" in finding.message
    assert "1 scheduled" in finding.message


def test_a_last_run_is_not_told_as_an_edit(workspace):
    workspace.report("old", REVENUE, created_at=OLD)
    workspace.facts["report", "old"] = {"last_run_at": "2024-06-01T00:00:00Z", "schedules_count": 0}
    (finding,) = audit(workspace, "stale").findings
    assert "edited last on 2024-01-01, ran last on 2024-06-01, was viewed once in all, has no schedule" in (
        finding.message
    )


def test_names_are_judged_by_the_pattern_of_their_collection(workspace):
    workspace.add("collection", token="sales", name="Sales")
    workspace.report("good", name="FIN Revenue")
    workspace.report("bad", name="Revenue")
    workspace.report("other", name="Pipeline", space_token="sales")
    patterns = {"Finance": "^FIN ", "S*": "line$"}
    assert found(workspace, "naming", name_pattern=patterns) == ["bad"]


def test_revenue_of_a_year_and_one_number_against_another_are_no_versions(workspace):
    for number, name in enumerate(("Net Rev 2024", "Ad rev-2023 by month", "Actual v 2023", "EV 3 sales")):
        workspace.report(f"r{number}", REVENUE, name=name)
    versions = ("Churn Rev 2", "Churn v2024.1", "churn_V3", "[ver. 4] Churn", "Churn (version 2024)")
    for number, name in enumerate(versions):
        workspace.report(f"v{number}", REVENUE, name=name)
    assert found(workspace, "naming", version_pattern={"*": "never"}) == ["v0", "v1", "v2", "v3", "v4"]


def test_a_version_must_be_written_as_the_house_wants_it(workspace):
    workspace.report("good", name="Revenue v2")
    workspace.report("bad", name="Revenue Version 2")
    workspace.report("none", name="Revenue")
    assert found(workspace, "naming", version_pattern={"*": r"\bv\d+$"}) == ["bad"]


def test_without_a_pattern_names_are_not_judged(workspace):
    assert "no pattern is set" in audit(workspace, "naming").not_checked["naming"]


def test_a_pattern_that_takes_for_ever_ends_the_check_and_not_the_audit(workspace, monkeypatch):
    monkeypatch.setattr(matching, "SECONDS", 0.5)
    workspace.report("long", name="a" * 60 + "!")
    workspace.report("null", name=None)
    report = audit(workspace, "naming", "unnamed", name_pattern={"*": "^(a+)+$"})
    assert "takes longer than 0.5 s" in report.not_checked["naming"]
    assert report.counts == {"unnamed": 1}


def test_what_is_no_regular_expression_is_refused_where_it_is_set():
    with pytest.raises(ConfigurationError, match="audit_name_pattern: '\\(a' is not a regular expression"):
        read_patterns("audit_name_pattern", "(a")


def test_patterns_are_read_from_a_text_or_by_collection():
    assert read_patterns("x", "^a") == {"*": "^a"}
    assert read_patterns("x", '{"Finance": "^F", "*": "^a"}') == {"Finance": "^F", "*": "^a"}
    assert read_patterns("x", None) == {}


@pytest.mark.parametrize("value", [["^a", "^b"], 5, True])
def test_patterns_of_another_kind_are_refused_by_their_setting(value):
    with pytest.raises(ConfigurationError, match="audit_name_pattern"):
        read_patterns("audit_name_pattern", value)


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
