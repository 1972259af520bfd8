"""The checks of what the key may not see, and of what Catalog cannot draw."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mode_catalog_provider.audit.facts import Facts
from mode_catalog_provider.audit.finding import Finding
from mode_catalog_provider.audit.pages import Pages
from mode_catalog_provider.audit.values import text_of
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.rows import rows_of
from mode_catalog_provider.sql.definitions import REASONS
from mode_catalog_provider.text import first_of, visible

#: Names in one sentence.
_NAMED = 5

#: What Catalog lacks of an object whose row it has all the same.
_LACKING = {
    "report": "is in Catalog without its queries, so without lineage",
    "collection": "is in Catalog without its reports",
    "member": "is in Catalog without what the profile says",
}

_GRANT = "Let an admin grant View to the member whose key this is, or use a workspace key."


def refused(facts: Facts, pages: Pages, previous: Callable[[], Snapshot | None]) -> Iterator[Finding]:
    """What Mode refused or hid, as the manifest lists it, and collections that vanished from the listing."""
    told, tokens = set(), set()
    for entry in facts.snapshot.manifest.left_out:
        if not isinstance(entry, Mapping):
            continue
        token = entry.get("token")
        key = (
            entry.get("asset"),
            token,
            entry.get("reason"),
            text_of(entry.get("name")) if token is None else None,
        )
        if key not in told:
            told.add(key)
            tokens.add(token)
            yield _refused(facts, pages, entry)
    if (earlier := previous()) is not None:
        yield from _vanished(facts, pages, earlier, tokens)


def _refused(facts: Facts, pages: Pages, entry: Mapping[str, Any]) -> Finding:
    asset, token = text_of(entry.get("asset")) or "object", text_of(entry.get("token"))
    name = text_of(entry.get("name")) or token or "the whole listing"
    is_there = token is not None and _is_there(facts, asset, token)
    what = _LACKING.get(asset, "is in Catalog, but not all of it") if is_there else "is not in Catalog"
    if entry.get("reason") == "forbidden":
        why, advice = "Mode refuses it to this key (403)", _GRANT
    elif entry.get("reason") == "no_token":
        why, advice = "Mode lists it without a token", "Nothing can refer to it; tell Mode's support."
    else:
        why = "it was gone when it was read, or Mode hides it from this key (404)"
        advice = f"If it still exists, it is a lost right: {_GRANT[0].lower()}{_GRANT[1:]}"
    return Finding(
        check="refused",
        asset=asset,
        token=token,
        name=name,
        what=f"{asset.capitalize()} '{visible(name)}' {what}: {why}.",
        advice=advice,
        url=pages.of(asset, token),
    )


def _is_there(facts: Facts, asset: str, token: str) -> bool:
    table = {"report": "report", "collection": "collection", "member": "member"}.get(asset)
    if table is None:
        return False
    # The table's name is one of three.
    found = facts.ask(f"SELECT 1 FROM {table} WHERE token = :token", token=token)  # noqa: S608
    return next(found, None) is not None


def _vanished(facts: Facts, pages: Pages, previous: Snapshot, told: set[Any]) -> Iterator[Finding]:
    for row in rows_of(previous, "collection"):
        token = text_of(row["token"])
        if token and token not in told and not _is_there(facts, "collection", token):
            name = text_of(row["name"]) or token
            yield Finding(
                check="refused",
                asset="collection",
                token=token,
                name=name,
                what=f"Collection '{visible(name)}' vanished from Mode's listing since snapshot "
                f"{previous.manifest.timestamp}: it was deleted, or hidden from this key.",
                advice=f"If it still exists, it is a lost right: {_GRANT[0].lower()}{_GRANT[1:]}",
                url=pages.of("collection", token),
            )


def unknown_connection(facts: Facts, pages: Pages) -> Iterator[Finding]:
    """Reports with queries whose connection is not among those that the key sees."""
    found = facts.ask(
        """
        SELECT token, report.name, json_group_array(DISTINCT connection), json_group_array(query.name)
        FROM report
        JOIN query ON query.report = token
        WHERE NOT archived AND connection IS NOT NULL AND connection NOT IN (SELECT id FROM connection)
        GROUP BY token ORDER BY views DESC, token
        """
    )
    for token, name, connections, queries in found:
        asked = tuple(json.loads(connections))
        yield pages.report(
            "unknown_connection",
            token,
            name,
            f"asks connection {first_of(asked, _NAMED)}, which the key does not see or which was deleted "
            f"({_listed(queries)}).",
            "Catalog cannot draw its lineage: grant View on the connection, or mend the report.",
            related=asked,
        )


def definition(facts: Facts, pages: Pages) -> Iterator[Finding]:
    """Mode definitions that queries take in, which are uploaded as they are: one finding for each."""
    found = facts.ask(
        """
        SELECT definition.name, json_group_array(DISTINCT query.report), count(DISTINCT query.report)
        FROM definition JOIN query ON query.text = definition.text JOIN report ON report.token = query.report
        WHERE NOT archived GROUP BY definition.name ORDER BY 3 DESC, 1
        """
    )
    kept = _kept_definitions(facts.snapshot)
    for name, reports, count in found:
        tokens = tuple(json.loads(reports))
        names = [_name(facts, token) for token in tokens[:_NAMED]]
        yield Finding(
            check="definition",
            asset="definition",
            token=name,
            name=name,
            what=f"Definition '@{visible(name)}' is used by {count} report{'s' if count > 1 else ''} "
            f"({first_of(names, _NAMED, of=count)}), and Catalog gets no more of it than this name.",
            advice=f"The tables behind it may lack lineage there: {_do_about(name, kept)}",
            related=tokens,
            url=pages.of("definition", None),
            group=name,
        )


def _kept_definitions(snapshot: Snapshot) -> Mapping[str, Any] | None:
    """Return why definitions could not be put in, by name; ``None`` where that was not asked for."""
    if snapshot.manifest.options.get("definitions") != "expand":
        return None
    figures = snapshot.manifest.figures.get("definitions")
    unresolved = figures.get("unresolved") if isinstance(figures, Mapping) else None
    entries = unresolved if isinstance(unresolved, list) else ()
    return {
        str(entry.get("name")).lower(): entry.get("reason") for entry in entries if isinstance(entry, Mapping)
    }


def _do_about(name: str, kept: Mapping[str, Any] | None) -> str:
    if kept is None:
        return "extract with definitions=expand, which puts its SQL into the queries."
    why = REASONS.get(str(kept.get(name)))
    return f"its SQL was not put into the queries{f', for {why}' if why else ''}. Look at it in Mode."


def _name(facts: Facts, token: str) -> str:
    ((name,),) = facts.ask("SELECT name FROM report WHERE token = :token", token=token)
    return str(name or token)


def _listed(names: str) -> str:
    return first_of([f"'{name}'" for name in json.loads(names)], _NAMED)
