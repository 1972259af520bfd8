"""A line about once a minute while long work with Catalog goes on: done, to do, rate, time left."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from mode_catalog_provider.moments import in_words

log = logging.getLogger(__name__)

#: Seconds between two lines.
EVERY = 60.0


class CatalogNews:
    """Tells how far one piece of work has come.

    :param what: what is counted, as it is read after a number.
    :param monotonic: clock in seconds.
    """

    def __init__(self, what: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._monotonic = monotonic
        self._begun = monotonic()
        self._next_at = self._begun + EVERY

    def tell(self, done: int, total: int | None) -> None:
        """Tell if a minute has passed since the last time; cheap otherwise.

        :param done: how many are done.
        :param total: of how many, ``None`` when nobody knows.
        """
        now = self._monotonic()
        if now < self._next_at:
            return
        self._next_at = now + EVERY
        rate = done / (now - self._begun)
        left = ""
        if total is not None and rate and done < total:
            left = f", about {in_words((total - done) / rate)} to go"
        of_all = "" if total is None else f" of {total}"
        log.info("So far: %d%s %s; %.0f a minute%s.", done, of_all, self._what, rate * 60, left)
