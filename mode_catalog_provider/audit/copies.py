"""Which reports were copied from which: the pairs that most of their queries speak for."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from mode_catalog_provider.audit.facts import Facts
from mode_catalog_provider.audit.kinship import find_related_texts

#: Share of what two reports ask that must stem from one, for one to be a copy of the other.
MOST = 0.5

#: Queries that share so much were copied, whatever the reports are called. Below, chance could explain it,
#: and the names of the reports must be alike, too.
SURELY_COPIED = 0.4

#: The same text of so few words may have been written twice; the names of the reports must be alike, too.
SURELY_LONG = 25

#: A text found in more reports than this is a pattern of the house, not the mark of a copy.
COMMON = 20

_COPY_WORDS = {
    *(
        "a",
        "copy",
        "of",
        "clone",
        "new",
        "old",
        "v",
        "version",
        "draft",
        "test",
        "final",
        "dev",
        "backup",
        "wip",
        "the",
    )
}


class Query(NamedTuple):
    """A query of a report; ``rowid`` names it, ``text`` its text."""

    rowid: int
    text: int
    connection: str | None
    name: str
    words: int


class Twin(NamedTuple):
    """A query and the one of the other report that it stems from; the better twin is the greater.

    ``there`` is the negative place of the other, so that of equals the first is the greatest.
    """

    share: float
    has_same_name: bool
    there: int


def find_related_reports(facts: Facts) -> None:
    """Fill ``related(one, other, weight)``: pairs of reports that were copied, ``one`` < ``other``."""
    find_related_texts(facts)
    facts.write(
        """
        CREATE TABLE spread AS
            SELECT text, count(DISTINCT report) AS reports FROM query JOIN text ON text.id = query.text
            WHERE telling GROUP BY text
        """
    )
    facts.write("CREATE UNIQUE INDEX spread_text ON spread (text)")
    facts.write(
        "CREATE TABLE related (one TEXT, other TEXT, weight REAL, PRIMARY KEY (one, other)) WITHOUT ROWID"
    )
    # Reports that ask exactly the same are related however many there are: each with the first of them.
    facts.write(
        """
        INSERT OR IGNORE INTO related SELECT min(token, first), max(token, first), 1.0 FROM (
            SELECT token, first_value(token) OVER (PARTITION BY asked ORDER BY created, token) AS first
            FROM report WHERE asked IS NOT NULL
        ) WHERE token <> first
        """
    )
    compare = Comparison(facts)
    for (token,) in facts.ask("SELECT token FROM report WHERE queries > 0 ORDER BY token"):
        near = facts.ask(
            """
            SELECT DISTINCT b.report FROM query AS a JOIN query AS b ON b.text = a.text
                JOIN spread ON spread.text = a.text AND reports <= :common
                WHERE a.report = :token AND b.report > :token
            UNION SELECT DISTINCT b.report FROM query AS a JOIN version ON one = a.text
                JOIN query AS b ON b.text = other
                JOIN spread ON spread.text = b.text AND reports <= :common
                WHERE a.report = :token AND b.report > :token
            """,
            token=token,
            common=COMMON,
        )
        for (other,) in list(near):
            weight = compare.weight(token, other)
            if weight:
                facts.write(
                    "INSERT OR IGNORE INTO related VALUES (:one, :other, :weight)",
                    one=token,
                    other=other,
                    weight=weight,
                )


class Comparison:
    """Compares reports query by query."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.queries = lru_cache(maxsize=2048)(self._queries)
        self._spread = lru_cache(maxsize=8192)(self._reports_with)

    def weight(self, one: str, other: str) -> float:
        """Return how much two reports have in common, 0 when neither was copied from the other."""
        mine, theirs = self.queries(one), self.queries(other)
        twins = self.twins(one, other)
        if not twins:
            return 0.0
        all_mine, all_theirs = (sum(map(self._counts, queries)) for queries in (mine, theirs))
        pairs = [
            (self._counts(mine[at]), self._counts(theirs[-twin.there]), twin) for at, twin in twins.items()
        ]
        cover = min(sum(one[0] for one in pairs) / all_mine, sum(one[1] for one in pairs) / all_theirs)
        best = max(twin.share * min(1.0, mine[at].words / SURELY_LONG) for at, twin in twins.items())
        if cover < MOST or not (best >= SURELY_COPIED or self._alike(one, other)):
            return 0.0
        return min(
            sum(one[0] * one[2].share for one in pairs) / all_mine,
            sum(one[1] * one[2].share for one in pairs) / all_theirs,
        )

    def twins(self, one: str, other: str) -> dict[int, Twin]:
        """Return, by their places, the queries of a report that stem from those of another."""
        mine, theirs = self.queries(one), self.queries(other)
        candidates = []
        for at, query in enumerate(mine):
            for there, their in enumerate(theirs):
                share, sure = 1.0, True
                if query.text != their.text:
                    share, sure = self._share(query.text, their.text)
                    share = min(share, 0.99)
                if share and (sure or self._alike(one, other)):
                    candidates.append((Twin(share, query.name == their.name, -there), at))
        twins: dict[int, Twin] = {}
        taken: set[int] = set()
        for twin, at in sorted(candidates, reverse=True):
            if at not in twins and twin.there not in taken:
                twins[at] = twin
                taken.add(twin.there)
        return twins

    def _counts(self, query: Query) -> float:
        # What many reports have speaks for none of them: a helper query is no sign of a copy.
        return query.words / max(1, self._spread(query.text) - 1)

    def _queries(self, token: str) -> list[Query]:
        found = self._facts.ask(
            "SELECT query.rowid, text, connection, name, words FROM query JOIN text ON text.id = text "
            "WHERE report = :token ORDER BY query.rowid",
            token=token,
        )
        return [Query(*values) for values in found]

    def _reports_with(self, text: int) -> int:
        found = self._facts.ask("SELECT reports FROM spread WHERE text = :text", text=text)
        return int(next(found, (1,))[0])

    def _share(self, one: int, other: int) -> tuple[float, bool]:
        found = self._facts.ask(
            "SELECT share, sure FROM version WHERE one = :one AND other = :other", one=one, other=other
        )
        share, sure = next(found, (0.0, False))
        return float(share), bool(sure)

    def _alike(self, one: str, other: str) -> bool:
        """Whether two names have most of their words in common; what copies are called does not count."""
        names = self._facts.ask("SELECT name FROM report WHERE token IN (:one, :other)", one=one, other=other)
        words, others = (telling_words(name) for (name,) in names)
        return len(words & others) > 0.5 * len(words | others)


def telling_words(name: str) -> set[str]:
    """Return the words of a report's name, without those that say only that it is a copy."""
    return {word for word in re.findall(r"[^\W_]+", name.casefold()) if word not in _COPY_WORDS}
