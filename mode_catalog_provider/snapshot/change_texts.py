"""What changed between two snapshots, told to people: in lines for a log, and as Markdown for a mail."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from mode_catalog_provider.moments import of_second
from mode_catalog_provider.snapshot.changes import Change
from mode_catalog_provider.snapshot.diff import SnapshotDiff
from mode_catalog_provider.sql.difference import difference
from mode_catalog_provider.text import first_of, markdown, visible

#: Changes of one word that a text names; the kept file has all.
NAMED = 10

#: Lines in which a change of a query's text is shown.
SQL_LINES = 6

#: Characters of a remark; what it says of options that differ comes behind their values.
_REMARK = 5_000

#: Reports that are named as the most used.
MOST_USED = 5

_PLURAL = {
    "collection": "collections",
    "report": "reports",
    "query": "queries",
    "datasource": "connections",
    "member": "members",
}
_SINGULAR = {**{asset: asset for asset in _PLURAL}, "datasource": "connection"}


def log_lines(diff: SnapshotDiff, *, named: int = NAMED) -> Iterator[str]:
    """Yield what changed in short lines, each safe to show.

    :param named: how many changes of one word are named, default :data:`NAMED`.
    """
    yield f"Workspace '{visible(diff.after.workspace)}', {_between(diff)}:"
    yield from remarks(diff.options, mixed=diff.mixed, days=diff.days)
    counts = diff.counts
    if not counts:
        yield "Nothing changed."
    for asset, words in counts.items():
        yield f"{_PLURAL[asset]}: " + ", ".join(f"{count} {_spaced(word)}" for word, count in words.items())
    for asset, words in counts.items():
        for word, count in words.items():
            for change in diff.changes(asset=asset, change=word, limit=named):
                yield from _lines(change)
            if count > named:
                yield f"  and {count - named} more {_PLURAL[asset]} {_spaced(word)}"
    most = list(diff.usage(by="views", limit=MOST_USED))
    if most:
        names = [f"{one['name']} ({one['views']})" for one in most if one["views"]]
        if names:
            yield f"Most viewed: {first_of(names, MOST_USED)}"


def as_markdown(diff: SnapshotDiff, *, named: int = NAMED) -> str:
    """Return what changed as Markdown, short enough for a mail or a chat.

    :param named: how many changes of one word are named, default :data:`NAMED`.
    """
    lines = [f"**Mode workspace {markdown(diff.after.workspace)}**: what changed, {_between(diff)}", ""]
    told = remarks(diff.options, mixed=diff.mixed, days=diff.days)
    if said := [f"*{markdown(remark, _REMARK)}*" for remark in told]:
        lines += [*said, ""]
    counts = diff.counts
    if not counts:
        lines.append("Nothing changed.")
    for asset, words in counts.items():
        for word, count in words.items():
            lines.append(
                f"- **{count} {_PLURAL[asset] if count > 1 else _SINGULAR[asset]} {_spaced(word)}**: "
                + "; ".join(map(_short, diff.changes(asset=asset, change=word, limit=named)))
                + (f"; and {count - named} more" if count > named else "")
            )
    most = [one for one in diff.usage(by="views", limit=MOST_USED) if one["views"]]
    if most:
        lines += ["", "| most viewed | views | a day |", "| --- | ---: | ---: |"]
        lines += [
            f"| {markdown(one['name'])} | {one['views']} | {_number(one['views_per_day'])} |" for one in most
        ]
    return "\n".join(lines)


def _between(diff: SnapshotDiff) -> str:
    times = [of_second(each.timestamp) for each in (diff.before, diff.after)]
    days = f"{diff.days:.1f} days" if abs(diff.days) >= 0.95 else f"{diff.days * 24:.1f} hours"
    return f"from {times[0]:%Y-%m-%d %H:%M} to {times[1]:%Y-%m-%d %H:%M} UTC ({days})"


def remarks(options: Mapping[str, Sequence[Any]], *, mixed: bool = False, days: float = 0) -> Iterator[str]:
    """Yield what must be known to read a difference, each safe to show.

    :param options: filters in which the two extractions differ, each before and after.
    :param mixed: whether another tool made one of the two; default ``False``.
    :param days: between the two; negative when the first is the newer one. Default 0.
    """
    if mixed:
        yield (
            "One of the two sets was made by another tool, which may hold less of the workspace: what came "
            "and went is then no news from Mode."
        )
    if options:
        told = "; ".join(
            f"{name} was {_option(was)} and is {_option(now)}" for name, (was, now) in options.items()
        )
        yield (
            f"The two were extracted with different options ({told}): what came or went by that is called "
            "now extracted or not extracted, and not created or deleted."
        )
    if days < 0:
        yield "The first snapshot is the newer one: everything is told backwards."


def _option(value: Any) -> str:
    if isinstance(value, list | tuple):
        return first_of(value, 5) or "empty"
    return "unset" if value is None else visible(value)


def _lines(change: Change) -> Iterator[str]:
    token = f" ({visible(change.token)})" if change.token and change.token != change.name else ""
    of = f" of report '{visible(change.report)}'" if change.report is not None else ""
    what = f"{_SINGULAR[change.asset]} '{visible(change.name)}'{token}{of} {_spaced(change.change)}"
    if change.change == "sql_changed":
        yield f"{what}:"
        yield from (f"    {line}" for line in sql_difference(change, SQL_LINES))
    else:
        values = _values(change, visible)
        yield f"{what}: {values}" if values else what


def _short(change: Change) -> str:
    """Return a change as Markdown, without its word."""
    name = markdown(change.name)
    if change.report is not None:
        name += f" of {markdown(change.report)}"
    if change.change == "sql_changed":
        first = " ".join(sql_difference(change, 1)[0].split())
        return f"{name} ({markdown(first, 200)})"
    values = _values(change, markdown)
    return f"{name} ({values})" if values else name


def sql_difference(change: Change, lines: int) -> list[str]:
    """Return in what two texts of a query differ, as lines that can be shown; never none.

    :param change: of the word ``sql_changed``.
    :param lines: how many at most; one more tells how many there are beyond them.
    """
    # A query's SQL is what Mode sent, which may be nothing, or no text at all.
    before, after = ("" if sql is None else str(sql) for sql in (change.before, change.after))
    told = difference(before, after, lines=lines)
    return told.splitlines() or [
        "only space, comments, the case of words, or what says nothing (as, inner, ;)"
    ]


def _values(change: Change, shown: Callable[[object], str]) -> str:
    before, after = values_of(change)
    was, now = shown(before), shown(after)
    if not was and not now:
        return ""
    same = " (in other characters that look the same)" if _folded(before) == _folded(after) else ""
    return f"{was or 'none'} -> {now or 'none'}{same}"


def _folded(value: object) -> str:
    return " ".join(unicodedata.normalize("NFC", str(value)).split())


def values_of(change: Change) -> tuple[Any, Any]:
    """Return what a change tells before and after: names of places, what differs of where a connection leads.

    Both are ``""`` where its word says them.
    """
    was, now = change.before, change.after
    if change.before_name is not None or change.after_name is not None:
        same = change.before_name == change.after_name
        return _place(was, change.before_name, same), _place(now, change.after_name, same)
    if (was is None and now is None) or isinstance(was, bool):
        return "", ""
    if not isinstance(was, dict) or not isinstance(now, dict):
        return was, now
    differing = [key for key in now if was.get(key) != now[key]]
    before, after = ([one[key] for key in differing if one.get(key) is not None] for one in (was, now))
    return " ".join(map(str, before)), " ".join(map(str, after))


def _place(token: Any, name: str | None, with_token: bool) -> Any:
    if name is None:
        return token
    return f"{name} ({token})" if with_token else name


def _spaced(word: str) -> str:
    return word.replace("_", " ")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.15g}"
