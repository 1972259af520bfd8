"""How much of a workspace a snapshot describes: all of it, or what a run was asked for or allowed to see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mode_catalog_provider.errors import SnapshotAlteredError
from mode_catalog_provider.snapshot.layout import entries, parse_push_record_name
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.storage import read_record
from mode_catalog_provider.text import first_of
from mode_catalog_provider.web_address import installation_of

#: Options of an extraction that narrow it, and how that is told.
_NARROWING = {
    "include_collections": "only collections {}",
    "exclude_collections": "without collections {}",
}


#: Options of an extraction that decide which objects are read.
_SCOPE = (*_NARROWING, "include_personal", "include_archived", "include_datasets")


def narrowing(snapshot: Snapshot) -> str:
    """Return in a few words why a snapshot may not be the whole workspace, ``""`` when it is.

    It was asked for a part, or its upload was refused, mostly for what it lacks, and nobody accepted that.
    """
    options = snapshot.manifest.options
    said = []
    for option, words in _NARROWING.items():
        value = options.get(option)
        names = value if isinstance(value, list | tuple) else [value]
        if value and names:
            said.append(words.format(first_of(names)))
    if any(record.get("refused") and not record.get("accepted") for record in _push_records(snapshot)):
        said.append("its upload was refused")
    return "; ".join(said)


def same_scope(one: Snapshot, other: Snapshot) -> bool:
    """Whether two snapshots are of the same workspace and were asked for the same objects."""
    mine, theirs = one.manifest, other.manifest
    same_workspace = mine.workspace == theirs.workspace
    same_mode = installation_of(mine.host) == installation_of(theirs.host)
    return (
        same_workspace
        and same_mode
        and all(mine.options.get(option) == theirs.options.get(option) for option in _SCOPE)
    )


def _push_records(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    if snapshot.adopted:
        return
    for name, path in entries(snapshot.directory).items():
        parsed = parse_push_record_name(name)
        if parsed and parsed[0] == snapshot.manifest.timestamp:
            try:
                record = json.loads(read_record(path))
            except (OSError, SnapshotAlteredError, ValueError, RecursionError):
                # Whether it was uploaded is the upload's business; what cannot be read says nothing here.
                continue
            if isinstance(record, dict):
                yield record
