"""Why is there no lineage? Each reason, with its exact detail."""

from __future__ import annotations

import pytest

from mode_catalog_provider.catalog import lineage_reasons, reading
from mode_catalog_provider.catalog.lineage_reasons import REASONS
from mode_catalog_provider.errors import SqlUnavailableError
from tests.integration.reconcile_cases import (
    CONNECTIONS,
    REPORTS,
    arrived,
    compared,
    entries,
    queries_of,
    snapshot_of,
)
from tests.unit.catalog.serving import running_catalog

TOKEN = REPORTS[0]["token"]
ONE = REPORTS[:1]
KNOWN = "select o.id from analytics.core.orders as o -- from nowhere"


@pytest.fixture
def catalog():
    with running_catalog() as sandbox:
        sandbox.add_table("ANALYTICS.CORE.ORDERS")
        yield sandbox


def why(catalog, tmp_path, queries, connections=CONNECTIONS, settings=None, **changes):
    snapshot = snapshot_of(
        tmp_path, reports=ONE, queries=queries, connections=connections, **(settings or {})
    )
    report = compared(catalog, arrived(catalog, snapshot, lost_lineage=None), **changes)
    (entry,) = entries(report, "without_lineage")
    assert (entry["token"], entry["name"]) == (TOKEN, "Report 0")
    assert entry["reason"] in REASONS
    return entry["reason"], entry["detail"], report


def several(*queries):
    """One report's queries, each of SQL and connection."""
    return [
        {**queries_of(ONE, sql, connection)[0], "token": f"q{number}"}
        for number, (sql, connection) in enumerate(queries)
    ]


@pytest.mark.parametrize("queries", [[], queries_of(ONE, sql="  \n ")], ids=["none", "blank"])
def test_a_report_without_a_query(catalog, tmp_path, queries):
    assert why(catalog, tmp_path, queries)[:2] == ("no_query", "")


def refused(**changes):
    detail = "The queries of report 'Report 0' could not be read: refused (403)."
    entry = {"asset": "report", "token": TOKEN, "name": "Report 0", "reason": "forbidden", "detail": detail}
    return {**entry, **changes}


def test_a_report_whose_queries_were_refused_is_not_one_without_queries(catalog, tmp_path):
    reason, detail, report = why(catalog, tmp_path, [], settings={"left_out": [refused()]})
    assert (reason, detail) == ("out_of_sight", refused()["detail"])
    assert "Mode did not show its queries to the key" in report.items["without_lineage"][0].finding.message


def test_what_was_refused_of_another_report_says_nothing_of_this_one(catalog, tmp_path):
    settings = {"left_out": [refused(token="another"), refused(asset="query", token=TOKEN)]}
    assert why(catalog, tmp_path, [], settings=settings)[0] == "no_query"


def test_queries_that_are_there_are_looked_at_though_more_were_refused(catalog, tmp_path):
    settings = {"left_out": [refused()]}
    assert why(catalog, tmp_path, several(("select * from a.b", 1)), settings=settings)[0] == "unknown_tables"


@pytest.mark.parametrize(
    ("counted", "reason"), [(3, "out_of_sight"), (0, "no_query"), (None, "no_query"), ("3", "no_query")]
)
def test_a_report_whose_queries_mode_counts_and_does_not_list_has_some(catalog, tmp_path, counted, reason):
    snapshot = snapshot_of(tmp_path, reports=[{**ONE[0], "query_count": counted}], queries=[])
    report = compared(catalog, arrived(catalog, snapshot, lost_lineage=None))
    assert [entry["reason"] for entry in entries(report, "without_lineage")] == [reason]


@pytest.mark.parametrize("options", [{}, {"definitions": "expand"}], ids=["kept", "expanded"])
def test_definitions_only(catalog, tmp_path, options):
    reason, detail, _ = why(
        catalog, tmp_path, several(("select * from {{ @orders as o }}", 1)), settings={"options": options}
    )
    assert reason == "definitions"
    assert detail == ("They were expanded, but for these." if options else "They were not expanded.")


