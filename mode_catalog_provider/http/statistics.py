"""What talking to a service cost, counted while it happens."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

#: How a request can end. Each has one end; the numbers are those of HTTP that mean something of their own.
OUTCOMES = (
    *("2xx", "3xx", "401", "403", "404", "429", "4xx", "5xx"),
    # No whole answer: too slow, broken off, not what it should be, no connection, we were told to stop.
    *("timeout", "reset", "malformed", "unreachable", "cancelled"),
)

#: The operation of a request that nobody named.
OTHER = "other"

_OF_THEIR_OWN = frozenset((401, 403, 404, 429))


def outcome_of(status: int) -> str:
    """Return the outcome that an HTTP status stands for."""
    if status in _OF_THEIR_OWN:
        return str(status)
    return f"{status // 100}xx" if 200 <= status < 600 else "malformed"


@dataclass
class OperationFigures:
    """What one kind of request cost.

    :param outcomes: how many ended in which of :data:`OUTCOMES`.
    :param retries: attempts beyond the first of a request.
    :param bytes_received: bodies of answers, after decompression.
    :param seconds: from sending to the last byte, of all requests together.
    :param slowest: the same of the slowest one.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    bytes_received: int = 0
    seconds: float = 0.0
    slowest: float = 0.0

    def to_json(self) -> dict[str, object]:
        """Return all of it under the names of the manifest; seconds rounded to milliseconds."""
        return {
            "outcomes": {outcome: self.outcomes[outcome] for outcome in OUTCOMES if self.outcomes[outcome]},
            "retries": self.retries,
            "bytes_received": self.bytes_received,
            "seconds": round(self.seconds, 3),
            "slowest_seconds": round(self.slowest, 3),
        }


class RequestStatistics:
    """Counters shared by all threads of one client.

    ``requests``: attempts sent; ``retries``: attempts beyond the first of a request; ``refused_by_limiter``:
    answers 429; ``throttled_seconds``: waits for a place under the rate limit, and after a 429, summed over
    threads; ``retry_after_seconds``: waits that the service asked for; ``bytes_received``: bodies, after
    decompression; ``operations``: the same by kind of request.

    ``on_ended`` is called after each request, in the thread that made it, without a lock; it must be quick.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = 0
        self.retries = 0
        self.refused_by_limiter = 0
        self.throttled_seconds = 0.0
        self.retry_after_seconds = 0.0
        self.bytes_received = 0
        self.on_ended: Callable[[], None] = lambda: None
        self._operations: dict[str, OperationFigures] = {}

    def count(
        self,
        *,
        operation: str | None = None,
        requests: int = 0,
        retries: int = 0,
        refused_by_limiter: int = 0,
        throttled_seconds: float = 0.0,
        retry_after_seconds: float = 0.0,
        bytes_received: int = 0,
    ) -> None:
        """Add to the counters; what is not given stays.

        :param operation: the kind of request that ``retries`` are of; default ``None``: nobody knows.
        """
        with self._lock:
            self.requests += requests
            self.retries += retries
            self.refused_by_limiter += refused_by_limiter
            self.throttled_seconds += throttled_seconds
            self.retry_after_seconds += retry_after_seconds
            self.bytes_received += bytes_received
            if retries:
                self._figures(operation or OTHER).retries += retries

    def ended(self, operation: str, outcome: str, *, seconds: float, bytes_received: int = 0) -> None:
        """Note how a request ended.

        :param operation: which kind it was of.
        :param outcome: one of :data:`OUTCOMES`.
        :param seconds: from sending to the last byte, or to the failure.
        :param bytes_received: the body, after decompression.
        """
        with self._lock:
            figures = self._figures(operation)
            figures.outcomes[outcome] += 1
            figures.bytes_received += bytes_received
            figures.seconds += seconds
            figures.slowest = max(figures.slowest, seconds)
            self.bytes_received += bytes_received
        self.on_ended()

    def spoiled(self, operation: str, status: int) -> None:
        """Note that an answer that had come whole turned out to be none of the documented ones."""
        with self._lock:
            outcomes = self._figures(operation).outcomes
            if outcomes[outcome_of(status)]:
                outcomes[outcome_of(status)] -= 1
                outcomes["malformed"] += 1

    def to_json(self) -> dict[str, object]:
        """Return all counters under their names; seconds rounded to milliseconds."""
        with self._lock:
            return {
                "requests": self.requests,
                "retries": self.retries,
                "refused_by_limiter": self.refused_by_limiter,
                "throttled_seconds": round(self.throttled_seconds, 3),
                "retry_after_seconds": round(self.retry_after_seconds, 3),
                "bytes_received": self.bytes_received,
                "operations": {name: self._operations[name].to_json() for name in sorted(self._operations)},
            }

    def _figures(self, operation: str) -> OperationFigures:
        return self._operations.setdefault(operation, OperationFigures())
