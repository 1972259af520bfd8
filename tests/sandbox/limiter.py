"""The rate limiter of the sandbox's Mode: real, per key, in compressible time."""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass, field
from email.utils import formatdate

from tests.sandbox.switches import ModeSwitches


@dataclass
class _Budget:
    """What one key has used; times are service seconds."""

    arrivals: deque[float] = field(default_factory=deque)
    window_index: int = -1
    used_in_window: int = 0
    level: float = 0.0
    level_at: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """The limiter's answer; ``wait`` is in service seconds."""

    allowed: bool
    limit: int
    remaining: int
    wait: float = 0.0


class Limiter:
    """Counts requests per key. A refused request does not count against the budget."""

    def __init__(self, switches: ModeSwitches) -> None:
        self._switches = switches
        self._budgets: dict[str, _Budget] = {}
        self._lock = threading.Lock()
        self.refused = 0

    def admit(self, key: str, now: float) -> Verdict:
        """Take one request of ``key`` at ``now`` (service seconds) from its budget, if there is room."""
        with self._lock:
            budget = self._budgets.setdefault(key, _Budget())
            verdict: Verdict = getattr(self, f"_{self._switches.limiter}")(budget, now)
            self.refused += not verdict.allowed
            return verdict

    def _off(self, budget: _Budget, now: float) -> Verdict:
        return Verdict(True, self._switches.rate_limit, self._switches.rate_limit)

    def _window(self, budget: _Budget, now: float) -> Verdict:
        limit, window = self._switches.rate_limit, self._switches.rate_window
        while budget.arrivals and budget.arrivals[0] <= now - window:
            budget.arrivals.popleft()
        if len(budget.arrivals) >= limit:
            return Verdict(False, limit, 0, budget.arrivals[0] + window - now)
        budget.arrivals.append(now)
        return Verdict(True, limit, limit - len(budget.arrivals))

    def _fixed(self, budget: _Budget, now: float) -> Verdict:
        limit, window = self._switches.rate_limit, self._switches.rate_window
        index = int(now // window)
        if index != budget.window_index:
            budget.window_index, budget.used_in_window = index, 0
        if budget.used_in_window >= limit:
            return Verdict(False, limit, 0, (index + 1) * window - now)
        budget.used_in_window += 1
        return Verdict(True, limit, limit - budget.used_in_window)

    def _leaky(self, budget: _Budget, now: float) -> Verdict:
        limit = self._switches.rate_limit
        capacity, rate = max(1, limit // 4), limit / self._switches.rate_window
        budget.level = max(0.0, budget.level - (now - budget.level_at) * rate)
        budget.level_at = now
        if budget.level + 1 > capacity:
            return Verdict(False, limit, 0, (budget.level + 1 - capacity) / rate)
        budget.level += 1
        return Verdict(True, limit, int(capacity - budget.level))


def retry_after_header(form: str, wait_real_seconds: float, wall_now: float) -> dict[str, str]:
    """The ``Retry-After`` header in the asked form: whole seconds rounded up, an HTTP date, or nothing."""
    if form == "absent":
        return {}
    if form == "date":
        return {"Retry-After": formatdate(math.ceil(wall_now + wait_real_seconds), usegmt=True)}
    return {"Retry-After": str(max(0, math.ceil(wait_real_seconds)))}
