"""What one extraction takes from the snapshot before, and from one that died."""

from __future__ import annotations

from typing import Any

import pytest

from mode_catalog_provider.extract.carried_over import CarriedOver
from mode_catalog_provider.extract.segment import Reading

ROW = {"token": "m1", "id": 5}


class Writer:
    def __init__(self) -> None:
        self.noted: list[tuple[str, str, str, int]] = []

    def note_reading(self, *what: Any) -> None:
        self.noted.append(what)


class Previous:
    """Everything with the mark ``"mark"`` is known since second 3; ``rowless`` has no row."""

    rows = "its rows"

    def __init__(self, *, timestamp: int | None = 9, because: str | None = None) -> None:
        self.timestamp, self.because = timestamp, because

    def recall(self, asset: str, token: str, mark: str) -> Any:
        if mark != "mark":
            return None
        return 3, ROW if asset == "member" and token != "rowless" else None

    def reading(self, asset: str, token: str) -> Any:
        return ("mark", 3) if token == "r1" else None

    def carry_queries(self, token: str) -> Any:
        return self.reading("report", token)

    def queries(self) -> Any:
        return iter([{"token": "q1"}, {"token": "q2"}])

    def reports_of(self, collection: str) -> Any:
        return {f"of {collection}"}

    def datasets(self, collection_token: str | None = None) -> Any:
        return iter(["d1"] if collection_token is None else [f"d of {collection_token}"])


class Unfinished:
    """An extraction that died had read the object ``resumed``."""

    def __init__(self) -> None:
        self.kept: list[Reading] = []

    def recall(self, asset: str, token: str, mark: str) -> Reading | None:
        return Reading(asset, token, mark, 6, [{"token": "q7"}]) if token == "resumed" else None

    def keep(self, reading: Reading) -> None:
        self.kept.append(reading)


class Carried:
    def __init__(self, **previous: Any) -> None:
        self.writer, self.unfinished = Writer(), Unfinished()
        stands: Any = (self.writer, Previous(**previous), self.unfinished)
        self.over = CarriedOver(writer=stands[0], previous=stands[1], unfinished=stands[2], now=lambda: 100.9)

    def counts(self) -> tuple[int, int, int]:
        told = self.over.to_json()
        return told["reports"], told["queries"], told["members"]


@pytest.mark.parametrize(
    ("previous", "knows"),
    [({}, True), ({"because": "it is old"}, False), ({"timestamp": None}, False)],
    ids=str,
)
def test_something_is_known_where_there_is_a_snapshot_that_may_be_used(
    previous: dict[str, Any], knows: bool
) -> None:
    carried = Carried(**previous).over
    assert carried.knows_something is knows
    assert carried.to_json()["full_because"] == previous.get("because")
    assert carried.to_json()["snapshot"] == previous.get("timestamp", 9)


def test_the_snapshot_before_is_asked_for_what_it_has() -> None:
    over = Carried().over
    assert over.earlier_rows == "its rows"
    assert over.reading("report", "r1") == ("mark", 3)
    assert over.reports_of("c1") == {"of c1"}
    assert (list(over.datasets()), list(over.datasets("c1"))) == (["d1"], ["d of c1"])


def test_unchanged_queries_are_carried_with_the_time_of_their_reading() -> None:
    carried = Carried()
    assert carried.over.has_queries("r1", "mark")
    assert not carried.over.has_queries("r2", "another")
    assert not carried.over.has_queries("r3", None)
    carried.over.carry_queries("r1")
    carried.over.carry_queries("unknown")
    assert carried.writer.noted == [("report", "r1", "mark", 3)] * 2
    assert [row["token"] for row in carried.over.queries()] == ["q1", "q2"]
    assert carried.counts() == (2, 2, 0)


def test_what_an_extraction_that_died_had_read_goes_before_the_snapshot() -> None:
    carried = Carried()
    assert carried.over.queries_of("resumed", "mark") == [{"token": "q7"}]
    assert carried.over.queries_of("resumed", None) is None
    assert carried.over.queries_of("r1", "mark") is None
    assert carried.over.member("resumed", "mark") == {"token": "q7"}
    assert carried.writer.noted == [(asset, "resumed", "mark", 6) for asset in ("report", "member")]
    assert carried.counts() == (0, 0, 0)


def test_a_member_is_known_by_token_and_mark_where_there_is_a_row() -> None:
    carried = Carried()
    for token, mark in ((None, "mark"), ("", "mark"), ("m1", "another"), ("rowless", "mark")):
        assert carried.over.member(token, mark) is None
    assert carried.over.member("m1", "mark") == ROW
    assert carried.writer.noted == [("member", "m1", "mark", 3)]
    assert carried.counts() == (0, 0, 1)


def test_what_is_read_now_is_noted_and_kept_where_it_came_whole() -> None:
    carried = Carried()
    carried.over.note("report", "r1", None, rows=[ROW])
    carried.over.note("report", "r2", "mark")
    carried.over.note("report", "r3", "mark", rows=[])
    carried.over.note_again("listing", "c1", "mark", 4)
    assert carried.writer.noted == [
        ("report", "r2", "mark", 100),
        ("report", "r3", "mark", 100),
        ("listing", "c1", "mark", 4),
    ]
    assert carried.unfinished.kept == [Reading("report", "r3", "mark", 100, [])]
