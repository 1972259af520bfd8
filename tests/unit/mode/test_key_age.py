"""How old an API key is and how long it will last, by what Mode tells or by when it was first seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mode_catalog_provider.mode.key_age import key_age

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def age(record: dict[str, object], *, seen_days_ago: int = 10, lifetime: int | None = 90):
    return key_age(
        record,
        first_seen=NOW - timedelta(days=seen_days_ago),
        lifetime=timedelta(days=lifetime) if lifetime else None,
        now=NOW,
    )


def test_without_a_word_from_mode_a_key_counts_from_when_it_was_first_seen() -> None:
    assert age({}).left == timedelta(days=80)
    assert age({}).describe() == "was first seen here 10 days ago and expires in at most 80 days"


def test_what_mode_tells_wins() -> None:
    told = age({"created_at": "2026-09-01T00:00:00.000Z", "expires_at": "2026-11-24T00:00:00Z"})
    assert told.left == timedelta(days=3)
    assert told.describe() == "was made 81 days ago and expires in 3 days"


def test_a_time_of_creation_alone_serves_too() -> None:
    assert age({"created_at": "2026-09-01T00:00:00Z"}).left == timedelta(days=9)


@pytest.mark.parametrize("nonsense", [None, 5, "soon", {"a": 1}])
def test_a_record_of_another_shape_changes_nothing(nonsense: object) -> None:
    assert age({"created_at": nonsense, "expires_at": nonsense}) == age({})


def test_an_unknown_lifetime_promises_nothing() -> None:
    assert age({}, lifetime=None).left is None
    assert age({}, lifetime=None).describe() == "was first seen here 10 days ago"


def test_a_key_past_its_lifetime_may_end_any_moment() -> None:
    assert age({}, seen_days_ago=120).describe().endswith("may be refused any moment")


@pytest.mark.parametrize(("days", "words"), [(0, "today"), (1, "yesterday"), (2, "2 days ago")])
def test_a_young_key_is_spoken_of_as_people_do(days: int, words: str) -> None:
    assert age({}, seen_days_ago=days, lifetime=None).describe() == f"was first seen here {words}"


@pytest.mark.parametrize("year", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_a_key_of_any_year_has_an_age(year: str) -> None:
    assert age({"created_at": year}).describe().startswith("was made ")
    assert age({"expires_at": year}).is_told


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-00:01", "0001-01-01T00:00:00+14:59"])
def test_a_time_that_no_calendar_has_in_utc_is_none(moment: str) -> None:
    assert age({"created_at": moment, "expires_at": moment}) == age({})
