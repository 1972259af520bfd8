"""What lies in the folder of a workspace beside its snapshots: audits, changes, arrivals, rights, pushes.

A record that cannot be read is left out, and named under :attr:`WorkspaceRecords.damaged`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from mode_catalog_provider.audit.finding import AuditReport
from mode_catalog_provider.catalog import push_record
from mode_catalog_provider.catalog.arrival_report import ArrivalReport
from mode_catalog_provider.catalog.push_record import PushRecord
from mode_catalog_provider.errors import ModeCatalogError
from mode_catalog_provider.report import checked
from mode_catalog_provider.rights.record import FOLDER
from mode_catalog_provider.snapshot.changes import Change
from mode_catalog_provider.snapshot.choice import kept_snapshots
from mode_catalog_provider.snapshot.kept import parse_record_name
from mode_catalog_provider.snapshot.layout import entries, parse_push_record_name
from mode_catalog_provider.snapshot.manifest import Manifest
from mode_catalog_provider.snapshot.reader import Snapshot, open_snapshot
from mode_catalog_provider.storage import StoragePath, open_to_read, read_record

_Read = TypeVar("_Read")

#: Bytes of a record that are read; the largest that was seen has some megabytes.
_LARGEST = 64 << 20

#: Characters of one line of the changes; the text of a query is on it twice.
_LONGEST_LINE = 8 << 20


#: What a record is that is cut off, or says something else than what is written into it.
_UNREADABLE = (ModeCatalogError, OSError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError)


class WorkspaceRecords:
    """The records of one workspace, as they are now.

    :param home: folder of the workspace in the staging area, or a folder with one set of files.
    """

    def __init__(self, home: StoragePath) -> None:
        self.home = home
        self._names = entries(home)
        self._rights = entries(home / FOLDER)
        try:
            self._snapshots = kept_snapshots(home)
        except ModeCatalogError:
            self._snapshots = {}
        #: Names of the files that could not be read.
        self.damaged: list[str] = []

    @property
    def timestamps(self) -> list[int]:
        """The complete snapshots, the newest first."""
        return sorted(self._snapshots, reverse=True)

    @property
    def manifest_paths(self) -> dict[int, StoragePath]:
        """The manifests of the complete snapshots, by timestamp."""
        return dict(self._snapshots)

    def snapshot(self, timestamp: int) -> Snapshot | None:
        """Open a snapshot; ``None`` when it is damaged or gone."""
        path = self._snapshots.get(timestamp)
        return None if path is None else self._try(path.name, lambda: open_snapshot(path))

    def manifests(self, most: int) -> Iterator[Manifest]:
        """Yield the newest manifests, the oldest of them first."""
        for timestamp in reversed(self.timestamps[:most]):
            if (snapshot := self.snapshot(timestamp)) is not None:
                yield snapshot.manifest

    def audits(self, most: int) -> Iterator[AuditReport]:
        """Yield the newest audits, the newest first."""
        yield from self._records(
            "audit", lambda content: checked.audit(AuditReport.from_bytes(content)), most
        )

    def arrivals(self, most: int) -> Iterator[ArrivalReport]:
        """Yield the newest reconciliations, of whatever source, the newest first."""
        yield from self._records(
            "arrival", lambda content: checked.arrival(ArrivalReport.from_bytes(content)), most
        )

    def rights(self) -> dict[str, Any] | None:
        """Return the newest audit of rights."""
        names = _named(self._rights, "permissions")
        return self._try(names[0], lambda: _rights(_content(self._rights[names[0]]))) if names else None

    def pushes(self, most: int) -> Iterator[PushRecord]:
        """Yield what was pushed of the newest snapshots, to whatever source, the newest first."""
        for timestamp in self.timestamps[:most]:
            for name, path in sorted(entries(self._snapshots[timestamp].parent).items()):
                named = parse_push_record_name(name)
                if named is None or named[0] != timestamp:
                    continue
                if (record := self._try(name, lambda path=path: push_record.read(path))) is not None:  # type: ignore[misc]
                    yield record

    def changes(self, timestamp: int) -> tuple[dict[str, Any], list[Change]] | None:
        """Return the kept difference that ends at a snapshot: its head, and its changes."""
        path = self._names.get(f"{timestamp}.changes")
        return None if path is None else self._try(path.name, lambda: _kept_changes(path))

    def _records(self, kind: str, read: Callable[[bytes], _Read], most: int) -> Iterator[_Read]:
        for name in _named(self._names, kind)[:most]:
            record = self._try(name, lambda name=name: read(_content(self._names[name])))  # type: ignore[misc]
            if record is not None:
                yield record

    def _try(self, name: str, read: Callable[[], _Read]) -> _Read | None:
        try:
            return read()
        except _UNREADABLE:
            self.damaged.append(name)
            return None


def _named(names: Iterable[str], kind: str) -> list[str]:
    """Return the names of the records of a kind, the newest first; a source's id may precede the kind."""
    parsed = ((parse_record_name(name), name) for name in names)
    found = [(what[0], name) for what, name in parsed if what and what[1].rpartition(".")[2] == kind]
    return [name for _, name in sorted(found, reverse=True)]


def _content(path: StoragePath) -> bytes:
    return read_record(path, _LARGEST)


def _rights(content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(content)
    checked.rights(found)
    return found


def _kept_changes(path: StoragePath) -> tuple[dict[str, Any], list[Change]]:
    """Read line by line: the usage of every report, which comes last, is not needed."""
    changes: list[Change] = []
    with open_to_read(path) as file:
        head = json.loads(file.readline(_LONGEST_LINE).rstrip(b",\n") + b"}")
        file.readline(_LONGEST_LINE)  # the name of the list
        while (line := file.readline(_LONGEST_LINE)) and line.startswith(b"{"):
            changes.append(Change(**json.loads(line.rstrip(b"],\n"))))
    checked.changes(head, changes)
    return head, changes
