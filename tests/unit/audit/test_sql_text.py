"""When two queries count as the same, and how alike they are."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mode_catalog_provider.audit.sql_text import read_query, similarity, uses_definition

QUERY = """
select o.region, date_trunc('month', o.ordered_at) as month, sum(o.amount) as revenue
from sales.orders as o join sales.customers as c on c.id = o.customer_id
where o.status = 'paid' and c.country in ('DE', 'FR') group by 1, 2 order by 1, 2
"""


@pytest.mark.parametrize(
    "tidied",
    [
        QUERY.upper().replace("'MONTH'", "'month'").replace("'PAID'", "'paid'"),
        QUERY.replace(" ", "\n  "),
        f"-- revenue, by region\n{QUERY};",
        QUERY.replace("from", "/* the\n facts */ from"),
    ],
)
def test_a_query_that_was_only_tidied_up_is_the_same(tidied):
    assert read_query(tidied).digest == read_query(QUERY).digest


@pytest.mark.parametrize(
    "changed",
    [
        QUERY.replace("'paid'", "'PAID'"),
        QUERY.replace("'paid'", "'pa id'"),
        QUERY.replace("sum", "avg"),
        QUERY.replace("'DE', ", ""),
        QUERY.replace("o.status = 'paid'", "o.status = '-- paid'"),
    ],
)
def test_a_query_that_asks_something_else_is_another_one_but_similar(changed):
    one, other = read_query(QUERY), read_query(changed)
    assert one.digest != other.digest
    assert 0.7 < similarity(one.sketch, other.sketch) < 1
    assert set(one.bands) & set(other.bands)


def test_unrelated_queries_have_little_in_common():
    other = (
        "select date(created) d, count(*) from support.tickets t left join agents using (agent_id) group by d"
    )
    assert similarity(read_query(QUERY).sketch, read_query(other).sketch) < 0.1


def test_a_short_query_tells_nothing_of_where_it_came_from():
    short = read_query("select * from orders limit 10")
    assert not short.is_telling
    assert short.bands == ()


@given(st.text())
def test_any_text_can_be_read_and_is_like_itself(text):
    read = read_query(text)
    assert read == read_query(text)
    assert similarity(read.sketch, read.sketch) == (1.0 if read.is_telling else 0.0)


def test_of_long_queries_with_most_words_in_common_hardly_any_pair_is_missed():
    choose = random.Random(1)
    words = [f"column_{number}" for number in range(400)]
    missed = 0
    for _ in range(100):
        text = choose.choices(words, k=200)
        changed = [*text[:170], *choose.choices(words, k=30)]
        one, other = read_query(" ".join(text)), read_query(" ".join(changed))
        assert abs(similarity(one.sketch, other.sketch) - 0.73) < 0.2
        missed += not set(one.bands) & set(other.bands)
    assert missed <= 1


@pytest.mark.parametrize(
    ("text", "uses"),
    [
        ("select * from {{ @orders as o }}", True),
        ("select * from {{@orders as o}}", True),
        ("select * from orders where day = '{{ day }}'", False),
        ("select '@orders'", False),
    ],
)
def test_a_definition_is_told_from_a_parameter(text, uses):
    assert uses_definition(text) is uses