def test_a_query_beside_the_definitions_is_looked_at(catalog, tmp_path):
    queries = several(("select * from {{ @orders as o }}", 1), ("select * from nowhere", 1))
    assert why(catalog, tmp_path, queries)[:2] == ("unknown_tables", "nowhere")


def test_a_connection_that_no_warehouse_answers_to(catalog, tmp_path):
    connections = [*CONNECTIONS, {"id": 7, "token": "ora", "name": "Books", "adapter": "jdbc:oracle"}]
    queries = several(("select * from nowhere", 7))
    assert why(catalog, tmp_path, queries, connections)[:2] == ("unknown_connection", "connection 7")


def test_a_connection_that_is_not_in_the_snapshot(catalog, tmp_path):
    assert why(catalog, tmp_path, several((KNOWN, 99)))[:2] == ("unknown_connection", "connection 99")


def test_one_query_on_a_known_connection_is_enough_to_look_further(catalog, tmp_path):
    assert why(catalog, tmp_path, several((KNOWN, 99), ("select * from a.b", 1)))[:2] == (
        "unknown_tables",
        "a.b (of 2 that its queries read)",
    )


def test_tables_that_catalog_does_not_know_are_named(catalog, tmp_path):
    sql = "with x as (select * from core.orders) select * from x join core.refunds using (id), lab.orders"
    assert why(catalog, tmp_path, several((sql, 1)))[:2] == (
        "unknown_tables",
        "core.refunds, lab.orders (of 3 that its queries read)",
    )


def test_only_the_tables_in_question_are_asked_for(catalog, tmp_path):
    for table in ("A", "B", "C"):
        catalog.add_table(f"ANALYTICS.CORE.{table}")
    why(catalog, tmp_path, several((KNOWN, 1)))
    asked = [request for request in catalog.requests if request.params.get("op") == "getTables"]
    assert len(asked) == 1


def test_tables_are_found_by_a_catalog_that_minds_capitals(catalog, tmp_path):
    catalog.switches.throw(names_with_case=True)
    sql = "select * from core.orders join core.refunds using (id)"
    assert why(catalog, tmp_path, several((sql, 1)))[:2] == (
        "unknown_tables",
        "core.refunds (of 2 that its queries read)",
    )


def test_a_search_that_has_shown_not_to_mind_capitals_is_asked_once(catalog, tmp_path):
    catalog.add_table("ANALYTICS.CORE.REFUNDS_OLD")
    assert why(catalog, tmp_path, several(("select * from core.refunds", 1)))[0] == "unknown_tables"
    assert len([one for one in catalog.requests if one.params.get("op") == "getTables"]) == 1


def test_a_name_for_many_tables_is_none_that_catalog_does_not_know(catalog, tmp_path):
    connections = [{"id": 1, "token": "bq", "name": "BigQuery", "adapter": "jdbc:bigquery"}]
    queries = several(("select * from `p.analytics_1.events_*`", 1))
    reason, detail, _ = why(catalog, tmp_path, queries, connections)
    assert reason == "unknown"
    assert "too many names are alike: p.analytics_1.events_*" in detail


def test_sql_that_cannot_be_read_says_where(catalog, tmp_path):
    reason, detail, _ = why(catalog, tmp_path, several(("select 1\nfrom from from )", 1)))
    assert reason == "unparsed"
    assert "line" in detail


def test_a_query_of_a_dataset(catalog, tmp_path):
    connections = [
        *CONNECTIONS,
        {"id": 8, "token": "data", "name": "Datasets", "adapter": "jdbc:modedatasets"},
    ]
    reason, _, report = why(catalog, tmp_path, several(("select * from dataset", 8)), connections)
    assert reason == "dataset"
    assert report.counts["unknown_connections"] == 0


def test_none_of_the_reasons_says_what_was_tried(catalog, tmp_path):
    reason, detail, _ = why(catalog, tmp_path, several((KNOWN, 1)))
    assert reason == "unknown"
    assert "the only table they read is known" in detail


def test_a_query_without_a_table_is_said_to_have_none(catalog, tmp_path):
    reason, detail, _ = why(catalog, tmp_path, several(("select 1", 1)))
    assert reason == "unknown"
    assert "no table was found in them" in detail


