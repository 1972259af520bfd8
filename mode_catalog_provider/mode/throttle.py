"""Mode's rate limit, kept by the client itself: 40 requests in any 10 seconds, for all threads together.

A token bucket alone cannot both use the limit and keep it: at 4 requests a second with a burst of four, 44
leave in some windows of 10 s, and what leaves evenly does not arrive evenly. So two rules hold at once. The
bucket (burst of a tenth of the limit: a second in which nothing could leave may be made up for, no more)
spreads the requests. And a request leaves only when fewer than 40 others can still be in one window of the
server with it. A request has arrived, at the latest, when its answer is here, or a moment after its last byte
was sent, whichever is first. That moment is a fortieth of the window, 0.25 s: connecting, which takes
longest, comes before the sending. So 97.5 % of the limit is used however slow the answers are, and jitter
below it cannot make any window see 41. Where a way turns out to take longer (a 429 says so), half a second is
allowed for the next five minutes, and for twice as long at each further 429: one slow moment must not cost a
long extraction its rate.
"""

from __future__ import annotations

import bisect
import math
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mode_catalog_provider.errors import CancelledError, ConfigurationError
from mode_catalog_provider.http.stop import StopSignal

#: Requests a second: one in a quarter of an hour.
_LOWEST_RATE = 0.001

PUBLISHED_REQUESTS = 40
PUBLISHED_WINDOW = 10.0
BURST = 0.1
"""Part of the limit that may leave at once: a service that counts with a leaky bucket may refuse more."""
WAY = 0.025
"""Part of the window after which a request that was sent is taken to have arrived, answered or not."""
LONG_WAY = 0.05
"""The same after the service refused a request that kept to the limit."""
LONG_WAY_WINDOWS = 30
"""For so many windows after the first refusal; for twice as many at each further one."""
LONGEST_WAY = 0.5
"""Seconds after which a request that left is taken to have arrived while nobody knows when it was sent."""
FEWEST_IN_FLIGHT = 4

BELIEVABLE_LIMIT = 10_000


class Pace:
    """When the next request may leave. Knows no threads and no clock: times, in seconds, are given to it.

    :param requests: most requests in any window of the server.
    :param window: its length in seconds.
    """

    def __init__(self, *, requests: int = PUBLISHED_REQUESTS, window: float = PUBLISHED_WINDOW) -> None:
        self.requests = requests
        self.window = window
        self.paused_until = float("-inf")
        # Times at which the requests that left will have left the server's window, earliest first.
        self._over: list[float] = []
        self._saved = self._burst
        self._saved_at = float("-inf")
        self._long_way_for = LONG_WAY_WINDOWS * window
        self._long_way_until = float("-inf")

    @classmethod
    def of(cls, requests_per_second: float) -> Pace:
        """Return the pace that keeps to a rate, in windows like Mode's (shorter ones for higher rates).

        :raises ConfigurationError: the rate is none, or so low that nobody would see the end.
        """
        if not _LOWEST_RATE <= requests_per_second < float("inf"):
            raise ConfigurationError(
                f"requests_per_second must be above 0, at least {_LOWEST_RATE}, not {requests_per_second}."
            )
        window = min(PUBLISHED_WINDOW, PUBLISHED_REQUESTS / requests_per_second)
        window = max(window, 1 / requests_per_second)
        return cls(requests=max(1, int(requests_per_second * window + 1e-9)), window=window)

    def wait(self, now: float) -> float:
        """Return the seconds until a request may leave, 0 if it may now."""
        del self._over[: bisect.bisect_right(self._over, now)]
        crowded = len(self._over) - self.requests
        in_window = self._over[crowded] - now if crowded >= 0 else 0.0
        # Rounding must not leave a wait too short for the clock to notice.
        lacking = 1 - self._bucket(now)
        in_bucket = lacking * self.window / self.requests if lacking > 1e-9 else 0.0
        return max(0.0, in_window, in_bucket, self.paused_until - now)

    def leave(self, now: float) -> float:
        """Note that a request leaves; returns what :meth:`answered` wants to know of it."""
        self._saved, self._saved_at = self._bucket(now) - 1, now
        over = now + LONGEST_WAY + self.window
        bisect.insort(self._over, over)
        return over

    def answered(self, departure: float, now: float, *, sent: float | None = None) -> None:
        """Note that the answer, or the failure, of a request is here.

        :param departure: what :meth:`leave` returned.
        :param sent: when the connection took it; ``None`` when nobody knows.
        """
        arrived = now if sent is None else min(now, sent + self.way(now) * self.window)
        over = arrived + self.window
        at = bisect.bisect_left(self._over, departure)
        if over < departure and at < len(self._over) and self._over[at] == departure:
            del self._over[at]
            bisect.insort(self._over, over)

    def pause(self, until: float) -> None:
        """Let nothing leave before ``until``, and then only one request to begin with."""
        if until > self.paused_until:
            self.paused_until = until
            self._saved, self._saved_at = 1.0, until

    def way(self, now: float) -> float:
        """Part of the window after which a request that was sent is taken to have arrived."""
        return LONG_WAY if now < self._long_way_until else WAY

    def allow_longer_way(self, now: float) -> None:
        """Take requests to be longer on their way for a while: the service counted too many in a window."""
        self._long_way_until = now + self._long_way_for
        self._long_way_for *= 2

    def in_window(self, now: float) -> int:
        """How many of our own requests may be in the server's present window."""
        return len(self._over) - bisect.bisect_right(self._over, now)

    def _bucket(self, now: float) -> float:
        elapsed = max(0.0, now - self._saved_at)
        return min(self._burst, self._saved + elapsed * self.requests / self.window)

    @property
    def _burst(self) -> float:
        # A thread that wakes late may catch up, however low the limit is.
        return float(min(self.requests, max(2, BURST * self.requests)))


