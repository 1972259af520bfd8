"""The checks of names: none, the same twice, another than the house wants."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from mode_catalog_provider.audit.facts import Facts
from mode_catalog_provider.audit.finding import Finding
from mode_catalog_provider.audit.matching import matches
from mode_catalog_provider.audit.options import pattern_for
from mode_catalog_provider.audit.pages import Pages
from mode_catalog_provider.audit.values import times
from mode_catalog_provider.text import first_of, visible

#: Names in one sentence.
_NAMED = 5

#: What Mode calls a report that nobody named, and what it becomes when it is copied.
_DEFAULT_TITLE = re.compile(
    r"(?i)\s*(?:copy of |clone of )*(?:untitled|new|unnamed)(?: (?:report|dataset|query|analysis))?"
    r"(?:\s*[(#-]?\s*(?:copy|clone|\d+)\s*\)?)*\s*"
)

#: What says in a name that the report is a version of another, however it is written.
#
# "Rev 2024" is the revenue of a year, and "Actual v 2023" compares.
_VERSION = re.compile(
    r"(?i)(?:^|[\s_(\[.-])(?:ver|version|(?:v|rev)(?![\s_.-]{1,2}(?:19|20)\d\d\b))[\s_.-]{0,2}\d+(?:\.\d+)*\b"
)


def is_default_title(name: str) -> bool:
    """Whether a name is none, or the one that Mode gives to a report that nobody named."""
    return not name or _DEFAULT_TITLE.fullmatch(name[:200]) is not None


def unnamed(facts: Facts, pages: Pages) -> Iterator[Finding]:
    """Reports that nobody named."""
    found = facts.ask(
        "SELECT token, name, views, queries FROM report WHERE NOT archived ORDER BY views DESC, token"
    )
    for token, name, views, queries in found:
        if is_default_title(name):
            called = f"has Mode's default name '{visible(name)}'" if name else "has no name"
            seen = "" if views is None else f" and was viewed {times(views)}"
            yield pages.report(
                "unnamed",
                token,
                name,
                f"{called}; it holds {_counted(queries)}{seen}.",
                "Name it after what it answers, or archive it.",
            )


def same_name(facts: Facts, pages: Pages) -> Iterator[Finding]:
    """Reports that share a name, in one collection or across them: one finding for each name."""
    found = facts.ask(
        """
        SELECT folded(name) AS same, json_group_array(token), total(views) AS seen FROM (
            SELECT token, name, views FROM report WHERE NOT archived ORDER BY views DESC, created, token
        ) GROUP BY same HAVING count(*) > 1 ORDER BY seen DESC, same
        """
    )
    for same, tokens, _ in found:
        if is_default_title(same):
            continue
        reports = json.loads(tokens)
        places = Counter(_collection(facts, token) for token in reports)
        where = first_of([f"{count} in '{visible(place)}'" for place, count in places.most_common()], _NAMED)
        ((name,),) = facts.ask("SELECT name FROM report WHERE token = :token", token=reports[0])
        yield pages.report(
            "same_name",
            reports[0],
            name,
            f"shares its name with {len(reports) - 1} other{'s' if len(reports) > 2 else ''}: {where}.",
            "People cannot tell which one is meant: rename or archive all but one.",
            related=tuple(reports[1:]),
            group=same,
        )


def naming(
    facts: Facts, pages: Pages, name_pattern: Mapping[str, str], version_pattern: Mapping[str, str]
) -> Iterator[Finding]:
    """Reports whose name, or whose version in it, is not written as the house wants.

    :raises MatchingTimeoutError: a pattern takes too long for these names.
    """
    names: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    versions: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    found = facts.ask(
        """
        SELECT report.token, report.name, collection, collection.name FROM report
        LEFT JOIN collection ON collection.token = collection
        WHERE NOT archived ORDER BY report.views DESC, report.token
        """
    )
    for token, name, collection, collection_name in found:
        if is_default_title(name):
            continue
        if pattern := pattern_for(name_pattern, collection, collection_name):
            names[pattern].append((token, name))
        if (pattern := pattern_for(version_pattern, collection, collection_name)) and _VERSION.search(
            name[:200]
        ):
            versions[pattern].append((token, name))
    told = set()
    for pattern, reports in names.items():
        for (token, name), fits in zip(reports, matches(pattern, [name for _, name in reports]), strict=True):
            if not fits:
                told.add(token)
                yield pages.report(
                    "naming", token, name, f"is not named as '{visible(pattern)}' wants it.", "Rename it."
                )
    for pattern, reports in versions.items():
        for (token, name), fits in zip(reports, matches(pattern, [name for _, name in reports]), strict=True):
            if not fits and token not in told:
                yield pages.report(
                    "naming",
                    token,
                    name,
                    f"does not write its version as '{visible(pattern)}' wants it.",
                    "Rename it.",
                )


def _collection(facts: Facts, token: str) -> str:
    ((name,),) = facts.ask(
        "SELECT coalesce(collection.name, collection, '') FROM report "
        "LEFT JOIN collection ON collection.token = collection WHERE report.token = :token",
        token=token,
    )
    return str(name)


def _counted(queries: int) -> str:
    return "1 query" if queries == 1 else f"{queries} queries" if queries else "no query"
