"""Which tables each report reads, over a whole snapshot."""

from __future__ import annotations

import pytest

from mode_catalog_provider.audit.report_tables import MOST_TABLES, tables_of_reports
from tests.unit.audit.workspaces import REVENUE, TICKETS

UNKNOWN = ("mode://app.mode.com", "acme")


@pytest.fixture
def warehouse(workspace):
    """The workspace with a connection whose place is known, id 8."""
    workspace.add(
        "datasource",
        token="postgres",
        id=8,
        name="Postgres",
        adapter="jdbc:postgresql",
        host="db.acme.io",
        database="dwh",
    )
    return workspace


def found_in(workspace, **options):
    return tables_of_reports(workspace.snapshot(), unknown=UNKNOWN, **options)


def test_the_tables_of_all_queries_of_a_report_are_told_once(warehouse):
    warehouse.report("one", REVENUE, TICKETS, REVENUE, connection=8, name="Revenue")
    (report,) = found_in(warehouse).reports
    assert (report.path, report.title) == ("reports/one", "Revenue")
    assert report.tables == tuple(
        ("postgres://db.acme.io:5432", f"dwh.{table}")
        for table in ("sales.customers", "sales.orders", "support.agents", "support.tickets")
    )


def test_a_connection_whose_place_is_not_known_is_named_in_mode(warehouse):
    warehouse.report("one", "select 1 from sales.orders", connection=7)
    (report,) = found_in(warehouse).reports
    assert report.tables == (("mode://app.mode.com", "acme/data_sources/warehouse/sales.orders"),)


def test_a_dataset_of_mode_is_one_in_lineage_too(warehouse):
    warehouse.report("one", "select 1 from sales.orders", connection=8, type="DatasetReport")
    assert [report.path for report in found_in(warehouse).reports] == ["datasets/one"]


def test_archived_reports_and_those_that_read_no_table_are_not_told(warehouse):
    warehouse.report("gone", REVENUE, connection=8, archived=True)
    warehouse.report("empty", "select 1", connection=8)
    warehouse.report("none", connection=8)
    found = found_in(warehouse)
    assert found.reports == ()
    assert found.looked_at == 2


def test_a_query_that_is_no_sql_is_counted_and_the_others_are_told(warehouse):
    warehouse.report("one", "select from where (", REVENUE, connection=8)
    found = found_in(warehouse)
    assert found.not_read == 1
    assert len(found.reports[0].tables) == 2


def test_of_many_reports_those_that_were_edited_last_are_told(warehouse):
    for day in range(1, 10):
        stamp = f"2026-02-0{day}T08:00:00.000Z"
        warehouse.report(f"r{9 - day}", REVENUE, connection=8, created_at=stamp)
    found = found_in(warehouse, most_reports=2)
    assert [report.path for report in found.reports] == ["reports/r0", "reports/r1"]
    assert found.beyond == 7


def test_a_report_that_reads_very_many_tables_is_bounded(warehouse):
    everything = " union all ".join(f"select 1 from t{number}" for number in range(MOST_TABLES + 50))
    warehouse.report("one", everything, connection=8)
    assert len(found_in(warehouse).reports[0].tables) == MOST_TABLES
