"""The rows of a snapshot, and those of several side by side, in memory that does not grow with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from mode_catalog_provider.errors import SnapshotAlteredError, SnapshotError, SnapshotNotFoundError
from mode_catalog_provider.scratch import RowStore, token_bytes
from mode_catalog_provider.snapshot.facts import read_facts
from mode_catalog_provider.snapshot.layout import FACT_ASSETS
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.row_stream import json_rows
from mode_catalog_provider.storage import open_to_read

Row = Mapping[str, Any]

#: A row and what Mode says beyond it; nothing where a snapshot has no side files.
RowWithFacts = tuple[Row, Row]

_CHUNK = 1 << 20


def rows_of(snapshot: Snapshot, asset: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of one asset as they stand in its file.

    :param snapshot: its files need not have been verified.
    :param asset: one of the five data assets.
    :raises SnapshotNotFoundError: the file is gone.
    :raises SnapshotAlteredError: it is not the one that was written; a changed byte may show only at the end.
    """
    entry = next(entry for entry in snapshot.manifest.files if entry.asset == asset)
    path = snapshot.file_path(entry)
    try:
        with open_to_read(path) as file:
            digest = hashlib.sha256()
            yield from json_rows(_hashed(iter(lambda: file.read(_CHUNK), b""), digest))
    except FileNotFoundError as error:
        raise SnapshotNotFoundError(
            f"{path} is not there any more, though its manifest is. Take another snapshot."
        ) from error
    except (ValueError, RecursionError) as error:
        raise SnapshotAlteredError(f"{path} is not a whole {asset} file ({error}). Extract again.") from error
    if digest.hexdigest() != entry.sha256:
        raise SnapshotAlteredError(
            f"{path} is not the file that was written: its hash is not that of the manifest. Extract again."
        )


def _hashed(chunks: Iterator[bytes], digest: Any) -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def sorted_rows(snapshot: Snapshot, asset: str) -> Iterator[Row]:
    """Yield the rows of one asset by token, in code point order, each token once.

    The files of this package are in that order. A set that another tool made is put into it on the temporary
    disk; of several rows of one token the last is taken, and rows without a token are left out.

    :raises SnapshotNotFoundError: when the file is gone.
    :raises SnapshotAlteredError: when it is not what its manifest says.
    """
    if not snapshot.adopted:
        yield from _in_order(snapshot, asset)
        return
    waiting = RowStore()
    try:
        for row in rows_of(snapshot, asset):
            if isinstance(row.get("token"), str):
                waiting.put(asset, row["token"], json.dumps(row).encode("ascii"))
        for body in waiting.bodies(asset):
            yield json.loads(body)
    finally:
        waiting.close()


def each_once(snapshot: Snapshot, asset: str) -> Iterator[Row]:
    """Yield the rows of one asset; of several rows of one token, as another tool may write them, the last."""
    yield from sorted_rows(snapshot, asset) if snapshot.adopted else rows_of(snapshot, asset)


def rows_with_facts(snapshot: Snapshot, asset: str) -> Iterator[RowWithFacts]:
    """Yield the rows as :func:`sorted_rows` does, each with what the side file says of it.

    An error tells by its ``timestamp`` which snapshot is damaged.
    """
    try:
        yield from _joined(snapshot, asset)
    except SnapshotError as error:
        error.timestamp = snapshot.manifest.timestamp
        raise


def _joined(snapshot: Snapshot, asset: str) -> Iterator[RowWithFacts]:
    facts = read_facts(snapshot, asset) if asset in FACT_ASSETS and not snapshot.adopted else iter(())
    known = next(facts, None)
    for row in sorted_rows(snapshot, asset):
        key = token_bytes(row["token"])
        while known is not None and token_bytes(known["token"]) < key:
            known = next(facts, None)
        yield row, known if known is not None and known["token"] == row["token"] else {}


def side_by_side(*streams: Iterator[RowWithFacts]) -> Iterator[tuple[RowWithFacts | None, ...]]:
    """Yield what several streams have of each token, ``None`` where one lacks it.

    :param streams: each by token in code point order.
    """
    heads = [next(stream, None) for stream in streams]
    while any(head is not None for head in heads):
        least = min(token_bytes(head[0]["token"]) for head in heads if head is not None)
        at = [head is not None and token_bytes(head[0]["token"]) == least for head in heads]
        yield tuple(head if here else None for head, here in zip(heads, at, strict=True))
        heads = [
            next(stream, None) if here else head
            for stream, head, here in zip(streams, heads, at, strict=True)
        ]


def _in_order(snapshot: Snapshot, asset: str) -> Iterator[Row]:
    previous = b""
    for row in rows_of(snapshot, asset):
        token = row.get("token")
        key = token_bytes(token) if isinstance(token, str) else b""
        if key <= previous:
            raise SnapshotAlteredError(
                f"The {asset} file of snapshot {snapshot.manifest.timestamp} in {snapshot.directory} is not "
                "in the order in which it was written. Extract again."
            )
        previous = key
        yield row
