"""What changed between two snapshots: on the temporary disk until it was told, and in a file for later."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from mode_catalog_provider.errors import SnapshotError
from mode_catalog_provider.scratch import private_database
from mode_catalog_provider.snapshot.change_words import CHANGE_WORDS, name_of
from mode_catalog_provider.snapshot.changes import (
    ORDER,
    Change,
    changes_between,
    differing_options,
)
from mode_catalog_provider.snapshot.choice import PREVIOUS, chosen_snapshot, pass_over
from mode_catalog_provider.snapshot.kept import KeptRecords
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.rows import RowWithFacts, rows_with_facts, side_by_side
from mode_catalog_provider.storage import StoragePath

FORMAT_VERSION = 1

# KiB of what waits to be told.
_CACHE = 4 * 1024

_DAY = 86_400

_encode = json.JSONEncoder(ensure_ascii=True).encode


class SnapshotDiff:
    """What changed between two snapshots; a context manager.

    .. code-block:: python

        with SnapshotDiff(yesterday, today) as diff:
            print(diff.counts)
            for change in diff.changes(change="deleted"):
                print(change.asset, change.name)

    :param before: the earlier snapshot.
    :param after: the later one, of the same workspace.
    :raises SnapshotMismatchError: when they are of two workspaces.
    :raises SnapshotError: when a file of them is gone or altered.
    """

    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        self.before = before.manifest
        self.after = after.manifest
        #: Filters in which the two extractions differ, each before and after.
        self.options = differing_options(before.manifest, after.manifest)
        #: Whether another tool made one of the two, which then may hold less of the workspace.
        self.mixed = before.adopted != after.adopted
        self._kept = None if after.adopted else KeptRecords(after.layout.home, "changes")
        self._database = private_database(cache=_CACHE)
        self._database.execute("CREATE TABLE change (asset TEXT, word TEXT, body TEXT)")
        self._database.execute("CREATE TABLE usage (views INTEGER, runs INTEGER, body TEXT)")
        self._database.execute("BEGIN")
        try:
            self._fill(before, after)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the disk space back."""
        self._database.close()

    @property
    def days(self) -> float:
        """Days between the two snapshots; negative when they were given the other way round."""
        return (self.after.timestamp - self.before.timestamp) / _DAY

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Changes per asset and word; nothing of what did not happen."""
        found: dict[tuple[str, str], int] = {
            (asset, word): count
            for asset, word, count in self._database.execute(
                "SELECT asset, word, count(*) FROM change GROUP BY asset, word"
            )
        }
        counts = {
            asset: {word: found[asset, word] for word in CHANGE_WORDS if (asset, word) in found}
            for asset in ORDER
        }
        return {asset: words for asset, words in counts.items() if words}

    def changes(
        self, *, asset: str | None = None, change: str | None = None, limit: int | None = None
    ) -> Iterator[Change]:
        """Yield the changes, by asset and token.

        :param asset: only of this one; default all.
        :param change: only those of this word; default all.
        :param limit: no more than so many; default all.
        """
        found = self._database.execute(
            "SELECT body FROM change WHERE (?1 IS NULL OR asset = ?1) AND (?2 IS NULL OR word = ?2) "
            "ORDER BY rowid LIMIT ?3",
            (asset, change, -1 if limit is None else limit),
        )
        for (body,) in found:
            yield Change(**json.loads(body))

    def usage(self, *, by: str | None = None, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield how reports were used between the two: those that were viewed or run, by token.

        :param by: ``"views"`` or ``"runs"``: the most used first.
        :param limit: no more than so many; default all.
        :return: ``{"token", "name", "views", "runs", "days", "views_per_day", "runs_per_day"}``; what is not
            known is ``None``: runs where a snapshot has no side files, both where a counter went back.
        """
        found = self._database.execute(
            "SELECT body FROM usage "
            "ORDER BY CASE ?1 WHEN 'views' THEN views WHEN 'runs' THEN runs END DESC, rowid LIMIT ?2",
            (by, -1 if limit is None else limit),
        )
        for (body,) in found:
            yield json.loads(body)

    def to_json(self) -> Iterator[str]:
        """Yield one JSON object in pieces: what is kept, and what ``mode-catalog diff --json`` prints."""
        head = {
            "format_version": FORMAT_VERSION,
            "workspace": self.after.workspace,
            "from": self.before.timestamp,
            "to": self.after.timestamp,
            "options": {name: list(values) for name, values in self.options.items()},
            "counts": self.counts,
        }
        yield _encode(head)[:-1]
        yield from _listed("changes", (change.to_json() for change in self.changes()))
        yield from _listed("usage", self.usage())
        yield "\n}\n"

    def keep(self) -> StoragePath | None:
        """Write it beside the later snapshot, ``{timestamp}.changes``, and remove the oldest others.

        :return: its path; ``None`` for a folder of another tool, which is only read.
        """
        if self._kept is None:
            return None
        return self._kept.keep(self.after.timestamp, (piece.encode("ascii") for piece in self.to_json()))

    def _fill(self, before: Snapshot, after: Snapshot) -> None:
        for change in changes_between(before, after):
            self._database.execute(
                "INSERT INTO change VALUES (?, ?, ?)",
                (change.asset, change.change, _encode(change.to_json())),
            )
        for old, new in side_by_side(rows_with_facts(before, "report"), rows_with_facts(after, "report")):
            if old is not None and new is not None and (used := self._used(old, new)):
                self._database.execute(
                    "INSERT INTO usage VALUES (?, ?, ?)", (used["views"], used["runs"], _encode(used))
                )

    def _used(self, old: RowWithFacts, new: RowWithFacts) -> dict[str, Any] | None:
        views = increase(old[0].get("view_count"), new[0].get("view_count"))
        runs = increase(old[1].get("runs_count"), new[1].get("runs_count"))
        if not views and not runs:
            return None
        days = self.days
        return {
            "token": new[0]["token"],
            "name": name_of(new[0]),
            "views": views,
            "runs": runs,
            "days": round(days, 3),
            "views_per_day": per_day(views, days),
            "runs_per_day": per_day(runs, days),
        }


