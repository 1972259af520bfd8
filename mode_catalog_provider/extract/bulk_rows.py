"""The bulk listings of reports and of their statistics, on disk while one extraction needs them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mode_catalog_provider.scratch import packed, private_database, token_bytes, unpacked

#: Pages of the database kept in memory, in KiB.
_CACHE = 2 * 1024

#: What is kept of a bulk row: what tells of a change, and nothing else.
_KEPT = (
    "id",
    "name",
    "description",
    "created_at",
    "edited_at",
    "updated_at",
    "last_successfully_run_at",
    "last_viewed_at",
    "last_run_at",
    "last_run_token",
    "last_run_state",
    "creator_email",
    "space_token",
)

_VIEWS = ("view_count", "total_views_count")


@dataclass(frozen=True, slots=True)
class Shown:
    """What bulk listings say of one report.

    :param report: what is kept of its row.
    :param stat: its numbers of views, ``None``: bulk has none.
    :param mark: what :meth:`BulkRows.keep_mark` kept, ``None``: nothing yet.
    """

    report: dict[str, Any]
    stat: dict[str, Any] | None
    mark: list[Any] | None


class BulkRows:
    """Reports as the Discovery API lists them, by token and by collection. To be used from one thread."""

    def __init__(self) -> None:
        self._database = private_database(cache=_CACHE)
        self._database.execute("CREATE TABLE report (token BLOB PRIMARY KEY, collection BLOB, body BLOB)")
        self._database.execute("CREATE TABLE stat (token BLOB PRIMARY KEY, body BLOB) WITHOUT ROWID")
        self._database.execute("CREATE TABLE mark (token BLOB PRIMARY KEY, body BLOB) WITHOUT ROWID")
        self._database.execute("CREATE INDEX by_collection ON report (collection, token)")
        self._database.execute("BEGIN")
        #: The newest ``updated_at`` of all reports, as written.
        self.newest: str | None = None

    def add_reports(self, rows: Iterable[Any]) -> None:
        """Take in a page of the listing of reports."""
        for row in rows:
            token, collection = _texts(row, "token", "space_token")
            if token is None or collection is None:
                continue
            body = {name: row[name] for name in _KEPT if name in row}
            self._database.execute(
                "INSERT OR REPLACE INTO report VALUES (?, ?, ?)",
                (token_bytes(token), token_bytes(collection), packed(body)),
            )
            if isinstance(stamp := row.get("updated_at"), str):
                self.newest = max(self.newest or stamp, stamp)

    def add_stats(self, rows: Iterable[Any]) -> None:
        """Take in a page of the listing of statistics."""
        for row in rows:
            (token,) = _texts(row, "report_token")
            if token is not None:
                views = {name: row[name] for name in _VIEWS if name in row}
                self._database.execute(
                    "INSERT OR REPLACE INTO stat VALUES (?, ?)", (token_bytes(token), packed(views))
                )

    def tokens_in(self, collection: str) -> set[str]:
        """Return the tokens of the reports that are in a collection."""
        found = self._database.execute(
            "SELECT token FROM report WHERE collection = ?", (token_bytes(collection),)
        )
        return {token.decode("utf-8", "surrogatepass") for (token,) in found}

    def count_in(self, collection: str) -> int:
        """Return how many reports are in a collection."""
        counted = "SELECT count(*) FROM report WHERE collection = ?"
        return int(self._database.execute(counted, (token_bytes(collection),)).fetchone()[0])

    def report(self, token: str) -> dict[str, Any] | None:
        """Return what is kept of a report's row, ``None`` when bulk does not list it."""
        found = self._database.execute("SELECT body FROM report WHERE token = ?", (token_bytes(token),))
        row = found.fetchone()
        return None if row is None else dict(unpacked(row[0]))

    def shown(self, token: str) -> Shown | None:
        """Return all that is kept of a report, ``None`` when bulk does not list it."""
        found = self._database.execute(
            "SELECT report.body, stat.body, mark.body FROM report "
            "LEFT JOIN stat USING (token) LEFT JOIN mark USING (token) WHERE report.token = ?",
            (token_bytes(token),),
        ).fetchone()
        if found is None:
            return None
        stat, mark = (None if part is None else unpacked(part) for part in found[1:])
        return Shown(unpacked(found[0]), stat, mark)

    def keep_mark(self, token: str, mark: list[Any]) -> None:
        """Keep what was made of all listings for a report."""
        self._database.execute(
            "INSERT OR REPLACE INTO mark VALUES (?, ?)", (token_bytes(token), packed(mark))
        )

    def close(self) -> None:
        """Give the disk space back."""
        self._database.close()


def _texts(row: Any, *names: str) -> Iterator[str | None]:
    for name in names:
        value = row.get(name) if isinstance(row, dict) else None
        yield value if isinstance(value, str) and value else None
