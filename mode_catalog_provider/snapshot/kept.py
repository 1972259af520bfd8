"""Records of snapshots that outlive them: what an audit found, what changed, what arrived, who had rights.

They lie in the folder of the workspace, one above their snapshot: what runs once a week must find its last
record, when retention has long removed the snapshot. ``{timestamp}.{kind}`` is the name, never ``.json``, so
that no directory upload picks one up. The newest of a kind are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TypeVar

from mode_catalog_provider.errors import SnapshotAlteredError
from mode_catalog_provider.snapshot.layout import entries
from mode_catalog_provider.snapshot.output import OutputFile, remove_file
from mode_catalog_provider.storage import StoragePath, read_record

#: Records of one kind that are kept.
KEPT = 20

_NAME = re.compile(r"([1-9]\d{0,10})\.(.+)", re.ASCII)

_Read = TypeVar("_Read")


def parse_record_name(name: str) -> tuple[int, str] | None:
    """Return the timestamp and the kind that the name of a record says; ``None`` for any other file."""
    found = _NAME.fullmatch(name)
    return (int(found[1]), found[2]) if found else None


class KeptRecords:
    """The records of one kind in one folder.

    :param home: the folder, mostly :attr:`Layout.home <mode_catalog_provider.snapshot.layout.Layout>` of a
        snapshot's place.
    :param kind: what follows the timestamp in their names: ``audit``, ``changes``, ``{source_id}.arrival``.
    """

    def __init__(self, home: StoragePath, kind: str) -> None:
        self._home = home
        self._kind = kind

    def paths(self) -> dict[int, StoragePath]:
        """Return where they lie, by the timestamp of their snapshot, the newest first."""
        named = ((parse_record_name(name), path) for name, path in entries(self._home).items())
        found = {parsed[0]: path for parsed, path in named if parsed and parsed[1] == self._kind}
        return dict(sorted(found.items(), reverse=True))

    def read(self, read: Callable[[bytes], _Read], *, until: int) -> Iterator[_Read]:
        """Yield the records up to a snapshot, the newest first; those that cannot be read are left out.

        :param read: makes one of its bytes, or raises :class:`SnapshotAlteredError`.
        :param until: the last timestamp of interest.
        """
        for timestamp, path in self.paths().items():
            if timestamp <= until:
                with suppress(FileNotFoundError, SnapshotAlteredError):
                    yield read(read_record(path))

    def keep(self, timestamp: int, content: Iterable[bytes]) -> StoragePath:
        """Write the record of a snapshot, in place of an earlier one of it, and remove the oldest others."""
        path = self._home / f"{timestamp}.{self._kind}"
        with OutputFile(path) as output:
            for piece in content:
                output.write(piece)
        output.publish()
        others = [other for at, other in self.paths().items() if at != timestamp]
        for other in others[KEPT - 1 :]:
            remove_file(other)
        return path
