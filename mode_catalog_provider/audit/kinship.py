"""Which different queries stem from one: those that share groups of words that few others have.

Many queries of a house share a header of CTEs, a template, filters that everybody writes. So it is counted
in how many different queries a group of words occurs, and what many share is left out before two are
compared.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from mode_catalog_provider.audit.facts import Facts

#: A group of words that occurs in more different queries is a custom of the house, not the mark of a copy.
COMMON = 20

#: Share of the smaller query that must be found in the larger one, of what is not common.
CONTAINED = 0.6

#: Share of what both say that they must have in common; what a copy got in addition lowers it.
IN_COMMON = 0.25

#: Groups of words that two queries must share, for it to say anything.
_ENOUGH = 5

#: Share of the tables of the one that reads fewer which the other must read as well. A template that was
#: filled in for another table asks another question.
SAME_TABLES = 0.5

#: Share of a query's main part, behind its CTEs, that must be found in the other: below, they begin alike
#: only.
SAME_MAIN = 0.6

#: What suffices of these three for queries of which the one reads all tables of the other: contained, in the
#: main part. So does what follows, if the names of the reports are alike, too: in a house where many ask the
#: same few tables, little of a short query is its own.
_SAME_TABLES_SUFFICE = (0.5, 0.5)
_LIKE_NAMES_SUFFICE = (0.35, 0.3)
_IN_COMMON_OF_LIKE_NAMES = 0.15

#: Places in which similar queries find each other: of two that share a half, at least two places are the
#: same but once in 30,000 times.
_PLACES = 24

#: The counters, one byte each: two groups that share one are counted together, which is rare and harms
#: little.
_COUNTERS = 1 << 25


def find_related_texts(facts: Facts) -> None:
    """Fill ``version(one, other, share, sure)``: different queries that stem from one, both ways.

    ``share``, 0 to 1, is what they have in common of what either says. What is not ``sure`` counts only
    between reports whose names are alike.
    """
    counts = _counted(facts.ask("SELECT groups, count(*) FROM text WHERE telling GROUP BY groups"))
    facts.write(
        "CREATE TABLE version (one INT, other INT, share REAL, sure INT, PRIMARY KEY (one, other)) "
        "WITHOUT ROWID"
    )
    facts.write("CREATE TABLE place (number INT, text INT)")
    for text, groups in facts.ask("SELECT id, groups FROM text WHERE telling"):
        for number in _places(groups, counts):
            facts.write("INSERT INTO place VALUES (:number, :text)", number=number, text=text)
    facts.write("CREATE INDEX place_number ON place (number, text)")
    facts.write("CREATE INDEX place_text ON place (text)")

    @lru_cache(maxsize=4096)
    def read(text: int) -> _Read:
        ((groups, main, tables),) = facts.ask("SELECT groups, main, tables FROM text WHERE id = :id", id=text)
        return _Read(
            _rare(groups, counts), _rare(main, counts), frozenset(array("I", tables)), len(groups) // 4
        )

    for (one,) in facts.ask("SELECT DISTINCT text FROM place ORDER BY text"):
        near = facts.ask(
            """
            SELECT b.text FROM place AS a JOIN place AS b ON b.number = a.number AND b.text > a.text
            WHERE a.text = :one GROUP BY b.text HAVING count(*) > 1
            """,
            one=one,
        )
        for (other,) in list(near):
            share, sure = _related(read(one), read(other))
            if share:
                facts.write(
                    "INSERT INTO version VALUES (:one, :other, :share, :sure), (:other, :one, :share, :sure)",
                    one=one,
                    other=other,
                    share=share,
                    sure=sure,
                )


class _Read(NamedTuple):
    """What of a query is not common: groups of words, those of its main part; its tables; all groups."""

    groups: frozenset[int]
    main: frozenset[int]
    tables: frozenset[int]
    size: int


def _counted(texts: Iterable[tuple[bytes, int]]) -> bytearray:
    counts = bytearray(_COUNTERS)
    for groups, number in texts:
        # Texts that differ in literals only count as two at most, for that is what a copy looks like, unless
        # they are a template that was filled in time and again.
        times = min(number, 255) if number > COMMON else min(number, 2)
        for group in array("I", groups):
            at = group % _COUNTERS
            counts[at] = min(counts[at] + times, 255)
    return counts


def _rare(groups: bytes, counts: bytearray) -> frozenset[int]:
    return frozenset(group for group in array("I", groups) if counts[group % _COUNTERS] <= COMMON)


def _places(groups: bytes, counts: bytearray) -> Iterator[int]:
    """Yield the smallest shared group in each part of the range: similar queries have most of them."""
    smallest: dict[int, int] = {}
    for group in array("I", groups):
        if 2 <= counts[group % _COUNTERS] <= COMMON:
            smallest.setdefault(group % _PLACES, group)
    return iter(smallest.values())


def _related(one: _Read, other: _Read) -> tuple[float, bool]:
    """Return what two queries share of what either says, and whether they surely stem from one.

    The share is 0 when they do not, whatever their reports are called.
    """
    both = len(one.groups & other.groups)
    fewer = min(len(one.groups), len(other.groups))
    if both < _ENOUGH:
        return 0.0, False
    share = both / (len(one.groups) + len(other.groups) - both)
    contained = both / fewer
    main = max(_main_in(one, other), _main_in(other, one))
    contains_all = False
    if one.tables and other.tables:
        tables = len(one.tables & other.tables) / min(len(one.tables), len(other.tables))
        if tables < SAME_TABLES:
            return 0.0, False
        contains_all = tables == 1
    if share >= IN_COMMON:
        if contained >= CONTAINED and main >= SAME_MAIN:
            return share, True
        if contains_all and contained >= _SAME_TABLES_SUFFICE[0] and main >= _SAME_TABLES_SUFFICE[1]:
            return share, True
    least_contained, least_main = _LIKE_NAMES_SUFFICE
    if (
        contains_all
        and share >= _IN_COMMON_OF_LIKE_NAMES
        and contained >= least_contained
        and main >= least_main
    ):
        return share, False
    return 0.0, False


def _main_in(one: _Read, other: _Read) -> float:
    """Return the share of a query's main part that the other has; all, if nothing of it is its own."""
    return len(one.main & other.groups) / len(one.main) if one.main else 1.0
