"""Reports that wait for something to be known, on disk: there may be as many as the workspace has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mode_catalog_provider.scratch import private_database

#: Pages of the database kept in memory, in KiB: rows go in at one end and come out at the other.
_CACHE = 256

#: Reports taken out at once.
_AT_ONCE = 200


class WaitingReports:
    """A queue of reports: row, mark, and when it was edited. To be used from one thread."""

    def __init__(self) -> None:
        self._database = private_database(cache=_CACHE)
        self._database.execute("CREATE TABLE report (place INTEGER PRIMARY KEY, entry TEXT)")
        self._database.execute("BEGIN")
        self._waiting = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return self._waiting

    def add(self, report: dict[str, Any], mark: str | None, edited: float | None) -> None:
        """Let a report wait."""
        entry = json.dumps([report, mark, edited])
        self._database.execute("INSERT INTO report (entry) VALUES (?)", (entry,))
        self._waiting += 1

    def take(self) -> Iterator[tuple[dict[str, Any], str | None, float | None]]:
        """Yield what was added, in that order."""
        select = "SELECT place, entry FROM report WHERE place > ? ORDER BY place LIMIT ?"
        last = 0
        while found := self._database.execute(select, (last, _AT_ONCE)).fetchall():
            last = found[-1][0]
            for _, entry in found:
                self._waiting -= 1
                report, mark, edited = json.loads(entry)
                yield report, mark, edited

    def close(self) -> None:
        """Give the disk space back."""
        self._database.close()
