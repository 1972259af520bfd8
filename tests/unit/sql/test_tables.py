from __future__ import annotations

import sys

import pytest

from mode_catalog_provider.errors import SqlNotParsedError, SqlUnavailableError
from mode_catalog_provider.sql.dialects import dialect_of
from mode_catalog_provider.sql.tables import LONGEST_QUERY, TableName, sql_is_available, tables_of
from tests.unit.sql.labelled_queries import DIALECTS, labelled_queries


def names(sql: str, dialect: str = "snowflake") -> set[str]:
    return {str(table) for table in tables_of(sql, dialect)}


def measured(*dialects: str) -> tuple[int, float, float]:
    """Return the number of queries, precision and recall; a query that is not parsed finds nothing."""
    queries = right = wrong = missed = 0
    for dialect in dialects:
        for query in labelled_queries(dialect):
            queries += 1
            try:
                found = names(query.sql, query.dialect)
            except SqlNotParsedError:
                found = set()
            right += len(found & query.tables)
            wrong += len(found - query.tables)
            missed += len(query.tables - found)
    return queries, right / (right + wrong), right / (right + missed)


def test_of_two_hundred_labelled_queries_nearly_all_tables_are_found_and_nearly_none_is_wrong() -> None:
    queries, precision, recall = measured(*DIALECTS)
    assert queries >= 200
    assert precision >= 0.98
    assert recall >= 0.98


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_dialect_falls_behind(dialect: str) -> None:
    _, precision, recall = measured(dialect)
    assert min(precision, recall) >= 0.95


def test_a_name_has_its_parts() -> None:
    assert tables_of("select * from DB.Schema_1.T", "snowflake") == {TableName("db", "schema_1", "t")}
    assert tables_of("select * from [srv].[db].[dbo].[t]", "tsql") == {TableName("srv.db", "dbo", "t")}
    assert tables_of("select * from db..t", "tsql") == {TableName("db", "", "t")}


def test_letters_are_kept_where_the_database_tells_them_apart() -> None:
    assert names("select * from ds.Orders", "bigquery") == {"ds.Orders"}
    assert names('select * from "Orders", "ORDERS", orders', "snowflake") == {"Orders", "orders"}
    assert names('select * from "Orders", "ORDERS", orders', "postgres") == {"Orders", "ORDERS", "orders"}
    assert names('select * from "Orders", orders', "redshift") == {"orders"}


def test_a_cte_hides_a_table_only_after_it_was_defined() -> None:
    sql = "with b as (select * from a), a as (select * from c) select * from a join b on true"
    assert names(sql, "postgres") == {"a", "c"}


def test_a_cte_of_an_inner_query_is_not_known_outside() -> None:
    sql = "select * from (with x as (select 1 from y) select * from x) q join x on true"
    assert names(sql, "postgres") == {"x", "y"}


def test_a_qualified_name_is_a_table_though_a_cte_is_called_the_same() -> None:
    assert names("with orders as (select 1) select * from orders, raw.orders") == {"raw.orders"}


def test_what_is_written_is_not_read() -> None:
    sql = "insert into a select * from b; update c set x = 1; delete from d where y in (select y from e)"
    assert names(sql) == {"b", "e"}


def test_each_branch_of_a_condition_is_read() -> None:
    sql = (
        "select * from {% if a %} x {% elsif b %} y {% else %} z {% endif %} "
        "join {% if c %} u {% else %} v {% endif %} on true"
    )
    assert names(sql) == {"x", "y", "z", "u", "v"}


def test_queries_of_which_only_one_is_run_are_read_one_by_one() -> None:
    kinds = ("a", "b", "c", "d", "e", "f", "g", "h")
    sql = "".join(f"{{% if kind == '{one}' %}}\nselect * from {one}\n{{% endif %}}\n" for one in kinds)
    assert names(sql) == {*kinds}
    nested = f"{{% if all %}} select * from z {{% endif %}} {{% unless all %}} {sql} {{% endunless %}}"
    assert names(nested) == {"z", *kinds}
    asked = "".join(f"{{% if k contains '{one}' %}} select * from {one} {{% endif %}}" for one in "xy")
    assert names(asked) == {"x", "y"}


def test_a_query_that_nobody_can_read_is_not_taken_for_none() -> None:
    with pytest.raises(SqlNotParsedError):
        tables_of("{% if x %} select a from (b {% endif %}", "snowflake")


def test_a_name_that_only_a_run_would_tell_is_not_told() -> None:
    assert names("select * from {{ db }}.sales.orders, {{ s }}.customers, {{ t }}, events_{{ day }}") == {
        "sales.orders",
        "customers",
    }


def test_a_column_of_a_table_is_none_however_it_is_joined() -> None:
    sql = "select * from d.t t left join t.items i on true left join t.tags"
    assert names(sql, "bigquery") == {"d.t"}


def test_a_definition_is_not_a_table() -> None:
    assert names("select * from {{ @active_users as u }} join orders o on o.user_id = u.id") == {"orders"}


