"""The lease files of one directory: their names, which of them is the highest, which may go."""

from __future__ import annotations

import re

from mode_catalog_provider.lock.record import LeaseRecord
from mode_catalog_provider.lock.store import LeaseStore

#: How many generations below its own a new holder leaves in the directory. They show who held last, and they
#: are why a listing may lag by as many acquisitions without harm.
KEPT = 16

_FILE = re.compile(r"(\d{12})\.(lease|released)(\.[0-9a-f]{32}\.tmp)?", re.ASCII)


class Generations:
    """Lease files by number: ``000000000007.lease``, and ``000000000007.released`` once it was given back.

    :param store: the directory; files with other names are ignored.
    """

    def __init__(self, store: LeaseStore) -> None:
        self._store = store

    def highest(self) -> tuple[int, bool]:
        """Return the highest generation, 0 when there is none, and whether it was released.

        Asks by name beyond what the listing shows: listings may lag behind (network disks), and a listing
        that runs while a file is replaced may miss it.
        """
        names = set(self._store.names())
        matches = [match for match in map(_FILE.fullmatch, names) if match]
        generation = max((int(match[1]) for match in matches if match[0] == f"{match[1]}.lease"), default=0)
        while self._store.read(_lease(generation + 1)) is not None:
            generation += 1
        return generation, _released(generation) in names or self.was_released(generation)

    def read(self, generation: int, *, released: bool = False) -> LeaseRecord | None:
        """Return a generation as it stands, ``None`` when its file is gone.

        :param released: what is known of it, default ``False``.
        """
        file = self._store.read(_lease(generation))
        if file is None:
            return None
        return LeaseRecord.read(generation, file.content, released=released, modified_at=file.modified_at)

    def create(self, generation: int, content: bytes) -> bool:
        """Create a generation unless it exists; return whether this call created it."""
        return self._store.create(_lease(generation), content)

    def rewrite(self, generation: int, content: bytes) -> None:
        """Write the content of one's own generation anew."""
        self._store.replace(_lease(generation), content)

    def mark_released(self, generation: int, note: str) -> None:
        """Give a generation back, for good.

        In a file of its own, so that a renewal under way in another process cannot undo it.

        :param note: one line for a person who looks into the file; not empty.
        """
        self._store.create(_released(generation), note.encode())

    def was_released(self, generation: int) -> bool:
        """Return whether a generation was given back."""
        return self._store.read(_released(generation)) is not None

    def prune(self, generation: int) -> None:
        """Delete what lies well below a generation, lowest first; the highest never goes."""
        for name in sorted(self._store.names()):
            match = _FILE.fullmatch(name)
            if match and int(match[1]) <= generation - KEPT:
                self._store.delete(name)


def _lease(generation: int) -> str:
    return f"{generation:012d}.lease"


def _released(generation: int) -> str:
    return f"{generation:012d}.released"
