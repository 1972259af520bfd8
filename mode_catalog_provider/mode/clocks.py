"""Two clocks, Mode's and this machine's: snapshots are named after the latter, so it must be right."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from mode_catalog_provider.http.retry import parse_http_date
from mode_catalog_provider.moments import in_words, spoken

log = logging.getLogger(__name__)

#: How far the clocks may be apart; an answer of a proxy's memory may be some minutes old.
TOLERANCE = timedelta(hours=1)


class ClockCheck:
    """Tells once when this machine's clock and the service's disagree.

    :param now: this machine's clock, in Unix seconds.
    """

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._looked = False

    def look(self, date: str | None) -> None:
        """Compare the ``Date`` of an answer with this machine's clock; the first that can be read counts."""
        if self._looked or (theirs := parse_http_date(date)) is None:
            return
        self._looked = True
        ours = self._now()
        apart = ours - theirs.timestamp()
        if abs(apart) > TOLERANCE.total_seconds():
            log.warning(
                "This machine's clock says %s, Mode's %s: it is %s %s. Set it right: snapshots are named "
                "after it, and how old one is, and which is the newest, is told by that name.",
                spoken(ours),
                spoken(theirs),
                in_words(abs(apart)),
                "fast" if apart > 0 else "slow",
            )
