"""The bulk listings of reports and of their statistics, on disk while one extraction needs them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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


class BulkRows:
    """Reports as the Discovery API lists them, by token and by collection. To be used from one thread."""

    def __init__(self) -> None:
        self._database = private_database(cache=_CACHE)
        self._database.execute("CREATE TABLE report (token BLOB PRIMARY KEY, collection BLOB, body BLOB)")
        self._database.execute("CREATE TABLE stat (token BLOB PRIMARY KEY, body BLOB) WITHOUT ROWID")
        self._database.execute("CREATE TABLE mark (token BLOB PRIMARY KEY, body TEXT) WITHOUT ROWID")
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
                views = {name: row[name] for name in ("view_count", "total_views_count") if name in row}
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
        return self._one("report", token)

    def stat(self, token: str) -> dict[str, Any] | None:
        """Return the numbers of views of a report, ``None`` when bulk has none."""
        return self._one("stat", token)

    def keep_mark(self, token: str, text: str) -> None:
        """Keep what was made of all listings for a report."""
        self._database.execute("INSERT OR REPLACE INTO mark VALUES (?, ?)", (token_bytes(token), text))

    def mark(self, token: str) -> str | None:
        """Return what :meth:`keep_mark` kept."""
        found = self._database.execute("SELECT body FROM mark WHERE token = ?", (token_bytes(token),))
        row = found.fetchone()
        return None if row is None else str(row[0])

    def close(self) -> None:
        """Give the disk space back."""
        self._database.close()

    def _one(self, table: str, token: str) -> dict[str, Any] | None:
        found = self._database.execute(
            f"SELECT body FROM {table} WHERE token = ?",  # noqa: S608 - a name of our own
            (token_bytes(token),),
        ).fetchone()
        return None if found is None else dict(unpacked(found[0]))


def _texts(row: Any, *names: str) -> Iterator[str | None]:
    for name in names:
        value = row.get(name) if isinstance(row, dict) else None
        yield value if isinstance(value, str) and value else None
