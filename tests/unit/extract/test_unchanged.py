"""Collections that are held until it is known whether they may be taken from the last snapshot."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from mode_catalog_provider.contract import KEYS
from mode_catalog_provider.extract.bulk_changes import Plan
from mode_catalog_provider.extract.left_out import Ledger
from mode_catalog_provider.extract.listed import Listed
from mode_catalog_provider.extract.pipeline import Lane
from mode_catalog_provider.extract.rows import report_row
from mode_catalog_provider.extract.unchanged import UnchangedReading
from tests.unit.extract.answers import Answers


def resource(token: str, **more: Any) -> dict[str, Any]:
    """A report as Mode sends it, with all that a row is made of."""
    said = dict.fromkeys(KEYS["report"], "said")
    return {**said, "token": token, "type": "Report", "archived": False, "space_token": "c1", **more}


class Changes:
    """What bulk tells, decided by the test."""

    def __init__(self, **plans: Plan) -> None:
        self.plans = plans
        self.compares = True
        self.drawn: set[str] = set()
        self.asked_to_draw: list[str] = []
        self.right = True
        self.reports: dict[str, list[dict[str, Any]]] = {}
        self.read_alone: list[str] = []

    def plan(self, collection: str) -> Plan:
        return self.plans[collection]

    def sample(self, collections: list[str]) -> set[str]:
        self.asked_to_draw = collections
        return self.drawn

    def verified(self) -> bool:
        return self.right

    def counts_of(self, collection: str) -> dict[str, int]:
        return {"archived": 2}

    def take(self, collection: str, *, but: Any) -> Any:
        rows = self.reports.get(collection, [])
        return [(row, {"runs_count": 3}) for row in rows if row["token"] not in but]

    def earlier_report(self, token: str) -> Any:
        return next((row for rows in self.reports.values() for row in rows if row["token"] == token), None)

    def read_singly(self, token: str) -> None:
        self.read_alone.append(token)


class Queries:
    def read(self, row: dict[str, Any], _: Any) -> Any:
        return [("report", row), ("query", {"token": f"q of {row['token']}"})]


class Reading:
    """Counts what has begun and is not over, as an extraction does; the planning is one of them."""

    def __init__(self, changes: Changes, **reports: dict[str, Any]) -> None:
        self.changes, self.ledger, self.listed = changes, Ledger(), Listed()
        self.facts: dict[str, Any] = {}
        self.walked: list[str] = []
        self.lanes: list[Lane] = []
        self.under_way = 0
        self.most_under_way = 0
        self.planned = 0
        self.answers = Answers({f"reports/{token}": one for token, one in reports.items()})
        self.pipeline = self.answers.pipeline()
        any_changes: Any = changes
        any_queries: Any = Queries()
        self.unchanged = UnchangedReading(
            pipeline=self.pipeline,
            ledger=self.ledger,
            facts=lambda asset, token, facts: self.facts.update({f"{asset} {token}": dict(facts)}),
            listed=self.listed,
            queries=any_queries,
            changes=any_changes,
            walk=self._walk,
            begun=self._begun,
            over=self._over,
        )

    def _walk(self, collection: dict[str, Any], lane: Lane) -> None:
        self.walked.append(collection["token"])
        self.lanes.append(lane)

    def _begun(self) -> None:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)

    def _over(self) -> None:
        self.under_way -= 1

    def begin(self, *tokens: str) -> list[str]:
        self.unchanged.begin([{"token": token} for token in tokens], planned=self._plan_is_made)
        return self.come()

    def _plan_is_made(self) -> None:
        assert not self.unchanged.planning
        self.planned += 1

    def come(self) -> list[str]:
        return [f"{asset} {row['token']}" for asset, row in self.pipeline.rows()]


@pytest.fixture
def changes() -> Changes:
    """c1 with r1 and the dataset d1, and c2 with r2, may be taken; c3 must be listed."""
    changes = Changes(c1=Plan("take"), c2=Plan("take"), c3=Plan("list"))
    changes.reports = {
        "c1": [row_of("r1"), row_of("d1", type="DatasetReport")],
        "c2": [row_of("r2", space_token="c2")],
    }
    return changes


def row_of(token: str, **more: Any) -> dict[str, Any]:
    return report_row(resource(token, **more), collection_token="c1")


def test_where_there_is_nothing_to_compare_every_collection_is_listed(changes: Changes) -> None:
    changes.compares = False
    reading = Reading(changes)
    assert reading.begin("c1", "c2") == []
    assert reading.walked == ["c1", "c2"]
    assert (reading.under_way, reading.planned, reading.unchanged.holds) == (0, 0, False)


def test_what_is_unchanged_is_held_and_then_taken_with_its_facts(changes: Changes) -> None:
    reading = Reading(changes)
    reading.unchanged.begin([{"token": token} for token in ("c1", "c2", "c3")], planned=lambda: None)
    assert reading.unchanged.planning
    assert (reading.under_way, reading.unchanged.holds) == (1, False)
    assert reading.come() == []
    assert reading.walked == ["c3"]
    assert changes.asked_to_draw == ["c1", "c2"]
    # All that is held counts as one.
    assert (reading.unchanged.planning, reading.unchanged.holds, reading.under_way) == (False, True, 1)
    reading.listed.add("r2", collection="c3", dataset=False)
    reading.unchanged.settle()
    assert not reading.unchanged.holds
    # r2 has moved, and was listed where it is now.
    assert reading.come() == ["collection c1", "report r1", "report d1", "collection c2"]
    assert reading.under_way == 0
    assert reading.facts == {"report r1": {"runs_count": 3}, "report d1": {"runs_count": 3}}
    assert reading.ledger.filtered == Counter(archived=4)


def test_where_bulk_was_found_out_all_that_was_held_is_listed(changes: Changes) -> None:
    reading = Reading(changes)
    reading.begin("c1", "c2")
    changes.right = False
    reading.unchanged.settle()
    assert reading.walked == ["c1", "c2"]
    assert (reading.under_way, reading.unchanged.holds) == (0, False)
    assert reading.come() == []


def test_those_that_are_drawn_are_listed_to_be_compared(changes: Changes) -> None:
    changes.drawn = {"c2"}
    reading = Reading(changes)
    reading.begin("c1", "c2")
    assert (reading.walked, reading.under_way, reading.planned) == (["c2"], 1, 1)
    changes.drawn = {"c1", "c2"}
    reading = Reading(changes)
    reading.begin("c1", "c2")
    assert (sorted(reading.walked), reading.under_way) == (["c1", "c2"], 0)
    assert not reading.unchanged.holds
    # They are drawn when all is planned, and would be read last otherwise.
    assert reading.lanes == [Lane.NEXT_PAGES, Lane.NEXT_PAGES]


def test_a_report_that_changed_is_read_alone_and_its_collection_is_taken(changes: Changes) -> None:
    changes.plans["c1"] = Plan("single", ("r1",))
    reading = Reading(changes, r1=resource("r1", name="Renamed", runs_count=9))
    assert reading.begin("c1", "c2") == ["report r1", "query q of r1"]
    assert changes.asked_to_draw == ["c2"]
    assert reading.facts["report r1"]["runs_count"] == 9
    assert (reading.walked, changes.read_alone, reading.under_way) == ([], ["r1"], 1)
    assert reading.most_under_way == 3
    reading.unchanged.settle()
    assert reading.come() == ["collection c1", "report d1", "collection c2", "report r2"]


def test_a_report_that_was_listed_elsewhere_meanwhile_is_not_given_out_again(changes: Changes) -> None:
    changes.plans["c1"] = Plan("single", ("r1",))
    reading = Reading(changes, r1=resource("r1"))
    reading.listed.add("r1", collection="c3", dataset=False)
    assert reading.begin("c1") == []
    assert (reading.walked, changes.read_alone, reading.under_way) == ([], [], 1)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        resource("another"),
        resource("r1", type="DatasetReport"),
        resource("r1", archived=True),
        resource("r1", space_token="c2"),
        resource("r1", _links={"creator": {"href": "/api/ann"}}),
        {name: value for name, value in resource("r1").items() if name != "description"},
    ],
    ids=["gone", "another", "a dataset", "archived", "moved", "of somebody else", "less than a listing says"],
)
def test_where_a_report_alone_cannot_stand_for_its_row_in_a_listing_its_collection_is_listed(
    changes: Changes, answer: dict[str, Any] | None
) -> None:
    changes.plans["c1"] = Plan("single", ("r1", "d1"))
    reading = Reading(changes, **({} if answer is None else {"r1": answer}), d1=resource("another"))
    assert reading.begin("c1", "c2") == []
    assert (reading.walked, reading.under_way, changes.read_alone) == (["c1"], 1, [])
    reading.unchanged.settle()
    assert reading.come() == ["collection c2", "report r2"]


def test_a_report_that_the_last_snapshot_does_not_have_has_its_collection_listed(changes: Changes) -> None:
    changes.plans["c1"] = Plan("single", ("new",))
    reading = Reading(changes, new=resource("new"))
    assert reading.begin("c1") == []
    assert (reading.walked, reading.under_way) == (["c1"], 0)


def test_what_the_listing_never_said_a_report_alone_need_not_say(changes: Changes) -> None:
    changes.plans["c1"] = Plan("single", ("r1",))
    changes.reports["c1"][0]["description"] = None
    silent = {name: value for name, value in resource("r1").items() if name != "description"}
    assert Reading(changes, r1=silent).begin("c1") == ["report r1", "query q of r1"]
