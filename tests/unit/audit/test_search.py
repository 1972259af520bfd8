"""Which reports read a table, or speak of something."""

from __future__ import annotations

from mode_catalog_provider.audit.search import search
from tests.unit.audit.workspaces import REVENUE, TICKETS


def test_reports_that_read_a_table_are_found_by_its_name_with_or_without_its_schema(workspace):
    workspace.report("revenue", ("Money", REVENUE), ("Support", TICKETS))
    workspace.report("tickets", TICKETS)
    workspace.report("archived", REVENUE, archived=True)
    for table in ("orders", "ORDERS", "sales.orders"):
        (hit,) = search(workspace.snapshot(), table=table).hits
        assert (hit.token, hit.queries) == ("revenue", ["Money"])
    assert search(workspace.snapshot(), table="other.orders").hits == []


def test_what_a_query_leaves_to_its_connection_is_part_of_the_name_as_well(workspace):
    host = "acme-eu.snowflakecomputing.com"
    workspace.add("datasource", token="s", id=8, adapter="jdbc:snowflake", host=host, database="Analytics")
    workspace.report("one", "select * from core.fct_orders", connection=8)
    workspace.report("bare", "select * from fct_refunds", connection=8)
    snapshot = workspace.snapshot()
    found = {
        table: [hit.token for hit in search(snapshot, table=table).hits]
        for table in (
            "analytics.core.fct_orders",
            "core.fct_orders",
            "raw.core.fct_orders",
            "public.fct_refunds",
        )
    }
    assert list(found.values()) == [["one"], ["one"], [], ["bare"]]


def test_a_table_whose_name_liquid_puts_together_is_found(workspace):
    liquid = "{% assign grain = 'daily' %} select * from core.fct_{{ grain }} where day = '{{ day }}'"
    workspace.report("one", liquid)
    assert [hit.token for hit in search(workspace.snapshot(), table="fct_daily").hits] == ["one"]


def test_a_table_that_is_only_spoken_of_is_not_read(workspace):
    workspace.report("one", "select 'orders' as name from t -- orders")
    assert search(workspace.snapshot(), table="orders").hits == []


def test_queries_that_cannot_be_read_are_counted(workspace):
    workspace.report("one", "select from from orders where (((")
    found = search(workspace.snapshot(), table="orders")
    assert (found.hits, found.not_read) == ([], 1)


def test_a_text_is_found_in_names_descriptions_and_sql_whatever_its_case(workspace):
    workspace.report("name", name="Revenue")
    workspace.report("description", name="a", description="what REVENUE is")
    workspace.report("sql", ("Q", REVENUE), name="b")
    workspace.report("other", TICKETS, name="c")
    hits = search(workspace.snapshot(), text="revenue").hits
    assert {hit.token: hit.queries for hit in hits} == {"name": [], "description": [], "sql": ["Q"]}
