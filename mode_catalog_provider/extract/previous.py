"""What the newest complete snapshot of a workspace knows, so that it need not be read from Mode again."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from itertools import islice
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, Any, Self

from mode_catalog_provider import __version__
from mode_catalog_provider.contract import DATASET
from mode_catalog_provider.errors import SnapshotAlteredError, SnapshotError, SnapshotStaleError
from mode_catalog_provider.extract.earlier_rows import EarlierRows
from mode_catalog_provider.moments import in_words
from mode_catalog_provider.scratch import packed, private_database, token_bytes, unpacked
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.manifest import FileEntry
from mode_catalog_provider.snapshot.reader import Snapshot, newest_snapshot
from mode_catalog_provider.snapshot.row_stream import json_rows
from mode_catalog_provider.storage import open_to_read

log = logging.getLogger(__name__)

_CHUNK = 1 << 20

#: Pages of the database kept in memory, in KiB; a reading takes about 50 bytes.
_CACHE = 2 * 1024

#: Queries that are looked up at once.
_AT_ONCE = 100


class NoPrevious:
    """Stands for the earlier snapshot where there is none to build on.

    :param because: why not; default ``None``: nobody asked for one.
    """

    timestamp = None
    rows = None

    def __init__(self, because: str | None = None) -> None:
        self.because = because

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def recall(self, asset: str, token: str, mark: str) -> None:
        """Nothing is known."""

    def reading(self, asset: str, token: str) -> None:
        """Nothing is known."""

    def carry_queries(self, report_token: str) -> None:
        """There are none."""

    def reports_of(self, collection_token: str) -> None:
        """Nothing is known."""

    def datasets(self, collection_token: str | None = None) -> Iterator[str]:
        """There are none."""
        return iter(())

    def queries(self) -> Iterator[dict[str, Any]]:
        """There are none."""
        return iter(())


class PreviousSnapshot:
    """The readings, queries and members of an earlier snapshot, in a private copy.

    Everything is copied and proved by its hash before the first row is used, so nothing is lost when the
    snapshot is pruned or changed meanwhile. The copy lies in the system's temporary folder, without a name.
    A context manager, to be used from one thread.

    :param snapshot: a complete snapshot.
    :param max_age: readings as old as this, or older, are not known.
    :param now: clock, in Unix seconds.
    :param with_rows: whether :attr:`rows` are wanted, default false.
    :raises SnapshotStaleError: all of it was read too long ago.
    :raises SnapshotAlteredError: a file of it is not the one that was written.
    """

    because = None

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        max_age: timedelta,
        now: Callable[[], float] = time.time,
        with_rows: bool = False,
    ) -> None:
        #: When the snapshot was made, in Unix seconds.
        self.timestamp = snapshot.manifest.timestamp
        entries = {entry.asset: entry for entry in snapshot.manifest.files}
        with ExitStack() as opened:
            self._database = opened.enter_context(closing(private_database(cache=_CACHE)))
            self._database.execute(
                "CREATE TABLE reading (asset TEXT, token BLOB, mark TEXT, read_at INTEGER, row BLOB, "
                "recalled INTEGER DEFAULT 0, PRIMARY KEY (asset, token)) WITHOUT ROWID"
            )
            self._database.execute(
                "CREATE TABLE report (collection BLOB, token BLOB, PRIMARY KEY (collection, token)) "
                "WITHOUT ROWID"
            )
            self._database.execute(
                "CREATE TABLE dataset (collection BLOB, token BLOB, PRIMARY KEY (collection, token)) "
                "WITHOUT ROWID"
            )
            self._database.execute("BEGIN")
            if snapshot.manifest.readings:
                with _private_copy(snapshot, snapshot.manifest.readings) as readings:
                    self._load_readings(readings, now() - max_age.total_seconds(), now())
            # What bulk listings said is noted anew each time, and is nothing that was read.
            read = "SELECT 1 FROM reading WHERE asset IN ('report', 'member') LIMIT 1"
            if self._database.execute(read).fetchone() is None:
                raise SnapshotStaleError(f"nothing in it was read less than {in_words(max_age)} ago")
            with _private_copy(snapshot, entries["member"]) as members:
                self._load_members(members)
            with _private_copy(snapshot, entries["report"]) as reports:
                self._load_reports(reports)
                #: Collections and reports themselves, ``None`` when not wanted, or not all there.
                self.rows = self._rows(snapshot, entries["collection"], reports) if with_rows else None
            if self.rows:
                opened.callback(self.rows.close)
            self._queries = opened.enter_context(_private_copy(snapshot, entries["query"]))
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def reading(self, asset: str, token: str) -> tuple[str, int] | None:
        """Return the mark that something bore when it was read, and when that was; ``None``: nobody knows.

        :param asset: as in the file of readings.
        :param token: likewise.
        """
        found = self._database.execute(
            "SELECT mark, read_at FROM reading WHERE asset = ? AND token = ?", (asset, token_bytes(token))
        ).fetchone()
        return None if found is None else (found[0], found[1])

    def carry_queries(self, report_token: str) -> tuple[str, int] | None:
        """Have :meth:`queries` give those of a report, whatever its mark; returns its :meth:`reading`."""
        if (found := self.reading("report", report_token)) is not None:
            self._recalled("report", report_token)
        return found

    def _recalled(self, asset: str, token: str) -> None:
        self._database.execute(
            "UPDATE reading SET recalled = 1 WHERE asset = ? AND token = ?", (asset, token_bytes(token))
        )

    def recall(self, asset: str, token: str, mark: str) -> tuple[int, dict[str, Any] | None] | None:
        """Return when an unchanged object was read, and a member's row; ``None`` when it is not known.

        :param asset: ``"report"`` for the queries of one, ``"member"`` for a profile.
        :param token: of the report or member.
        :param mark: as it is now; an object that bore another one has changed.
        """
        key = (asset, token_bytes(token), mark)
        found = self._database.execute(
            "SELECT read_at, row FROM reading WHERE asset = ? AND token = ? AND mark = ?", key
        ).fetchone()
        if found is None:
            return None
        self._recalled(asset, token)
        return found[0], None if found[1] is None else unpacked(found[1])

    def reports_of(self, collection_token: str) -> set[str] | None:
        """Return the tokens of the reports, datasets aside, that a collection had; ``None``: it had none.

        :param collection_token: the collection; nothing is known of one that is new.
        """
        found = self._database.execute(
            "SELECT token FROM report WHERE collection = ?", (token_bytes(collection_token),)
        )
        return {token.decode("utf-8", "surrogatepass") for (token,) in found} or None

    def datasets(self, collection_token: str | None = None) -> Iterator[str]:
        """Yield the tokens of all datasets, or of those in a collection."""
        if collection_token is None:
            found = self._database.execute("SELECT token FROM dataset")
        else:
            home = token_bytes(collection_token)
            found = self._database.execute("SELECT token FROM dataset WHERE collection = ?", (home,))
        for (token,) in found:
            yield token.decode("utf-8", "surrogatepass")

    def queries(self) -> Iterator[dict[str, Any]]:
        """Yield the queries of all reports that were recalled."""
        select = "SELECT token FROM reading WHERE recalled AND asset = 'report'"
        if self._database.execute(f"{select} LIMIT 1").fetchone() is None:
            return
        every_row = json_rows(_chunks(self._queries))
        while rows := list(islice(every_row, _AT_ONCE)):
            homes = [token_bytes(row["report_token"]) for row in rows]
            places = ", ".join("?" * len(homes))
            recalled = self._database.execute(f"{select} AND token IN ({places})", homes)
            known = {token for (token,) in recalled}
            yield from (row for row, home in zip(rows, homes, strict=True) if home in known)

    @staticmethod
    def _rows(snapshot: Snapshot, entry: FileEntry, reports: IO[bytes]) -> EarlierRows | None:
        try:
            with _private_copy(snapshot, entry) as collections:
                return EarlierRows(snapshot, collections=collections, reports=reports)
        except SnapshotError as error:
            log.info("Collections and reports are listed by REST: %s", error)
            return None

    def _load_readings(self, lines: IO[bytes], after: float, until: float) -> None:
        readings = map(json.loads, lines)
        self._database.executemany(
            "INSERT INTO reading (asset, token, mark, read_at) VALUES (?, ?, ?, ?)",
            (
                (asset, token_bytes(token), mark, read_at)
                for asset, token, mark, read_at in readings
                # A reading of the future was made by a clock that was wrong, so nobody knows how old it is.
                if after < read_at <= until
            ),
        )

    def _load_members(self, file: IO[bytes]) -> None:
        for row in json_rows(_chunks(file)):
            self._database.execute(
                "UPDATE reading SET row = ? WHERE asset = 'member' AND token = ?",
                (packed(row), token_bytes(row["token"])),
            )

    def _load_reports(self, file: IO[bytes]) -> None:
        for row in json_rows(_chunks(file)):
            token, home = token_bytes(row["token"]), token_bytes(row["space_token"] or "")
            if row["type"] == DATASET:
                self._database.execute("INSERT OR IGNORE INTO dataset VALUES (?, ?)", (home, token))
            else:
                self._database.execute("INSERT OR IGNORE INTO report VALUES (?, ?)", (home, token))


def open_previous(
    layout: Layout,
    *,
    workspace: str,
    host: str,
    max_age: timedelta,
    now: Callable[[], float] = time.time,
    with_rows: bool = False,
) -> PreviousSnapshot | NoPrevious:
    """Open the newest complete snapshot for an incremental extraction, or say why it cannot be built on.

    :param layout: where the snapshots of the workspace lie.
    :param workspace: name of the Mode workspace.
    :param host: base URL of Mode as configured.
    :param max_age: nothing that was read so long ago is used any more.
    :param now: clock, in Unix seconds.
    :param with_rows: whether its collections and reports are wanted as well, default false.
    """
    try:
        snapshot = newest_snapshot(layout)
        if snapshot is None:
            return NoPrevious(f"there is no earlier snapshot with a manifest in {layout.home}")
        if reason := _refusal(snapshot, workspace, host.rstrip("/")):
            return NoPrevious(f"{snapshot.manifest_path} {reason}")
        return PreviousSnapshot(snapshot, max_age=max_age, now=now, with_rows=with_rows)
    except Exception as error:
        # Any exception, for each object store has errors of its own: all can be read from Mode instead.
        return NoPrevious(f"the snapshot before cannot be built on: {error}")


def _refusal(snapshot: Snapshot, workspace: str, host: str) -> str | None:
    manifest = snapshot.manifest
    if (manifest.host, manifest.workspace) != (host, workspace):
        return f"is of {manifest.host}/{manifest.workspace}"
    if manifest.provider_version != __version__:
        # Another version may make other rows, and other marks, of what Mode sends.
        return f"was written by version {manifest.provider_version} of this package"
    if manifest.readings is None:
        return "does not say when its objects were read"
    return None


def _private_copy(snapshot: Snapshot, entry: FileEntry) -> IO[bytes]:
    """Copy a file and prove that it is the one that was written."""
    digest = hashlib.sha256()
    with ExitStack() as opened:
        copy = opened.enter_context(TemporaryFile())
        with open_to_read(snapshot.file_path(entry)) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                copy.write(chunk)
        if digest.hexdigest() != entry.sha256:
            raise SnapshotAlteredError(f"{entry.name} is not the file that was written")
        opened.pop_all()
    copy.seek(0)
    return copy


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while chunk := file.read(_CHUNK):
        yield chunk
