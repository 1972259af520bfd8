"""How often bulk listings were right, and how much is compared the next time."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from mode_catalog_provider.extract.bulk_verification import USUAL_SHARE, Verification

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
NO_FIELDS: dict[str, int] = {}


def counted(verification: Verification) -> tuple[int, int, dict[str, int]]:
    return verification.unannounced, verification.late, dict(verification.fields)


@pytest.mark.parametrize(
    ("said", "share"),
    [
        ({"next_share": 0.25}, 0.25),
        ({"next_share": "0.25"}, USUAL_SHARE),
        ({"share": 0.25}, USUAL_SHARE),
        (None, USUAL_SHARE),
        ([0.25], USUAL_SHARE),
    ],
    ids=str,
)
def test_the_share_is_the_one_that_the_last_snapshot_asked_for(said: object, share: float) -> None:
    verification = Verification()
    verification.share = 0.5
    verification.begin(said)
    assert verification.share == share


@pytest.mark.parametrize(
    ("share", "collections", "drawn"),
    [(0.5, 10, 5), (0.001, 10, 1), (1.0, 10, 10), (3.0, 10, 10), (0.5, 0, 0)],
)
def test_so_many_collections_are_drawn_and_one_at_least(share: float, collections: int, drawn: int) -> None:
    verification = Verification()
    verification.share = share
    names = [f"c{n}" for n in range(collections)]
    sample = verification.sample(names, seed=7)
    assert len(sample) == drawn
    assert sample <= set(names)
    assert verification.sample(names[::-1], seed=7) == sample


def test_another_night_draws_other_collections() -> None:
    verification = Verification()
    names = [f"c{n}" for n in range(100)]
    assert len({frozenset(verification.sample(names, seed=seed)) for seed in range(10)}) > 1


@pytest.mark.parametrize(
    ("updated_at", "newest", "names", "expected"),
    [
        (EARLY, LATE, ["name"], (1, 0, {"name": 1})),
        (LATE, LATE, ["name", "view_count"], (1, 0, {"name": 1, "view_count": 1})),
        (LATE, EARLY, ["name"], (0, 1, NO_FIELDS)),
        (EARLY, LATE, ["view_count"], (0, 1, NO_FIELDS)),
        (None, EARLY, ["name"], (1, 0, {"name": 1})),
        (LATE, None, ["name"], (1, 0, {"name": 1})),
    ],
    ids=["older", "as old", "newer than all of bulk", "looked at now", "undated", "bulk undated"],
)
def test_what_bulk_could_have_known_and_did_not_say_counts_against_it(
    updated_at: str | None, newest: str | None, names: list[str], expected: Any
) -> None:
    verification = Verification()
    verification.differs({"updated_at": updated_at}, names, newest=newest)
    assert counted(verification) == expected


@pytest.mark.parametrize(
    ("gone", "appeared", "expected"),
    [(2, 0, (2, 0, {"missing": 2})), (0, 3, (0, 3, NO_FIELDS)), (0, 0, (0, 0, NO_FIELDS))],
)
def test_a_report_that_rest_does_not_show_was_not_announced_and_a_new_one_came_late(
    gone: int, appeared: int, expected: Any
) -> None:
    verification = Verification()
    verification.missing(gone=gone, appeared=appeared)
    assert counted(verification) == expected


@pytest.mark.parametrize(
    ("compared", "unannounced", "passed"),
    [(0, 0, True), (1, 1, True), (20, 2, True), (19, 2, False), (0, 2, False)],
)
def test_bulk_is_believed_up_to_a_tenth_and_one_is_forgiven(
    compared: int, unannounced: int, passed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    verification = Verification()
    verification.compared, verification.unannounced = compared, unannounced
    verification.fields.update(["name", "archived"])
    assert verification.passed() is passed
    assert bool(caplog.messages) is not passed
    assert all("(archived, name)" in line for line in caplog.messages)


@pytest.mark.parametrize(
    ("share", "unannounced", "following"),
    [(0.02, 0, 0.01), (0.02, 1, 0.16), (0.5, 1, 1.0), (USUAL_SHARE, 0, USUAL_SHARE)],
)
def test_after_an_error_more_is_compared_and_otherwise_less(
    share: float, unannounced: int, following: float
) -> None:
    verification = Verification()
    verification.share, verification.unannounced, verification.compared = share, unannounced, 4
    verification.late = 3
    verification.fields.update(["name"] * unannounced)
    assert verification.to_json() == {
        "compared": 4,
        "unannounced": unannounced,
        "late": 3,
        "fields": {"name": 1} if unannounced else {},
        "share": share,
        "next_share": following,
    }


@pytest.mark.parametrize(
    ("compared", "unannounced", "level", "said"),
    [
        (9, 1, logging.WARNING, "Of 9 reports that were compared, 1 had changed"),
        (9, 0, logging.INFO, "Compared with REST: 9 reports"),
    ],
)
def test_how_often_bulk_was_right_is_told(
    compared: int, unannounced: int, level: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    verification = Verification()
    verification.tell()
    assert caplog.messages == []
    verification.compared, verification.unannounced = compared, unannounced
    verification.tell()
    (record,) = caplog.records
    assert record.levelno == level
    assert record.getMessage().startswith(said)
