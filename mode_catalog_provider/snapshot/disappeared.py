"""What one snapshot has and a later one lacks, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mode_catalog_provider.contract import DATA_ASSETS
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.rows import rows_of


@dataclass(frozen=True, kw_only=True)
class Disappeared:
    """The rows of one asset that are gone.

    :param asset: one of the five data assets.
    :param count: how many there are.
    :param names: the names of the first of them, by token; the token where there is no name.
    """

    asset: str
    count: int
    names: tuple[str, ...]


def disappeared(before: Snapshot, after: Snapshot, *, limit: int) -> list[Disappeared]:
    """Compare two snapshots token by token, in bounded memory.

    :param before: the earlier one. Both must be sorted, which those of this package are.
    :param after: the later one.
    :param limit: how many names to return, over all assets.
    :return: an entry for each asset of which something is gone.
    :raises SnapshotError: when a file is gone, or is not what its manifest says.
    :raises OSError: when one cannot be read.
    """
    found = []
    for asset in DATA_ASSETS:
        count, names = 0, []
        for row in _lacking(rows_of(before, asset), rows_of(after, asset)):
            count += 1
            if limit > 0:
                limit -= 1
                names.append(_name(row))
        if count:
            found.append(Disappeared(asset=asset, count=count, names=tuple(names)))
    return found


def _lacking(before: Iterator[Mapping[str, Any]], after: Iterator[Mapping[str, Any]]) -> Iterator[Any]:
    kept = next(after, None)
    for row in before:
        while kept is not None and kept["token"] < row["token"]:
            kept = next(after, None)
        if kept is None or kept["token"] != row["token"]:
            yield row


def _name(row: Mapping[str, Any]) -> str:
    return str(row.get("name") or row.get("username") or row["token"])
