"""Snapshots before the one that is audited, and the newest that an audit should look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from mode_catalog_provider.audit.scope import narrowing, same_scope
from mode_catalog_provider.errors import SnapshotError
from mode_catalog_provider.snapshot.choice import pass_over
from mode_catalog_provider.snapshot.layout import Layout, manifest_name
from mode_catalog_provider.snapshot.reader import Snapshot, open_snapshot, verify

#: Snapshots that are looked at for a whole one: a month of filtered runs is nobody's habit.
_LOOKED_AT = 31

_WEEK = 7 * 86_400


def newest_whole_snapshot(layout: Layout) -> Snapshot | None:
    """Return the newest complete snapshot of a whole workspace; the newest of a part where there is no other.

    :return: ``None`` when there is none at all.
    """
    first: Snapshot | None = None
    for number, snapshot in enumerate(_newest_first(layout)):
        first = first or snapshot
        if not narrowing(snapshot):
            return snapshot
        if number >= _LOOKED_AT:
            break
    return first


def previous_snapshot(snapshot: Snapshot, asset: str, *, audited: int | None = None) -> Snapshot | None:
    """Return the whole snapshot of the same workspace to compare this one with, ``None`` when there is none.

    A snapshot of a part of the workspace has no previous one: what it lacks was left out on purpose.

    :param snapshot: what is audited.
    :param asset: whose file is wanted; a snapshot in which it is damaged is passed over, with a warning.
    :param audited: timestamp of the snapshot that was audited last: it is taken, or the oldest that is kept
        after it, so that nothing in between is missed. Default ``None``: the newest is taken.
    """
    if narrowing(snapshot):
        return None
    found: Snapshot | None = None
    for other in _same(snapshot, asset, before=snapshot.manifest.timestamp):
        if found is not None and (audited is None or other.manifest.timestamp < audited):
            break
        found = other
    return found


def earlier_snapshot(snapshot: Snapshot, asset: str, *, days: int) -> Snapshot | None:
    """Return the newest whole snapshot of the workspace that is so many days older, at most a week more.

    :param snapshot: what is audited.
    :param asset: as for :func:`previous_snapshot`.
    :param days: how many.
    :return: ``None`` where no snapshot of then is kept.
    """
    wanted = snapshot.manifest.timestamp - days * 86_400
    found = next(_same(snapshot, asset, before=wanted + 1), None)
    return found if found is not None and found.manifest.timestamp >= wanted - _WEEK else None


def _same(snapshot: Snapshot, asset: str, *, before: int) -> Iterator[Snapshot]:
    """Yield the whole snapshots of the same workspace in which a file can be read, the newest first."""
    if snapshot.adopted or not snapshot.manifest.workspace:
        return
    for number, other in enumerate(_newest_first(snapshot.layout, before=before)):
        if same_scope(snapshot, other) and not narrowing(other) and _can_be_read(other, asset):
            yield other
        if number >= _LOOKED_AT:
            break


def _can_be_read(snapshot: Snapshot, asset: str) -> bool:
    try:
        verify(snapshot, only=asset)
    except SnapshotError as error:
        pass_over(error)
        return False
    return True


def _newest_first(layout: Layout, *, before: int | None = None) -> Iterator[Snapshot]:
    for timestamp in sorted(layout.timestamps(), reverse=True):
        if before is None or timestamp < before:
            with suppress(SnapshotError):
                yield open_snapshot(layout.directory(timestamp) / manifest_name(timestamp))
