"""When two queries count as the same, and what of them is compared."""

from __future__ import annotations

import tracemalloc
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mode_catalog_provider.sql.fingerprint import definitions_used, fingerprint

QUERY = """
select o.region, date_trunc('month', o.ordered_at) as month, sum(o.amount) as revenue
from sales.orders as o join sales.customers as c on c.id = o.customer_id
where o.status = 'paid' and c.country in ('DE', 'FR') group by 1, 2 order by 1, 2
"""


def common(one: str, other: str, what: str = "groups") -> float:
    """The share of what the smaller has that the other has as well."""
    mine, theirs = (set(array("I", getattr(fingerprint(text), what))) for text in (one, other))
    return len(mine & theirs) / min(len(mine), len(theirs))


@pytest.mark.parametrize(
    "tidied",
    [
        QUERY.upper().replace("'MONTH'", "'month'").replace("'PAID'", "'paid'"),
        QUERY.replace(" ", "\n  "),
        f"-- revenue, by region\n{QUERY};",
        QUERY.replace("from", "/* the\n facts */ from"),
        QUERY.replace("from", "# don't count tests\nfrom"),
        QUERY.replace(" as ", " ").replace(" join", " inner join"),
    ],
)
def test_a_query_that_was_only_tidied_up_is_the_same(tidied):
    assert fingerprint(tidied).digest == fingerprint(QUERY).digest


@pytest.mark.parametrize(
    "changed",
    [
        QUERY.replace("'paid'", "'PAID'"),
        QUERY.replace("'paid'", "'pa id'"),
        QUERY.replace("sum", "avg"),
        QUERY.replace("'DE', ", ""),
        QUERY.replace("o.status = 'paid'", "o.status = '-- paid'"),
        QUERY.replace("sales.orders", "dev.orders"),
        QUERY.replace("o.", "orders.").replace(" as o ", " as orders "),
    ],
)
def test_a_query_that_says_something_else_is_another_one_but_similar(changed):
    assert fingerprint(QUERY).digest != fingerprint(changed).digest
    assert common(QUERY, changed) > 0.7


def test_schemas_aliases_literals_and_liquid_are_not_compared():
    changed = QUERY.replace("o.", "x.").replace(" as o ", " x ").replace("sales.", "prod.dwh.")
    changed = changed.replace("'paid'", "'{{ status }}'").replace("where", "where {% if a %} {% endif %}")
    assert fingerprint(QUERY).groups == fingerprint(changed).groups


def test_the_names_of_ctes_are_not_compared():
    one = "with base as (select a, b, c from t where d = 1), more as (select a from base) select a from more"
    other = one.replace("base", "source_rows").replace("more", "rest")
    assert fingerprint(one).groups == fingerprint(other).groups


def test_the_main_part_is_what_is_asked_and_not_of_which_tables():
    other = QUERY.replace("o.region", "c.segment, c.size").replace("sum(o.amount)", "max(c.score)")
    other = other.replace("o.status = 'paid'", "c.score > 7 or c.tier is null")
    other = other.replace("'month', o.ordered_at", "'day', c.day")
    assert common(QUERY, other, "main") < 0.6 < common(QUERY, QUERY.replace("sum", "avg"), "main")


def test_what_a_query_within_another_begins_with_is_not_its_main_part():
    header = "with base as (select a, b, c, d from t where e = 1 and f = 2), more as (select a, b from base)"
    one = f"select * from ({header} select g, sum(h) from more join u using (i) group by g) x where 1 = 1"
    other = (
        f"select * from ({header} select k, l, max(m) from more join v using (n) group by k, l) x where 1 = 1"
    )
    assert common(one, other) > 0.6 > common(one, other, "main")


def test_without_schemas_a_copy_for_developers_is_the_same():
    dev = fingerprint(QUERY.replace("sales.", "sales_dev."))
    assert dev.is_dev
    assert not fingerprint(QUERY).is_dev
    assert dev.placeless == fingerprint(QUERY).placeless
    assert dev.digest != fingerprint(QUERY).digest


def test_a_short_query_tells_nothing_of_where_it_came_from():
    short = fingerprint("select * from orders limit 10")
    assert not short.is_telling
    assert short.groups == b""


@given(st.text() | st.text(alphabet="selctfromjinwh(),.;' \"{}%@"))
def test_any_text_can_be_read_and_is_like_itself(text):
    assert fingerprint(text) == fingerprint(text)


@pytest.mark.parametrize(
    "text",
    ["'" + "a" * 2_000_000, "'" + "''" * 1_000_000, "{" * 2_000_000, "select " + "a.b " * 150_000],
    ids=["a literal", "quotes", "braces", "words"],
)
def test_a_text_made_to_hurt_costs_a_few_times_its_size(text):
    tracemalloc.start()
    fingerprint(text)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * len(text) + 60_000_000


def test_texts_that_differ_behind_what_is_read_are_not_the_same():
    long = "select " + "a " * 100_001
    assert fingerprint(long).digest != fingerprint(f"{long} b").digest


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("select * from {{ @orders as o }}", ("orders",)),
        ("select * from {{@Orders as o}} join {{ @orders as p }} join {{- @new-customers as c }}", None),
        ("select * from orders where day = '{{ day }}'", ()),
        ("select '@orders'", ()),
        ("select 1 -- from {{ @orders as o }}\n/* {{ @fx }} */ from {{ @people as p }}", ("people",)),
    ],
)
def test_definitions_are_found_by_name(text, used):
    assert definitions_used(text) == (("new-customers", "orders") if used is None else used)
