"""A line about once a minute while an extraction goes on: what is done, at what rate, and what is left."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from mode_catalog_provider.contract import DATA_ASSETS
from mode_catalog_provider.errors import ModeCatalogError
from mode_catalog_provider.moments import in_words
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import newest_snapshot

#: Seconds between two lines.
EVERY = 60.0


class ExtractionNews:
    """Tells how far an extraction has come.

    :param layout: where the snapshots lie: how much there is to do is guessed from the last one.
    :param log: where the lines go.
    :param on_news: told the rows of each asset as well.
    :param monotonic: clock in seconds.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        log: logging.Logger,
        on_news: Callable[[Mapping[str, int]], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._layout = layout
        self._log = log
        self._on_news = on_news
        self._monotonic = monotonic
        self._begun = monotonic()
        self._next_at = self._begun + EVERY

    def tell(self, counts: Mapping[str, int]) -> None:
        """Tell if a minute has passed since the last time; cheap otherwise.

        :param counts: rows read so far, per asset.
        """
        now = self._monotonic()
        if now < self._next_at:
            return
        self._next_at = now + EVERY
        rows = {asset: counts.get(asset, 0) for asset in DATA_ASSETS}
        self._log.info("So far: %s", sentence(rows, seconds=now - self._begun, expected=self._expected()))
        self._on_news(rows)

    def _expected(self) -> int | None:
        # Whatever is wrong with the place is told when the snapshot is written.
        with suppress(ModeCatalogError, OSError):
            last = newest_snapshot(self._layout)
            return sum(last.manifest.rows.values()) if last else None
        return None


def sentence(rows: Mapping[str, int], *, seconds: float, expected: int | None) -> str:
    """Return the rows so far, their rate, and what is left if it will be as many as in the last snapshot.

    :param rows: per asset.
    :param seconds: since the extraction began.
    :param expected: rows of the last snapshot, ``None`` when there is none.
    """
    done = sum(rows.values())
    told = ", ".join(f"{count} {asset}" for asset, count in rows.items())
    rate = done / seconds if seconds > 0 else 0.0
    told = f"{told}; {rate * 60:.0f} rows a minute"
    if expected is None or not rate or done >= expected:
        return told
    left = in_words((expected - done) / rate)
    return f"{told}; the last snapshot has {expected} rows: {expected - done} to do, about {left}"
