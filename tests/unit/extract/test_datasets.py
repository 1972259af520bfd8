"""By which way the datasets of the collections are listed, and what a refusal means."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from mode_catalog_provider.errors import ForbiddenError, NotFoundError
from mode_catalog_provider.extract.collection_walk import CollectionWalk
from mode_catalog_provider.extract.datasets import NO_SUCH_ROUTE, DatasetReading
from mode_catalog_provider.extract.known import NothingKnown
from mode_catalog_provider.extract.left_out import Ledger
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.mode.pages import PageWalk
from tests.unit.extract.answers import Answers, listing

COLLECTIONS = ("c1", "c2", "c3")


class Known(NothingKnown):
    def __init__(self, mark: str | None = None) -> None:
        self.mark = mark
        self.again = 0
        self.none_before = False

    def reading(self, asset: str, token: str) -> Any:
        if (asset, token) == ("bulk", "datasets"):
            return ("none", 5) if self.none_before else None
        assert (asset, token) == ("datasets", "connections")
        return None if self.mark is None else (self.mark, 5)

    def note_again(self, *_: Any) -> None:
        self.again += 1

    def note(self, asset: str, token: str, mark: str | None, **_: Any) -> None:
        self.mark = mark


def dataset(token: str, collection: str = "c1", **more: Any) -> dict[str, Any]:
    return {"token": token, "type": "DatasetReport", "space_token": collection, **more}


def page(*datasets: Any) -> dict[str, Any]:
    return listing("reports", *datasets)


class Reading:
    def __init__(
        self, known: Known | None = None, *, planned: Any = (3, 3), at_once: int = 1, **options: Any
    ) -> None:
        self.ledger, self.known, self.planned = Ledger(), known or Known(), planned
        self.answers = Answers({f"spaces/{token}/datasets": page() for token in COLLECTIONS})
        self.answers.answers["spaces/c1/datasets"] = page(dataset("d1"))
        self.answers.answers["data_sources/s1/datasets"] = page(dataset("d1"))
        self.pipeline = self.answers.pipeline(at_once=at_once)
        self.absent = 0
        self.bulk: set[str] | None = None
        # The collection whose reports show a dataset, too.
        self.shown: dict[str, str] = {}
        self.over: list[CollectionWalk] = []
        self.all_over = threading.Event()
        self.datasets = DatasetReading(
            pipeline=self.pipeline,
            ledger=self.ledger,
            known=self.known,
            options=ExtractionOptions(**options),
            take=lambda _, resources: iter([("report", one) for one in resources]),
            over=self._over,
            planned=lambda: self.planned,
            bulk_tokens=lambda _: self.bulk,
            shown=lambda token: self.shown.get(token) in [walk.token for walk in self.over],
            absent=self._absent,
        )

    def _over(self, reports: CollectionWalk) -> tuple[()]:
        self.over.append(reports)
        if len(self.over) == len(COLLECTIONS):
            self.datasets.all_over()
            self.all_over.set()
        return ()

    def _absent(self) -> None:
        self.absent += 1

    def read(self, *connections: str) -> list[str]:
        """Tokens of the datasets that came; every collection was told to be over."""
        for token in COLLECTIONS:
            collection = {"token": token, "name": token}
            self.datasets.look_for(CollectionWalk(collection, PageWalk(f"spaces/{token}/reports", "reports")))
        self.datasets.connections_listed(connections)
        found = [row["token"] for _, row in self.pipeline.rows()]
        assert sorted(walk.token for walk in self.over) == list(COLLECTIONS)
        return found

    def asked(self) -> list[str]:
        return sorted(set(self.answers.asked))


BY_COLLECTION = [f"spaces/{token}/datasets" for token in COLLECTIONS]


@pytest.fixture
def make() -> Any:
    made: list[Reading] = []

    def make(*args: Any, **options: Any) -> Reading:
        made.append(Reading(*args, **options))
        return made[-1]

    yield make
    for reading in made:
        reading.datasets.close()


def test_they_are_listed_by_collection_and_the_first_is_asked_alone(make: Any) -> None:
    reading = make()
    assert reading.datasets.possible
    assert reading.read("s1") == ["d1"]
    assert reading.asked() == BY_COLLECTION
    assert reading.answers.asked[0] == BY_COLLECTION[0]
    assert reading.datasets.to_json() == {}
    assert reading.ledger.left_out == []


def test_where_they_are_not_wanted_none_is_asked_for(make: Any) -> None:
    reading = make(include_datasets=False)
    assert not reading.datasets.possible
    assert reading.read("s1") == []
    assert reading.answers.asked == []


def test_nothing_is_chosen_before_it_is_known_how_many_collections_are_listed(make: Any) -> None:
    reading = make(planned=None)
    walk = CollectionWalk({"token": "c1", "name": "c1"}, PageWalk("spaces/c1/reports", "reports"))
    reading.datasets.connections_listed(["s1"])
    reading.datasets.look_for(walk)
    assert reading.pipeline.peak_backlog == 0
    reading.planned = (1, 1)
    reading.datasets.all_planned()
    assert [row["token"] for _, row in reading.pipeline.rows()] == ["d1"]


# -- refusals ------------------------------------------------------------------------------------------------

NO_ROUTE = NotFoundError(f"Mode answered 404: {NO_SUCH_ROUTE}", status=404)
GONE = NotFoundError("Mode answered 404.", status=404)


def without_the_listing(reading: Reading, *collections: str, error: Exception = GONE) -> None:
    """The collections are there, and have no listing of datasets."""
    for token in collections:
        reading.answers.answers[f"spaces/{token}/datasets"] = error
        reading.answers.answers[f"spaces/{token}/reports 1"] = page()


def test_a_workspace_that_says_that_there_is_no_such_route_is_asked_once(make: Any) -> None:
    reading = make()
    without_the_listing(reading, *COLLECTIONS, error=NO_ROUTE)
    assert reading.read("s1") == []
    assert reading.asked() == BY_COLLECTION[:1]
    assert (reading.absent, reading.datasets.possible, reading.ledger.left_out) == (1, False, [])
    assert not any(walk.flawed for walk in reading.over)


def test_a_workspace_in_which_no_collection_has_the_listing_has_none(make: Any) -> None:
    reading = make()
    without_the_listing(reading, *COLLECTIONS)
    assert reading.read("s1") == []
    assert (reading.absent, reading.datasets.possible, reading.ledger.left_out) == (1, False, [])


@pytest.mark.parametrize("before", [[], ["d1"]], ids=["no datasets before", "datasets before"])
def test_one_collection_without_the_listing_speaks_for_all_only_where_there_were_no_datasets(
    make: Any, before: list[str]
) -> None:
    reading = make(planned=(1, 1))
    reading.known.datasets = lambda *_: before
    without_the_listing(reading, "c1")
    walk = CollectionWalk({"token": "c1", "name": "c1"}, PageWalk("spaces/c1/reports", "reports"))
    reading.datasets.look_for(walk)
    reading.datasets.connections_listed(["s1"])
    assert list(reading.pipeline.rows()) == []
    assert reading.over == [walk]
    reading.datasets.all_over()
    assert (reading.absent, reading.datasets.possible) == ((0, True) if before else (1, False))
    assert [entry.reason for entry in reading.ledger.left_out] == ["gone" for _ in before]


@pytest.mark.parametrize(("error", "told"), [(GONE, 3), (NO_ROUTE, 1)], ids=["looked", "said so"])
def test_a_workspace_that_had_datasets_and_has_no_listing_any_more_is_told(
    make: Any, caplog: pytest.LogCaptureFixture, error: Exception, told: int
) -> None:
    reading = make()
    reading.known.datasets = lambda *_: ["d1"]
    without_the_listing(reading, *COLLECTIONS, error=error)
    assert reading.read("s1") == []
    assert [entry.reason for entry in reading.ledger.left_out] == ["gone"] * told
    assert all(walk.flawed for walk in reading.over)
    assert "The last snapshot has datasets" in caplog.text
    assert (reading.absent, reading.datasets.possible) == (0, False)


@pytest.mark.parametrize("error", [GONE, NO_ROUTE], ids=["looked", "said so"])
def test_datasets_that_reports_are_listed_with_are_not_lost_where_there_is_no_other_listing(
    make: Any, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    reading = make()
    reading.known.none_before = True
    reading.known.datasets = lambda collection=None: ["d3"] if collection is None else []
    reading.shown = {"d3": "c3"}
    without_the_listing(reading, *COLLECTIONS, error=error)
    assert reading.read("s1") == []
    assert (reading.absent, reading.datasets.possible, reading.ledger.left_out) == (1, False, [])
    assert not any(walk.flawed for walk in reading.over)
    assert "The last snapshot has datasets" not in caplog.text


@pytest.mark.parametrize("error", [GONE, NO_ROUTE], ids=["looked", "said so"])
def test_only_a_collection_that_a_dataset_is_lost_from_is_listed_again_the_next_night(
    make: Any, error: Exception
) -> None:
    reading = make()
    reading.known.none_before = True
    reading.known.datasets = lambda collection=None: ["d2"] if collection in (None, "c2") else []
    without_the_listing(reading, *COLLECTIONS, error=error)
    assert reading.read("s1") == []
    assert [walk.token for walk in reading.over if walk.flawed] == ["c2"]
    assert reading.absent == 0


@pytest.mark.parametrize("none_before", [True, False])
def test_collections_without_the_listing_are_listed_again_unless_it_is_known_that_none_has_it(
    make: Any, none_before: bool
) -> None:
    reading = make()
    reading.known.none_before = none_before
    without_the_listing(reading, *COLLECTIONS)
    assert reading.read("s1") == []
    assert [walk.flawed for walk in reading.over] == [not none_before] * 3


@pytest.mark.parametrize("without", [["c1"], ["c2"], ["c1", "c2"], ["c2", "c3"]], ids="+".join)
def test_collections_that_alone_lack_the_listing_do_not_cost_the_others_theirs(
    make: Any, without: list[str]
) -> None:
    reading = make()
    for token in COLLECTIONS:
        reading.answers.answers[f"spaces/{token}/datasets"] = page(dataset(f"d-{token}", token))
    without_the_listing(reading, *without)
    assert reading.read("s1") == [f"d-{token}" for token in COLLECTIONS if token not in without]
    assert [entry.reason for entry in reading.ledger.left_out] == ["gone"] * len(without)
    assert [walk.token for walk in reading.over if walk.flawed] == without
    assert (reading.absent, reading.datasets.possible) == (0, True)


@pytest.mark.parametrize(
    "error", [GONE, ForbiddenError("Mode answered 403.", status=403)], ids=["404", "403"]
)
@pytest.mark.parametrize("refused", ["c1", "c2"])
def test_a_collection_whose_datasets_are_refused_is_left_out_and_the_others_are_asked(
    make: Any, error: Exception, refused: str
) -> None:
    reading = make()
    reading.answers.answers[f"spaces/{refused}/datasets"] = error
    assert reading.read("s1") == ([] if refused == "c1" else ["d1"])
    assert [path for path in reading.asked() if path.endswith("datasets")] == BY_COLLECTION
    (entry,) = reading.ledger.left_out
    assert (entry.asset, entry.token, entry.name) == ("report", None, None)
    assert f"The datasets of collection '{refused}' ({refused})" in entry.detail
    assert [walk.token for walk in reading.over if walk.flawed] == [refused]
    assert (reading.absent, reading.datasets.possible) == (0, True)


# -- by connection -------------------------------------------------------------------------------------------


def test_what_was_proven_to_be_the_same_is_asked_of_the_connections_alone_from_then_on(make: Any) -> None:
    first = make(incremental=True)
    assert first.read("s1") == ["d1"]
    assert first.asked() == ["data_sources/s1/datasets", *BY_COLLECTION]
    compared = {"compared": 1, "missing": 0, "extra": 0, "different": 0}
    assert first.datasets.to_json() == {"way": "both", "proven": True, "because": None, **compared}
    second = make(Known(first.known.mark), incremental=True)
    assert second.read("s1") == ["d1"]
    assert second.asked() == ["data_sources/s1/datasets"]
    assert second.known.again == 1
    assert second.datasets.to_json() == {"way": "connections"}
    # Another selection was not compared.
    third = make(Known(first.known.mark), incremental=True, include_personal=True)
    third.read("s1")
    assert third.datasets.to_json()["way"] == "both"


def test_both_ways_are_compared_whichever_comes_last(make: Any) -> None:
    reading = make(incremental=True, at_once=4)
    shown = reading.answers.answers["data_sources/s1/datasets"]
    reading.answers.answers["data_sources/s1/datasets"] = lambda: reading.all_over.wait(5) and shown
    assert reading.read("s1") == ["d1"]
    assert reading.datasets.to_json()["proven"] is True
    assert reading.known.mark is not None


@pytest.mark.parametrize(
    ("planned", "connections", "incremental"),
    [
        ((2, 2), ("s1",), True),
        ((3, 3), ("s1", "s2"), True),
        ((3, 3), (), True),
        ((3, 7), ("s1",), True),
        ((3, 3), ("s1",), False),
    ],
    ids=["few collections", "many connections", "no connection", "most are not listed", "all is read"],
)
def test_the_connections_are_not_asked_where_that_is_not_cheaper_or_proves_nothing(
    make: Any, planned: Any, connections: tuple[str, ...], incremental: bool
) -> None:
    reading = make(planned=planned, incremental=incremental)
    reading.read(*connections)
    assert reading.asked() == BY_COLLECTION
    assert reading.datasets.to_json() == {}


def test_half_of_the_collections_are_enough_for_a_proof(make: Any) -> None:
    reading = make(planned=(3, 6), incremental=True)
    reading.read("s1")
    assert reading.datasets.to_json()["way"] == "both"


@pytest.mark.parametrize(
    "shown",
    [page(), page(dataset("d1", name="other")), page(dataset("d1"), dataset("d2")), GONE],
    ids=["missing", "different", "extra", "refused"],
)
def test_where_connections_say_otherwise_the_collections_are_asked_from_then_on(
    make: Any, shown: Any
) -> None:
    first = make(incremental=True)
    first.answers.answers["data_sources/s1/datasets"] = shown
    assert first.read("s1") == ["d1"]
    told = first.datasets.to_json()
    assert told["proven"] is False
    assert told["because"]
    second = make(Known(first.known.mark), incremental=True)
    second.read("s1")
    assert second.asked() == BY_COLLECTION
    assert second.known.again == 1
    assert second.datasets.to_json() == {}


def test_a_collection_that_was_refused_proves_nothing(make: Any) -> None:
    reading = make(incremental=True)
    reading.answers.answers["spaces/c2/datasets"] = ForbiddenError("Mode answered 403.", status=403)
    reading.read("s1")
    told = reading.datasets.to_json()
    assert (told["proven"], told["because"]) == (
        False,
        "the datasets of some collections could not be listed",
    )


def test_where_the_connections_fail_after_they_were_proven_the_collections_are_asked(make: Any) -> None:
    first = make(incremental=True)
    first.read("s1")
    second = make(Known(first.known.mark), incremental=True)
    second.answers.answers["data_sources/s1/datasets"] = ForbiddenError("Mode answered 403.", status=403)
    assert second.read("s1") == ["d1"]
    assert second.asked() == ["data_sources/s1/datasets", *BY_COLLECTION]
    assert second.datasets.to_json() == {
        "way": "collections",
        "proven": False,
        "because": "Mode answered 403.",
    }


def test_where_there_is_no_dataset_nothing_is_proven_and_both_ways_are_gone_again(make: Any) -> None:
    first = make(incremental=True)
    for path in ("spaces/c1/datasets", "data_sources/s1/datasets"):
        first.answers.answers[path] = page()
    assert first.read("s1") == []
    because = "there was no dataset to compare"
    assert first.datasets.to_json() == {"way": "both", "proven": None, "because": because}
    assert first.known.mark is None


# -- where bulk shows what there is --------------------------------------------------------------------------


def walked(*tokens: str) -> CollectionWalk:
    """A walk over the reports of c1 that has seen one page, not full, and not yet that it is the last."""
    walk = PageWalk("spaces/c1/reports", "reports")
    walk.take(page(*({"token": token} for token in tokens)))
    assert not walk.done
    return CollectionWalk({"token": "c1", "name": "c1"}, walk)


@pytest.mark.parametrize(
    ("bulk", "reports", "datasets", "proven"),
    [
        ({"r1", "d1"}, ["r1"], ["d1"], True),
        (None, ["r1"], ["d1"], False),
        ({"r1", "d1", "r2"}, ["r1"], ["d1"], False),
        ({"r1", "d1"}, ["r1", "r1"], ["d1"], False),
        ({"r1", "d1"}, ["r1"], ["d1", "d1"], False),
        ({"r1", "d1"}, ["r1", "d1"], ["d1"], False),
    ],
    ids=["just these", "nobody knows", "one is missing", "reports moved", "datasets moved", "in both"],
)
def test_what_bulk_shows_proves_that_a_collection_was_seen_whole(
    make: Any, bulk: set[str] | None, reports: list[str], datasets: list[str], proven: bool
) -> None:
    reading = make()
    reading.bulk = bulk
    reading.answers.answers["spaces/c1/datasets 1"] = page(*map(dataset, datasets))
    reading.answers.answers["spaces/c1/datasets"] = page()
    listed = walked(*reports)
    reading.datasets.connections_listed([])
    reading.datasets.look_for(listed)
    assert {row["token"] for _, row in reading.pipeline.rows()} == {"d1"}
    assert reading.over == [listed]
    assert listed.walk.done is proven
    assert (len(reading.answers.asked) == 1) is proven


@pytest.mark.parametrize(
    ("bulk", "proven"),
    [({"r1", "d1"}, True), (None, False), ({"r1"}, False), ({"r1", "d1", "r2"}, False)],
    ids=["just these", "nobody knows", "not the dataset", "one is missing"],
)
def test_with_the_datasets_of_the_connections_it_proves_the_same(
    make: Any, bulk: set[str] | None, proven: bool
) -> None:
    first = make(incremental=True)
    first.read("s1")
    reading = make(Known(first.known.mark), incremental=True)
    reading.bulk = bulk
    listed = walked("r1")
    reading.datasets.connections_listed(["s1"])
    reading.datasets.look_for(listed)
    assert [row["token"] for _, row in reading.pipeline.rows()] == ["d1"]
    assert (reading.over, listed.walk.done) == ([listed], proven)
