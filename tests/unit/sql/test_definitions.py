from __future__ import annotations

import pytest

from mode_catalog_provider.sql.definitions import (
    LONGEST,
    REASONS,
    Definition,
    Definitions,
    Unresolved,
)

KNOWN = Definitions(
    [
        Definition("d1", "users", "select * from app.users", "1"),
        Definition("d2", "active", "select * from {{ @users as u }} where u.active;\n", "1"),
        Definition("d3", "orders", "select 1 from eu.orders", "1"),
        Definition("d4", "orders", "select 1 from us.orders", "2"),
        Definition("d5", "loop", "select * from {{ @loop as l }}", "1"),
        Definition("d6", "ping", "select * from {{ @pong as p }}", "1"),
        Definition("d7", "pong", "select * from {{ @ping as p }}", "1"),
        Definition("d8", "empty", " ; ", "1"),
        Definition("d9", "noted", "select 1 from t -- a note", "1"),
        Definition("d10", "liquid", "select {% if x %}1{% endif %} from '{{ y }}'", "1"),
        Definition("d11", "dashed-name.v2", "select 2", "1"),
        Definition("d12", "lost", "select * from {{ @nowhere as n }}", "1"),
        Definition("d14", "hashed", "select 1 from t # a note", "1"),
        Definition("d13", "elsewhere", "select 3", "9"),
    ]
)


@pytest.mark.parametrize(
    ("text", "expected", "used"),
    [
        ("select 1", "select 1", []),
        ("select '@users' from x", "select '@users' from x", []),
        ("from {{ @users as u }}", "from (select * from app.users) AS u", ["d1"]),
        ("from {{@users as u}}", "from (select * from app.users) AS u", ["d1"]),
        ("from {{- @users   AS  u -}}", "from (select * from app.users) AS u", ["d1"]),
        ("from {{ @USERS as u }}", "from (select * from app.users) AS u", ["d1"]),
        ("from {{ @users }} x", "from (select * from app.users) x", ["d1"]),
        ('from {{ @users as "My users" }}', 'from (select * from app.users) AS "My users"', ["d1"]),
        ("from {{ @users as `u` }}", "from (select * from app.users) AS `u`", ["d1"]),
        ("from {{ @users as [a b] }}", "from (select * from app.users) AS [a b]", ["d1"]),
        (
            "from {{ @active as a }}",
            "from (select * from (select * from app.users) AS u where u.active) AS a",
            ["d2", "d1"],
        ),
        (
            "{{ @users as a }}, {{ @users as b }}",
            "(select * from app.users) AS a, (select * from app.users) AS b",
            ["d1"],
        ),
        ("from {{ @orders as o }}", "from (select 1 from eu.orders) AS o", ["d3"]),
        ("from {{ @elsewhere as e }}", "from (select 3) AS e", ["d13"]),
        ("from {{ @dashed-name.v2 as e }}", "from (select 2) AS e", ["d11"]),
        ("from {{ @noted as n }} where x", "from (select 1 from t -- a note\n) AS n where x", ["d9"]),
        ('"a -- b", {{ @orders }}', '"a -- b", (select 1 from eu.orders)', ["d3"]),
        ("`a -- b`, {{ @orders }}", "`a -- b`, (select 1 from eu.orders)", ["d3"]),
        ("from {{ @hashed as n }} where x", "from (select 1 from t # a note\n) AS n where x", ["d14"]),
        ("from {{ @liquid as n }}", "from (select {% if x %}1{% endif %} from '{{ y }}') AS n", ["d10"]),
        ("-- {{ @users as u }}\nselect 1", "-- {{ @users as u }}\nselect 1", []),
        ("/* {{ @users as u }} */ select 1", "/* {{ @users as u }} */ select 1", []),
        ("  # {{ @users as u }}\nselect 1", "  # {{ @users as u }}\nselect 1", []),
        (
            "{% comment %}{{ @users as u }}{% endcomment %}",
            "{% comment %}{{ @users as u }}{% endcomment %}",
            [],
        ),
        ("{% raw %}{{ @users }}{% endraw %}", "{% raw %}{{ @users }}{% endraw %}", []),
        ("'--' || {{ @users as u }}", "'--' || (select * from app.users) AS u", ["d1"]),
        ("-- don't\nfrom {{ @users as u }}", "-- don't\nfrom (select * from app.users) AS u", ["d1"]),
        ("{{ start }} {{ users }} {{ @ }}", "{{ start }} {{ users }} {{ @ }}", []),
    ],
)
def test_a_reference_becomes_the_sql_of_its_definition(text: str, expected: str, used: list[str]) -> None:
    found = KNOWN.expand(text, data_source=1)
    assert (found.text, list(found.used), found.unresolved) == (expected, used, ())


@pytest.mark.parametrize(
    ("text", "expected", "unresolved"),
    [
        ("from {{ @nobody as n }}", "from {{ @nobody as n }}", Unresolved("nobody", "unknown")),
        ("from {{ @empty as n }}", "from {{ @empty as n }}", Unresolved("empty", "empty")),
        (
            "from {{ @loop as x }}",
            "from (select * from {{ @loop as l }}) AS x",
            Unresolved("loop", "recursive"),
        ),
        (
            "from {{ @ping as x }}",
            "from (select * from (select * from {{ @ping as p }}) AS p) AS x",
            Unresolved("ping", "recursive"),
        ),
        (
            "from {{ @lost as x }}",
            "from (select * from {{ @nowhere as n }}) AS x",
            Unresolved("nowhere", "unknown"),
        ),
    ],
)
def test_what_cannot_be_put_in_stays_and_is_told(text: str, expected: str, unresolved: Unresolved) -> None:
    found = KNOWN.expand(text, data_source="1")
    assert (found.text, found.unresolved) == (expected, (unresolved,))
    assert unresolved.reason in REASONS


def test_of_two_definitions_of_one_name_that_of_the_querys_connection_is_meant() -> None:
    assert KNOWN.expand("{{ @orders }}", data_source="2").text == "(select 1 from us.orders)"
    assert KNOWN.expand("{{ @orders }}", data_source=2).used == ("d4",)


def test_definitions_that_double_each_time_stay_within_bounds() -> None:
    doubling = Definitions(
        Definition(f"t{n}", f"x{n}", f"{{{{ @x{n + 1} as a }}}} {{{{ @x{n + 1} as b }}}}" + "y" * 1000)
        for n in range(60)
    )
    found = doubling.expand("{{ @x0 as z }}")
    assert len(found.text) < 2 * LONGEST
    assert {one.reason for one in found.unresolved} <= {"too_deep", "too_long", "unknown"}


@pytest.mark.parametrize("piece", ["{{ @", "{{ @a as ", "/*", "'", "{% raw %}", "{{ @x as [", "#\n"])
def test_the_cost_grows_with_the_length_only(piece: str) -> None:
    text = piece * (60_000 // len(piece))
    assert KNOWN.expand(text + "@").text == text + "@"
