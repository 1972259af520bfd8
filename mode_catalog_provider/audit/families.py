"""Families: reports that stem from one another, and which of them should survive."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mode_catalog_provider.audit.copies import find_related_reports
from mode_catalog_provider.audit.facts import Facts
from mode_catalog_provider.audit.options import fits
from mode_catalog_provider.audit.values import times
from mode_catalog_provider.text import visible


@dataclass(frozen=True)
class Member:
    """A report of a family; what is unknown is ``None``.

    :param asked: the same for members that ask the same, wherever they ask it.
    :param is_dev: whether it reads from schemas in which people try things out.
    :param is_canonical: whether its collection holds the originals.
    """

    token: str
    name: str
    collection: str
    created: str
    edited: str | None
    ran: str | None
    ran_well: str | None
    viewed: str | None
    views: int | None
    schedules: int | None
    archived: bool
    asked: str
    signature: str
    is_dev: bool
    is_canonical: bool

    @property
    def shown(self) -> str:
        """Its name and token, to be shown."""
        return f"'{visible(self.name)}' ({self.token})" if self.name else self.token


class Edge(NamedTuple):
    """A relation of two reports, and how much of both it concerns."""

    other: str
    weight: float


@dataclass(frozen=True)
class Kin:
    """Reports that stem from one another, the oldest first, at least two of them not archived.

    :param members: by age.
    :param edges: of each member, those it is related to directly.
    :param classes: the living members that ask the same, by age; each class is one tuple.
    :param survivor: the one to keep.
    :param why: what speaks for it.
    """

    members: tuple[Member, ...]
    edges: Mapping[str, tuple[Edge, ...]]
    classes: tuple[tuple[Member, ...], ...]
    survivor: Member
    why: str

    def member(self, token: str) -> Member:
        """Return the member of a token."""
        return next(member for member in self.members if member.token == token)


def find_families(facts: Facts, canonical: Iterable[str] = ()) -> list[Kin]:
    """Return the families of a workspace, the largest first.

    :param canonical: collections whose reports are the originals.
    """
    find_related_reports(facts)
    edges: defaultdict[str, list[Edge]] = defaultdict(list)
    parents: dict[str, str] = {}

    def head(token: str) -> str:
        while (parent := parents.setdefault(token, token)) != token:
            parents[token] = parents[parent]
            token = parent
        return token

    for one, other, weight in facts.ask("SELECT one, other, weight FROM related ORDER BY one, other"):
        edges[one].append(Edge(other, weight))
        edges[other].append(Edge(one, weight))
        parents[head(one)] = head(other)
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for token in edges:
        groups[head(token)].append(token)
    wanted = tuple(canonical)
    families = []
    for tokens in groups.values():
        members = sorted(
            (_member(facts, token, wanted) for token in tokens), key=lambda one: (one.created, one.token)
        )
        living = [member for member in members if not member.archived]
        if len(living) > 1:
            survivor, why = _survivor(living)
            kept = {token: tuple(edges[token]) for token in tokens}
            families.append(Kin(tuple(members), kept, _classes(facts, living), survivor, why))
    return sorted(families, key=lambda kin: (-len(kin.members), kin.members[0].token))


def _member(facts: Facts, token: str, canonical: tuple[str, ...]) -> Member:
    ((name, collection, collection_name, *values),) = facts.ask(
        """
        SELECT report.name, collection, collection.name, created, edited, ran, ran_well, report.viewed, views,
            schedules, archived, coalesce(asked, report.token), coalesce(signature, report.token),
            EXISTS (SELECT 1 FROM query JOIN text ON text.id = text
                WHERE query.report = report.token AND is_dev)
        FROM report LEFT JOIN collection ON collection.token = report.collection WHERE report.token = :token
        """,
        token=token,
    )
    created, edited, ran, ran_well, viewed, views, schedules, archived, asked, signature, is_dev = values
    return Member(
        token,
        name,
        collection_name or collection or "",
        created,
        edited,
        ran,
        ran_well,
        viewed,
        views,
        schedules,
        bool(archived),
        asked,
        signature,
        bool(is_dev),
        fits((collection, collection_name), canonical),
    )


def _classes(facts: Facts, living: list[Member]) -> tuple[tuple[Member, ...], ...]:
    """Group those that ask the same; what reads the tables of developers counts as what it was made of."""
    key = {member.token: member.asked for member in living}
    if any(member.is_dev for member in living):
        placeless = {member.token: _placeless(facts, member.token) for member in living}
        usual = {placeless[member.token]: member.asked for member in reversed(living) if not member.is_dev}
        for member in living:
            if member.is_dev:
                key[member.token] = usual.get(placeless[member.token], member.asked)
    classes: defaultdict[str, list[Member]] = defaultdict(list)
    for member in living:
        classes[key[member.token]].append(member)
    return tuple(tuple(members) for members in classes.values())


def _placeless(facts: Facts, token: str) -> tuple[bytes, ...]:
    found = facts.ask(
        "SELECT placeless FROM query JOIN text ON text.id = text WHERE report = :token", token=token
    )
    return tuple(sorted(digest for (digest,) in found))


def _survivor(living: list[Member]) -> tuple[Member, str]:
    canonical = [member for member in living if member.is_canonical]
    candidates = canonical or living
    known = [member for member in candidates if member.views is not None]
    best = max(
        candidates,
        key=lambda member: (
            -1 if member.views is None else member.views,
            member.ran_well or "",
            [-ord(character) for character in member.created],
        ),
    )
    if canonical:
        why = f"it is in the canonical collection '{visible(best.collection)}'"
    elif best.views and sum(member.views == best.views for member in known) == 1:
        why = f"it is the most viewed, {times(best.views)}"
    elif best.ran_well and sum(member.ran_well == best.ran_well for member in candidates) == 1:
        why = f"it ran well last, on {best.ran_well[:10]}"
    else:
        why = "it is the oldest"
    return best, why
