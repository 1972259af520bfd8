"""What bulk listings showed on one night and on the next, as tests of what is read again write it down."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from mode_catalog_provider.extract.bulk_changes import BulkChanges
from mode_catalog_provider.extract.known import NothingKnown
from mode_catalog_provider.extract.listed import Listed
from mode_catalog_provider.extract.options import ExtractionOptions

AT = "2026-01-01T00:00:00Z"


class Notes(NothingKnown):
    """The readings and rows of the last night; what this one notes, the next one reads."""

    def __init__(self) -> None:
        self.readings: dict[tuple[str, str], tuple[str, int]] = {}
        self.noted: dict[tuple[str, str], str] = {}
        self.again: list[tuple[str, str]] = []
        self.carried: list[str] = []
        self.earlier_rows: Any = None

    def reading(self, asset: str, token: str) -> Any:
        return self.readings.get((asset, token))

    def note(self, asset: str, token: str, mark: str | None, **_: Any) -> None:
        assert mark is not None
        self.noted[asset, token] = mark

    def note_again(self, asset: str, token: str, mark: str, read_at: int) -> None:
        assert (mark, read_at) == self.readings[asset, token]
        self.again.append((asset, token))

    def carry_queries(self, report_token: str) -> None:
        self.carried.append(report_token)


class Rows:
    """The rows of the last snapshot."""

    def __init__(self, *rows: dict[str, Any], reuse: Any = None, same_options: bool = True) -> None:
        self.rows = {row["token"]: row for row in rows}
        filtered = {"personal": 2, "archived": 3, "datasets": 4, "excluded": 5}
        self.manifest = SimpleNamespace(reuse=reuse or {}, filtered=filtered, timestamp=7)
        self._same_options = same_options

    def has_selection_of(self, options: Any) -> bool:
        return self._same_options

    def collections(self) -> Any:
        return [
            ({"token": token}, {}) for token in sorted({row["space_token"] for row in self.rows.values()})
        ]

    def reports_in(self, collection: str) -> Any:
        return [(row, {"runs_count": 1}) for row in self.rows.values() if row["space_token"] == collection]

    def has_reports(self, collection: str) -> bool:
        return any(row["space_token"] == collection for row in self.rows.values())

    def report(self, token: str) -> Any:
        return self.rows.get(token)

    def datasets_in(self, collection: str) -> set[str]:
        return {row["token"] for row, _ in self.reports_in(collection) if row["type"] == "DatasetReport"}


class Batch:
    """Bulk listings: what each shows, and which come whole."""

    def __init__(self) -> None:
        self.asked: dict[str, bool | None] = {}
        self.pages: dict[str, list[Any]] = {"reports": [], "report_stats": [], "spaces": []}
        self.broken: set[str] = set()
        self.closed = 0
        self._ends: list[Callable[[], Any]] = []

    def read(self, listing: str, take: Any, ended: Any, *, everywhere: bool | None = None) -> None:
        self.asked[listing] = everywhere

        def come() -> None:
            take(self.pages[listing])
            assert list(ended(listing not in self.broken)) == []

        self._ends.append(come)

    def close(self) -> None:
        self.closed += 1

    def come(self) -> None:
        for end in self._ends:
            end()


class Night:
    """One extraction's look at bulk."""

    def __init__(self, before: Night | None = None, rows: Rows | None = None, **options: Any) -> None:
        self.known, self.batch, self.listed = Notes(), Batch(), Listed()
        if before is not None:
            noted = {**{key: mark for key, (mark, _) in before.known.readings.items()}, **before.known.noted}
            self.known.readings = {key: (mark, 5) for key, mark in noted.items()}
            self.batch.pages = {
                name: [dict(one) for one in page] for name, page in before.batch.pages.items()
            }
        self.known.earlier_rows = rows
        self.ready: list[bool] = []
        self.taken: list[Any] = []
        chosen = {"incremental": True, "strategy": "auto", "include_datasets": False, **options}
        any_batch: Any = self.batch
        self.changes = BulkChanges(
            batch=any_batch,
            listed=self.listed,
            known=self.known,
            options=ExtractionOptions(**chosen),
            definitions="d",
        )

    def shows(self, token: str, *, collection: str = "c1", views: int = 5, **says: Any) -> Night:
        row = {"token": token, "space_token": collection, "name": token, "edited_at": AT, "updated_at": AT}
        self.batch.pages["reports"].append({**row, "last_viewed_at": "1", **says})
        self.batch.pages["report_stats"].append({"report_token": token, "view_count": views})
        return self

    def of(self, token: str) -> dict[str, Any]:
        """The bulk row of a report, to be altered."""
        row: dict[str, Any] = next(row for row in self.batch.pages["reports"] if row["token"] == token)
        return row

    def read(self, *, queries: bool = True) -> Night:
        self.changes.start(lambda: self.ready.append(True), take=self.taken.extend)
        self.batch.come()
        assert list(self.changes.queries_ended(queries)) == []
        return self

    def close(self) -> None:
        self.changes.close()
        self.listed.close()


def row_of(token: str, *, collection: str = "c1", **more: Any) -> dict[str, Any]:
    row = {"token": token, "space_token": collection, "name": token, "type": "Report"}
    return {**row, "updated_at": AT, "view_count": 5, **more}


def first_night(*tokens: str, **options: Any) -> Night:
    """Bulk shows the reports of c1, and REST listed them whole."""
    night = Night(**options)
    for token in tokens:
        night.shows(token)
        night.known.note("report", token, "queries")
    night.read()
    night.changes.listed("c1", seen=set(tokens), counts={"archived": 2})
    night.changes.collections_listed()
    return night
