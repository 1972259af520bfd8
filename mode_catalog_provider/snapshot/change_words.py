"""The words for what can happen to an object between two snapshots, and how two of its rows are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from mode_catalog_provider.moments import parsed
from mode_catalog_provider.snapshot.rows import RowWithFacts

#: The closed list of what a change is called, in the order in which it is told.
CHANGE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "access_lost": "Mode showed it, and refuses it now (403, or 404 though it is listed)",
        "refused": "new to us, and refused",
        "access_gained": "Mode refused it, and shows it now",
        "deleted": "is not in Mode any more",
        "archived_or_deleted": "is archived or not in Mode any more; archived reports are not extracted",
        "not_extracted": "is not extracted any more, for the options differ",
        "now_extracted": "is extracted now, for the options differ",
        "created": "is new",
        "archived": "was archived",
        "unarchived": "was taken back from the archive",
        "published": "was published",
        "unpublished": "is not published any more",
        "renamed": "has another name",
        "moved": "lies elsewhere: a report in another collection, a query in another report",
        "owner_changed": "has another creator",
        "sql_changed": "the text of a query is another",
        "connection_changed": "a query runs on another connection, or a connection leads elsewhere",
        "access_changed": "who may see a collection by default is another",
        "shared": "can be seen by everybody",
        "unshared": "cannot be seen by everybody any more",
        "embedded": "may be embedded",
        "unembedded": "may not be embedded any more",
        "type_changed": "is of another kind",
        "description_changed": "has another description",
        "email_changed": "a member has another e-mail address",
        "deactivated": "a member may not sign in any more",
        "activated": "a member may sign in",
        "admin_granted": "a member became an admin",
        "admin_revoked": "a member is no admin any more",
        "state_changed": "calls its state otherwise",
        "queryable": "a connection takes queries now",
        "unqueryable": "a connection takes no queries any more",
    }
)

#: Where a connection leads, in the order in which it is told.
_ADDRESS = ("adapter", "vendor", "provider", "host", "database")

_ACTIVE = {"active", "activated", "enabled"}


class Difference(NamedTuple):
    """One thing in which two rows of one object differ."""

    change: str
    before: Any
    after: Any


def name_of(row: Mapping[str, Any]) -> str:
    """Return the name by which people know an object, its token where it has none."""
    return str(row.get("display_name") or row.get("name") or row.get("username") or row.get("token"))


def differences(asset: str, before: RowWithFacts, after: RowWithFacts) -> Iterator[Difference]:
    """Yield what happened to an object, in a word each.

    Counters, ids and the stamps of runs are left out: they move by themselves.
    """
    old, new = before[0], after[0]
    for key in _NAMES.get(asset, ("name",)):
        yield from _other(old, new, key, "renamed")
    yield from _other(old, new, "description", "description_changed")
    match asset:
        case "report":
            yield from _report(old, new)
        case "query":
            yield from _other(old, new, "raw_query", "sql_changed")
            yield from _other(old, new, "data_source_id", "connection_changed")
            yield from _other(old, new, "report_token", "moved")
        case "collection":
            yield from _collection(old, new)
            yield from _switch(before[1].get("restricted"), after[1].get("restricted"), "unshared", "shared")
        case "datasource":
            addresses = [{key: row.get(key) for key in _ADDRESS} for row in (old, new)]
            if any(_text(addresses[0][key]) != _text(addresses[1][key]) for key in _ADDRESS):
                yield Difference("connection_changed", *addresses)
            yield from _switch(old.get("public"), new.get("public"), "shared", "unshared")
            yield from _switch(old.get("queryable"), new.get("queryable"), "queryable", "unqueryable")
        case "member":
            yield from _other(old, new, "email", "email_changed")
            yield from _state(before[1].get("state"), after[1].get("state"), "activated", "deactivated")
            yield from _switch(
                before[1].get("admin"), after[1].get("admin"), "admin_granted", "admin_revoked"
            )


#: What people know an object by; elsewhere it is ``name``.
_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"datasource": ("name", "display_name"), "member": ("name", "username")}
)


def _report(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    yield from _other(old, new, "space_token", "moved")
    yield from _switch(old.get("archived"), new.get("archived"), "archived", "unarchived")
    word = "published" if new.get("published_at") else "unpublished"
    for one in _other(old, new, "published_at", word):
        # One answer of Mode writes a moment otherwise than another.
        if parsed(one.before) is None or parsed(one.before) != parsed(one.after):
            yield one
    yield from _other(old, new, "creator", "owner_changed")
    yield from _other(old, new, "type", "type_changed")
    yield from _switch(old.get("public"), new.get("public"), "shared", "unshared")
    yield from _switch(old.get("is_embedded"), new.get("is_embedded"), "embedded", "unembedded")


def _collection(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Difference]:
    yield from _other(old, new, "creator", "owner_changed")
    yield from _other(old, new, "space_type", "type_changed")
    yield from _other(old, new, "default_access_level", "access_changed")
    states = [_text(row.get("state")).lower() for row in (old, new)]
    if "archived" in states and states[0] != states[1]:
        yield Difference(
            "archived" if states[1] == "archived" else "unarchived", old.get("state"), new.get("state")
        )
    else:
        yield from _other(old, new, "state", "state_changed")


def _other(old: Mapping[str, Any], new: Mapping[str, Any], key: str, change: str) -> Iterator[Difference]:
    before, after = old.get(key), new.get(key)
    # Mode sends an id as a number in one answer and as a text in another.
    if _text(before) != _text(after):
        yield Difference(change, before, after)


def _switch(before: Any, after: Any, on: str, off: str) -> Iterator[Difference]:
    """Yield the word for a switch; what is not said at all is unknown, and unknown is no change."""
    if isinstance(before, bool) and isinstance(after, bool) and before != after:
        yield Difference(on if after else off, before, after)


def _state(before: Any, after: Any, on: str, off: str) -> Iterator[Difference]:
    if not isinstance(before, str) or not isinstance(after, str) or before.lower() == after.lower():
        return
    was, now = before.lower() in _ACTIVE, after.lower() in _ACTIVE
    yield Difference("state_changed" if was == now else (on if now else off), before, after)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
