"""The checks: each asks the facts one question and says the answer in sentences, the most viewed first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mode_catalog_provider.audit.copies import Copy, drifted, duplicates
from mode_catalog_provider.audit.facts import Facts
from mode_catalog_provider.audit.finding import Finding
from mode_catalog_provider.audit.pages import Pages
from mode_catalog_provider.text import visible

#: Names in one sentence.
_NAMED = 5


def drifted_copy(facts: Facts, pages: Pages) -> Iterator[Finding]:
    """Copies that no longer say the same as the report they were made from."""
    for copy in _most_viewed_first(facts, drifted(facts)):
        mine, origin = _report(facts, copy.token), _report(facts, copy.origin)
        differences = (
            ("differs", copy.changed),
            ("was added", copy.added),
            ("is missing", copy.removed),
        )
        said = "; ".join(f"{_named(names)} {what}" for what, names in differences if names)
        yield pages.report(
            "drifted_copy",
            copy.token,
            mine.name,
            f"was copied from {origin.described()} and drifted apart: {said}. It was last changed on "
            f"{mine.changed}, the older one on {origin.changed}. Decide which one is right, and archive the "
            "other or bring it in line.",
            related=(copy.origin,),
        )


def duplicate_report(facts: Facts, pages: Pages) -> Iterator[Finding]:
    """Reports whose queries are those of an older report."""
    for copy in _most_viewed_first(facts, duplicates(facts)):
        queries = "the same query" if copy.queries == 1 else f"the same {copy.queries} queries"
        origin = _report(facts, copy.origin)
        yield pages.report(
            "duplicate_report",
            copy.token,
            _report(facts, copy.token).name,
            f"has {queries} as {origin.described()}. Keep one of them before they drift apart.",
            related=(copy.origin,),
        )


def refused(facts: Facts, pages: Pages) -> Iterator[Finding]:
    """What was left out of the snapshot, as its manifest lists it."""
    for entry in facts.snapshot.manifest.left_out:
        asset, token = entry["asset"], entry.get("token")
        name = entry.get("name") or token or "the whole listing"
        if entry.get("reason") == "forbidden":
            why = "Mode refuses it to this key (403): let an admin grant View, or use a workspace key"
        else:
            why = "it was gone when it was read, or Mode hides it from this key (404)"
        yield Finding(
            check="refused",
            asset=asset,
            token=token,
            name=name,
            what=f"{asset.capitalize()} '{visible(name)}' is not in Catalog: {why}.",
            url=pages.of(asset, token),
        )


def unknown_connection(facts: Facts, pages: Pages) -> Iterator[Finding]:
    """Reports with queries whose connection is not among those that the key sees."""
    found = facts.ask(
        """
        SELECT token, report.name, connection, json_group_array(query.name) FROM report
        JOIN query ON query.report = token
        WHERE NOT archived AND connection IS NOT NULL AND connection NOT IN (SELECT id FROM connection)
        GROUP BY token, connection ORDER BY views DESC, token, connection
        """
    )
    for token, name, connection, queries in found:
        yield pages.report(
            "unknown_connection",
            token,
            name,
            f"asks connection {connection}, which the key does not see or which was deleted "
            f"({_listed(queries)}). Catalog cannot draw its lineage: grant View on the connection, or "
            "mend the report.",
            related=(connection,),
        )


def definition(facts: Facts, pages: Pages) -> Iterator[Finding]:
    """Reports whose queries take in definitions, which are uploaded as they are."""
    found = facts.ask(
        """
        SELECT token, report.name, json_group_array(query.name) FROM report
        JOIN query ON query.report = token WHERE NOT archived AND definition
        GROUP BY token ORDER BY views DESC, token
        """
    )
    for token, name, queries in found:
        yield pages.report(
            "definition",
            token,
            name,
            f"uses Mode definitions in {_listed(queries)}: the tables behind them may lack lineage in "
            "Catalog.",
        )


def owner_gone(facts: Facts, pages: Pages) -> Iterator[Finding]:
    """Reports whose creator is not among the members."""
    found = facts.ask(
        """
        SELECT token, name, creator, views FROM report
        WHERE NOT archived AND creator IS NOT NULL AND creator NOT IN (SELECT username FROM member)
        ORDER BY views DESC, token
        """
    )
    for token, name, creator, views in found:
        yield pages.report(
            "owner_gone",
            token,
            name,
            f"was made by '{creator}', who is no member any more; it was viewed {views} times. Give it "
            "an owner who can answer for it, or archive it.",
        )


def unnamed(facts: Facts, pages: Pages) -> Iterator[Finding]:
    """Reports without a name: nobody finds them."""
    found = facts.ask(
        "SELECT token, views, queries FROM report WHERE NOT archived AND name = '' ORDER BY views DESC, token"
    )
    for token, views, queries in found:
        yield pages.report(
            "unnamed",
            token,
            "",
            f"has no name; it holds {queries} queries and was viewed {views} times. Name it, or archive it.",
        )


def same_name(facts: Facts, pages: Pages) -> Iterator[Finding]:
    """Reports that share a name within a collection."""
    found = facts.ask(
        """
        SELECT report.token, report.name, coalesce(collection.name, collection), others FROM (
            SELECT *, json_group_array(token) OVER same AS others, count(*) OVER same AS number FROM report
            WHERE NOT archived AND name <> ''
            WINDOW same AS (PARTITION BY collection, lower(name) ORDER BY created, token
                RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
        ) AS report LEFT JOIN collection ON collection.token = report.collection
        WHERE number > 1 ORDER BY views DESC, report.token
        """
    )
    for token, name, collection, others in found:
        related = tuple(other for other in _tokens(others) if other != token)
        count = f"{len(related)} other report{'s' if len(related) > 1 else ''}"
        yield pages.report(
            "same_name",
            token,
            name,
            f"shares its name with {count} in collection '{collection}' ({', '.join(related[:_NAMED])}). "
            "People cannot tell which one is meant: rename or archive.",
            related=related,
        )


def stale(facts: Facts, pages: Pages, *, stale_after: timedelta, at: datetime) -> Iterator[Finding]:
    """Reports without a change for so long, and not archived."""
    found = facts.ask(
        """
        SELECT token, name, substr(changed, 1, 10), views FROM report
        WHERE NOT archived AND changed <> '' AND changed < :since ORDER BY views, changed, token
        """,
        since=(at - stale_after).strftime("%Y-%m-%dT%H:%M:%S"),
    )
    for token, name, changed, views in found:
        yield pages.report(
            "stale",
            token,
            name,
            f"was last changed on {changed}; it was viewed {views} times in all. Archive it if nobody "
            "needs it.",
        )


def _most_viewed_first(facts: Facts, copies: Iterable[Copy]) -> list[Copy]:
    return sorted(copies, key=lambda copy: (-_report(facts, copy.token).views, copy.token))


@dataclass(frozen=True)
class _Report:
    token: str
    name: str
    collection: str
    changed: str
    views: int

    def described(self) -> str:
        return (
            f"'{self.name}' ({self.token}) in collection '{self.collection}', which was viewed "
            f"{self.views} times"
        )


def _report(facts: Facts, token: str) -> _Report:
    (values,) = facts.ask(
        """
        SELECT report.token, report.name, coalesce(collection.name, collection), substr(changed, 1, 10), views
        FROM report LEFT JOIN collection ON collection.token = report.collection WHERE report.token = :token
        """,
        token=token,
    )
    return _Report(*values)


def _listed(names: str) -> str:
    return _named(_tokens(names))


def _named(names: Sequence[str]) -> str:
    known = [f"'{name}'" for name in names]
    return ", ".join(known[:_NAMED]) + (", …" if len(known) > _NAMED else "")


def _tokens(array: str) -> list[str]:
    found: list[str] = json.loads(array)
    return found
