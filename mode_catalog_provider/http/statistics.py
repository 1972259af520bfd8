"""What talking to a service cost, counted while it happens."""

from __future__ import annotations

import threading


class RequestStatistics:
    """Counters shared by all threads of one client.

    ``requests``: attempts sent; ``retries``: attempts beyond the first of a request; ``refused_by_limiter``:
    answers 429; ``throttled_seconds``: waits for a place under the rate limit, summed over threads;
    ``bytes_received``: bodies, after decompression.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = 0
        self.retries = 0
        self.refused_by_limiter = 0
        self.throttled_seconds = 0.0
        self.bytes_received = 0

    def count(
        self,
        *,
        requests: int = 0,
        retries: int = 0,
        refused_by_limiter: int = 0,
        throttled_seconds: float = 0.0,
        bytes_received: int = 0,
    ) -> None:
        """Add to the counters; what is not given stays."""
        with self._lock:
            self.requests += requests
            self.retries += retries
            self.refused_by_limiter += refused_by_limiter
            self.throttled_seconds += throttled_seconds
            self.bytes_received += bytes_received

    def to_json(self) -> dict[str, int | float]:
        """Return all counters under their names; seconds rounded to milliseconds."""
        with self._lock:
            return {
                "requests": self.requests,
                "retries": self.retries,
                "refused_by_limiter": self.refused_by_limiter,
                "throttled_seconds": round(self.throttled_seconds, 3),
                "bytes_received": self.bytes_received,
            }
