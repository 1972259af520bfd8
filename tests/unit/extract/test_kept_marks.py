"""What bulk listings said of a report the last time, beside what they say now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from mode_catalog_provider.extract.bulk_rows import BulkRows
from mode_catalog_provider.extract.kept_marks import KeptMarks
from mode_catalog_provider.extract.known import NothingKnown
from mode_catalog_provider.extract.listed import Listed

SAYS = {"edited_at": "1", "updated_at": "2026-01-01T00:00:00Z", "name": "Sales", "last_viewed_at": "3"}
ROW = {"token": "r1", "updated_at": SAYS["updated_at"], "view_count": 5}


class Notes(NothingKnown):
    """Readings of the last time are those that were noted."""

    def __init__(self) -> None:
        self.noted: dict[tuple[str, str], tuple[str, int]] = {}

    def note(self, asset: str, token: str, mark: str | None, **_: Any) -> None:
        assert mark is not None
        self.noted[asset, token] = mark, 0

    def reading(self, asset: str, token: str) -> Any:
        return self.noted.get((asset, token))


class Bulk:
    """Marks, and the listings that they are made of."""

    def __init__(self) -> None:
        self.notes, self.listed, self.rows = Notes(), Listed(), BulkRows()
        self.marks = KeptMarks(known=self.notes, listed=self.listed, rows=self.rows)

    def shows(self, token: str, *, views: int = 5, **says: Any) -> None:
        self.rows.add_reports([{"token": token, "space_token": "c1", **SAYS, **says}])
        self.rows.add_stats([{"report_token": token, "view_count": views}])

    def next_night(self) -> Bulk:
        other = Bulk()
        other.notes.noted.update(self.notes.noted)
        return other


@pytest.fixture
def bulk() -> Iterator[Bulk]:
    bulk = Bulk()
    bulk.shows("r1")
    yield bulk
    bulk.listed.close()
    bulk.rows.close()


def test_what_bulk_says_now_is_what_it_said_before_the_next_night(bulk: Bulk) -> None:
    assert bulk.marks.before("r1") is None
    bulk.marks.note(["r1"])
    said = bulk.marks.now("r1")
    assert said is not None
    assert bulk.next_night().marks.before("r1") == said


def test_the_numbers_of_views_are_not_trusted_before_they_were_compared(bulk: Bulk) -> None:
    assert bulk.marks.trust_views is False


def test_nothing_is_noted_of_a_report_of_which_bulk_says_too_little(bulk: Bulk) -> None:
    bulk.shows("r2", updated_at=None)
    bulk.marks.note(["nowhere", "r2", "r1"])
    assert set(bulk.notes.noted) == {("bulk-report", "r1")}
    assert bulk.marks.now("nowhere") is None
    assert bulk.marks.now("r2") is None


def test_a_mark_is_of_all_bulk_listings_and_made_once(bulk: Bulk) -> None:
    bare = bulk.marks.now("r1")
    assert bare is not None
    assert bare.views == 5
    other = Bulk()
    other.shows("r1")
    other.listed.add_batch_queries([{"token": "q1", "report_token": "r1", "raw_query": "select 1"}])
    full = other.marks.now("r1")
    assert full is not None
    assert full.queries != bare.queries
    shown = other.rows.shown("r1")
    assert shown is not None
    assert shown.mark == full.values()
    assert other.marks.now("r1") == full


@pytest.mark.parametrize(
    ("trusted", "says", "moved"),
    [
        (False, {}, {}),
        (False, {"name": "Renamed"}, None),
        (False, {"views": 6}, None),
        (True, {"views": 6}, {"view_count": 6}),
    ],
    ids=str,
)
def test_a_report_is_compared_with_what_bulk_said_of_it(
    bulk: Bulk, trusted: bool, says: dict[str, Any], moved: dict[str, Any] | None
) -> None:
    assert bulk.marks.compared(ROW) is None
    bulk.marks.note(["r1"])
    then = bulk.marks.now("r1")
    night = bulk.next_night()
    assert night.marks.compared(ROW) is None
    night.shows("r1", **says)
    night.marks.trust_views = trusted
    compared = night.marks.compared(ROW)
    assert compared is not None
    assert (compared.before, compared.now) == (then, night.marks.now("r1"))
    assert compared.bulk_row == night.rows.report("r1")
    assert compared.moved == moved


def test_a_collection_that_was_listed_whole_is_known_with_what_was_not_wanted(bulk: Bulk) -> None:
    assert bulk.marks.listing("c1") is None
    bulk.marks.note_listing("c1", {"archived": 2})
    assert bulk.marks.listing("c1") == {"archived": 2}
    assert bulk.marks.listing("c2") is None
    # As it lies in the snapshots that are there.
    assert bulk.notes.noted["listing", "c1"][0] == '[1, {"archived": 2}]'
    version, counts = json.loads(bulk.notes.noted["listing", "c1"][0])
    bulk.notes.note("listing", "c1", json.dumps([version + 1, counts]))
    assert bulk.marks.listing("c1") is None
