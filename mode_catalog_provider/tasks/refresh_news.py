"""A line about once a minute while a refresh goes on, and how many runs are under way as a metric."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from mode_catalog_provider.moments import in_words
from mode_catalog_provider.refresh.progress import Progress
from mode_catalog_provider.tasks import metrics

log = logging.getLogger(__name__)

_EVERY = 60.0


class RefreshNews:
    """Tells how far a refresh has come, no oftener than somebody wants to read.

    :param monotonic: clock in seconds.
    """

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._begun = monotonic()
        self._next_at = self._begun + _EVERY
        self._over_at_first: int | None = None

    def tell(self, progress: Sequence[Progress]) -> None:
        """Look at the runs; log if a minute has passed since the last line."""
        under_way = sum(one.in_flight for one in progress)
        metrics.gauge(metrics.REFRESH_IN_FLIGHT, under_way)
        over = sum(one.over for one in progress)
        if self._over_at_first is None:
            self._over_at_first = over
        now = self._monotonic()
        if now < self._next_at:
            return
        self._next_at = now + _EVERY
        new = over - self._over_at_first
        log.info("%s", sentence(over, len(progress), under_way, since=now - self._begun, new=new))


def sentence(over: int, all_of_them: int, under_way: int, *, since: float, new: int) -> str:
    """Return how many runs are done and to do, at what rate, and how long the rest will take at that rate.

    :param over: runs that are over.
    :param all_of_them: runs in all.
    :param under_way: runs that Mode works on now.
    :param since: seconds that were watched.
    :param new: runs that ended in that time.
    """
    to_do = all_of_them - over
    told = f"{over} of {all_of_them} Mode runs are over, {under_way} under way, {to_do - under_way} to start"
    if not new or since <= 0:
        return f"{told}."
    rate = new / since
    return f"{told}; {rate * 60:.1f} a minute, about {in_words(to_do / rate)} left."
