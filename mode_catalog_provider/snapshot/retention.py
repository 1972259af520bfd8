"""Removes what is no longer needed: old snapshots, and what killed extractions left behind."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from mode_catalog_provider.errors import ConfigurationError, SnapshotAlteredError
from mode_catalog_provider.snapshot.layout import (
    Layout,
    StoragePath,
    claim_name,
    entries,
    manifest_name,
    parse_push_record_name,
    timestamp_of,
)
from mode_catalog_provider.snapshot.writer import remove_set
from mode_catalog_provider.storage import read_record

#: Seconds without any change after which an unfinished set belongs to nobody who is alive.
DEAD_AFTER = 86_400.0


def prune(
    layout: Layout,
    keep: int | None,
    *,
    spare: int | None = None,
    now: Callable[[], float] = time.time,
) -> list[int]:
    """Remove old snapshots of one workspace, and what killed extractions left.

    Kept are the newest ``keep`` complete snapshots and, per Catalog source, the newest pushed one and the
    newest whose push was begun, for the next push is compared with them; in the flat layout only the push
    record of those stays. An unfinished set goes when nothing in it has changed for a day. Files of others
    are never touched.

    :param layout: where the snapshots lie.
    :param keep: number of complete snapshots to keep, at least 1; ``None`` keeps them all.
    :param spare: timestamp of a snapshot that stays in any case; default ``None`` = none.
    :param now: clock, in Unix seconds.
    :return: timestamps of the removed sets.
    :raises ConfigurationError: when ``keep`` is less than 1.
    """
    check_keep(keep)
    sets = _sets(layout)
    complete = sorted((one for one in sets if one.is_complete), key=lambda one: one.timestamp, reverse=True)
    old = [one for one in complete[keep:] if one.timestamp != spare] if keep is not None else []
    dead = [one for one in sets if one.is_dead(now())]
    spent = [one for one in sets if one.is_bare_record]
    witnesses = _witnesses(sets)
    removed = []
    for one in (*old, *dead, *spent):
        kept_records = witnesses & one.files.keys()
        if kept_records and not layout.is_flat:
            continue
        if remove_set(layout, one.timestamp, keep=kept_records) and not one.is_bare_record:
            removed.append(one.timestamp)
    return sorted(removed)


def check_keep(keep: int | None) -> None:
    """Refuse a number of snapshots to keep that makes no sense.

    :raises ConfigurationError: when it is less than 1; ``None`` (all) is fine.
    """
    if keep is not None and keep < 1:
        raise ConfigurationError(f"The number of snapshots to keep must be at least 1, not {keep}.")


@dataclass(frozen=True)
class _Set:
    """The files of one timestamp."""

    timestamp: int
    files: dict[str, StoragePath]

    @property
    def is_complete(self) -> bool:
        return manifest_name(self.timestamp) in self.files

    @property
    def is_bare_record(self) -> bool:
        """In the flat layout a push record outlives its files."""
        return all(parse_push_record_name(name) for name in self.files)

    def is_dead(self, now: float) -> bool:
        # Only what bears our marker: the same names without it may be the vendor's tool at work.
        if self.is_complete or claim_name(self.timestamp) not in self.files:
            return False
        # Not every store tells when a file changed; none of ours is older than its name.
        latest = float(self.timestamp)
        for path in self.files.values():
            with suppress(FileNotFoundError):
                latest = max(latest, path.stat().st_mtime)
        return now - latest > DEAD_AFTER


def _sets(layout: Layout) -> list[_Set]:
    sets = []
    home = entries(layout.home) if layout.is_flat else {}
    for timestamp in layout.timestamps():
        files = home if layout.is_flat else entries(layout.directory(timestamp))
        sets.append(_Set(timestamp, {n: path for n, path in files.items() if timestamp_of(n) == timestamp}))
    return sets


def _witnesses(sets: Iterable[_Set]) -> frozenset[str]:
    """Return the names of the push records that the next push to each source is compared with."""
    newest: dict[tuple[str, bool], tuple[int, str]] = {}
    for one in sets:
        for name, path in one.files.items():
            if parsed := parse_push_record_name(name):
                for completed in {False, _is_completed(path)}:
                    key = (parsed[1], completed)
                    newest[key] = max(newest.get(key, (0, "")), (one.timestamp, name))
    return frozenset(name for _, name in newest.values())


def _is_completed(record: StoragePath) -> bool:
    try:
        document = json.loads(read_record(record))
    except (ValueError, RecursionError, FileNotFoundError, SnapshotAlteredError):
        return False
    return isinstance(document, dict) and document.get("completed_at") is not None
