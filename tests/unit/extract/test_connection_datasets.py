"""Whether the datasets of all collections can be had from the listings of connections."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from mode_catalog_provider.errors import ForbiddenError, ServiceUnavailableError
from mode_catalog_provider.extract.connection_datasets import MOST_LOOKED_UP, ConnectionDatasets
from mode_catalog_provider.extract.known import NothingKnown
from tests.unit.extract.answers import Answers, listing


class Known(NothingKnown):
    def __init__(self, *datasets: str) -> None:
        self._datasets = datasets

    def datasets(self, collection_token: str | None = None) -> Any:
        return iter(self._datasets)


class Reading:
    def __init__(self, known: tuple[str, ...] = (), **answers: Any) -> None:
        pages = {f"data_sources/{token}/datasets": page for token, page in answers.items()}
        self.answers = Answers(pages)
        self.pipeline = self.answers.pipeline()
        self.settled = 0
        self.datasets = ConnectionDatasets(pipeline=self.pipeline, known=Known(*known), settled=self._settled)

    def _settled(self) -> tuple[()]:
        assert self.datasets.ready
        self.settled += 1
        return ()

    def read(self, *connections: str, check: bool = False) -> Reading:
        self.datasets.start(connections, check=check)
        assert not self.datasets.ready
        assert list(self.pipeline.rows()) == []
        assert (self.settled, self.datasets.ready) == (1, True)
        self.datasets.close()
        return self

    def looked_up(self) -> list[str]:
        asked = self.answers.asked
        return [path.removeprefix("reports/") for path in asked if path.startswith("reports/")]


def dataset(token: Any, collection: Any = "c1", **more: Any) -> dict[str, Any]:
    said = {"type": "DatasetReport", "space_token": collection, "updated_at": "1", "view_count": 1}
    return {"token": token, "name": "Orders", **said, **more}


def datasets(*rows: Any, **counters: int) -> dict[str, Any]:
    return listing("reports", *rows, **counters)


def tokens(one: ConnectionDatasets, collection: str) -> list[str]:
    return [row["token"] for row in one.in_collection(collection)]


@pytest.fixture
def two() -> Iterator[ConnectionDatasets]:
    """d1 and d2 of collection c1, d3 of c2, from two connections."""
    reading = Reading(s1=datasets(dataset("d2"), dataset("d3", "c2")), s2=datasets(dataset("d1")))
    reading.datasets.start(["s1", "s2"], check=False)
    assert list(reading.pipeline.rows()) == []
    assert reading.settled == 1
    yield reading.datasets
    reading.datasets.close()


def test_the_datasets_of_a_collection_come_from_all_connections(two: ConnectionDatasets) -> None:
    assert two.ready
    assert two.because is None
    assert (tokens(two, "c1"), tokens(two, "c2"), tokens(two, "c3")) == (["d1", "d2"], ["d3"], [])
    assert two.in_collection("c2") == [dataset("d3", "c2")]


def test_a_listing_of_several_pages_is_read_to_its_end() -> None:
    first = [dataset(f"d{n:02}") for n in range(30)]
    reading = Reading(**{"s1": datasets()})
    reading.answers.answers["data_sources/s1/datasets 1"] = datasets(*first, total_count=31)
    reading.answers.answers["data_sources/s1/datasets 2"] = datasets(dataset("d30"), total_count=31)
    reading.datasets.start(["s1"], check=False)
    list(reading.pipeline.rows())
    assert (reading.settled, reading.datasets.because) == (1, None)
    assert len(tokens(reading.datasets, "c1")) == 31
    reading.datasets.close()


@pytest.mark.parametrize(
    ("page", "because"),
    [
        (datasets(dataset(None)), "does not say of a dataset what it is"),
        (datasets(dataset("d1", None)), "does not say of a dataset what it is"),
        (datasets(dataset("d1", type=None)), "does not say of a dataset what it is"),
        ({"message": "maintenance"}, "not a listing"),
        (ForbiddenError("Mode answered 403.", status=403), "403"),
        (ServiceUnavailableError("Mode answered 503.", status=503), "503"),
        (None, "404"),
    ],
    ids=["no token", "no collection", "no type", "no listing", "403", "503", "404"],
)
def test_one_listing_that_cannot_be_used_speaks_against_all(page: Any, because: str) -> None:
    reading = Reading(**{} if page is None else {"s1": page}, s2=page or datasets()).read("s1", "s2")
    assert because in (reading.datasets.because or "")
    assert list(reading.datasets.give_up("something else")) == []
    assert because in (reading.datasets.because or "")
    assert reading.settled == 1


# -- the comparison ------------------------------------------------------------------------------------------


def compare(one: ConnectionDatasets, *shown: dict[str, Any]) -> list[int]:
    one.shown_in("c1", shown)
    one.read_whole("c1")
    one.read_whole("c1")
    told = one.compare()
    assert list(told) == ["compared", "missing", "extra", "different"]
    return list(told.values())


def test_both_ways_are_the_same_where_they_show_the_same(two: ConnectionDatasets) -> None:
    # c2 was not read whole, so d3 says nothing.
    assert compare(two, dataset("d1"), dataset("d2")) == [2, 0, 0, 0]


def test_what_one_way_alone_shows_is_counted(two: ConnectionDatasets) -> None:
    assert compare(two, dataset("d1"), dataset("d8"), dataset("d9"), dataset(None)) == [3, 2, 1, 0]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Sales"},
        {"updated_at": None},
        {"view_count": "1"},
        {"archived": True},
        {"runs_count": 3},
        {"space_token": "c2"},
    ],
    ids=str,
)
def test_a_dataset_that_is_told_otherwise_is_counted(two: ConnectionDatasets, change: dict[str, Any]) -> None:
    assert compare(two, dataset("d1", **change), dataset("d2")) == [2, 0, 0, 1]


@pytest.mark.parametrize("change", [{"updated_at": "2"}, {"view_count": 2}, {"space_token": None}], ids=str)
def test_what_moves_or_says_the_same_is_no_difference(
    two: ConnectionDatasets, change: dict[str, Any]
) -> None:
    assert compare(two, dataset("d1", **change), dataset("d2")) == [2, 0, 0, 0]


# -- known datasets that no connection shows -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "usable"),
    [
        (None, True),
        (dataset("d9", archived=True), True),
        (dataset("d9", type="Report"), True),
        (dataset("d9"), False),
        (ServiceUnavailableError("Mode answered 503.", status=503), False),
    ],
    ids=["gone", "archived", "a report now", "there", "not known"],
)
def test_a_known_dataset_that_no_connection_shows_must_be_gone(answer: Any, usable: bool) -> None:
    reading = Reading(("d1", "d8", "d9"), s1=datasets(dataset("d1")))
    reading.answers.answers["reports/d9"] = answer
    reading.read("s1", check=True)
    assert (reading.datasets.because is None) is usable
    assert reading.looked_up() == ["d8", "d9"]


def test_known_datasets_are_looked_up_only_where_that_is_asked_for_and_they_are_few() -> None:
    few = tuple(f"d{n}" for n in range(MOST_LOOKED_UP))
    assert Reading(few, s1=datasets()).read("s1").looked_up() == []
    reading = Reading(few, s1=datasets()).read("s1", check=True)
    assert reading.datasets.because is None
    assert reading.looked_up() == list(few)
    reading = Reading((*few, "one more"), s1=datasets()).read("s1", check=True)
    assert "more known datasets than usual" in (reading.datasets.because or "")
    assert reading.looked_up() == []
    assert Reading(("d1",), s1=datasets(dataset("d1"))).read("s1", check=True).datasets.because is None


def test_its_database_is_closed_with_it() -> None:
    reading = Reading(s1=datasets()).read("s1")
    with pytest.raises(sqlite3.ProgrammingError):
        reading.datasets.in_collection("c1")
