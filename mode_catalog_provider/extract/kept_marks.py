"""What bulk listings said of each report the last time, and what they say now; kept for the next time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mode_catalog_provider.extract.bulk_marks import BulkMark, bulk_mark, moved_columns
from mode_catalog_provider.extract.bulk_rows import BulkRows
from mode_catalog_provider.extract.known import EarlierReadings
from mode_catalog_provider.extract.listed import Listed

#: Version of the note that a collection was read.
_VERSION = 1

#: Kept of a report instead of its mark: nothing is the same as this.
_NO_MARK = json.dumps([None])


@dataclass(frozen=True, slots=True)
class Compared:
    """A report of the last snapshot beside what bulk listings say of it.

    :param before: what they said when its row was read.
    :param now: what they say.
    :param bulk_row: its row in the bulk listing of reports.
    :param moved: the columns that moved by themselves; ``None``: it has changed.
    """

    before: BulkMark
    now: BulkMark
    bulk_row: dict[str, Any]
    moved: dict[str, Any] | None


class KeptMarks:
    """The marks of reports, then and now, and the notes that collections were listed whole.

    :param known: has those of the last snapshot; is told those of this one.
    :param listed: has the bulk listing of queries.
    :param rows: the bulk listings of reports and their statistics.
    """

    def __init__(self, *, known: EarlierReadings, listed: Listed, rows: BulkRows) -> None:
        self._known = known
        self._listed = listed
        self._rows = rows
        #: Whether the numbers of views have been the same in bulk and in REST.
        self.trust_views = False
        self._left_out: set[str] = set()

    def before(self, token: str) -> BulkMark | None:
        """Return what bulk said of a report when its row was read, ``None`` when nobody knows."""
        kept = self._known.reading("bulk-report", token)
        return BulkMark.from_text(kept[0]) if kept else None

    def now(self, token: str) -> BulkMark | None:
        """Return what bulk says of a report, ``None`` when it says too little."""
        return self._now(token)[0]

    def _now(self, token: str) -> tuple[BulkMark | None, dict[str, Any]]:
        shown = self._rows.shown(token)
        if shown is None:
            return None, {}
        if shown.mark is not None:
            return BulkMark(*shown.mark), shown.report
        queries = self._listed.batch_queries_of(token)
        mark = bulk_mark(shown.report, stat=shown.stat, queries=queries)
        if mark is not None:
            self._rows.keep_mark(token, mark.values())
        return mark, shown.report

    def compared(self, row: Mapping[str, Any]) -> Compared | None:
        """Compare a report with what bulk says of it, ``None`` where that is not known, then or now.

        :param row: of the last snapshot.
        """
        before = self.before(row["token"])
        now, bulk_row = self._now(row["token"]) if before else (None, {})
        if before is None or now is None:
            return None
        moved = moved_columns(before, now, row, bulk_row, trust_views=self.trust_views)
        return Compared(before, now, bulk_row, moved)

    def note(self, tokens: Iterable[str]) -> None:
        """Keep for the next time what bulk says of reports."""
        for token in tokens:
            if mark := self.now(token):
                self.note_mark(token, mark)

    def note_mark(self, token: str, mark: BulkMark) -> None:
        """Keep for the next time what bulk says of a report."""
        if token not in self._left_out:
            self._known.note("bulk-report", token, mark.to_text())

    def leave_out(self, token: str) -> None:
        """Keep nothing of a report, so that the next time REST is asked for it, whatever bulk says then."""
        self._left_out.add(token)
        self._known.note("bulk-report", token, _NO_MARK)

    def listing(self, collection: str) -> dict[str, int] | None:
        """Return how many reports of a collection are not wanted, by reason.

        ``None``: it was not listed whole, or too long ago.
        """
        kept = self._known.reading("listing", collection)
        if kept is None:
            return None
        version, counts = json.loads(kept[0])
        return counts if version == _VERSION else None

    def note_listing(self, collection: str, counts: Mapping[str, int]) -> None:
        """Keep that a collection was listed whole just now.

        :param counts: how many of its reports are not wanted, by reason.
        """
        self._known.note("listing", collection, json.dumps([_VERSION, dict(counts)]))
