"""From one snapshot to the next: what need not be read again, and what is noted for the time after."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import Any

from mode_catalog_provider.extract.earlier_rows import EarlierRows
from mode_catalog_provider.extract.previous import NoPrevious, PreviousSnapshot
from mode_catalog_provider.extract.segment import Reading
from mode_catalog_provider.extract.unfinished import Unfinished
from mode_catalog_provider.snapshot.writer import SnapshotWriter


class CarriedOver:
    """What an extraction whose rows become a snapshot takes from the one before.

    Implements :class:`~mode_catalog_provider.extract.known.EarlierReadings`.

    :param writer: of the snapshot that is being made; gets a note of every reading, with its first time.
    :param previous: what is known.
    :param unfinished: what extractions that died had read; is told what this one reads.
    :param now: clock, in Unix seconds.
    """

    def __init__(
        self,
        *,
        writer: SnapshotWriter,
        previous: PreviousSnapshot | NoPrevious,
        unfinished: Unfinished,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._writer = writer
        self._previous = previous
        self._unfinished = unfinished
        self._now = now
        self._taken: Counter[str] = Counter()

    @property
    def knows_something(self) -> bool:
        """Whether there is an earlier snapshot to build on."""
        return self._previous.because is None and self._previous.timestamp is not None

    @property
    def earlier_rows(self) -> EarlierRows | None:
        """The collections and reports of the earlier snapshot, where they were asked for."""
        return self._previous.rows

    def reading(self, asset: str, token: str) -> tuple[str, int] | None:
        """Return the mark that something bore when it was read, and when that was."""
        return self._previous.reading(asset, token)

    def note_again(self, asset: str, token: str, mark: str, read_at: int) -> None:
        """Note an earlier reading that still stands, with its time."""
        self._writer.note_reading(asset, token, mark, read_at)

    def carry_queries(self, report_token: str) -> None:
        """Take the queries of a report as they are in the earlier snapshot."""
        if known := self._previous.carry_queries(report_token):
            self._note_carried(report_token, *known)

    def reports_of(self, collection_token: str) -> Collection[str] | None:
        """Return the reports, datasets aside, that the earlier snapshot has in a collection."""
        return self._previous.reports_of(collection_token)

    def datasets(self, collection_token: str | None = None) -> Iterator[str]:
        """Yield the datasets that the earlier snapshot has, or has in a collection."""
        return self._previous.datasets(collection_token)

    def has_queries(self, report_token: str, mark: str | None) -> bool:
        """Return whether the queries of a report are known and unchanged."""
        if mark is None:
            return False
        known = self._previous.recall("report", report_token, mark)
        if known is None:
            return False
        self._note_carried(report_token, mark, known[0])
        return True

    def _note_carried(self, report_token: str, mark: str, read_at: int) -> None:
        self._writer.note_reading("report", report_token, mark, read_at)
        self._taken["reports"] += 1

    def queries_of(self, report_token: str, mark: str | None) -> list[dict[str, Any]] | None:
        """Return the queries that an extraction which died has read, if the report is unchanged."""
        return self._resumed("report", report_token, mark) if mark is not None else None

    def _resumed(self, asset: str, token: str, mark: str) -> list[dict[str, Any]] | None:
        reading = self._unfinished.recall(asset, token, mark)
        if reading is None:
            return None
        self._writer.note_reading(asset, token, mark, reading.read_at)
        return reading.rows

    def member(self, token: str | None, mark: str) -> dict[str, Any] | None:
        """Return the row of a member that is known and unchanged."""
        if not token:
            return None
        if resumed := self._resumed("member", token, mark):
            return resumed[0]
        known = self._previous.recall("member", token, mark)
        if known is None or known[1] is None:
            return None
        self._writer.note_reading("member", token, mark, known[0])
        self._taken["members"] += 1
        return known[1]

    def queries(self) -> Iterator[dict[str, Any]]:
        """Yield the queries of the reports whose queries :meth:`has_queries` said are known."""
        for row in self._previous.queries():
            self._taken["queries"] += 1
            yield row

    def note(
        self, asset: str, token: str, mark: str | None, *, rows: list[dict[str, Any]] | None = None
    ) -> None:
        """Note what was read just now, unless nothing would prove that it stays the same."""
        if mark is None:
            return
        read_at = int(self._now())
        self._writer.note_reading(asset, token, mark, read_at)
        if rows is not None:
            self._unfinished.keep(Reading(asset, token, mark, read_at, rows))

    def to_json(self) -> dict[str, Any]:
        """Return what was taken over, as the manifest tells it."""
        return {
            "snapshot": self._previous.timestamp,
            "full_because": self._previous.because,
            **{what: self._taken[what] for what in ("reports", "queries", "members")},
        }
