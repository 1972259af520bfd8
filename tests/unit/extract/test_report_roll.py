"""What the roll of reports makes of two listings that agree, or do not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mode_catalog_provider.extract.report_roll import ReportRoll
from mode_catalog_provider.extract.waiting_reports import WaitingReports


@pytest.fixture
def roll() -> Iterator[ReportRoll]:
    """Collection c1 with r1 and r2, c2 with r3 and the dataset d1."""
    roll = ReportRoll()
    for token, collection in {"r1": "c1", "r2": "c1", "r3": "c2"}.items():
        assert roll.add(token, collection=collection, dataset=False)
    assert roll.add("d1", collection="c2", dataset=True)
    yield roll
    roll.close()


def batch(roll: ReportRoll, **homes: str) -> None:
    roll.check({"token": token, "space_token": home} for token, home in homes.items())


def test_a_report_is_new_once(roll: ReportRoll) -> None:
    assert not roll.add("r1", collection="c2", dataset=False)
    assert roll.size == 4


@pytest.mark.parametrize("datasets", [{}, {"d1": "c2"}], ids=str)
def test_where_both_listings_agree_nothing_is_doubtful_whether_batch_has_datasets_or_not(
    roll: ReportRoll, datasets: dict[str, str]
) -> None:
    batch(roll, r1="c1", r2="c1", r3="c2", **datasets)
    assert roll.doubtful() == set()


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
    roll: ReportRoll, homes: dict[str, str], doubtful: set[str]
) -> None:
    batch(roll, **homes)
    assert roll.doubtful() == doubtful


def test_rows_that_are_none_are_passed_over(roll: ReportRoll) -> None:
    roll.check([None, "r9", {"token": 9, "space_token": "c1"}, {"token": "r9"}])
    assert not roll.in_batch("r9")
    batch(roll, r1="c1", r2="c1", r3="c2")
    assert roll.in_batch("r1")
    assert roll.doubtful() == set()


def test_reports_wait_in_order_and_come_back_as_they_were() -> None:
    waiting = WaitingReports()
    entries = [
        ({"token": f"r{n}", "name": "\ud800 é\0", "id": n}, None if n % 2 else "m", n / 3) for n in range(450)
    ]
    for report, mark, edited in entries:
        waiting.add(report, mark, edited)
    assert len(waiting) == 450
    assert list(waiting.take()) == entries
    assert len(waiting) == 0
    waiting.close()
