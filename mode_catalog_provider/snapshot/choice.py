"""Finds the snapshots that a person means: the latest, the one before, a timestamp, a folder."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from mode_catalog_provider.errors import SnapshotError, SnapshotNotFoundError
from mode_catalog_provider.snapshot.layout import (
    StoragePath,
    entries,
    manifest_name,
    parse_directory_name,
    parse_manifest_name,
    timestamp_of,
)
from mode_catalog_provider.snapshot.reader import Snapshot, open_or_adopt, open_snapshot
from mode_catalog_provider.text import first_of, visible

log = logging.getLogger(__name__)

LATEST, PREVIOUS = "latest", "previous"


def kept_snapshots(folder: StoragePath) -> dict[int, StoragePath]:
    """Return the manifests of the complete snapshots in a folder, by timestamp, the oldest first.

    :param folder: the folder of a workspace, one with the files themselves, or an output directory that
        holds one workspace.
    :raises SnapshotNotFoundError: when there is none, or it holds several workspaces.
    """
    found = _manifests(folder) or _in_workspaces(folder)
    if not found:
        raise SnapshotNotFoundError(
            f"There is no complete snapshot in {folder}. Name the output directory of the extraction, or the "
            "folder of a workspace in it."
        )
    return dict(sorted(found.items()))


def chosen_snapshot(
    word: str, kept: Mapping[int, StoragePath], *, earlier_than: int | None = None
) -> Snapshot:
    """Open the snapshot that a word means.

    A damaged manifest is told as a warning and passed over, unless it is the one of the timestamp.

    :param word: ``latest``; ``previous`` (the last one before ``earlier_than``, or before the latest); or a
        timestamp.
    :param kept: what there is, see :func:`kept_snapshots`.
    :param earlier_than: timestamp that ``previous`` refers to; default: the latest.
    :raises SnapshotNotFoundError: when there is no such snapshot; names those there are.
    :raises SnapshotError: when every one that the word could mean is damaged.
    """
    if word == LATEST:
        return _newest_readable(kept, kept)
    if word == PREVIOUS:
        limit = max(kept) if earlier_than is None else earlier_than
        before = [timestamp for timestamp in kept if timestamp < limit]
        if not before:
            raise SnapshotNotFoundError(
                f"There is no snapshot before {limit} to compare it with: the first difference can be told "
                "after the next extraction."
            )
        return _newest_readable(before, kept)
    wanted = parse_directory_name(word)
    if wanted is None or wanted not in kept:
        there = first_of([str(timestamp) for timestamp in sorted(kept, reverse=True)])
        raise SnapshotNotFoundError(f"There is no complete snapshot {visible(word)}. There are {there}.")
    return opened(kept, wanted)


def newest_or_adopted(folder: StoragePath) -> Snapshot:
    """Open the newest complete snapshot of a folder, or adopt the set that another tool left there.

    :param folder: as for :func:`kept_snapshots`, one with a set of files without a manifest, or a manifest.
    :raises SnapshotError: there is none, it is damaged, or the folder holds several workspaces; says which.
    """
    if folder.is_dir() and all(timestamp_of(name) is None for name in entries(folder)):
        kept = _manifests(folder) or _in_workspaces(folder)
        if kept:
            return _newest_readable(kept, kept)
    return open_or_adopt(folder)


def opened(kept: Mapping[int, StoragePath], timestamp: int) -> Snapshot:
    """Open one of the snapshots there are; an error tells by its ``timestamp`` which one is damaged."""
    try:
        return open_snapshot(kept[timestamp])
    except SnapshotError as error:
        error.timestamp = timestamp
        raise


def _newest_readable(timestamps: Iterable[int], kept: Mapping[int, StoragePath]) -> Snapshot:
    *newer, oldest = sorted(timestamps, reverse=True)
    for timestamp in newer:
        try:
            return opened(kept, timestamp)
        except SnapshotError as error:
            pass_over(error)
    return opened(kept, oldest)


def pass_over(error: SnapshotError) -> None:
    """Warn of a damaged snapshot that others take the place of."""
    log.warning("Passed over, as if it were not there: %s", error)


def snapshots_beside(snapshot: Snapshot) -> dict[int, StoragePath]:
    """Return the manifests of the complete snapshots that lie where a snapshot lies, its own as well."""
    return dict(sorted(_manifests(snapshot.layout.home).items()))


def _manifests(folder: StoragePath) -> dict[int, StoragePath]:
    found: dict[int, StoragePath] = {}
    for name, path in entries(folder).items():
        if (timestamp := parse_manifest_name(name)) is not None:
            found[timestamp] = path
        elif (timestamp := parse_directory_name(name)) is not None:
            manifest = path / manifest_name(timestamp)
            if manifest.exists():
                found[timestamp] = manifest
    return found


def _in_workspaces(folder: StoragePath) -> dict[int, StoragePath]:
    inside = {name: found for name, path in entries(folder).items() if (found := _manifests(path))}
    if len(inside) > 1:
        raise SnapshotNotFoundError(
            f"{folder} holds more than one workspace ({first_of(sorted(inside))}): name the folder of one."
        )
    return next(iter(inside.values()), {})
