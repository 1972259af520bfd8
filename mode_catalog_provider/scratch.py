"""Rows on their way to the files: sorted and made unique on disk, so that no list lives in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from mode_catalog_provider.errors import SnapshotError

#: Pages kept in memory, in KiB. Four times as much makes it no faster: the system caches the file as well.
_CACHE = 8 * 1024


def private_database(*, cache: int) -> sqlite3.Connection:
    """Open a temporary database that SQLite itself has already unlinked from the disk.

    It lies in the system's temporary folder (``SQLITE_TMPDIR`` or ``TMPDIR`` name another) and vanishes with
    the process, however that ends. To be used from the thread that opened it.

    :param cache: pages kept in memory, in KiB.
    """
    database = sqlite3.connect("", isolation_level=None)
    # Nothing here outlives the process: a journal and syncs would only cost time.
    for pragma in ("page_size=16384", "journal_mode=OFF", "synchronous=OFF", f"cache_size=-{cache}"):
        database.execute(f"PRAGMA {pragma}")
    return database


class RowSpool:
    """Encoded rows in a :func:`private_database`, which takes about the space of the finished files."""

    def __init__(self) -> None:
        self._database = private_database(cache=_CACHE)
        self._database.execute("CREATE TABLE row (asset TEXT, token BLOB, body BLOB)")
        self._database.execute("CREATE UNIQUE INDEX by_token ON row (asset, token)")
        self._database.execute("BEGIN")

    def put(self, asset: str, token: str, body: bytes) -> None:
        """Keep an encoded row; a row of the same asset and token is replaced, for the later one is newer."""
        with _full_disk_explained():
            self._database.execute(
                "INSERT INTO row VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
                (asset, token_bytes(token), body),
            )

    def bodies(self, asset: str) -> Iterator[bytes]:
        """Yield the encoded rows of an asset by token, in code point order."""
        with _full_disk_explained():
            found = self._database.execute("SELECT body FROM row WHERE asset = ? ORDER BY token", (asset,))
            for (body,) in found:
                yield body

    def append(self, asset: str, token: str, part: bytes) -> None:
        """Keep a part of what is known of a token, behind the parts that are kept already.

        :param part: without a line break.
        """
        with _full_disk_explained():
            self._database.execute(
                "INSERT INTO row VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET body = CAST(body || x'0a' || excluded.body AS BLOB)",
                (asset, token_bytes(token), part),
            )

    def appended(self, asset: str, *, of: str) -> Iterator[tuple[str, list[bytes]]]:
        """Yield tokens with their parts in the order of their coming, by token in code point order.

        :param of: only tokens that have a row of this asset.
        """
        with _full_disk_explained():
            found = self._database.execute(
                "SELECT token, body FROM row AS part WHERE asset = ? AND EXISTS "
                "(SELECT 1 FROM row WHERE asset = ? AND token = part.token) ORDER BY token",
                (asset, of),
            )
            for token, body in found:
                yield token.decode("utf-8", "surrogatepass"), body.split(b"\n")

    def close(self) -> None:
        """Give the disk space back."""
        self._database.close()


def token_bytes(token: str) -> bytes:
    """Return a token as the bytes by which tokens are sorted and found."""
    # Bytes of UTF-8 sort as code points do; "surrogatepass" because JSON may carry half a pair.
    return token.encode("utf-8", "surrogatepass")


@contextmanager
def _full_disk_explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise SnapshotError(
            f"Rows could not be kept on the temporary disk ({error}). An extraction needs about as much "
            f"space there as its files take; the environment variable SQLITE_TMPDIR names another folder."
        ) from error
