"""Rows on their way to the files: sorted and made unique on disk, so that no list lives in memory."""

from __future__ import annotations

import json
import marshal
import os
import sqlite3
from collections.abc import Iterator
from typing import Any

from mode_catalog_provider.errors import SnapshotError

#: Pages kept in memory, in KiB. Eight times as much makes it no faster: the system caches the file as well.
_CACHE = 4 * 1024


#: What SQLite says of a disk that is full, broken, or not there.
_OF_THE_DISK = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}


def private_database(*, cache: int) -> sqlite3.Connection:
    """Open a temporary database that SQLite itself has already unlinked from the disk.

    It lies in the system's temporary folder (``SQLITE_TMPDIR`` or ``TMPDIR`` name another) and vanishes with
    the process, however that ends. To be used from the thread that opened it. A full disk is told as a
    :class:`SnapshotError` that names the folder.

    :param cache: pages kept in memory, in KiB.
    """
    database = sqlite3.connect("", isolation_level=None, factory=_PrivateDatabase)
    # Nothing here outlives the process: a journal and syncs would only cost time.
    for pragma in ("page_size=16384", "journal_mode=OFF", "synchronous=OFF", f"cache_size=-{cache}"):
        database.execute(f"PRAGMA {pragma}")
    return database


def database_at(path: str | os.PathLike[str]) -> sqlite3.Connection:
    """Open, or create, a database in a file; a full disk is told as by :func:`private_database`."""
    return sqlite3.connect(path, isolation_level=None, factory=_PrivateDatabase)


class RowStore:
    """Encoded rows in a :func:`private_database`, which takes about the space of the finished files."""

    def __init__(self) -> None:
        self._database = private_database(cache=_CACHE)
        self._database.execute("CREATE TABLE row (asset TEXT, token BLOB, body BLOB)")
        self._database.execute("CREATE UNIQUE INDEX by_token ON row (asset, token)")
        self._database.execute("BEGIN")

    def put(self, asset: str, token: str, body: bytes) -> None:
        """Keep an encoded row; a row of the same asset and token is replaced, for the later one is newer."""
        self._database.execute(
            "INSERT INTO row VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
            (asset, token_bytes(token), body),
        )

    def bodies(self, asset: str) -> Iterator[bytes]:
        """Yield the encoded rows of an asset by token, in code point order."""
        found = self._database.execute("SELECT body FROM row WHERE asset = ? ORDER BY token", (asset,))
        for (body,) in found:
            yield body

    def append(self, asset: str, token: str, part: bytes) -> None:
        """Keep a part of what is known of a token, behind the parts that are kept already.

        :param part: without a line break.
        """
        self._database.execute(
            "INSERT INTO row VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET body = CAST(body || x'0a' || excluded.body AS BLOB)",
            (asset, token_bytes(token), part),
        )

    def appended(self, asset: str, *, of: str) -> Iterator[tuple[str, list[bytes]]]:
        """Yield tokens with their parts in the order of their coming, by token in code point order.

        :param of: only tokens that have a row of this asset.
        """
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


def packed(value: dict[str, Any] | list[Any]) -> bytes:
    """Return what a JSON text said, for a :func:`private_database`: a tenth of the work of JSON.

    :param value: as the JSON parser gave it.
    """
    try:
        return marshal.dumps(value)
    except ValueError:
        # Nested deeper than this goes, but not too deep for the parser.
        return marshal.dumps(json.dumps(value))


def unpacked(packed_value: bytes) -> Any:
    """Return what :func:`packed` was given, in this very process: nothing else may be given here."""
    value = marshal.loads(packed_value)  # noqa: S302 - our own bytes, out of a file without a name
    return json.loads(value) if isinstance(value, str) else value


class _PrivateDatabase(sqlite3.Connection):
    """Says in our words what a full disk is to SQLite."""

    # Called for each row: a context manager would cost more than most statements.
    def execute(self, *args: Any) -> sqlite3.Cursor:
        try:
            return super().execute(*args)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _OF_THE_DISK:
                raise
            raise _full_disk(error) from error

    def executemany(self, *args: Any) -> sqlite3.Cursor:
        try:
            return super().executemany(*args)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _OF_THE_DISK:
                raise
            raise _full_disk(error) from error


def _full_disk(error: sqlite3.OperationalError) -> SnapshotError:
    return SnapshotError(
        f"What was read could not be kept on the temporary disk, {_temporary_folder()} ({error}). An "
        "extraction needs about as much space there as its files take. Make room, or let the environment "
        "variable SQLITE_TMPDIR name another folder."
    )


def _temporary_folder() -> str:
    """Return where SQLite keeps what has no name."""
    wanted = (os.environ.get("SQLITE_TMPDIR"), os.environ.get("TMPDIR"), "/var/tmp", "/usr/tmp", "/tmp")  # noqa: S108
    return next((folder for folder in wanted if folder and os.access(folder, os.W_OK | os.X_OK)), ".")
