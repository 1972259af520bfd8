"""Snapshots of one workspace on two days, written row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mode_catalog_provider.snapshot.change_words import CHANGE_WORDS
from mode_catalog_provider.snapshot.changes import changes_between
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import Snapshot, open_snapshot
from mode_catalog_provider.snapshot.writer import SnapshotWriter
from tests.unit.snapshot.sets import AT, HOST, WORKSPACE, finish, row_of

DAY = 86_400

#: One object: asset, token, values of the row.
Object = tuple[str, str, dict[str, Any]]

OPTIONS = {
    "include_collections": None,
    "exclude_collections": None,
    "include_personal": False,
    "include_archived": True,
    "include_datasets": True,
}


def day(
    home: Path,
    number: float,
    objects: list[Object],
    *,
    facts: list[Object] | None = None,
    left_out: list[dict[str, Any]] | None = None,
    workspace: str = WORKSPACE,
    host: str = HOST,
    **options: Any,
) -> Snapshot:
    """Write the snapshot of a day: ``objects`` in any order, ``facts`` beside them."""
    layout = Layout.nested(home, workspace)
    with SnapshotWriter(
        layout=layout, workspace=workspace, host=host, timestamp=int(AT + number * DAY)
    ) as writer:
        for asset, token, values in objects:
            writer.add(asset, row_of(asset, token, **values))
        for asset, token, values in facts or ():
            writer.add_facts(asset, token, values)
        _, path = finish(writer, options={**OPTIONS, **options}, left_out=left_out or [])
    return open_snapshot(path)


def refused(asset: str, token: str | None, name: str | None, reason: str = "forbidden") -> dict[str, Any]:
    return {"asset": asset, "token": token, "name": name, "reason": reason, "detail": "refused"}


def told(before: Snapshot, after: Snapshot) -> list[tuple[Any, ...]]:
    """Return what happened between two days: asset, token, word and both values."""
    found = list(changes_between(before, after))
    assert {one.change for one in found} <= CHANGE_WORDS.keys(), "the counts would leave it out"
    return [(one.asset, one.token, one.change, one.before, one.after) for one in found]
