"""A waiter's own measure of how long a lease has stood still."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from mode_catalog_provider.lock.record import LeaseRecord


@dataclass(frozen=True, kw_only=True)
class Observation:
    """How long a waiter has watched one record stand still, by its own clock alone.

    A duration, not a moment, so that it may go from the triggerer to a worker on another machine.

    :param generation: number of the lease.
    :param fingerprint: of the record that stood still.
    :param unchanged_for: seconds, never more than it really was.
    """

    generation: int
    fingerprint: str
    unchanged_for: float

    @classmethod
    def begin(cls, record: LeaseRecord) -> Observation:
        """Return the observation of a record that was just seen for the first time."""
        return cls(generation=record.generation, fingerprint=record.fingerprint, unchanged_for=0.0)

    def to_json(self) -> dict[str, Any]:
        """Return the observation as JSON scalars."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Observation:
        """Read what :meth:`to_json` wrote."""
        return cls(
            generation=int(stored["generation"]),
            fingerprint=str(stored["fingerprint"]),
            unchanged_for=float(stored["unchanged_for"]),
        )

    def of(self, record: LeaseRecord) -> bool:
        """Return whether this record is the one that stood still."""
        return (self.generation, self.fingerprint) == (record.generation, record.fingerprint)


class Watch:
    """Measures, by this process's clock alone, for how long a lease was not renewed.

    Two hosts' clocks may differ by minutes, so a record's own times say little to another host. What a
    waiter can trust is its own clock: it saw this content then, it sees the same content now, and a living
    holder would have changed it.

    :param seen: what was watched elsewhere already, default ``None``.
    :param monotonic: clock in seconds, default :func:`time.monotonic`.
    """

    def __init__(
        self, *, seen: Observation | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.seen = seen
        self.monotonic = monotonic
        #: Whether the latest reading differed from the one before.
        self.changed = False
        self._since: float | None = None

    def note(self, record: LeaseRecord | None, *, asked_at: float) -> None:
        """Note what was read.

        The time counts from after the first reading to before the latest one, so a store that answers slowly
        never makes a lease look older than it is.

        :param record: what was read, ``None`` when there was no lease.
        :param asked_at: this watch's clock just before it was read.
        """
        if record is None:
            self.seen, self.changed = None, True
        elif self.seen is None or not self.seen.of(record):
            self.seen, self.changed = Observation.begin(record), True
            self._since = self.monotonic()
        elif self._since is None:
            # Watched elsewhere so far; what passed between there and here is not counted.
            self.changed = False
            self._since = self.monotonic() - self.seen.unchanged_for
        else:
            self.changed = False
            self.seen = replace(self.seen, unchanged_for=max(self.seen.unchanged_for, asked_at - self._since))
