"""What is made of two listings that agree, or do not, and in which order reports wait."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from mode_catalog_provider.extract.listed import Listed, ListedReport


@pytest.fixture
def listed() -> Iterator[Listed]:
    """Collection c1 with r1 and r2, c2 with r3 and the dataset d1."""
    listed = Listed()
    for token, collection in {"r1": "c1", "r2": "c1", "r3": "c2"}.items():
        assert listed.add(token, collection=collection, dataset=False)
    assert listed.add("d1", collection="c2", dataset=True)
    yield listed
    listed.close()


def batch(listed: Listed, **homes: str) -> None:
    listed.add_batch_reports({"token": token, "space_token": home} for token, home in homes.items())


def test_a_report_is_new_once(listed: Listed) -> None:
    assert not listed.add("r1", collection="c2", dataset=False)
    assert listed.reports == 4
    assert [listed.has(token) for token in ("r1", "d1", "r4")] == [True, True, False]


@pytest.mark.parametrize("datasets", [{}, {"d1": "c2"}], ids=str)
def test_where_both_listings_agree_nothing_is_doubtful_whether_batch_has_datasets_or_not(
    listed: Listed, datasets: dict[str, str]
) -> None:
    batch(listed, r1="c1", r2="c1", r3="c2", **datasets)
    assert listed.doubtful_collections() == set()


@pytest.mark.parametrize(
    ("homes", "doubtful"),
    [
        ({"r1": "c1", "r2": "c1", "r3": "c2", "r4": "c1"}, {"c1"}),
        ({"r1": "c1", "r3": "c2"}, {"c1"}),
        ({"r1": "c1", "r2": "c2", "r3": "c2"}, {"c1"}),
        ({}, {"c1", "c2"}),
    ],
    ids=["batch has another", "one is gone", "one has moved", "batch has none"],
)
def test_a_collection_in_which_they_disagree_is_doubtful(
    listed: Listed, homes: dict[str, str], doubtful: set[str]
) -> None:
    batch(listed, **homes)
    assert listed.doubtful_collections() == doubtful


def test_rows_that_are_none_are_passed_over(listed: Listed) -> None:
    listed.add_batch_reports([None, "r9", {"token": 9, "space_token": "c1"}, {"token": "r9"}])
    assert not listed.in_batch("r9")
    batch(listed, r1="c1", r2="c1", r3="c2")
    assert listed.in_batch("r1")
    assert listed.doubtful_collections() == set()


def waiting_report(n: int) -> ListedReport:
    row = {"token": f"r{n}", "name": "\ud800 é\0", "id": n}
    return ListedReport(row, None if n % 2 else "m", n / 3)


def test_reports_wait_in_order_and_come_back_as_they_were(listed: Listed) -> None:
    reports = [waiting_report(n) for n in range(450)]
    for report in reports:
        listed.wait("early", report)
    listed.wait("bare", waiting_report(999))
    assert listed.waiting("early") == 450
    assert list(listed.take("early")) == reports
    assert listed.waiting("early") == 0
    assert list(listed.take("bare")) == [waiting_report(999)]


def test_a_report_that_comes_while_others_are_taken_is_taken_too(listed: Listed) -> None:
    listed.wait("early", waiting_report(1))
    taken = listed.take("early")
    assert next(taken) == waiting_report(1)
    listed.wait("early", waiting_report(2))
    assert list(taken) == [waiting_report(2)]


def batch_queries(listed: Listed, **counts: int) -> None:
    for report, count in counts.items():
        listed.add_batch_queries({"token": f"{report}-{n}", "report_token": report} for n in range(count))
    listed.index_batch_queries()


def test_the_report_with_the_most_batch_queries_is_the_richest(listed: Listed) -> None:
    batch_queries(listed, r1=1, r2=3, r3=3)
    for n in (1, 2, 3):
        listed.wait("early", waiting_report(n))
    assert listed.take_richest("early") == waiting_report(2)
    assert list(listed.take("early")) == [waiting_report(1), waiting_report(3)]


def test_none_is_the_richest_where_batch_lists_no_query_of_any(listed: Listed) -> None:
    batch_queries(listed)
    listed.wait("early", waiting_report(1))
    assert listed.take_richest("early") is None
    assert listed.waiting("early") == 1


def test_a_query_that_batch_lists_twice_is_one(listed: Listed) -> None:
    batch_queries(listed, r1=2)
    listed.add_batch_queries(
        [{"token": "r1-1", "report_token": "r1", "name": "again"}, {"token": "r1-9"}, None]
    )
    assert [query["name"] for query in listed.batch_queries_of("r1")] == [None, "again"]


def test_its_database_is_closed_with_it(listed: Listed) -> None:
    listed.close()
    with pytest.raises(sqlite3.ProgrammingError):
        listed.in_batch("r1")
