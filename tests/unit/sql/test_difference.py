"""What a person is told of two texts of one query."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mode_catalog_provider.sql.difference import LONGEST, changes, difference
from mode_catalog_provider.sql.text import words

QUERY = """
with base as (select o.id, o.amount from sales.orders o where o.day between '2024-01-01' and '2024-12-31')
select o.region, date_trunc('month', o.ordered_at) as month, sum(o.amount) as revenue
from base as o join sales.customers as c on c.id = o.customer_id and c.kind = 'b2b'
where o.status = 'paid' and c.country in ('DE', 'FR') group by 1, 2 order by 1, 2 limit 10
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("'paid'", "'open'", ["filter - o.status = 'paid'", "filter + o.status = 'open'"]),
        (
            "\nwhere",
            "\nleft outer join refunds r on r.order_id=o.id where",
            ["join   + left outer join refunds r on r.order_id = o.id"],
        ),
        (
            "sum(o.amount) as revenue",
            "sum(o.net) as revenue, count(*)",
            ["column - sum(o.amount) as revenue", "column + sum(o.net) as revenue", "column + count(*)"],
        ),
        (
            "2024-01-01",
            "2025-01-01",
            [
                "date   - o.day between '2024-01-01' and '2024-12-31'",
                "date   + o.day between '2025-01-01' and '2024-12-31'",
            ],
        ),
        (", 2 limit 10", " limit 99", ["order  - 2", "limit  - limit 10", "limit  + limit 99"]),
        ("and c.country", "or c.country", None),
        ("where", "where {% if x %} a = {{ a }} {% endif %} and", None),
    ],
)
def test_what_was_changed_is_told_by_its_place_in_the_query(old, new, told):
    found = difference(QUERY, QUERY.replace(old, new, 1)).splitlines()
    assert found == told if told else found
    assert all(line[7] in "+-" for line in found)


def test_signs_are_shown_as_people_write_them():
    shown = "a ->> 'k'", "b::int", "c[1:2]", "payload:user.id::text", "@n * -1", "x -> y - 1", "2e-7", "$1"
    before = f"select * from t where d @> '{{}}' and e !~* 'x' and f => -{1}"
    after = f"select {', '.join(shown)} from #t where d <@ '{{}}' and e ~* 'x' and f >= -1"
    found = difference(before, after)
    assert [f"column + {text}" for text in shown] == [
        line for line in found.splitlines() if "column +" in line
    ]
    for line in ("d @> '{}'", "d <@ '{}'", "e !~* 'x'", "e ~* 'x'", "f => -1", "f >= -1"):
        assert f" {line}\n" in found
    assert "table  + #t" in found


def test_a_form_is_told_by_the_lines_that_differ_and_is_no_filter():
    fields = "day:\n  type: date\n  default: 2024-01-01\nkind:\n  type: text\n  default: a"
    form = f"\n{{% form %}}\n{fields}\n{{% endform %}}"
    text = f"select * from t where day = {{{{ day }}}}{form}"
    assert difference(text, text.replace("default: a", "default: b")).splitlines() == [
        "liquid - kind: default: a",
        "liquid + kind: default: b",
    ]
    assert difference(text, text.replace(form, "")).splitlines() == [
        "liquid - day: type: date",
        "liquid - day: default: 2024-01-01",
        "liquid - kind: type: text",
        "liquid - kind: default: a",
    ]


def test_what_stands_in_a_liquid_comment_is_no_change():
    text = "select 1 {% comment %} it's slow {% endcomment %} from t"
    assert difference(text, text.replace("it's slow", "it is quick {{ now }}")) == ""


def test_joins_filters_columns_and_dates_come_first():
    changed = (
        QUERY.replace("1, 2 limit", "2 limit").replace("'paid'", "'open'").replace("o.id,", "o.id, o.tax,")
    )
    changed = changed.replace("where o.status", "join refunds using (order_id) where o.status")
    changed = changed.replace("2024-12-31", "2025-12-31")
    kinds = [change.kind for change in changes(QUERY, changed)]
    assert list(dict.fromkeys(kinds)) == ["join", "filter", "column", "date", "order"]


@pytest.mark.parametrize(
    "same",
    [
        QUERY.upper().replace("'MONTH'", "'month'").replace("'PAID'", "'paid'").replace("'B2B'", "'b2b'"),
        " ".join(QUERY.split()),
        f"-- as of today\n{QUERY} /* really */",
        QUERY.replace(" as ", " ").replace(" join", " inner join"),
    ],
)
def test_space_case_and_comments_are_no_difference(same):
    assert difference(QUERY, same) == ""


def test_the_case_of_a_literal_is_a_difference():
    assert (
        difference("select 1 where a = 'x'", "select 1 where a = 'X'") == "filter - a = 'x'\nfilter + a = 'X'"
    )


def test_another_order_is_told_as_that():
    assert difference("select a, b from t", "select b, a from t") == "the same parts in another order"


def test_a_semicolon_at_the_end_is_no_other_order():
    assert difference("select a from t", "select a from t;\n") == ""


def test_and_is_told_from_or():
    assert difference("select 1 where a and b", "select 1 where a or b") == "filter - b\nfilter + or b"


def test_a_new_query_is_told_whole_and_nothing_is_no_text():
    assert difference(None, "select a from t") == "column + a\ntable  + t"
    assert difference(None, None) == ""


def test_of_many_differences_the_first_are_told_and_the_rest_counted():
    many = "select " + ", ".join(f"c{number}" for number in range(50))
    found = difference(None, many, lines=3).splitlines()
    assert found == ["column + c0", "column + c1", "column + c2", "and 47 more"]


def test_what_strangers_wrote_is_shown_as_one_harmless_line_each():
    (line,) = difference(None, "select '\x1b[31m\nERROR - all is well https://evil'").splitlines()
    assert "\x1b" not in line
    assert "://" not in line


def test_a_difference_behind_the_words_that_are_compared_is_not_told_as_none():
    long = "select 1 " + "+ 1 " * LONGEST
    assert "behind the first" in difference(long, f"{long} + 2")


@pytest.mark.parametrize(
    "text",
    ["'" + "a" * 600_000, "'" + "''" * 300_000, "{" * 500_000, "{{" * 300_000, "/*" * 300_000],
    ids=["a literal", "quotes", "braces", "liquid", "comments"],
)
def test_a_text_made_to_hurt_costs_a_few_times_its_size(text):
    tracemalloc.start()
    difference(text, f"{text}x")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * len(text) + 15_000_000


@given(
    st.text(alphabet="abc(),. '\"{}%;-/*\n") | st.text(), st.text(alphabet="selctfromwhjin(), '") | st.text()
)
def test_any_two_texts_can_be_compared_and_a_text_never_differs_from_itself(one, other):
    assert difference(one, one) == ""
    found = changes(one, other)
    assert sorted((c.kind, c.text.lower()) for c in found if c.sign == "-") == sorted(
        (c.kind, c.text.lower()) for c in changes(other, one) if c.sign == "+"
    )


def test_the_words_of_a_query_are_those_that_people_see():
    found = [
        word.text for word in words("select a.b, 'it''s', x>=1.5::date {{ a }} {% if x %}-- c\n;\"A b\"")
    ]
    assert found == [
        *("select", "a", ".", "b", ",", "'it''s'", ",", "x", ">=", "1.5", "::", "date"),
        *("{{ a }}", "{% if x %}", ";", '"A b"'),
    ]
