"""Where the queries of a report come from, and what becomes of the report when they do not come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from mode_catalog_provider.errors import ForbiddenError
from mode_catalog_provider.extract.id_types import IdTypes
from mode_catalog_provider.extract.known import NothingKnown
from mode_catalog_provider.extract.left_out import Ledger
from mode_catalog_provider.extract.listed import Listed, ListedReport
from mode_catalog_provider.extract.queries import MOST_PROBES, QueryReading
from tests.unit.extract.answers import Answers, listing

FORBIDDEN = ForbiddenError("Mode answered 403.", status=403)
RESOURCE = {"edited_at": "2026-01-01T00:00:00Z", "query_count": 1}


class Known(NothingKnown):
    """What was read earlier: whole reports, or the queries of an extraction that died."""

    def __init__(self) -> None:
        self.unchanged: set[str] = set()
        self.unfinished: dict[str, list[dict[str, Any]]] = {}
        self.noted: dict[str, list[dict[str, Any]] | None] = {}

    def has_queries(self, report_token: str, mark: str | None) -> bool:
        return report_token in self.unchanged

    def queries_of(self, report_token: str, mark: str | None) -> Any:
        return self.unfinished.get(report_token)

    def note(self, asset: str, token: str, mark: str | None, *, rows: Any = None) -> None:
        assert (asset, mark is None) == ("report", False)
        self.noted[token] = rows


class Batch:
    """Has the queries of some reports; of all others it says nothing."""

    def __init__(self, **queries: list[dict[str, Any]]) -> None:
        self.queries = queries
        #: When each report that was looked for was edited, and whether the types of ids were known then.
        self.looked_for: list[tuple[float | None, bool]] = []
        self.types: IdTypes | None = None

    def queries_of(self, report: ListedReport) -> list[dict[str, Any]] | None:
        self.looked_for.append((report.edited, self.types is not None and self.types.known))
        return self.queries.get(report.token)


class Reading:
    def __init__(self, *, batch: Any = None, doubted: str = "", **answers: Any) -> None:
        self.ledger, self.known, self.listed, self.types = Ledger(), Known(), Listed(), IdTypes()
        self.answers = Answers({f"reports/{token}/queries": one for token, one in answers.items()})
        self.pipeline = self.answers.pipeline()
        if batch is not None:
            batch.types = self.types
        self.queries = QueryReading(
            pipeline=self.pipeline,
            ledger=self.ledger,
            known=self.known,
            listed=self.listed,
            types=self.types,
            batch=batch,
            in_doubt=lambda token, _: token == doubted,
        )

    def read(self, *tokens: str) -> list[str]:
        """What came at once, else what came when all calls were made; a pipeline makes calls once."""
        rows = [row for token in tokens for row in self.queries.read(report(token), RESOURCE)]
        return self.come() if not rows else [f"{asset} {row['token']}" for asset, row in rows]

    def come(self) -> list[str]:
        return [f"{asset} {row['token']}" for asset, row in self.pipeline.rows()]

    def asked(self) -> list[str]:
        return [path.removeprefix("reports/").removesuffix("/queries") for path in self.answers.asked]


@pytest.fixture
def reading() -> Iterator[Callable[..., Reading]]:
    made: list[Reading] = []

    def make(**choice: Any) -> Reading:
        made.append(Reading(**choice))
        return made[-1]

    yield make
    for one in made:
        one.listed.close()


def report(token: str, *, count: Any = 1) -> dict[str, Any]:
    return {"token": token, "name": f"Name of {token}", "id": 1, "query_count": count}


def query(token: str | None, *, home: str | None = None, **more: Any) -> dict[str, Any]:
    links = {"_links": {"report": {"href": f"/api/acme/reports/{home}"}}} if home else {}
    return {"token": token, "id": 7, "data_source_id": 8, "name": "Sums", **links, **more}


def queries(*rows: Any) -> dict[str, Any]:
    return listing("queries", *rows)


def test_queries_are_read_by_rest_and_noted_whole(reading: Callable[..., Reading]) -> None:
    one = reading(r1=queries(query("q1", home="r1"), query("q2")))
    assert one.read("r1") == ["report r1", "query q1", "query q2"]
    noted = one.known.noted["r1"] or []
    assert [(row["token"], row["report_token"]) for row in noted] == [("q1", "r1"), ("q2", "r1")]
    assert one.types.known


@pytest.mark.parametrize(
    ("odd", "reason"),
    [(query(None), "no_token"), (query("q9", home="r2"), "elsewhere")],
    ids=["without a token", "of another report"],
)
def test_what_was_left_out_of_the_queries_is_read_again_by_the_next_extraction(
    reading: Callable[..., Reading], odd: dict[str, Any], reason: str
) -> None:
    one = reading(r1=queries(odd, query("q1")))
    assert one.read("r1") == ["report r1", "query q1"]
    assert one.known.noted == {}
    (entry,) = one.ledger.left_out
    assert (entry.asset, entry.name, entry.reason) == ("query", "Sums", reason)
    assert "the queries of report 'Name of r1' (r1)" in entry.detail


@pytest.mark.parametrize("count", [1, "2"])
def test_no_queries_where_the_report_counts_some_are_asked_for_again(
    reading: Callable[..., Reading], count: Any, caplog: pytest.LogCaptureFixture
) -> None:
    answers = iter([queries(), queries(query("q1"))])
    one = reading(r1=lambda: next(answers))
    assert list(one.queries.read(report("r1", count=count), RESOURCE)) == []
    assert one.come() == ["report r1", "query q1"]
    assert one.asked() == ["r1", "r1"]
    assert list(one.known.noted) == ["r1"]
    one.queries.tell()
    assert caplog.messages == []


def test_no_queries_where_the_report_counts_some_are_not_believed_by_the_next_extraction(
    reading: Callable[..., Reading], caplog: pytest.LogCaptureFixture
) -> None:
    tokens = [f"r{number}" for number in range(7)]
    one = reading(**dict.fromkeys(tokens, queries()))
    assert one.read(*tokens) == [f"report {token}" for token in tokens]
    assert sorted(one.asked()) == sorted(2 * tokens)
    assert one.known.noted == {}
    one.queries.tell()
    (message,) = caplog.messages
    assert "queries of 7 reports" in message
    assert "Name of r0, Name of r1, Name of r2, Name of r3, Name of r4, and 2 more" in message


@pytest.mark.parametrize("count", [0, "0", -1, None, "some"])
def test_no_queries_are_believed_where_the_report_does_not_count_any(
    reading: Callable[..., Reading], count: Any
) -> None:
    one = reading(r1=queries())
    assert list(one.queries.read(report("r1", count=count), RESOURCE)) == []
    assert one.come() == ["report r1"]
    assert one.asked() == ["r1"]
    assert one.known.noted == {"r1": []}


def test_a_report_whose_queries_are_refused_stays(reading: Callable[..., Reading]) -> None:
    one = reading(r1=FORBIDDEN)
    assert one.read("r1") == ["report r1"]
    (entry,) = one.ledger.left_out
    assert (entry.asset, entry.token, entry.name, entry.reason) == ("report", "r1", "Name of r1", "forbidden")
    assert one.known.noted == {}


@pytest.mark.parametrize("there", [True, False])
def test_a_report_whose_queries_are_gone_stays_where_it_is_there_itself(
    reading: Callable[..., Reading], there: bool
) -> None:
    one = reading()
    if there:
        one.answers.answers["reports/r1"] = report("r1")
    assert one.read("r1") == (["report r1"] if there else [])
    assert one.answers.asked == ["reports/r1/queries", "reports/r1"]
    assert [entry.reason for entry in one.ledger.left_out] == ["gone"]


def test_what_is_known_is_not_asked_for_unless_it_is_in_doubt(reading: Callable[..., Reading]) -> None:
    for doubted in ("", "r1"):
        one = reading(doubted=doubted, r1=queries(query("new")))
        one.known.unfinished["r1"] = [query("q1")]
        one.known.unchanged.add("r1")
        assert one.read("r1") == ["report r1", "query new" if doubted else "query q1"]
        one = reading(doubted=doubted, r2=queries(query("new")))
        one.known.unchanged.add("r2")
        assert one.read("r2") == ["report r2"]
        assert one.asked() == []


def test_the_types_of_ids_are_learned_from_what_an_extraction_that_died_had_read(
    reading: Callable[..., Reading],
) -> None:
    one = reading()
    one.known.unfinished["r1"] = [query("q1")]
    one.read("r1")
    assert one.types.known


# -- with the batch listing ----------------------------------------------------------------------------------


def with_batch(
    one: Reading, batch: Batch, *, given: tuple[str, ...] = (), shown: tuple[str, ...] = ()
) -> Reading:
    """Reports that wait for the batch listing, which then has so many queries of each."""
    for token in given:
        rows = [{"token": f"b-{token}", "report_token": token}]
        one.listed.add_batch_queries(rows * len(batch.queries.get(token) or rows))
    one.listed.add_batch_reports({"token": token, "space_token": "c1"} for token in shown)
    one.listed.index_batch_queries()
    return one


@pytest.mark.parametrize("all_listed", [False, True])
def test_one_report_is_read_by_rest_to_learn_the_types_and_the_others_come_from_batch(
    reading: Callable[..., Reading], all_listed: bool
) -> None:
    batch = Batch(r1=[query("b1")], r2=[query("b2")])
    one = with_batch(reading(batch=batch, r1=queries(query("q1"))), batch, given=("r1", "r2"))
    assert one.read("r1", "r2") == []
    decided: list[bool] = []
    if all_listed:
        one.queries.all_listed()
    one.queries.batch_ended(lambda: decided.append(True))
    assert one.come() == ["report r1", "query q1", "report r2", "query b2"]
    assert decided == [True]
    assert one.known.noted["r2"] is None
    # Who comes later does not wait.
    batch.queries["r3"] = [query("b3")]
    late = one.queries.read(report("r3"), RESOURCE)
    assert [row["token"] for _, row in late] == ["r3", "b3"]
    assert decided == [True]
    assert one.asked() == ["r1"]
    assert batch.looked_for == [(datetime(2026, 1, 1, tzinfo=UTC).timestamp(), True)] * 2


def test_reports_that_come_after_the_batch_listing_are_decided_as_soon_as_one_was_read(
    reading: Callable[..., Reading],
) -> None:
    batch = Batch(r1=[query("b1")], r2=[query("b2")])
    one = with_batch(reading(batch=batch, r1=queries(query("q1"))), batch, given=("r1", "r2"))
    one.queries.batch_ended(lambda: None)
    for token in ("r1", "r2"):
        assert list(one.queries.read(report(token), RESOURCE)) == []
    assert one.come() == ["report r1", "query q1", "report r2", "query b2"]
    assert one.asked() == ["r1"]


def test_where_rest_mixes_the_types_all_that_batch_gave_is_read_again(
    reading: Callable[..., Reading], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    batch = Batch(r1=[query("b1")], r2=[query("b2")])
    answers = {"r1": queries(query("q1")), "r2": queries(query("q2"))}
    one = with_batch(reading(batch=batch, **answers), batch, given=("r1", "r2"))
    one.queries.learn("query.id", 7)
    one.queries.learn("query.data_source_id", 8)
    one.read("r1", "r2")
    one.queries.batch_ended(lambda: None)
    assert one.come() == ["report r1", "query b1", "report r2", "query b2"]
    for number in (7, "7", 7):
        one.queries.learn("datasource.id", number)
    assert one.come() == ["report r1", "query q1", "report r2", "query q2"]
    assert one.asked() == ["r1", "r2"]
    assert len(caplog.messages) == 1


def test_no_more_than_a_few_reports_are_read_to_learn_the_types(reading: Callable[..., Reading]) -> None:
    tokens = tuple(f"r{n}" for n in range(MOST_PROBES + 2))
    batch = Batch(**{token: [query(f"b-{token}")] for token in tokens})
    answers = {token: queries() for token in tokens}
    one = with_batch(reading(batch=batch, **answers), batch, given=tokens)
    one.read(*tokens)
    one.queries.batch_ended(lambda: None)
    one.come()
    assert len(set(one.asked())) == MOST_PROBES


def test_where_batch_has_no_query_of_any_the_next_report_is_waited_for(
    reading: Callable[..., Reading],
) -> None:
    one = with_batch(reading(batch=Batch(r1=[]), r2=queries()), Batch())
    decided: list[bool] = []
    one.read("r1")
    one.queries.batch_ended(lambda: decided.append(True))
    assert (one.come(), decided) == ([], [])
    one.queries.all_listed()
    assert (one.come(), decided) == ([], [True])
    assert one.queries.undecided == 1
    assert one.read("r2") == ["report r2"]


@pytest.mark.parametrize("settled_before", [False, True])
def test_that_a_report_has_no_queries_is_believed_where_batch_shows_the_report(
    reading: Callable[..., Reading], settled_before: bool
) -> None:
    batch = Batch(r1=[], r2=[])
    one = with_batch(reading(batch=batch, r2=queries(query("q2"))), batch, shown=("r1",))
    one.queries.all_listed()
    one.queries.batch_ended(lambda: None)
    if settled_before:
        one.queries.settle()
        assert one.come() == []
        assert one.read("r1") == ["report r1"]
        assert one.read("r2") == ["report r2", "query q2"]
    else:
        one.come()
        assert one.read("r1", "r2") == []
        assert one.queries.undecided == 2
        one.queries.settle()
        assert one.come() == ["report r1", "report r2", "query q2"]
    assert one.queries.undecided == 0
    assert one.known.noted["r1"] is None
    assert one.asked() == ["r2"]
