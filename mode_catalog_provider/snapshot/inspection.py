"""Reads one of the six files and says what it is, or why it is none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from mode_catalog_provider.contract import KEYS, SUMMARY
from mode_catalog_provider.errors import SnapshotAlteredError, SnapshotIncompleteError
from mode_catalog_provider.snapshot.layout import StoragePath
from mode_catalog_provider.snapshot.manifest import FileEntry
from mode_catalog_provider.snapshot.row_stream import json_rows
from mode_catalog_provider.storage import open_to_read

_CHUNK = 1 << 20

#: Bytes; a summary is some hundred.
_LONGEST_SUMMARY = 1 << 20


def inspect_file(path: StoragePath, asset: str, *, sorted_rows: bool) -> FileEntry:
    """Read one of the six files once, in bounded memory, and say what it is.

    :param path: the file.
    :param asset: what it should hold.
    :param sorted_rows: whether tokens must ascend, as they do in the files of this package.
    :raises SnapshotAlteredError: when it is not what the contract wants.
    :raises SnapshotIncompleteError: when it is gone.
    """
    passing = _PassingBytes(path)
    try:
        if asset == SUMMARY:
            rows = None
            for _ in passing:
                if passing.bytes > _LONGEST_SUMMARY:
                    raise ValueError("it is too long")
            read_summary(path)
        else:
            rows = _count_rows(asset, passing, sorted_rows=sorted_rows)
    except FileNotFoundError as error:
        raise SnapshotIncompleteError(f"{path} is not there, though it was listed. Extract again.") from error
    except (ValueError, RecursionError) as error:
        raise SnapshotAlteredError(f"{path} is not a whole {asset} file ({error}). Extract again.") from error
    return FileEntry(asset, path.name, passing.bytes, rows, passing.hash.hexdigest())


def read_summary(path: StoragePath) -> dict[str, Any]:
    """Return the summary object.

    :raises ValueError: when it is no JSON object, or its ``connection_identity`` is none.
    """
    with open_to_read(path) as file:
        summary = json.loads(file.read(_LONGEST_SUMMARY))
    if not isinstance(summary, dict) or not isinstance(summary.get("connection_identity", {}), dict):
        raise ValueError("it is not the summary of an extraction")
    return summary


def _count_rows(asset: str, chunks: Iterable[bytes], *, sorted_rows: bool) -> int:
    keys = KEYS[asset]
    count = 0
    previous = ""
    for row in json_rows(chunks):
        count += 1
        if tuple(row) != keys:
            raise ValueError(f"row {count} does not have the contract's keys in order")
        if sorted_rows:
            token = row["token"]
            if not isinstance(token, str) or token <= previous:
                raise ValueError(f"row {count} is out of order")
            previous = token
    return count


class _PassingBytes:
    """The chunks of a file, counted and hashed while they pass."""

    def __init__(self, path: StoragePath) -> None:
        self._path = path
        self.hash = hashlib.sha256()
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        with open_to_read(self._path) as file:
            while chunk := file.read(_CHUNK):
                self.hash.update(chunk)
                self.bytes += len(chunk)
                yield chunk
