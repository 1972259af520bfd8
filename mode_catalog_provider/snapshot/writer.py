"""Writes one snapshot: rows in any order in, six files and a manifest out, or nothing at all."""

from __future__ import annotations

import itertools
import json
import logging
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from mode_catalog_provider import __version__
from mode_catalog_provider.contract import (
    CLIENT_NAME,
    DATA_ASSETS,
    KEYS,
    SHAPE_VERSION,
    SUMMARY,
    SUMMARY_KEYS,
    WRITER,
)
from mode_catalog_provider.errors import SnapshotError
from mode_catalog_provider.moments import stamp
from mode_catalog_provider.scratch import RowStore
from mode_catalog_provider.snapshot.facts import FactsStore
from mode_catalog_provider.snapshot.layout import (
    Layout,
    StoragePath,
    claim_name,
    data_file,
    entries,
    manifest_name,
    parse_directory_name,
    readings_name,
    timestamp_of,
)
from mode_catalog_provider.snapshot.manifest import READINGS, FileEntry, Manifest
from mode_catalog_provider.snapshot.output import (
    OutputFile,
    create_exclusively,
    make_directory,
    remove_empty_directory,
    remove_file,
    sync_directory,
)

log = logging.getLogger(__name__)

#: Seconds that the newest set may be ahead of this machine's clock before a person is told.
_FAR = 86_400.0

_CLAIM = b"A snapshot is being written here. Without a manifest of the same number it is not complete.\n"

#: Of what readings are noted: the queries of a report, the profile of a member, the listing of a collection,
#: what bulk listings said, and how the comparison of two ways to the datasets ended.
_READ = ("report", "member", "listing", "bulk", "bulk-report", "datasets")

# What json.dumps does, made once. Infinity and NaN are not JSON, though Python would write them.
_encode = json.JSONEncoder(allow_nan=False, check_circular=False).encode


