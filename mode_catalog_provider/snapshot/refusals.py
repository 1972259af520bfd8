"""What Mode refuses to show to the key, and what of that is new since the last snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mode_catalog_provider.snapshot.manifest import Manifest
from mode_catalog_provider.text import first_of

#: Names in one message; the manifest has them all.
_NAMED = 20


def newly_forbidden(
    left_out: Iterable[Mapping[str, Any]], previous: Manifest | None
) -> list[Mapping[str, Any]]:
    """Return what is refused now and was not in the previous snapshot; nothing when there is none.

    :param left_out: entries as a manifest lists them.
    :param previous: what they are compared with.
    """
    if previous is None:
        return []
    known = {_identity(entry) for entry in _forbidden(previous.left_out)}
    return [entry for entry in _forbidden(left_out) if _identity(entry) not in known]


def describe_forbidden(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return the names per kind, and who can grant access."""
    names: dict[str, list[str]] = {}
    for entry in entries:
        found = entry.get("name") or entry.get("token") or "the whole listing"
        names.setdefault(entry["asset"], []).append(str(found))
    listed = "; ".join(f"{asset} ({len(found)}): {first_of(found, _NAMED)}" for asset, found in names.items())
    return (
        f"{listed}. A workspace admin, or whoever manages the collection or connection, can grant View to "
        "the member whose key this is."
    )


def _forbidden(entries: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    return (entry for entry in entries if entry.get("reason") == "forbidden")


def _identity(entry: Mapping[str, Any]) -> tuple[Any, Any]:
    return entry["asset"], entry.get("token")
