"""The checks of copies: what drifted apart, what asks the same, what a canonical collection has as well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mode_catalog_provider.audit.copies import Comparison, Query
from mode_catalog_provider.audit.facts import Facts
from mode_catalog_provider.audit.families import Kin, Member
from mode_catalog_provider.audit.finding import Family, Finding
from mode_catalog_provider.audit.pages import Pages
from mode_catalog_provider.audit.values import times
from mode_catalog_provider.sql.difference import difference
from mode_catalog_provider.text import first_of, visible

#: Names in one sentence.
_NAMED = 5

#: Lines of the difference of one query, and of all queries of a pair.
_LINES, _ALL_LINES = 20, 40


def drifted_copy(facts: Facts, pages: Pages, families: Sequence[Kin]) -> Iterator[Finding]:
    """Copies that no longer ask the same as the report they were made from, one for all that ask the same."""
    comparison = Comparison(facts)
    found = []
    for kin in families:
        for members in kin.classes[1:]:
            copy = members[0]
            origin = _origin(kin, members)
            if origin is not None:
                found.append((kin, copy, origin))
    for kin, copy, origin in sorted(found, key=lambda one: (-(one[1].views or 0), one[1].token)):
        what, lines = _difference(facts, comparison, copy, origin)
        archived = ", which is archived" if origin.archived else ""
        related = [origin.token]
        if origin.archived:
            related.append(next(member.token for member in kin.members if not member.archived))
        yield pages.report(
            "drifted_copy",
            copy.token,
            copy.name,
            f"is a copy of {origin.shown} in collection '{visible(origin.collection)}'{archived}, and "
            f"drifted apart: {what}. {_dates('It', copy)}. {_dates('The original', origin)}.",
            _advice(kin, copy),
            related=tuple(related),
            difference=lines,
        )


def duplicate_report(facts: Facts, pages: Pages, families: Sequence[Kin]) -> Iterator[Finding]:
    """Reports that ask the same, one finding for all that do, of the one to keep."""
    del facts
    groups = [(kin, members) for kin in families for members in kin.classes if len(members) > 1]
    for kin, members in sorted(groups, key=lambda one: (-_views(one[1]), one[1][0].token)):
        kept = (
            kin.survivor
            if kin.survivor in members
            else max(members, key=lambda one: (one.views or 0, one.is_canonical))
        )
        others = [member for member in members if member is not kept]
        elsewhere = [member for member in others if _is_elsewhere(member, kept)]
        dev = [member for member in others if member.is_dev and not kept.is_dev]
        here = [member for member in others if member not in elsewhere and member not in dev]
        said = [f"asks the same as {_listed(here)}"] if here else []
        if elsewhere:
            said.append(f"is the same SQL on another connection as {_listed(elsewhere)}")
        if dev:
            said.append(f"is the same SQL on tables of developers as {_listed(dev)}")
        if here:
            more = "others" if len(others) > 1 else "other"
            advice = f"Keep {kept.shown}, and archive the {more} before they drift apart."
        else:
            advice = (
                "If both are needed, say so in their names; otherwise archive one before they drift apart."
            )
        yield pages.report(
            "duplicate_report",
            kept.token,
            kept.name,
            f"{'; it '.join(said)}.",
            advice,
            related=tuple(member.token for member in others),
            # The oldest: whoever joins the group is younger.
            group=members[0].token,
        )


def canonical(facts: Facts, pages: Pages, families: Sequence[Kin]) -> Iterator[Finding]:
    """Copies of reports of canonical collections that lie elsewhere, one finding for each original."""
    del facts
    for kin in families:
        originals = [member for member in kin.members if member.is_canonical and not member.archived]
        copies = [member for member in kin.members if not member.is_canonical and not member.archived]
        if originals and copies:
            best = kin.survivor if kin.survivor in originals else originals[0]
            yield pages.report(
                "canonical",
                best.token,
                best.name,
                f"is the original, in '{visible(best.collection)}', of {_listed(copies)} elsewhere.",
                "Send their readers to the original, and archive what differs from it by mistake.",
                related=tuple(member.token for member in copies),
                # The oldest: which one is the best changes with its views.
                group=originals[0].token,
            )


def told_families(families: Iterable[Kin]) -> Iterator[Family]:
    """Return the families as an audit tells them."""
    for kin in families:
        others = [member for member in kin.members if member is not kin.survivor]
        yield Family(
            survivor=kin.survivor.token,
            why=kin.why,
            members=(kin.survivor.token, *(member.token for member in others)),
            advice={member.token: _advice(kin, member) for member in others},
        )


def _origin(kin: Kin, members: Sequence[Member]) -> Member | None:
    """Return the older report that members have most in common with, a living one if there is one."""
    copy, tokens = members[0], {member.token for member in members}
    known = {member.token: member for member in kin.members}
    candidates = [
        (not other.archived, edge.weight, other)
        for member in members
        for edge in kin.edges[member.token]
        if (other := known[edge.other]).token not in tokens
        and (other.created, other.token) < (copy.created, copy.token)
    ]
    if not candidates:
        return None
    best = max(
        candidates, key=lambda one: (one[0], one[1], [-ord(character) for character in one[2].created])
    )
    return best[2]


def _difference(facts: Facts, comparison: Comparison, copy: Member, origin: Member) -> tuple[str, str]:
    """Return in a sentence, and in lines, in what a copy differs from its origin."""
    mine, theirs = comparison.queries(copy.token), comparison.queries(origin.token)
    twins = comparison.twins(copy.token, origin.token)
    changed, moved, lines = [], [], []
    for at, twin in sorted(twins.items()):
        before, after = theirs[-twin.there], mine[at]
        if before.text != after.text:
            changed.append(_called(mine, at))
            shown = difference(_raw(facts, before.text), _raw(facts, after.text), lines=_LINES)
            lines += [
                f"query {_called(mine, at)}:",
                *(shown.splitlines() or ["nothing but words that say nothing"]),
            ]
        elif before.connection != after.connection:
            moved.append(_called(mine, at))
    added = [_called(mine, at) for at in range(len(mine)) if at not in twins]
    kept = {-twin.there for twin in twins.values()}
    removed = [_called(theirs, at) for at in range(len(theirs)) if at not in kept]
    lines += [f"+ query {name}" for name in added] + [f"- query {name}" for name in removed]
    # Of one name, and with nothing in common: read as one query that was written anew.
    rewritten = [name for name in added if name in removed]
    added, removed = ([name for name in some if name not in rewritten] for some in (added, removed))
    told = (
        (changed, "differs", "differ"),
        (rewritten, "was written anew", "were written anew"),
        (moved, "asks another connection", "ask another connection"),
        (added, "was added", "were added"),
        (removed, "is missing", "are missing"),
    )
    sentence = "; ".join(
        f"{first_of(names, _NAMED)} {one if len(names) == 1 else many}" for names, one, many in told if names
    )
    if len(lines) > _ALL_LINES:
        lines = [*lines[:_ALL_LINES], f"and {len(lines) - _ALL_LINES} more"]
    return sentence or "they have other queries in common", "\n".join(lines)


def _called(queries: Sequence[Query], at: int) -> str:
    """Return what a query is called, with its number where others are called the same."""
    name = queries[at].name
    same = sum(query.name == name for query in queries) > 1
    return f"'{visible(name)}'{f' (no. {at + 1})' if same else ''}" if name else f"no. {at + 1}"


def _raw(facts: Facts, text: int) -> str:
    ((raw,),) = facts.ask("SELECT raw FROM text WHERE id = :text", text=text)
    return str(raw)


def _dates(subject: str, member: Member) -> str:
    edited = (
        f"{subject} was edited last on {member.edited[:10]}"
        if member.edited
        else f"{subject} has no date of edit"
    )
    used = [
        f"ran last on {member.ran[:10]}" if member.ran else "",
        f"was viewed last on {member.viewed[:10]}" if member.viewed else "",
        f"was viewed {times(member.views)}" if member.views is not None else "",
    ]
    return ", ".join([edited, *(said for said in used if said)])


def _advice(kin: Kin, member: Member) -> str:
    kept = kin.survivor
    if member is kept:
        return f"Keep it ({kin.why}); bring the other in line with it, or archive the other."
    if member.archived:
        return "It is archived already."
    same = next((members for members in kin.classes if member in members), ())
    if kept in same and not _is_elsewhere(member, kept):
        return f"Archive it: it asks the same as {kept.shown}, which should be kept ({kin.why})."
    if kept in same:
        return f"Keep both only if both connections are needed; otherwise keep {kept.shown} ({kin.why})."
    idle = member.views == 0 and not member.schedules
    if idle:
        return f"Archive it: nobody views it. Keep {kept.shown} ({kin.why})."
    return f"Keep {kept.shown} ({kin.why}); bring this one in line with it, or archive it."


def _is_elsewhere(member: Member, kept: Member) -> bool:
    return member.asked == kept.asked and member.signature != kept.signature


def _views(members: Iterable[Member]) -> int:
    return sum(member.views or 0 for member in members)


def _listed(members: Sequence[Member]) -> str:
    shown = first_of(
        [f"'{member.name}' ({member.token})" if member.name else member.token for member in members], _NAMED
    )
    return f"{len(members)} others: {shown}" if len(members) > 1 else shown
