"""Which reports were listed where, on disk: by REST, and by the batch listing that checks it.

A walk over pages cannot see every move of its rows: a report deleted from a page that was read pulls another
one over the page's edge, unseen. The batch listing of reports, read when all walks are over, can tell. If it
has exactly the reports that a collection showed, none was deleted while that was read, so none was hidden;
provided that the batch listing is up to date, which nobody promises for the last minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mode_catalog_provider.scratch import private_database, token_bytes

#: Pages of the database kept in memory, in KiB; a report takes about 30 bytes.
_CACHE = 2 * 1024


class ReportRoll:
    """The reports of one extraction, in a private temporary database. To be used from one thread."""

    def __init__(self) -> None:
        self._database = private_database(cache=_CACHE)
        columns = "token BLOB PRIMARY KEY, collection BLOB"
        self._database.execute(f"CREATE TABLE shown ({columns}, dataset INTEGER) WITHOUT ROWID")
        self._database.execute(f"CREATE TABLE batch ({columns}) WITHOUT ROWID")
        self._database.execute("BEGIN")
        #: How many reports were listed by REST.
        self.size = 0

    def add(self, token: str, *, collection: str, dataset: bool) -> bool:
        """Note a report that REST lists; returns whether it had not been listed before.

        :param token: the report's token.
        :param collection: token of the collection it is listed under.
        :param dataset: it is a dataset, which batch need not know.
        """
        row = (token_bytes(token), token_bytes(collection), dataset)
        new = self._database.execute("INSERT OR IGNORE INTO shown VALUES (?, ?, ?)", row).rowcount == 1
        self.size += new
        return new

    def check(self, rows: Iterable[Any]) -> None:
        """Take in a page of the batch listing."""
        tokens = ((row.get("token"), row.get("space_token")) for row in rows if isinstance(row, Mapping))
        self._database.executemany(
            "INSERT OR IGNORE INTO batch VALUES (?, ?)",
            (
                (token_bytes(token), token_bytes(collection))
                for token, collection in tokens
                if isinstance(token, str) and isinstance(collection, str)
            ),
        )

    def in_batch(self, token: str) -> bool:
        """Return whether the batch listing, as far as it was read, has a report."""
        found = self._database.execute("SELECT 1 FROM batch WHERE token = ?", (token_bytes(token),))
        return found.fetchone() is not None

    def doubtful(self) -> set[str]:
        """Return the collections of which batch shows other reports than REST did.

        Datasets count only where batch shows them: nobody says that it does.
        """
        found = self._database.execute(
            "SELECT collection FROM batch WHERE token NOT IN (SELECT token FROM shown) UNION "
            "SELECT collection FROM shown WHERE NOT dataset AND NOT EXISTS (SELECT 1 FROM batch "
            "WHERE batch.token = shown.token AND batch.collection = shown.collection)"
        )
        return {collection.decode("utf-8", "surrogatepass") for (collection,) in found}

    def close(self) -> None:
        """Give the disk space back."""
        self._database.close()