def test_a_statement_that_the_library_keeps_as_text_is_looked_into() -> None:
    sql = "create temp table x distkey(a) foo bar as select * from s.t; select * from x"
    assert "s.t" in names(sql, "redshift")


def test_a_statement_of_sql_server_needs_no_semicolon() -> None:
    sql = """
    set transaction isolation level read uncommitted
    declare @m int = (select max(x) from dbo.a)
    begin try
        drop table if exists #t;
        with c as (select * from dbo.b) select c.x [from q] into #t from c -- it's select
        print 'no table'
    end try
    begin catch raiserror('x', 0, 1) with nowait end catch
    go
    while (select count(*) from dbo.d) > @m delete from #t where x = (select min(x) from dbo.e)
    select * from #t t join ##everybodys e on e.x = t.x for xml path('')
    """
    assert names(sql, "tsql") == {"dbo.a", "dbo.b", "dbo.d", "dbo.e"}


def test_a_view_of_sql_server_may_begin_with_common_table_expressions() -> None:
    sql = "create view v as with c as (select * from dbo.a) select * from c select * from dbo.b"
    assert names(sql, "tsql") == {"dbo.a", "dbo.b"}


@pytest.mark.parametrize(
    "statement",
    ["grant select, insert on dbo.x to ana", "deny delete on dbo.x to ana", "exec ('select * from dbo.x')"],
)
def test_a_statement_of_sql_server_that_reads_nothing_is_passed_over(statement: str) -> None:
    for end in (";", "\n"):
        assert names(f"{statement}{end} select * from dbo.a", "tsql") == {"dbo.a"}


def test_a_table_with_final_is_read() -> None:
    assert names("select * from db.Events final where x = 1", "clickhouse") == {"db.Events"}


def test_a_table_that_is_given_to_a_function_of_bigquery_is_read() -> None:
    assert names("select * from ml.predict(model ds.m, table ds.given)", "bigquery") == {"ds.given"}


def test_what_an_odd_create_makes_is_not_read() -> None:
    sql = "create local temporary table T1 on commit preserve rows as select * from b; select * from t1"
    assert names(sql, "postgres") == {"b"}


def test_what_cannot_be_parsed_is_told_with_its_line() -> None:
    with pytest.raises(SqlNotParsedError, match=r"at line 3, near '\('") as raised:
        tables_of("select a\n, b\nfrom (", "postgres")
    assert raised.value.line == 3


def test_the_place_told_is_of_the_text_as_it_was_written() -> None:
    sql = "{% form %}\nx:\n  type: text\n{% endform %}\nselect * from (a\nwhere ("
    with pytest.raises(SqlNotParsedError) as raised:
        tables_of(sql, "postgres")
    assert raised.value.line in (5, 6)


def test_strangers_text_in_a_parse_error_is_made_visible() -> None:
    with pytest.raises(SqlNotParsedError) as raised:
        tables_of("select \u202e\x1b[31m from from \x00 (", "postgres")
    assert str(raised.value).isprintable()


def test_an_unknown_dialect_is_read_as_standard_sql() -> None:
    assert names("select * from a.b", "nothing of that name") == {"a.b"}


@pytest.mark.parametrize(
    ("adapter", "dialect"),
    [
        ("jdbc:snowflake", "snowflake"),
        ("JDBC:PostgreSQL", "postgres"),
        ("jdbc:sqlserver", "tsql"),
        ("redshift", "redshift"),
        ("jdbc:treasuredata", "trino"),
        ("jdbc:db2", ""),
        (None, ""),
    ],
)
def test_an_adapter_of_mode_has_its_dialect(adapter: object, dialect: str) -> None:
    assert dialect_of(adapter) == dialect


def test_every_dialect_is_one_that_the_library_knows() -> None:
    import sqlglot

    from mode_catalog_provider.sql.dialects import _OF_ADAPTER

    assert not [name for name in _OF_ADAPTER.values() if not sqlglot.Dialect.get(name)]


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    assert not sql_is_available()
    with pytest.raises(SqlUnavailableError, match=r"mode-catalog-provider\[sql\]"):
        tables_of("select 1", "snowflake")


@pytest.mark.parametrize(
    "sql",
    [
        "select " + "(" * 5_000 + "1" + ")" * 5_000,
        "select * from " + "(select * from " * 2_000 + "t" + ")" * 2_000,
        "select " + "not " * 9_000 + "x",
        "case when " * 5_000,
        "x" * (LONGEST_QUERY + 1),
        "{% for a in (1..40) %}" * 30 + "x",
        "{% for a in (1..40) %}" + "select a from b; " * 500 + "{% endfor %}",
    ],
)
def test_what_is_too_much_to_be_looked_at_is_told(sql: str) -> None:
    with pytest.raises(SqlNotParsedError):
        tables_of(sql, "snowflake")


def test_a_union_of_thousands_of_queries_is_read() -> None:
    sql = " union all ".join(f"select 1 from t{number}" for number in range(2_000))
    assert len(tables_of(sql, "postgres")) == 2_000


def test_the_library_says_nothing_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    names("unload ('select 1') to 's3://x'; select 1 from a", "redshift")
    assert not caplog.records
