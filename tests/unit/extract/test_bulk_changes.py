"""What to read again, as bulk listings tell: collection by collection, report by report."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mode_catalog_provider.extract.bulk_changes import Plan
from mode_catalog_provider.moments import stamp
from tests.unit.extract.nights import Night, Rows, first_night, row_of

RAN = "2026-02-01T00:00:00Z"


@pytest.fixture
def nights() -> Iterator[Callable[..., Night]]:
    """The second night after a first one with reports r1 and r2, both in c1; bulk is still to be read."""
    made: list[Night] = []

    def second(*, rows: Any = None, **options: Any) -> Night:
        before = first_night("r1", "r2")
        night = Night(before, rows or Rows(row_of("r1"), row_of("r2")), **options)
        made.extend((before, night))
        return night

    yield second
    for night in made:
        night.close()


# -- the listings --------------------------------------------------------------------------------------------


def test_all_bulk_listings_are_read_where_marks_are_kept_and_the_reports_alone_otherwise() -> None:
    night = Night().shows("r1")
    night.read()
    assert night.batch.asked == {"reports": None, "report_stats": None, "spaces": False}
    assert night.ready == [True]
    assert night.taken == night.batch.pages["reports"]
    for options in ({"incremental": False}, {"strategy": "hybrid"}):
        night = Night(**options).shows("r1")
        night.read()
        assert night.batch.asked == {"reports": None}
        assert night.ready == [True]
        assert night.changes.size_of("c1") == 1


def test_nothing_begins_before_the_last_listing_is_there(nights: Callable[..., Night]) -> None:
    night = nights()
    night.changes.start(lambda: night.ready.append(True), take=night.taken.extend)
    night.batch.come()
    assert (night.ready, night.changes.compares) == ([], False)
    night.changes.queries_ended(True)
    assert (night.ready, night.changes.compares) == ([True], True)


@pytest.mark.parametrize(
    ("broken", "complete"), [("reports", False), ("spaces", False), ("report_stats", True), ("", True)]
)
def test_without_a_page_nothing_is_compared_unless_it_is_of_views(
    nights: Callable[..., Night], broken: str, complete: bool
) -> None:
    night = nights()
    night.batch.broken = {broken}
    night.read()
    assert night.changes.complete is night.changes.compares is complete
    assert (night.changes.bulk_tokens("c1") is not None) is complete
    assert night.ready == [True]
    assert nights().read(queries=False).changes.compares is False


def test_there_is_nothing_to_compare_without_the_same_selection(nights: Callable[..., Night]) -> None:
    assert first_night("r1").changes.compares is False
    assert nights(rows=Rows(row_of("r1"), same_options=False)).read().changes.compares is False
    assert nights(rows=Rows(row_of("r1"))).read().changes.compares is True


def test_how_far_bulk_lags_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Night().read()
    assert caplog.messages == []
    begun = time.time()
    night = Night().shows("r1", updated_at=stamp(begun - 250))
    night.read()
    (line,) = caplog.messages
    told = night.changes.to_json()["newest_seconds_ago"]
    assert 249 <= told <= 251 + time.time() - begun
    assert f"is {int(told // 60)} minutes old" in line
    Night().shows("r1", updated_at=stamp(time.time() + 900)).read()
    assert "is 0 minutes old" in caplog.messages[-1]


DATASETS = [row_of(f"d{n}", type="DatasetReport") for n in range(2)]


@pytest.mark.parametrize(("shown", "compares"), [(0, False), (1, False), (2, True)])
def test_where_bulk_does_not_show_most_known_datasets_nothing_is_taken(
    nights: Callable[..., Night], shown: int, compares: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    night = nights(rows=Rows(*DATASETS), include_datasets=True)
    for row in DATASETS[:shown]:
        night.shows(row["token"])
    assert night.read().changes.compares is compares
    assert any("may not show datasets" in line for line in caplog.messages) is not compares


def test_a_workspace_without_datasets_is_remembered(nights: Callable[..., Night]) -> None:
    night = nights(rows=Rows(*DATASETS), include_datasets=True)
    night.changes.no_datasets()
    following = Night(night, Rows(*DATASETS), include_datasets=True)
    assert following.read().changes.compares
    assert ("bulk", "datasets") in following.known.again
    other = Night(incremental=False)
    other.changes.no_datasets()
    assert other.known.noted == {}


@pytest.mark.parametrize(
    ("views", "trusted"),
    [
        ([5, 5], True),
        ([5, 6], False),
        ([6, 6], False),
        ([0, 0], True),
        ([5] * 9 + [6], True),
        ([5] * 8 + [6], False),
    ],
    ids=str,
)
def test_numbers_of_views_are_trusted_where_most_agree(views: list[int], trusted: bool) -> None:
    night = Night()
    rows = []
    for n, count in enumerate(views):
        night.shows(f"r{n}", views=0 if count == 0 else 5)
        rows.append(row_of(f"r{n}", view_count=count))
    night.read()
    night.changes.listed("c1", seen=set(), counts={})
    following = Night(night, Rows(*rows)).read()
    assert following.changes.to_json()["views"] is trusted


def test_numbers_of_views_are_not_trusted_where_none_were_kept() -> None:
    assert Night(Night(), Rows(row_of("r1"))).read().changes.to_json()["views"] is False


# -- collections ---------------------------------------------------------------------------------------------


def test_the_collections_are_those_of_the_last_time_where_their_bulk_listing_is_the_same(
    nights: Callable[..., Night],
) -> None:
    night = nights().read()
    assert night.changes.unchanged_collections() == [({"token": "c1"}, {})]
    assert night.known.again == [("bulk", "spaces")]
    assert night.changes.filtered_collections == {"personal": 2, "excluded": 5}
    other = nights()
    other.batch.pages["spaces"] = [None, {"token": "c9"}]
    assert other.read().changes.unchanged_collections() is None
    assert nights(include_personal=True).read().changes.unchanged_collections() is None
    assert first_night("r1").changes.unchanged_collections() is None
    assert first_night("r1").changes.filtered_collections == {}
    night = nights()
    del night.known.readings["bulk", "spaces"]
    assert night.read().changes.unchanged_collections() is None


def test_that_collections_were_listed_is_kept_only_where_bulk_is_whole() -> None:
    night = Night()
    night.batch.broken = {"spaces"}
    night.read()
    night.changes.collections_listed()
    night.changes.listed("c1", seen={"r1"}, counts={})
    assert night.known.noted == {}
    night = Night(incremental=False).shows("r1").read()
    night.changes.collections_listed()
    night.changes.listed("c1", seen={"r1"}, counts={})
    assert night.known.noted == {}


def test_a_collection_that_is_as_it_was_is_taken(nights: Callable[..., Night]) -> None:
    night = nights().read()
    assert night.changes.plan("c1") == Plan("take")
    assert night.changes.plan("c2") == Plan("list")
    assert night.changes.counts_of("c1") == {"archived": 2}
    assert night.changes.counts_of("c2") == {}
    assert night.changes.bulk_tokens("c1") == {"r1", "r2"}
    assert night.changes.sample(["c1"]) == {"c1"}
    assert first_night("r1").changes.sample(["c1"]) == set()


def test_what_is_compared_is_drawn_from_collections_that_have_something_to_compare(
    nights: Callable[..., Night],
) -> None:
    night = nights().read()
    empty = [f"empty-{number}" for number in range(50)]
    assert night.changes.sample([*empty, "c1"]) == {"c1"}
    assert len(night.changes.sample(empty)) == 1


def test_a_report_whose_queries_are_not_known_is_read_alone(nights: Callable[..., Night]) -> None:
    night = nights().read()
    del night.known.readings["report", "r2"]
    assert night.changes.plan("c1") == Plan("single", ("r2",))


def test_a_report_that_changed_is_read_alone(nights: Callable[..., Night]) -> None:
    night = nights()
    night.of("r2")["name"] = "Renamed"
    assert night.read().changes.plan("c1") == Plan("single", ("r2",))


def test_a_dataset_that_changed_has_its_collection_listed(nights: Callable[..., Night]) -> None:
    night = nights(rows=Rows(row_of("r1"), row_of("r2", type="DatasetReport")))
    assert night.read().changes.plan("c1") == Plan("take")
    night = nights(rows=Rows(row_of("r1"), row_of("r2", type="DatasetReport")))
    night.of("r2")["name"] = "Renamed"
    assert night.read().changes.plan("c1") == Plan("list")


@pytest.mark.parametrize(("changed", "kind"), [(1, "single"), (2, "single"), (3, "list")])
def test_where_more_reports_changed_than_the_listing_has_pages_it_is_listed(changed: int, kind: str) -> None:
    tokens = [f"r{n}" for n in range(30)]
    night = Night(first_night(*tokens), Rows(*map(row_of, tokens)))
    for token in tokens[:changed]:
        night.of(token)["name"] = "Renamed"
    assert night.read().changes.plan("c1").kind == kind


def _hide(night: Night) -> None:
    night.batch.pages["reports"].pop()


def _forget_listing(night: Night) -> None:
    del night.known.readings["listing", "c1"]


def _add(night: Night) -> None:
    night.shows("r3")


@pytest.mark.parametrize("change", [_hide, _forget_listing, _add])
def test_a_collection_that_gained_or_lost_something_is_listed(
    nights: Callable[..., Night], change: Callable[[Night], None]
) -> None:
    night = nights()
    change(night)
    assert night.read().changes.plan("c1") == Plan("list")


def test_what_bulk_showed_and_rest_did_not_is_passed_over_until_it_changes() -> None:
    before = first_night("r1", "hidden")
    night = Night(before, Rows(row_of("r1")))
    assert night.read().changes.plan("c1") == Plan("take")
    night = Night(before, Rows(row_of("r1")))
    night.of("hidden")["name"] = "Renamed"
    assert night.read().changes.plan("c1") == Plan("list")


def test_what_rest_showed_in_another_collection_is_not_passed_over() -> None:
    before = first_night("r1", "moved")
    night = Night(before, Rows(row_of("r1"), row_of("moved", collection="c2")))
    assert night.read().changes.plan("c1") == Plan("list")


def test_a_report_that_was_left_out_although_it_is_listed_has_its_collection_listed_the_next_time() -> None:
    for first in (True, False):
        before = first_night("r1")
        before.shows("away")
        if first:
            before.changes.left_out("away")
        before.changes.listed("c1", seen={"r1", "away"}, counts={})
        if not first:
            before.changes.left_out("away")
        assert Night(before, Rows(row_of("r1"))).read().changes.plan("c1") == Plan("list")


# -- what is taken -------------------------------------------------------------------------------------------


def test_what_is_taken_brings_its_queries_and_notes_for_the_next_time(nights: Callable[..., Night]) -> None:
    night = nights()
    night.of("r1").update(updated_at=RAN, last_run_at=RAN, last_successfully_run_at=RAN)
    night.of("r2")["name"] = "Renamed"
    changes = night.read().changes
    taken = list(changes.take("c1"))
    assert taken == [({**row_of("r1"), "updated_at": RAN}, {"last_viewed_at": "1"})]
    assert night.known.carried == ["r1"]
    assert night.known.again == [("listing", "c1")]
    assert set(night.known.noted) == {("bulk-report", "r1")}
    assert changes.to_json()["taken"] == 1
    assert list(changes.take("c1", but=["r1"])) == []
    with pytest.raises(LookupError):
        list(changes.take("c2"))
    assert changes.earlier_report("r1") == row_of("r1")
    assert first_night("r1").changes.earlier_report("r1") is None


def test_marks_of_what_rest_does_not_show_are_kept_for_the_next_time() -> None:
    night = Night(first_night("r1", "hidden"), Rows(row_of("r1"))).read()
    assert len(list(night.changes.take("c1"))) == 1
    assert set(night.known.noted) == {("bulk-report", "r1"), ("bulk-report", "hidden")}
    night.known.noted.clear()
    night.changes.read_singly("r1")
    assert set(night.known.noted) == {("bulk-report", "r1")}


# -- what REST showed ----------------------------------------------------------------------------------------


def counted(night: Night) -> tuple[int, int, int]:
    told = night.changes.to_json()
    return told["compared"], told["unannounced"], told["late"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (row_of("r1"), (1, 0, 0)),
        (row_of("r1", name="Renamed"), (1, 1, 0)),
        (row_of("r1", view_count=9), (1, 0, 1)),
        (row_of("r1", name="Renamed", updated_at="2030-01-01T00:00:00Z"), (1, 0, 1)),
        (row_of("r1", collection="c2", name="Renamed"), (0, 0, 0)),
        (row_of("r9"), (0, 0, 0)),
    ],
    ids=["the same", "another name", "viewed", "changed since", "moved", "new"],
)
def test_a_report_that_rest_shows_is_compared_with_what_would_have_been_taken(
    nights: Callable[..., Night], row: dict[str, Any], expected: tuple[int, int, int]
) -> None:
    night = nights().read()
    night.changes.compare(row)
    assert counted(night) == expected


def test_a_report_whose_change_bulk_announced_is_not_compared(nights: Callable[..., Night]) -> None:
    night = nights()
    night.of("r1")["name"] = "Renamed"
    night.read().changes.compare(row_of("r1", name="Renamed"))
    assert counted(night) == (0, 0, 0)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({"r1", "r2"}, (0, 0, 0)),
        ({"r1"}, (0, 1, 0)),
        ({"r1", "r2", "r3", "r4"}, (0, 0, 2)),
    ],
    ids=["the same", "one is gone", "two are new"],
)
def test_a_collection_that_rest_lists_is_compared_with_bulk(
    nights: Callable[..., Night], seen: set[str], expected: tuple[int, int, int]
) -> None:
    night = nights().read()
    night.changes.listed("c1", seen=seen, counts={})
    assert counted(night) == expected
    assert {key for key in night.known.noted if key[0] == "listing"} == {("listing", "c1")}
    night.changes.listed("c9", seen={"r7"}, counts={})
    assert counted(night) == expected


def test_where_bulk_was_wrong_too_often_everything_is_listed(nights: Callable[..., Night]) -> None:
    night = nights().read()
    assert night.changes.verified()
    assert night.batch.closed == 1
    assert night.changes.to_json()["fell_back"] is False
    night.changes.listed("c1", seen=set(), counts={})
    assert not night.changes.verified()
    assert night.batch.closed == 1
    assert night.changes.to_json()["fell_back"] is True
    assert not night.changes.compares
    assert night.changes.plan("c1") == Plan("list")


def test_the_next_share_is_that_of_the_last_manifest(nights: Callable[..., Night]) -> None:
    rows = Rows(row_of("r1"), reuse={"bulk": {"next_share": 0.25}})
    assert nights(rows=rows).read().changes.to_json()["share"] == 0.25


# -- queries in doubt ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rest", "doubted"),
    [
        ("2026-01-01T00:00:02Z", False),
        ("2026-01-01T00:00:03Z", True),
        ("2025-12-31T00:00:00Z", False),
        (None, False),
    ],
)
def test_bulk_queries_are_doubted_where_bulk_does_not_know_of_the_last_edit(
    nights: Callable[..., Night], rest: str | None, doubted: bool
) -> None:
    changes = nights().read().changes
    assert changes.queries_in_doubt("r1", {"edited_at": rest}) is doubted
    assert changes.queries_in_doubt("r9", {"edited_at": rest}) is False


@pytest.mark.parametrize(
    ("edited", "queries", "doubted"),
    [(False, False, False), (True, False, True), (False, True, True), (True, True, False)],
)
def test_bulk_queries_are_doubted_where_stamps_and_queries_contradict_each_other(
    nights: Callable[..., Night], edited: bool, queries: bool, doubted: bool
) -> None:
    night = nights()
    if edited:
        night.of("r1")["edited_at"] = "2026-01-02T00:00:00Z"
    if queries:
        night.listed.add_batch_queries([{"token": "q1", "report_token": "r1"}])
    assert night.read().changes.queries_in_doubt("r1", {}) is doubted


def test_bulk_queries_of_a_report_of_which_nothing_was_kept_are_not_doubted() -> None:
    assert not Night().shows("r1").read().changes.queries_in_doubt("r1", {})
