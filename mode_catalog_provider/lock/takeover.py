"""When a lease that somebody holds may be taken over, as one waiter sees and judges it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

from mode_catalog_provider.lock.lease import Holder, LeaseRecord
from mode_catalog_provider.lock.machine import is_gone

#: How far the clocks of two hosts may lie apart before one takes the other's lease for expired at first
#: sight. Generous, because it only delays those who look once (policies ``skip`` and ``fail``); who waits
#: uses its own clock.
CLOCK_SKEW = timedelta(hours=1)


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


@dataclass(frozen=True, kw_only=True)
class Expiry:
    """A waiter's rules for the lease of somebody else.

    :param ttl: seconds after which a lease that cannot be read may be taken over; others say their own.
    :param host: name of the waiter's machine.
    :param wall: its clock, in seconds since 1970.
    """

    ttl: float
    host: str
    wall: Callable[[], float]

    def why_free(self, record: LeaseRecord, *, seen: Observation | None = None) -> str | None:
        """Return why this lease no longer keeps anybody out, ``None`` when it does.

        Four ways to tell, in order of trust: it was released; it ended with its process, which lived on this
        machine and is gone; this waiter has watched it stand still for its whole ttl; its own times say so,
        by this host's clock or beyond any likely difference of two clocks.

        :param record: what :meth:`RunLock.state` returned.
        :param seen: how long it was watched standing still, default ``None`` (not watched).
        """
        if record.released:
            return "it was released"
        if record.claim is not None and is_gone(record.claim.holder.process):
            return "its process on this machine is gone"
        ttl = self._ttl_of(record)
        if seen is not None and seen.of(record) and seen.unchanged_for >= ttl:
            return f"it was not renewed for {seen.unchanged_for:.0f} s, by the clock of the waiter"
        if record.claim is not None:
            renewed_at: float | None = record.claim.renewed_at.timestamp()
            foreign = record.claim.renewed_on != self.host
        else:
            renewed_at, foreign = record.modified_at, True
        allowance = CLOCK_SKEW.total_seconds() if foreign else 0.0
        if renewed_at is not None and self.wall() - renewed_at > ttl + allowance:
            return "it has expired"
        return None

    def pause(self, record: LeaseRecord | None, watch: Watch, poll: timedelta) -> float:
        """Return the seconds after which a waiter should look again.

        :param record: the present lease.
        :param watch: what the waiter has seen of it.
        :param poll: time between two looks; shorter where the lease expires before, if nobody renews it.
        """
        pause = poll.total_seconds()
        if record is None or watch.seen is None or not watch.seen.of(record):
            return pause
        still = self._ttl_of(record) - watch.seen.unchanged_for
        return min(pause, still) if still > 0 else pause

    def _ttl_of(self, record: LeaseRecord) -> float:
        return record.claim.ttl if record.claim else self.ttl


def why_over(present: Holder, wanted: Holder, holder_is_over: Callable[[Holder], bool] | None) -> str | None:
    """Return why the present holder's work is over whatever its lease says, ``None`` when it may go on.

    :param present: who holds the lock.
    :param wanted: who wants it.
    :param holder_is_over: tells whether a holder's run has ended; ``None``: nobody knows.
    """
    if present.same_task(wanted):
        return "it was left by an earlier try of the same task"
    if holder_is_over is not None and holder_is_over(present):
        return "its holder's run is over"
    return None