def since_previous(after: Snapshot, kept: Mapping[int, StoragePath]) -> SnapshotDiff:
    """Return what changed since the last whole snapshot before; damaged ones are passed over, with a warning.

    :param after: the later snapshot.
    :param kept: manifests by timestamp, see :func:`~mode_catalog_provider.snapshot.choice.kept_snapshots`.
    :raises SnapshotNotFoundError: there is none before it.
    :raises SnapshotError: ``after`` is damaged, or everything before it.
    """
    limit = after.manifest.timestamp
    while True:
        before = chosen_snapshot(PREVIOUS, kept, earlier_than=limit)
        limit = before.manifest.timestamp
        try:
            return SnapshotDiff(before, after)
        except SnapshotError as error:
            if error.timestamp != limit or limit == min(kept):
                raise
            pass_over(error)


def increase(before: object, after: object) -> int | None:
    """Return by how much a counter grew, ``None`` where that is not known or it went back."""
    counts = [counted(before), counted(after)]
    if counts[0] is None or counts[1] is None or counts[1] < counts[0]:
        return None
    return counts[1] - counts[0]


def per_day(number: int | None, days: float) -> float | None:
    """Return a number by day, ``None`` where it is unknown or no time has passed."""
    return None if number is None or days <= 0 else round(number / days, 2)


def counted(value: object) -> int | None:
    """Return a counter as a number, ``None`` where it is none."""
    # Mode's documentation says text, its answers say number.
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        return int(value)
    return int(value) if isinstance(value, int | float) and 0 <= value < 10**15 else None


def _listed(name: str, objects: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield f',\n"{name}": ['
    separator = "\n"
    for one in objects:
        yield f"{separator}{_encode(one)}"
        separator = ",\n"
    yield "]"
