"""All reports of a snapshot, to be searched and sorted: made once, and kept on the temporary disk."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mode_catalog_provider.audit.values import count_of, moment_of, text_of
from mode_catalog_provider.scratch import database_at
from mode_catalog_provider.snapshot.change_words import name_of
from mode_catalog_provider.snapshot.reader import Snapshot
from mode_catalog_provider.snapshot.rows import rows_with_facts, sorted_rows
from mode_catalog_provider.storage import location_of
from mode_catalog_provider.text import visible

#: What the list may be sorted by, with what the column is called; the values are this module's own words.
COLUMNS: Mapping[str, str] = {
    "name": "Report",
    "collection": "Collection",
    "owner": "Owner",
    "views": "Views",
    "queries": "Queries",
    "edited": "Edited",
    "ran": "Last run",
    "created": "Created",
}

#: Snapshots whose index is kept; the one that was not asked for longest goes first.
_KEPT = 4

#: Characters of a cell.
_CELL = 200

_FIELDS = (
    "token TEXT, name TEXT, collection TEXT, owner TEXT, views INT, queries INT, edited TEXT, ran TEXT, "
    "created TEXT, archived INT, name_key TEXT, words TEXT"
)


@dataclass(frozen=True, kw_only=True)
class Found:
    """One page of a search.

    :param total: how many reports were found in all.
    :param rows: those of the page.
    """

    total: int
    rows: tuple[Mapping[str, Any], ...]


class ReportIndexes:
    """The indexes of the snapshots that people looked at last; any thread may ask.

    :param kept: how many stay on the disk.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._files: OrderedDict[tuple[str, int, str], Path] = OrderedDict()
        self._lock = threading.Lock()
        self._made = 0

    def search(
        self, snapshot: Snapshot, *, words: str, sort: str, descending: bool, page: int, rows: int
    ) -> Found:
        """Return one page of the reports that have all the words.

        :param snapshot: whose reports they are.
        :param words: what a report's name, token, collection or owner must hold, in any case.
        :param sort: one of :data:`COLUMNS`.
        :param descending: the largest first; what is unknown comes last in either direction.
        :param page: from 1.
        :param rows: of one page.
        :raises SnapshotError: a file of the snapshot is gone or altered, or the temporary disk is full.
        """
        path = self._index_of(snapshot)
        wanted = [f"%{_literal(word)}%" for word in words.casefold().split()[:20]]
        where = " AND ".join(["words LIKE ? ESCAPE '\\'"] * len(wanted)) or "1"
        column = {"name": "name_key"}.get(sort, next(name for name in COLUMNS if name == sort))
        order = f"{column} IS NULL, {column} {'DESC' if descending else 'ASC'}, token"
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            # Column and direction are words of this module, and everything else is bound.
            (total,) = database.execute(f"SELECT count(*) FROM report WHERE {where}", wanted).fetchone()  # noqa: S608
            found = database.execute(
                f"SELECT * FROM report WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",  # noqa: S608
                [*wanted, rows, (page - 1) * rows],
            )
            return Found(total=total, rows=tuple(dict(row) for row in found))

    def _index_of(self, snapshot: Snapshot) -> Path:
        entry = next(entry for entry in snapshot.manifest.files if entry.asset == "report")
        key = (location_of(snapshot.directory), snapshot.manifest.timestamp, entry.sha256)
        # One at a time: what two people open at once is made once.
        with self._lock:
            if key in self._files:
                self._files.move_to_end(key)
                return self._files[key]
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="mode-catalog-page-")
            self._made += 1
            path = Path(self._folder.name) / f"{self._made}.sqlite"
            try:
                _write(path, snapshot)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            self._files[key] = path
            while len(self._files) > self._kept:
                self._files.popitem(last=False)[1].unlink(missing_ok=True)
            return path


def _write(path: Path, snapshot: Snapshot) -> None:
    with closing(database_at(path)) as database:
        for pragma in ("journal_mode=OFF", "synchronous=OFF"):
            database.execute(f"PRAGMA {pragma}")
        database.execute(f"CREATE TABLE report ({_FIELDS})")
        database.execute("CREATE TEMP TABLE collection (token TEXT PRIMARY KEY, name TEXT)")
        database.execute("BEGIN")
        database.executemany(
            "INSERT OR REPLACE INTO collection VALUES (?, ?)",
            (
                (text_of(row["token"]), visible(name_of(row), _CELL))
                for row in sorted_rows(snapshot, "collection")
            ),
        )
        database.executemany(
            "INSERT INTO report VALUES (?1, ?2, (SELECT name FROM collection WHERE token = ?3), ?4, ?5, ?6, "
            "?7, ?8, ?9, ?10, ?11, '')",
            _rows(snapshot),
        )
        database.create_function("folded", 1, lambda text: text.casefold(), deterministic=True)
        database.execute(
            "UPDATE report SET words = folded(name || ' ' || token || ' ' || coalesce(collection, '') || ' ' "
            "|| coalesce(owner, ''))"
        )
        database.execute("COMMIT")


def _rows(snapshot: Snapshot) -> Iterator[tuple[Any, ...]]:
    for row, facts in rows_with_facts(snapshot, "report"):
        name = visible(name_of(row), _CELL)
        owner = row.get("creator")
        yield (
            text_of(row["token"]),
            name,
            text_of(row.get("space_token")),
            visible(owner, _CELL) if owner else None,
            count_of(row.get("view_count")),
            count_of(row.get("query_count")),
            moment_of(row.get("edited_at")),
            moment_of(facts.get("last_run_at")),
            moment_of(row.get("created_at")),
            row.get("archived") is True,
            name.casefold(),
        )


def _literal(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
