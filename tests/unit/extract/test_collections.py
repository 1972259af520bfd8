"""Which collections are wanted, and how many there will be while they are still being listed."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from mode_catalog_provider.contract import KEYS
from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.extract.collection_walk import CollectionWalk
from mode_catalog_provider.extract.collections import CollectionReading
from mode_catalog_provider.extract.left_out import Ledger
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.mode.pages import PageWalk
from tests.unit.extract.answers import Answers, listing


def space(token: str | None, *, personal: bool = False, **more: Any) -> dict[str, Any]:
    kind = "private" if personal else "custom"
    return {"token": token, "name": f"Name of {token}", "space_type": kind, **more}


def spaces(first: int, count: int, *, personal: int = 0) -> list[dict[str, Any]]:
    return [space(f"c{n}", personal=n < first + personal) for n in range(first, first + count)]


class Reading:
    """The reading of a list of collections, and what it told."""

    def __init__(self, pages: dict[str, Any], **options: Any) -> None:
        self.ledger = Ledger()
        self.facts: dict[str, Any] = {}
        #: At each page: how many are expected, how many wanted, and whether those are all.
        self.told: list[tuple[int, int, bool]] = []
        self.answers = Answers({"spaces": listing("spaces"), **pages})
        self.pipeline = self.answers.pipeline()
        self.collections = CollectionReading(
            pipeline=self.pipeline,
            ledger=self.ledger,
            facts=lambda asset, token, facts: self.facts.update({f"{asset} {token}": facts}),
            options=ExtractionOptions(**options),
            listed=self._listed,
        )

    def _listed(self) -> None:
        one = self.collections
        self.told.append((one.expected, one.count, one.complete))

    def read(self) -> list[str]:
        self.collections.ask()
        assert list(self.pipeline.rows()) == []
        return [row["token"] for row in self.collections.take()]


def test_as_many_are_expected_of_those_to_come_as_of_those_that_are_listed() -> None:
    reading = Reading(
        {
            "spaces 1": listing("spaces", *spaces(0, 30, personal=20), total_count=60, total_pages=2),
            "spaces 2": listing("spaces", *spaces(30, 30), total_count=60, total_pages=2),
            "spaces 3": listing("spaces", total_count=60, total_pages=2),
        }
    )
    assert reading.collections.expected == 0
    assert len(reading.read()) == 40
    assert reading.told == [(20, 10, False), (40, 40, False), (40, 40, True)]
    assert reading.collections.expected == 40
    assert reading.ledger.filtered == {"personal": 20}


def test_where_the_listing_does_not_count_those_that_are_listed_are_expected() -> None:
    reading = Reading({"spaces 1": listing("spaces", *spaces(0, 30, personal=20))})
    assert len(reading.read()) == 10
    assert reading.told[0] == (10, 10, False)
    assert reading.told[-1] == (10, 10, True)


def test_a_wanted_collection_is_given_out_once_with_what_the_listing_says_of_it() -> None:
    reading = Reading({"spaces 1": listing("spaces", space("c1", restricted=True, id=7), space("c2"))})
    reading.collections.ask()
    assert list(reading.pipeline.rows()) == []
    first, second = reading.collections.take()
    assert tuple(first) == KEYS["collection"]
    assert (first["id"], first["token"], second["token"]) == (7, "c1", "c2")
    assert reading.collections.take() == []
    assert reading.facts == {"collection c1": {"restricted": True}, "collection c2": {}}


def test_a_collection_without_a_token_is_left_out_and_told() -> None:
    reading = Reading({"spaces 1": listing("spaces", space(None, id=1), space("c2"))})
    assert reading.read() == ["c2"]
    (entry,) = reading.ledger.left_out
    assert (entry.asset, entry.name, entry.reason) == ("collection", "Name of None", "no_token")


@pytest.mark.parametrize(
    ("options", "needs_all", "wanted", "filtered"),
    [
        ({}, False, ["c1", "c2"], {"personal": 1}),
        ({"include_personal": True}, False, ["c0", "c1", "c2"], {}),
        ({"include_collections": ["c1"]}, True, ["c1"], {"personal": 1, "not_included": 1}),
        ({"exclude_collections": ["c1"]}, False, ["c2"], {"personal": 1, "excluded": 1}),
    ],
    ids=str,
)
def test_the_options_say_which_are_wanted(
    options: dict[str, Any], needs_all: bool, wanted: list[str], filtered: dict[str, int]
) -> None:
    reading = Reading({"spaces 1": listing("spaces", *spaces(0, 3, personal=1))}, **options)
    assert reading.collections.needs_all is needs_all
    assert reading.read() == wanted
    assert reading.ledger.filtered == filtered


def test_a_pattern_that_matches_nothing_is_refused_or_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    pages = {"spaces 1": listing("spaces", *spaces(0, 3))}
    with pytest.raises(ConfigurationError):
        Reading(pages, include_collections=["gone"]).read()
    assert caplog.messages == []
    assert len(Reading(pages, exclude_collections=["gone", "c1"]).read()) == 2
    assert caplog.messages == ["exclude_collections: no collection's name or token matches 'gone'."]


def test_those_of_the_last_snapshot_are_taken_without_a_request() -> None:
    reading = Reading({})
    reading.collections.adopt([({"token": "c1"}, {"restricted": True})], {"personal": 3})
    assert reading.collections.complete
    assert (reading.collections.count, reading.collections.expected) == (1, 1)
    assert reading.collections.take() == [{"token": "c1"}]
    assert reading.facts == {"collection c1": {"restricted": True}}
    assert reading.ledger.filtered == {"personal": 3}
    assert reading.answers.asked == []


def test_a_walk_over_datasets_is_part_of_the_one_over_the_reports_of_its_collection() -> None:
    collection = {"token": "c1", "name": "Sales"}
    reports = CollectionWalk(collection, PageWalk("spaces/c1/reports", "reports"))
    datasets = CollectionWalk(collection, PageWalk("spaces/c1/datasets", "reports"), first=reports)
    assert datasets.whole is reports.whole is reports
    assert datasets.token == "c1"
    assert str(datasets) == "collection 'Sales' (c1)"
    assert (reports.reports, reports.again, reports.flawed, reports.has_datasets_read) == (0, 0, False, False)
