"""What audits of rights leave in the staging area, for people and for the next one to compare with."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mode_catalog_provider.audit.finding import Finding
from mode_catalog_provider.errors import SnapshotAlteredError
from mode_catalog_provider.rights.store import Grant, RightsStore
from mode_catalog_provider.snapshot.kept import KeptRecords
from mode_catalog_provider.snapshot.output import make_directory
from mode_catalog_provider.storage import StoragePath, open_to_read, read_record
from mode_catalog_provider.text import cell

#: Sub-folder of a workspace's folder in the staging area; no upload looks into it.
FOLDER = "permissions"

_DAMAGED = (ValueError, TypeError, KeyError, OSError, RecursionError, SnapshotAlteredError)


class RightsRecords:
    """The audits in one folder: of each its report, its matrix as CSV, and its tables as SQLite.

    :param folder: where they lie; made when it is needed.
    """

    def __init__(self, folder: StoragePath) -> None:
        self._folder = folder
        self._tables = KeptRecords(folder, "sqlite")
        self._matrices = KeptRecords(folder, "grants.csv")
        self._reports = KeptRecords(folder, "permissions")

    def newest(self) -> int | None:
        """Return the timestamp of the newest audit that is whole."""
        return max(self._tables.paths().keys() & self._reports.paths().keys(), default=None)

    def findings_of(self, timestamp: int) -> set[tuple[str, str | None]]:
        """Return what an audit found, by identity; nothing when its report is damaged."""
        try:
            return {Finding.from_json(one).identity for one in self._report(timestamp)["findings"]}
        except _DAMAGED:
            return set()

    def unlisted_in(self, timestamp: int) -> set[str]:
        """Return the parts of which an audit saw no listing; nothing when its report is damaged."""
        try:
            return {one["part"] for one in self._report(timestamp)["not_read"] if one["token"] is None}
        except _DAMAGED:
            return set()

    def _report(self, timestamp: int) -> Any:
        return json.loads(read_record(self._folder / f"{timestamp}.permissions"))

    @contextmanager
    def tables_of(self, timestamp: int) -> Iterator[str]:
        """Give the path of a local copy of an audit's tables."""
        with tempfile.TemporaryDirectory(prefix="mode-permissions-") as folder:
            copy = Path(folder) / "earlier.sqlite"
            with open_to_read(self._folder / f"{timestamp}.sqlite") as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target)
            yield str(copy)

    def keep(self, timestamp: int, store: RightsStore, report: Mapping[str, Any]) -> dict[str, StoragePath]:
        """Write the tables, the matrix and, last, the report that makes them whole; remove the oldest.

        :return: the paths written: ``sqlite``, ``csv`` and ``json``.
        """
        make_directory(self._folder)
        taken = {at for each in (self._tables, self._matrices, self._reports) for at in each.paths()}
        while timestamp in taken:
            timestamp += 1
        paths = {}
        with tempfile.TemporaryDirectory(prefix="mode-permissions-") as folder:
            database = Path(folder) / "rights.sqlite"
            store.save(str(database))
            with database.open("rb") as source:
                content = iter(lambda: source.read(1 << 20), b"")
                paths["sqlite"] = self._tables.keep(timestamp, content)
        paths["csv"] = self._matrices.keep(timestamp, csv_lines(store.grants()))
        paths["json"] = self._reports.keep(timestamp, [json.dumps(report, indent=1).encode()])
        return paths


def csv_lines(grants: Iterable[Grant]) -> Iterator[bytes]:
    """Yield the matrix as CSV; a name that a spreadsheet would take for a formula gets an apostrophe."""
    columns = ("member", "asset", "object", "name", "level", "through")
    yield (",".join(columns) + "\r\n").encode()
    for grant in grants:
        line = io.StringIO()
        csv.writer(line).writerow([cell(str(getattr(grant, column))) for column in columns])
        yield line.getvalue().encode("utf-8", "replace")