class SnapshotWriter:
    """Collects rows and writes them as one complete set of files.

    A context manager. Entering takes a timestamp and claims it; leaving without a finished set (an error, a
    lost lock, Ctrl-C) removes everything again, and a killed process leaves no manifest: either way nothing
    is left that could be taken for a complete set. To be used from one thread.

    :param layout: where the files go.
    :param workspace: name of the Mode workspace.
    :param host: base URL of Mode as configured.
    :param timestamp: Unix seconds to name the set; the next free second is taken when there is a set of that
        time already. Default ``None`` takes the time of entering, or the second after the newest set there.
    """

    def __init__(self, *, layout: Layout, workspace: str, host: str, timestamp: int | None = None) -> None:
        self._layout = layout
        self._workspace = workspace
        self._host = host.rstrip("/")
        self._wanted = timestamp
        self._complete = False

    def __enter__(self) -> Self:
        self._started = datetime.now(UTC)
        self._begun = time.monotonic()
        self._store = RowStore()
        self._facts = FactsStore(self._store)
        first = self._present_second() if self._wanted is None else self._wanted
        if parse_directory_name(str(first)) is None:
            self._store.close()
            raise SnapshotError(
                f"A snapshot cannot be called {first}: no reader would know it. {self._layout.home} holds "
                "files named after a time far in the future; remove them, and look at this machine's clock."
            )
        if self._wanted is None and first > self._started.timestamp() + _FAR:
            log.warning(
                "Snapshot %s is named after a time to come, %s: %s holds a set of that time, made when a "
                "clock was wrong. How old a snapshot is cannot be told there. Remove it and those after.",
                first,
                datetime.fromtimestamp(first, UTC).date(),
                self._layout.home,
            )
        self.timestamp = next(second for second in itertools.count(first) if self._claim(second))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._store.close()
        if not self._complete:
            # The error that brought us here matters more; retention removes later what stays. Any exception:
            # each object store has errors of its own.
            with suppress(Exception):
                remove_set(self._layout, self.timestamp)

    @property
    def directory(self) -> StoragePath:
        """Directory that the files are written to."""
        return self._layout.directory(self.timestamp)

    def add(self, asset: str, row: Mapping[str, Any]) -> None:
        """Take one row, in any order; a row seen before (same token) is replaced by this later reading.

        :param asset: one of the five data assets.
        :param row: exactly the contract's keys, in order.
        :raises SnapshotError: when the row is not as the contract wants it.
        """
        if tuple(row) != KEYS.get(asset):
            raise SnapshotError(f"A row of {asset} does not have the contract's keys in order: {list(row)}.")
        token = row["token"]
        if not isinstance(token, str) or not token:
            raise SnapshotError(
                f"A row of {asset} has no token (name {row['name']!r}): it cannot be told apart."
            )
        try:
            body = _encode(row)
        except (TypeError, ValueError, RecursionError) as error:
            raise SnapshotError(f"{asset} {token} cannot be written as JSON: {error}.") from error
        self._store.put(asset, token, body.encode("ascii"))

    def add_facts(self, asset: str, token: str, facts: Mapping[str, Any]) -> None:
        """Keep what Mode says of an object beyond the contract, for the side files.

        :param asset: ``"report"``, ``"collection"`` or ``"member"``.
        :param token: of the object; facts of one that is not added as a row are dropped in the end.
        :param facts: only what Mode sent; later facts replace earlier ones field by field.
        """
        self._facts.add(asset, token, facts)

    def note_reading(self, asset: str, token: str, mark: str, read_at: int) -> None:
        """Note for the next extraction when an object was read.

        :param asset: ``"report"`` for the queries of one, ``"member"`` for a profile, ``"listing"`` for all
            reports of a collection, ``"bulk-report"`` and ``"bulk"`` for what bulk listings said,
            ``"datasets"`` for how the comparison of two ways to them ended.
        :param token: of the report, member or collection.
        :param mark: what tells whether it has changed since.
        :param read_at: Unix seconds of the reading.
        """
        line = _encode([asset, token, mark, read_at])
        self._store.put(f"{READINGS} of {asset}", token, line.encode("ascii"))

    def finish(
        self,
        *,
        strategy: str,
        options: Mapping[str, Any],
        left_out: Iterable[Mapping[str, Any]],
        filtered: Mapping[str, int],
        figures: Mapping[str, Any],
        reuse: Mapping[str, Any] | None = None,
        answers: Iterable[Mapping[str, Any]] = (),
        fence: Callable[[], None] = lambda: None,
    ) -> tuple[Manifest, StoragePath]:
        """Write the six files, then the manifest that makes them a snapshot.

        :param strategy: the strategy really used.
        :param options: the extraction's options.
        :param left_out: every object that was refused or gone.
        :param filtered: objects dropped because the options say so, counted.
        :param figures: counters of the extraction; ``seconds`` since entering is added.
        :param reuse: what was taken from an earlier snapshot, default ``None``: nothing.
        :param answers: the DAG runs that were waiting when the extraction began; default: none known.
        :param fence: called right before the manifest becomes visible; raises when the run lock was lost.
        :return: the manifest and its path.
        """
        outputs: list[tuple[str, int | None, OutputFile]] = [
            *((asset, *self._write_rows(asset)) for asset in DATA_ASSETS),
            (SUMMARY, None, self._write(data_file(self.timestamp, SUMMARY), self._summary())),
        ]
        readings = self._write_readings()
        facts = self._facts.write(self.directory, self.timestamp)
        for _, _, output in outputs:
            output.publish()
        sync_directory(self.directory)
        manifest = Manifest(
            timestamp=self.timestamp,
            workspace=self._workspace,
            host=self._host,
            provider_version=__version__,
            started_at=stamp(self._started),
            finished_at=stamp(datetime.now(UTC)),
            strategy=strategy,
            options=options,
            files=tuple(
                FileEntry(asset, data_file(self.timestamp, asset), output.bytes, rows, output.sha256)
                for asset, rows, output in outputs
            ),
            left_out=tuple(left_out),
            filtered=filtered,
            figures={**figures, "seconds": round(time.monotonic() - self._begun, 3)},
            readings=readings,
            facts=facts,
            reuse=reuse or {},
            answers=tuple(answers),
        )
        content = manifest.to_bytes()
        fence()
        output = self._write(manifest_name(self.timestamp), content)
        output.publish()
        self._complete = True
        sync_directory(self.directory)
        with suppress(Exception):  # the manifest is the truth; a marker left beside it harms nobody
            remove_file(self.directory / claim_name(self.timestamp))
        return manifest, self.directory / manifest_name(self.timestamp)

    def _present_second(self) -> int:
        # A clock that was set back, or two extractions within a second, must not make the new set the older.
        return max([int(self._started.timestamp()), *(known + 1 for known in self._layout.timestamps())])

    def _claim(self, timestamp: int) -> bool:
        """Reserve a timestamp, against other processes and hosts too; return whether it was free."""
        directory = self._layout.directory(timestamp)
        make_directory(directory)
        marker = claim_name(timestamp)
        if not create_exclusively(directory / marker, _CLAIM):
            return False
        # Looked at with the marker in hand: a set that was finished before the marker became free shows now.
        if all(timestamp_of(name) != timestamp for name in entries(directory) if name != marker):
            return True
        remove_file(directory / marker)
        return False

    def _write_rows(self, asset: str) -> tuple[int, OutputFile]:
        rows = 0
        with OutputFile(self.directory / data_file(self.timestamp, asset)) as output:
            output.write(b"[")
            for body in self._store.bodies(asset):
                if rows:
                    output.write(b", ")
                output.write(body)
                rows += 1
            output.write(b"]")
        return rows, output

    def _write_readings(self) -> FileEntry | None:
        lines = itertools.chain.from_iterable(self._store.bodies(f"{READINGS} of {asset}") for asset in _READ)
        first = next(lines, None)
        if first is None:
            return None
        rows = 0
        name = readings_name(self.timestamp)
        with OutputFile(self.directory / name) as output:
            for line in itertools.chain((first,), lines):
                output.write(line + b"\n")
                rows += 1
        output.publish()
        return FileEntry(READINGS, name, output.bytes, rows, output.sha256)

    def _write(self, name: str, content: bytes) -> OutputFile:
        with OutputFile(self.directory / name) as output:
            output.write(content)
        return output

    def _summary(self) -> bytes:
        # As the vendor's tool writes it: the local time, without saying so.
        executed_at = datetime.fromtimestamp(self.timestamp).isoformat()
        identity = {"base_url": f"{self._host}/{self._workspace}"}
        version = f"{SHAPE_VERSION}+{WRITER}.{__version__}"
        values = (sys.version, version, executed_at, identity, CLIENT_NAME)
        return _encode(dict(zip(SUMMARY_KEYS, values, strict=True))).encode("ascii")


def remove_set(layout: Layout, timestamp: int, *, keep: frozenset[str] = frozenset()) -> list[str]:
    """Remove the files of one set, so that it is never taken for a complete one while it goes.

    :param layout: where the set lies.
    :param timestamp: which set.
    :param keep: names of files to leave where they are.
    :return: the names of the removed files.
    """
    directory = layout.directory(timestamp)
    marker, manifest = claim_name(timestamp), manifest_name(timestamp)
    ours = {name for name in entries(directory) if timestamp_of(name) == timestamp} - keep
    if not ours:
        return []
    if marker not in ours:
        create_exclusively(directory / marker, _CLAIM)
    # Marker first in and last out: what a crash in between leaves is known as half a set of ours.
    for name in (*(ours & {manifest}), *sorted(ours - {manifest, marker}), marker):
        remove_file(directory / name)
    if not layout.is_flat:
        remove_empty_directory(directory)
    return sorted(ours)
