"""What an extraction that died had read, so that the next one goes on from there instead of from zero.

Kept are the answers that make up most of a first extraction, one request each: the queries of a report, read
by REST, and the profile of a member. All listings are made anew, bulk pages too. So an extraction that goes
on takes what was read by the rule of an incremental one: a report or member must be listed, and bear the mark
that it bore when it was read. What was deleted, moved, renamed, archived or edited meanwhile shows as it is
now. To keep listings as well would save the smaller part, and nothing would tell what they miss.

They lie beside the snapshots in files of their own (:mod:`.segment`), each with the identity of who read it,
so that another worker can go on and two extractions at once do no harm. Whatever is wrong with them never
ends an extraction: it reads from Mode what it does not have.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mode_catalog_provider import __version__
from mode_catalog_provider.errors import (
    SnapshotAlteredError,
    SnapshotError,
    SnapshotMismatchError,
    SnapshotStaleError,
)
from mode_catalog_provider.extract.segment import FULL, LONGEST, Reading, identity_of, packed, unpacked
from mode_catalog_provider.moments import spoken, stamp
from mode_catalog_provider.scratch import private_database, token_bytes
from mode_catalog_provider.snapshot.layout import PARTIAL, Layout, StoragePath, entries
from mode_catalog_provider.snapshot.output import (
    OutputFile,
    make_directory,
    remove_empty_directory,
    remove_file,
)
from mode_catalog_provider.snapshot.reader import newest_snapshot
from mode_catalog_provider.storage import is_local, open_to_read
from mode_catalog_provider.text import visible

if TYPE_CHECKING:
    from mode_catalog_provider.extract.options import ExtractionOptions
    from mode_catalog_provider.mode.client import ModeClient

log = logging.getLogger(__name__)

#: Folder beside the snapshots of a workspace.
FOLDER = ".unfinished"

#: Nothing is taken that was read so long before the extraction that goes on.
MAX_AGE = timedelta(hours=24)

#: Readings in one file. At Mode's four requests a second a kill costs those of 25 seconds at most.
TOGETHER = 100

#: Bytes of all files, compressed; after that, nothing more is kept.
MOST = 1 << 30

#: Pages of the database kept in memory, in KiB.
_CACHE = 2 * 1024

#: Options that decide how something is read. All others must be the same.
_HOW = {"strategy", "incremental", "full_refresh_after", "resume", "max_in_flight"}

#: A file: the run that wrote it, something that no other has, and whether it is still being written.
_SEGMENT = re.compile(rf"([1-9]\d{{0,10}})-[0-9a-f]{{16}}\.segment({re.escape(PARTIAL)})?", re.ASCII)


class Unfinished:
    """The readings of extractions that did not finish, and those of the one under way.

    A context manager. Entering takes in what was left, and removes what is of no use; leaving with an error
    keeps what was read since. To be used from one thread, under the lock of the layout if there is one.

    :param layout: where the snapshots lie.
    :param client: whose answers are kept; verified.
    :param options: those of the extraction. With ``resume=False`` nothing is kept, nor taken.
    :param run: timestamp that this extraction has claimed for its snapshot.
    :param now: clock, in Unix seconds.
    """

    def __init__(
        self,
        *,
        layout: Layout,
        client: ModeClient,
        options: ExtractionOptions,
        run: int,
        now: Callable[[], float],
    ) -> None:
        self._layout = layout
        self._folder = layout.home / FOLDER
        self._client = client
        self._options = options
        self._run = run
        self._now = now
        self._keeps = options.resume
        self._database: sqlite3.Connection | None = None
        self._gathered: list[bytes] = []
        # Of the files, compressed.
        self._bytes = 0
        self._keys: dict[str, str] = {}
        self._taken: Counter[str] = Counter()
        self._runs: set[int] = set()
        self._last_read = 0
        self._found: Counter[str] = Counter()

    def __enter__(self) -> Self:
        if not self._keeps:
            self.remove()
            return self
        self._token = self._client.key.token
        self._salt = secrets.token_hex(16)
        try:
            self._take_in()
        except Exception as error:
            # Any exception: each object store has errors of its own.
            log.warning("Not all that unfinished extractions have left can be used: %s", error)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._write()
        if self._database is not None:
            self._database.close()

    # -- taking --------------------------------------------------------------------------------------------

    def recall(self, asset: str, token: str, mark: str) -> Reading | None:
        """Return what was read of an object that has not changed since; ``None``: it must be read.

        :param asset: ``"report"`` for the queries of one, ``"member"`` for a profile.
        :param token: of the report or member.
        :param mark: as it is now.
        """
        if self._database is None:
            return None
        key = (asset, token_bytes(token))
        found = self._database.execute(
            "SELECT read_at, rows FROM reading WHERE asset = ? AND token = ? AND mark = ?", (*key, mark)
        ).fetchone()
        if found is None:
            self._taken["changed"] += _knows(self._database, key)
            return None
        rows = json.loads(found[1])
        self._taken[f"{asset}s"] += 1
        self._taken["queries"] += len(rows) if asset == "report" else 0
        return Reading(asset, token, mark, found[0], rows)

    def _take_in(self) -> None:
        last = newest_snapshot(self._layout)
        finished = last.manifest.timestamp if last else 0
        useless: Counter[str] = Counter()
        for name, path in sorted(entries(self._folder).items()):
            if (match := _SEGMENT.fullmatch(name)) is None:
                continue
            try:
                readings = self._usable(path, whole=not match[2], spent=int(match[1]) <= finished)
            except Exception as error:
                useless[visible(error, 300).rstrip(".")] += 1
                with suppress(Exception):
                    remove_file(path)
                continue
            self._runs.add(int(match[1]))
            for reading in readings:
                self._add(reading)
        if useless:
            log.info(
                "Of what unfinished extractions have left, some is not used and removed: %s.",
                "; ".join(f"{why} (files: {count})" for why, count in useless.items()),
            )
        if self._found:
            log.info(
                "An extraction begun at %s did not finish; until %s it read the queries of %d reports and "
                "the profiles of %d members. Those that have not changed are taken from there.",
                spoken(min(self._runs)),
                spoken(self._last_read),
                self._found["report"],
                self._found["member"],
            )

    def _usable(self, path: StoragePath, *, whole: bool, spent: bool) -> list[Reading]:
        """Return the readings of a file; raises what says why it is of no use."""
        if not whole:
            raise SnapshotAlteredError("it is not whole")
        if spent:
            raise SnapshotStaleError("a whole snapshot was made since")
        with open_to_read(path) as file:
            content = file.read(LONGEST + 1)
        if len(content) > LONGEST:
            raise SnapshotAlteredError("it is longer than one of ours")
        if self._bytes + len(content) > MOST:
            raise SnapshotError(f"there are more than {MOST >> 20} MB of it")
        identity = identity_of(content)
        if identity != self._identity_with(str(identity.get("salt"))):
            raise SnapshotMismatchError(
                "it was read with another API key, from another workspace, with other options, or by another "
                "version of this package"
            )
        age, until = min(MAX_AGE, self._options.full_refresh_after).total_seconds(), self._now()
        # A reading of the future was made by a clock that was wrong, so nobody knows how old it is.
        fresh = [one for one in unpacked(content) if until - age < one.read_at <= until]
        if not fresh:
            raise SnapshotStaleError("it was read too long ago")
        self._bytes += len(content)
        return fresh

    def _add(self, reading: Reading) -> None:
        if self._database is None:
            self._database = private_database(cache=_CACHE)
            self._database.execute(
                "CREATE TABLE reading (asset TEXT, token BLOB, mark TEXT, read_at INTEGER, rows TEXT, "
                "PRIMARY KEY (asset, token, mark))"
            )
            self._database.execute("BEGIN")
        key = (reading.asset, token_bytes(reading.token))
        self._found[reading.asset] += not _knows(self._database, key)
        self._last_read = max(self._last_read, reading.read_at)
        # Two extractions may have died in one second, so of two readings the mark says which one counts.
        self._database.execute(
            "INSERT INTO reading VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE "
            "SET read_at = excluded.read_at, rows = excluded.rows WHERE excluded.read_at >= read_at",
            (*key, reading.mark, reading.read_at, json.dumps(reading.rows)),
        )

    def _identity_with(self, salt: str) -> dict[str, Any]:
        return {
            "host": self._client.host,
            "workspace": self._client.workspace,
            "options": {name: what for name, what in self._options.to_json().items() if name not in _HOW},
            "provider_version": __version__,
            "salt": salt,
            "key": self._keys.get(salt) or self._keys.setdefault(salt, _key_mark(self._token, salt)),
        }

    # -- keeping -------------------------------------------------------------------------------------------

    def keep(self, reading: Reading) -> None:
        """Keep what was just read for an extraction that goes on, should this one die."""
        if not self._keeps:
            return
        if self._client.key.token != self._token:
            # What was read before was asked for with the key that it is kept for.
            self._write()
            self._give_up("the API key was rotated meanwhile")
            return
        line = reading.encoded()
        if len(line) > FULL:
            return
        self._gathered.append(line)
        if len(self._gathered) >= TOGETHER or sum(map(len, self._gathered)) >= FULL:
            self._write()

    def _write(self) -> None:
        gathered, self._gathered = self._gathered, []
        if not gathered or not self._keeps:
            return
        content = packed(self._identity_with(self._salt), gathered)
        self._bytes += len(content)
        if self._bytes > MOST:
            self._give_up(f"{MOST >> 20} MB are kept already")
            return
        try:
            self._make_folder()
            name = f"{self._run}-{secrets.token_hex(8)}.segment"
            with OutputFile(self._folder / name) as output:
                output.write(content)
            output.publish()
        except Exception as error:
            self._give_up(error)

    def _make_folder(self) -> None:
        make_directory(self._folder)
        if is_local(self._folder) and self._folder.is_symlink():
            raise SnapshotError(f"{self._folder} is a link, and nothing is written through one")

    def _give_up(self, why: object) -> None:
        self._keeps = False
        log.warning("Should this extraction die, what it reads from now on must be read again: %s", why)

    # -- the end -------------------------------------------------------------------------------------------

    def remove(self) -> None:
        """Remove all that was kept: a whole snapshot was made, or nothing is to be resumed."""
        self._gathered = []
        try:
            for name, path in entries(self._folder).items():
                if _SEGMENT.fullmatch(name):
                    remove_file(path)
            remove_empty_directory(self._folder)
        except Exception as error:
            log.warning("What unfinished extractions have left in %s stays: %s", self._folder, error)

    def to_json(self) -> dict[str, Any]:
        """Return what was taken, for the manifest.

        :return: ``{"resumed": {"begun", "last_read", "reports", "queries", "members", "changed"}}``: when
            the first of the unfinished extractions began and the last of them read something, what was taken
            of it, and how many objects were read again because they had changed. Empty: there was nothing.
        """
        if not self._found:
            return {}
        told = {"begun": stamp(min(self._runs)), "last_read": stamp(self._last_read)}
        counts = {name: self._taken[name] for name in ("reports", "queries", "members", "changed")}
        return {"resumed": {**told, **counts}}

    def tell(self) -> None:
        """Log what was taken."""
        if self._found:
            log.info(
                "Continued an extraction that died after %(at)s: %(queries)d queries of %(reports)d of its "
                "reports and %(members)d of its members were taken, %(changed)d had changed.",
                {**self.to_json()["resumed"], "at": spoken(self._last_read)},
            )


def _knows(database: sqlite3.Connection, key: tuple[str, bytes]) -> bool:
    known = database.execute("SELECT 1 FROM reading WHERE asset = ? AND token = ? LIMIT 1", key)
    return known.fetchone() is not None


def _key_mark(token: str, salt: str) -> str:
    # A key's token is no secret by itself, but what lies on a disk should not lead to it either.
    return hashlib.scrypt(token.encode(), salt=salt.encode(), n=2**14, r=8, p=1, dklen=16).hex()
