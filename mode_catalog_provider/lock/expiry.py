"""When a lease that somebody holds may be taken over, as one waiter judges it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from mode_catalog_provider.lock.lease import Holder
from mode_catalog_provider.lock.record import LeaseRecord
from mode_catalog_provider.lock.watch import Observation, Watch

#: How far the clocks of two hosts may lie apart before one takes the other's lease for expired at first
#: sight. Generous, because it only delays those who look once (policies ``skip`` and ``fail``); who waits
#: uses its own clock.
CLOCK_SKEW = timedelta(hours=1)


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

        Three ways to tell, in order of trust: it was released; this waiter has watched it stand still for its
        whole ttl; its own times say so, by this host's clock or beyond any likely difference of two clocks.

        :param record: what :meth:`RunLock.state` returned.
        :param seen: how long it was watched standing still, default ``None`` (not watched).
        """
        if record.released:
            return "it was released"
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