@dataclass
class Turn:
    """One request that may be sent.

    :param waited: seconds it waited for that.
    :param sent: set it to the time at which the connection took it, as soon as that is known.
    """

    waited: float
    sent: float | None = None


class Throttle:
    """Makes the threads of a client leave at one :class:`Pace`, in the order in which they came.

    :param requests_per_second: never go above this, whatever the service says; ``None`` for the published 4,
        or what the service's rate limit headers say instead.
    :param stop: ends all waits.
    """

    def __init__(self, *, requests_per_second: float | None, stop: StopSignal) -> None:
        self._adapts = requests_per_second is None
        self._pace = Pace() if requests_per_second is None else Pace.of(requests_per_second)
        self._highest = BELIEVABLE_LIMIT
        self._stop = stop
        self._latency = 0.0
        # Who waits, in the order in which they came. Only the first can have its turn next, so only the
        # first is woken: of sixteen threads, fifteen would wake in vain for each request.
        self._lock = threading.Lock()
        self._queue: deque[threading.Condition] = deque()
        stop.when_set(self._wake_all)

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """Wait for this thread's turn; send, and read the answer, inside the ``with`` block.

        :raises CancelledError: the stop signal was set.
        """
        came = self._stop.now()
        departure, left = self._wait_and_leave()
        turn = Turn(left - came)
        try:
            yield turn
        finally:
            with self._lock:
                now = self._stop.now()
                self._pace.answered(departure, now, sent=turn.sent)
                # The slowest of late counts: too few threads leave the allowance unused, too many only wait.
                self._latency = max(now - left, 0.9 * self._latency)
                self._wake_first()

    def in_flight_wanted(self) -> int:
        """How many requests must be under way for answers as slow as the latest to use the whole rate."""
        with self._lock:
            rate = self._pace.requests / self._pace.window
            return FEWEST_IN_FLIGHT + math.ceil(rate * self._latency)

    def learn(self, *, limit: int | None, remaining: int | None) -> None:
        """Take in ``X-RateLimit-Limit`` (requests in 10 s) and ``X-RateLimit-Remaining`` of an answer."""
        with self._lock:
            now = self._stop.now()
            if self._adapts and limit is not None and 1 <= limit <= BELIEVABLE_LIMIT:
                # Whoever waits hears of it when the turn that brought this ends.
                self._pace.requests = min(limit, self._highest)
            # At full use "0 remaining" is what our own requests leave; else somebody shares the key.
            if remaining == 0 and self._pace.in_window(now) < 0.9 * self._pace.requests:
                self._pace.pause(now + self._pace.window / 10)

    def back_off(self, seconds: float) -> None:
        """Hold all threads: the service answered 429."""
        with self._lock:
            now = self._stop.now()
            # Answers that were on their way together are one refusal.
            if now >= self._pace.paused_until:
                self._pace.allow_longer_way(now)
                if self._adapts and self._pace.requests > PUBLISHED_REQUESTS:
                    self._highest = max(PUBLISHED_REQUESTS, self._pace.requests // 2)
                    self._pace.requests = self._highest
            self._pace.pause(now + seconds)

    def _wait_and_leave(self) -> tuple[float, float]:
        with self._lock:
            place = threading.Condition(self._lock)
            self._queue.append(place)
            try:
                while True:
                    if self._stop.is_set:
                        raise CancelledError("Stopped: the caller asked to cancel.")
                    first = self._queue[0] is place
                    now = self._stop.now()
                    wait = self._pace.wait(now) if first else None
                    if wait == 0:
                        return self._pace.leave(now), now
                    self._wait(place, wait)
            finally:
                self._queue.remove(place)
                self._wake_first()

    def _wait(self, place: threading.Condition, seconds: float | None) -> None:
        place.wait(seconds)

    def _wake_first(self) -> None:
        if self._queue:
            self._queue[0].notify()

    def _wake_all(self) -> None:
        with self._lock:
            for place in self._queue:
                place.notify()
