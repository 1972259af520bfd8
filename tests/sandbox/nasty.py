"""Everything that is odd but legal in a workspace: nasty reports, queries and members."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.sandbox.objects import Member, Query, stamp_of_day

NON_ASCII = "Ümsätze “gut” 売上 🚀 \u2028 عربى"
LIQUID = """{% form %}
region:
  type: select
  options: [['north', 1], ['south', 2]]
{% endform %}
select * from {{ @orders_enriched as o }}
where o.region = {{ region }} and o.note <> '{% raw %}{{x}}{% endraw %}'
"""
AWKWARD = "select \"a\\b\", 'tab\there', 'nul\\u0000:\x00', '</script>', 'line\r\nend' -- " + NON_ASCII

# What each nasty report sets on itself; the ones that say nothing here are about queries, see below.
NASTY_REPORTS: dict[str, dict[str, Any]] = {
    "null name": {"name": None},
    "no creator link": {"creator": None},
    "archived": {"archived": True},
    "vanishes": {"vanishes": True},
    "200 kB of SQL": {},
    "Liquid and definitions": {},
    "non-ASCII name": {"name": NON_ASCII, "description": NON_ASCII},
    "forbidden queries": {"refused": 403},
    "claims no queries": {"query_count": 0},
    "claims too many queries": {"query_count": 99},
    "query_count absent": {"absent": frozenset({"query_count"})},
    "awkward characters": {},
    "query without SQL": {},
    "query with null SQL and null name": {},
    "empty SQL": {},
    "query on a deleted connection": {},
    "query on no connection": {},
    "no optional keys": {
        "absent": frozenset(
            {"description", "is_embedded", "chart_count", "space_token", "published_at", "view_count"}
        )
    },
    "null stamps": {"last_saved_at": None, "edited_at": None, "published_at": None},
    "creator has left": {"creator": "somebody.who.left"},
    "same name as the first": {"name": "Same name"},
    "same name as the second": {"name": "Same name"},
    "notebook": {"notebook": True},
    "public and embedded": {"public": True, "is_embedded": True, "published_at": stamp_of_day(60)},
    "no queries": {},
}
ONLY_ONCE = {"vanishes", "forbidden queries"}
RARE = {"200 kB of SQL"}


def spoil_member(member: Member, index: int) -> None:
    if index == 1:
        member.profile = 404
    elif index == 2:
        member.name = NON_ASCII
    elif index == 3:
        member.username, member.state, member.profile = None, "invited", 404
    elif index == 4:
        member.name = None
    elif index == 5:
        member.email = None
    elif index == 6:
        member.profile, member.state = 403, "banned"


def leave(query: Query) -> None:
    pass


def _huge(query: Query) -> None:
    query.raw_query = "select '" + "x'' || '" * 25_600 + "' -- " + NON_ASCII


def _set(**fields: object) -> Callable[[Query], None]:
    def change(query: Query) -> None:
        for name, value in fields.items():
            setattr(query, name, value)

    return change


NASTY_QUERIES: dict[str, Callable[[Query], None]] = {
    "200 kB of SQL": _huge,
    "Liquid and definitions": _set(raw_query=LIQUID),
    "awkward characters": _set(raw_query=AWKWARD, name=NON_ASCII),
    "query without SQL": _set(raw_query=None, absent=frozenset({"raw_query"})),
    "query with null SQL and null name": _set(raw_query=None, name=None),
    "empty SQL": _set(raw_query=""),
    "query on a deleted connection": _set(data_source_id=424_242),
    "query on no connection": _set(data_source_id=None),
}
