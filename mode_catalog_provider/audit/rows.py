"""The rows of one file of a snapshot, as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mode_catalog_provider.errors import SnapshotAlteredError
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.row_stream import json_rows

_CHUNK = 1 << 20


def rows_of(snapshot: Snapshot, asset: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of an asset.

    :raises SnapshotAlteredError: the file is not one of rows.
    """
    entry = next(entry for entry in snapshot.manifest.files if entry.asset == asset)
    path = snapshot.file_path(entry)
    with path.open("rb") as file:
        try:
            yield from json_rows(iter(lambda: file.read(_CHUNK), b""))
        except ValueError as error:
            raise SnapshotAlteredError(f"{path} is not a whole {asset} file ({error}).") from error
