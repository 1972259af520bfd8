"""What Mode does not show to the key, however it hides that, and what of it is new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from mode_catalog_provider.snapshot.manifest import Manifest
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.rows import sorted_rows
from mode_catalog_provider.text import first_of

#: Names in one message; the manifest has them all.
_NAMED = 20

#: What a right is given on. Mode shows one without a right as refused, as not there, or not at all.
HOLDERS = ("datasource", "collection")

#: Options that decide which collections an extraction reads, and those that decide what of them.
_CHOICE = ("include_collections", "exclude_collections", "include_personal")
_CONTENT = (*_CHOICE, "include_archived", "include_datasets")
#: What they do not decide on.
_ALWAYS_READ = {"datasource", "member"}


def newly_forbidden(
    left_out: Iterable[Mapping[str, Any]], previous: Manifest | None
) -> list[Mapping[str, Any]]:
    """Return what is refused now and was not in the previous snapshot; nothing when there is none.

    A connection or collection that answers "not there" counts as refused: Mode says that too of what a
    key has no right to.

    :param left_out: entries as a manifest lists them.
    :param previous: what they are compared with.
    """
    if previous is None:
        return []
    known = {_identity(entry) for entry in previous.left_out if entry.get("reason") == "forbidden"}
    gone = {_identity(entry) for entry in previous.left_out if entry.get("reason") == "gone"}
    return [
        entry
        for entry in left_out
        if _identity(entry) not in known and (_is_forbidden(entry) or _identity(entry) not in gone)
        if _is_forbidden(entry) or (entry.get("reason") == "gone" and entry["asset"] in HOLDERS)
    ]


def asked_for_before(
    entries: Iterable[Mapping[str, Any]], *, options: Mapping[str, Any], previous: Snapshot
) -> Iterator[Mapping[str, Any]]:
    """Yield of what is refused what the previous snapshot was to read too; of the rest it says nothing.

    :param entries: entries as a manifest lists them.
    :param options: options of the present extraction.
    :param previous: what is compared with.
    :raises SnapshotError: when the previous snapshot's files are not what they were.
    """
    same_content = _are_equal(_CONTENT, options, previous.manifest.options)
    had: dict[str, Set[str]] = {}
    for entry in entries:
        asset, token = entry["asset"], entry.get("token")
        if not (same_content or asset in _ALWAYS_READ or token is None):
            if asset not in had:
                had[asset] = {row["token"] for row in sorted_rows(previous, asset)}
            if token not in had[asset]:
                continue
        yield entry


def out_of_sight(
    shown: Mapping[str, Set[str]], *, options: Mapping[str, Any], previous: Snapshot | None
) -> Iterator[Mapping[str, Any]]:
    """Yield the connections and collections that the previous snapshot has and Mode does not list any more.

    :param shown: tokens of those that are listed now, by asset.
    :param options: options of the present extraction; one that was to read other collections says nothing.
    :param previous: what is compared with.
    :return: entries as a manifest lists them.
    :raises SnapshotError: when the previous snapshot's files are not what they were.
    """
    if previous is None:
        return
    same_choice = _are_equal(_CHOICE, options, previous.manifest.options)
    for asset in HOLDERS if same_choice else HOLDERS[:1]:
        for row in sorted_rows(previous, asset):
            if row["token"] not in shown.get(asset, frozenset()):
                yield {"asset": asset, "token": row["token"], "name": row.get("name"), "reason": "gone"}


def describe_forbidden(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return the names per kind, and who can grant access."""
    names: dict[str, list[str]] = {}
    for entry in entries:
        found = entry.get("name") or entry.get("token") or "the whole listing"
        names.setdefault(entry["asset"], []).append(str(found))
    listed = "; ".join(f"{asset} ({len(found)}): {first_of(found, _NAMED)}" for asset, found in names.items())
    return (
        f"{listed}. A workspace admin, or whoever manages the collection or connection, can grant View to "
        "the member whose key this is; what was deleted in Mode is rightly gone."
    )


def _are_equal(names: Iterable[str], one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(name) == other.get(name) for name in names)


def _is_forbidden(entry: Mapping[str, Any]) -> bool:
    return entry.get("reason") == "forbidden"


def _identity(entry: Mapping[str, Any]) -> tuple[Any, Any]:
    return entry["asset"], entry.get("token")