def test_a_definition_in_a_comment_is_not_used(catalog, tmp_path):
    sql = "-- {{ @old as o }} was too slow\nselect * from nowhere"
    assert why(catalog, tmp_path, several((sql, 1)))[:2] == ("unknown_tables", "nowhere")


def test_without_the_extra_the_reasons_that_need_it_are_left_out_and_that_is_said(catalog, tmp_path):
    def none(sql, dialect):
        raise SqlUnavailableError("sqlglot is not installed.")

    reason, detail, report = why(catalog, tmp_path, several(("select * from nowhere", 1)), tables=none)
    assert reason == "unknown"
    assert "tables" not in detail
    assert report.not_checked == {
        "unknown_tables": "sqlglot is not installed.",
        "unparsed": "sqlglot is not installed.",
    }


def test_tables_that_cannot_be_asked_for_end_nothing(catalog, tmp_path):
    catalog.fault("*op=getTables*", status=400, body=b'{"errors": [{"message": "no"}]}', times=None)
    reason, _, report = why(catalog, tmp_path, several(("select * from nowhere", 1)))
    assert reason == "unknown"
    assert "cannot be asked" in report.not_checked["unknown_tables"]


def test_of_more_names_than_are_asked_for_it_is_not_said_that_they_are_unknown(
    catalog, tmp_path, monkeypatch
):
    monkeypatch.setattr(lineage_reasons, "_MOST_NAMES", 1)
    sql = "select * from core.orders join core.refunds using (id)"
    reason, _, report = why(catalog, tmp_path, several((sql, 1)))
    assert reason == "unknown"
    assert "More than 1 names" in report.not_checked["unknown_tables"]


def test_connections_that_nobody_could_look_at_are_not_said_to_be_known(catalog, tmp_path):
    catalog.switches.throw(sources_readable=False)
    reason, detail, report = why(catalog, tmp_path, several((KNOWN, 1)))
    assert reason == "unknown"
    assert "connections" not in detail
    assert "may not read" in report.not_checked["unknown_connections"]


def test_databases_that_cannot_be_asked_for_leave_it_open_whether_connections_are_known(catalog, tmp_path):
    catalog.fault("*op=getDatabases*", status=403, times=None)
    reason, detail, report = why(catalog, tmp_path, several((KNOWN, 1)))
    assert (reason, "connections" in detail) == ("unknown", False)
    assert "may not read" in report.not_checked["databases"]


def test_sql_that_cannot_be_read_is_told_though_tables_cannot_be_asked_for(catalog, tmp_path):
    catalog.fault("*op=getTables*", status=403, times=None)
    queries = [
        {**queries_of(REPORTS[:2], sql)[number], "token": f"q{number}"}
        for number, sql in enumerate((KNOWN, "select 1 from from )"))
    ]
    snapshot = snapshot_of(tmp_path, reports=REPORTS[:2], queries=queries)
    report = compared(catalog, arrived(catalog, snapshot, lost_lineage=None))
    assert [one["reason"] for one in entries(report, "without_lineage")] == ["unknown", "unparsed"]


@pytest.mark.parametrize(
    "like", ["ANALYTICS.CORE.ORDERS_{}", "ANALYTICS.CORE_{}.USERS"], ids=["table", "schema"]
)
def test_of_a_name_that_is_part_of_too_many_it_is_not_said_that_there_is_none(
    catalog, tmp_path, monkeypatch, like
):
    monkeypatch.setattr(reading, "_MOST_OF_ONE_NAME", 5)
    for number in range(5):
        catalog.add_table(like.format(number))
    catalog.tables.reverse()
    catalog.schemas.reverse()
    reason, detail, _ = why(catalog, tmp_path, several((KNOWN, 1)))
    assert reason == "unknown"
    assert "of the tables they read 0 are known (not asked to the end" in detail
    assert "too many names are alike: analytics.core.orders" in detail


def test_the_reasons_come_in_their_order(catalog, tmp_path):
    connections = [*CONNECTIONS, {"id": 7, "token": "ora", "name": "Books", "adapter": "jdbc:oracle"}]
    queries = several(("select * from {{ @d as d }} join nowhere", 7))
    assert why(catalog, tmp_path, queries, connections)[0] == "definitions"
