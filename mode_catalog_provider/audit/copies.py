"""Reports that were copied: those that still say the same, and those that drifted apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mode_catalog_provider.audit.facts import Facts
from mode_catalog_provider.audit.sql_text import similarity

#: Two queries are versions of one when they share so much of what either says.
SAME_ORIGIN = 0.55

#: Queries that share so much were copied, whatever the reports are called. Below, a house style could explain
#: it, and the names of the reports must be alike, too.
SURELY_COPIED = 0.8

_COPY_WORDS = {"copy", "of", "clone", "new", "old", "v", "version", "draft", "test", "final"}

#: A text found in more reports than this is a pattern of the house, not the mark of a copy.
COMMON = 20

#: Different queries in one band of which more are not compared there: their pairs grow with the square.
CROWDED = 50

#: So many older reports, those with the most in common, are looked at as the origin of one.
_COMPARED = 5

#: Share of a report's queries that must stem from another report, for it to be a copy of that.
MOST = 0.5


@dataclass(frozen=True)
class Copy:
    """A report and the older one that it was, as it seems, copied from.

    :param token: of the copy.
    :param origin: token of the older report.
    :param queries: of the copy.
    :param changed: names of its queries that stem from the origin and are not the same any more.
    :param added: names of its queries that the origin does not have.
    :param removed: names of the origin's queries that it does not have.
    """

    token: str
    origin: str
    queries: int
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def duplicates(facts: Facts) -> Iterator[Copy]:
    """Yield the reports whose queries are all those of an older one; archived reports are settled."""
    found = facts.ask(
        """
        SELECT token, origin, queries FROM (
            SELECT token, queries, signature, first_value(token) OVER same AS origin FROM report
            WHERE NOT archived AND signature IN (
                SELECT signature FROM report JOIN query ON query.report = report.token
                JOIN text ON text.id = query.text WHERE telling
            )
            WINDOW same AS (PARTITION BY signature ORDER BY created, token)
        ) WHERE token <> origin
        """
    )
    for token, origin, queries in found:
        yield Copy(token, origin, queries)


def drifted(facts: Facts) -> Iterator[Copy]:
    """Yield the reports most of whose queries stem from an older report, and that no longer say the same."""
    _find_related_texts(facts)
    _find_related_reports(facts)
    for (token,) in facts.ask("SELECT DISTINCT copy FROM related ORDER BY copy"):
        candidates = facts.ask(
            "SELECT origin FROM related JOIN report ON report.token = origin WHERE copy = :token "
            "ORDER BY weight DESC, created, origin LIMIT :few",
            token=token,
            few=_COMPARED,
        )
        copies = [copy for (origin,) in list(candidates) if (copy := _compared(facts, token, origin))]
        if copies and not _is_duplicate(facts, token):
            # Of several, the one that has most in common with it.
            yield min(copies, key=lambda copy: len((*copy.changed, *copy.added, *copy.removed)))


def _find_related_texts(facts: Facts) -> None:
    """Fill ``version(one, other, share)``: different texts that stem from one, both ways."""
    facts.write(
        "CREATE TABLE version (one INT, other INT, share REAL, PRIMARY KEY (one, other)) WITHOUT ROWID"
    )
    facts.write(
        "DELETE FROM band WHERE number IN "
        "(SELECT number FROM band GROUP BY number HAVING count(*) > :crowded)",
        crowded=CROWDED,
    )
    pairs = facts.ask(
        """
        SELECT DISTINCT a.text, b.text, x.sketch, y.sketch
        FROM band AS a JOIN band AS b ON b.number = a.number AND b.text > a.text
        JOIN text AS x ON x.id = a.text JOIN text AS y ON y.id = b.text
        """
    )
    for one, other, sketch, other_sketch in pairs:
        share = similarity(sketch, other_sketch)
        if share >= SAME_ORIGIN:
            facts.write(
                "INSERT OR IGNORE INTO version VALUES (:one, :other, :share), (:other, :one, :share)",
                one=one,
                other=other,
                share=share,
            )


def _find_related_reports(facts: Facts) -> None:
    """Fill ``related(copy, origin, weight)``: a report and an older one that share texts."""
    facts.write(
        """
        CREATE TABLE common AS
            SELECT text FROM query GROUP BY text HAVING count(DISTINCT report) > :common
        """,
        common=COMMON,
    )
    facts.write(
        """
        CREATE TABLE related AS
            WITH live AS (
                SELECT query.report, query.text, report.created FROM query
                JOIN report ON report.token = query.report JOIN text ON text.id = query.text
                WHERE NOT report.archived AND telling AND query.text NOT IN (SELECT text FROM common)
            ),
            kin AS (
                SELECT id AS one, id AS other, 1.0 AS share FROM text WHERE telling
                UNION ALL SELECT one, other, share FROM version
            )
            SELECT a.report AS copy, b.report AS origin, sum(share) AS weight
            FROM live AS a JOIN kin ON kin.one = a.text JOIN live AS b ON b.text = kin.other
            WHERE (b.created, b.report) < (a.created, a.report)
            GROUP BY a.report, b.report
        """
    )
    facts.write("CREATE INDEX related_copy ON related (copy)")


def _compared(facts: Facts, token: str, origin: str) -> Copy | None:
    """Return what became of a copy, ``None`` when it is none: too little of it stems from the origin."""
    mine, theirs = _queries(facts, token), _queries(facts, origin)
    twins = _twins(facts, mine, theirs)
    most = max(len(mine), len(theirs))
    if len(twins) < MOST * most or not (
        max(twins.values()).share >= SURELY_COPIED or _alike(facts, token, origin)
    ):
        return None
    changed = [mine[at].name for at, twin in sorted(twins.items()) if not twin.is_same]
    added = [query.name for at, query in enumerate(mine) if at not in twins]
    kept = {twin.at for twin in twins.values()}
    removed = [query.name for at, query in enumerate(theirs) if at not in kept]
    if not (changed or added or removed):
        return None
    return Copy(token, origin, len(mine), tuple(changed), tuple(added), tuple(removed))


class _Query(NamedTuple):
    text: int
    connection: str | None
    name: str


class _Twin(NamedTuple):
    """What a query was copied from; the better one is the greater."""

    is_same: bool
    share: float
    has_same_name: bool
    at: int


def _twins(facts: Facts, mine: list[_Query], theirs: list[_Query]) -> dict[int, _Twin]:
    """Return, by their places, the queries that stem from one of theirs, each from another."""
    candidates = []
    for at, query in enumerate(mine):
        for there, other in enumerate(theirs):
            share = 1.0 if query.text == other.text else _share(facts, query.text, other.text)
            if share:
                is_same = query[:2] == other[:2]
                candidates.append((_Twin(is_same, share, query.name == other.name, -there), at))
    twins: dict[int, _Twin] = {}
    taken: set[int] = set()
    for twin, at in sorted(candidates, reverse=True):
        if at not in twins and -twin.at not in taken:
            twins[at] = twin._replace(at=-twin.at)
            taken.add(-twin.at)
    return twins


def _queries(facts: Facts, token: str) -> list[_Query]:
    found = facts.ask(
        "SELECT text, connection, name FROM query WHERE report = :token ORDER BY rowid", token=token
    )
    return [_Query(*values) for values in found]


def _share(facts: Facts, one: int, other: int) -> float:
    found = facts.ask("SELECT share FROM version WHERE one = :one AND other = :other", one=one, other=other)
    return float(next(found, (0.0,))[0])


def _alike(facts: Facts, token: str, origin: str) -> bool:
    """Whether two names have most of their words in common; what copies are called does not count."""
    ((one,), (other,)) = facts.ask("SELECT name FROM report WHERE token IN (:a, :b)", a=token, b=origin)
    words, others = _telling(one), _telling(other)
    return len(words & others) > MOST * len(words | others)


def _telling(name: str) -> set[str]:
    return {word for word in re.findall(r"[^\W\d_]+", name.casefold()) if word not in _COPY_WORDS}


def _is_duplicate(facts: Facts, token: str) -> bool:
    found = facts.ask(
        """
        SELECT 1 FROM report AS other JOIN report AS mine USING (signature)
        WHERE mine.token = :token AND (other.created, other.token) < (mine.created, mine.token)
            AND NOT other.archived LIMIT 1
        """,
        token=token,
    )
    return next(found, None) is not None
