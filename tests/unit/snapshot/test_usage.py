"""How reports are used, from kept snapshots."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.errors import ConfigurationError, SnapshotError
from mode_catalog_provider.moments import stamp
from mode_catalog_provider.snapshot.choice import kept_snapshots
from mode_catalog_provider.snapshot.usage import ReportUsage, UsageReport, usage_of
from tests.unit.snapshot.days import DAY, Object, day
from tests.unit.snapshot.sets import AT


def on(
    home: Path,
    number: int,
    views: dict[str, Any],
    *,
    runs: dict[str, int] | None = None,
    schedules: dict[str, int] | None = None,
    **row: Any,
) -> None:
    facts = [("report", token, {"runs_count": count}) for token, count in (runs or {}).items()]
    facts += [("report", token, {"schedules_count": count}) for token, count in (schedules or {}).items()]
    day(
        home,
        number,
        [
            ("report", token, {"name": token.upper(), "view_count": count, **row})
            for token, count in views.items()
        ],
        facts=facts,  # type: ignore[arg-type]
    )


def used(home: Path, **window: float) -> dict[str, ReportUsage]:
    kept = kept_snapshots(home)
    found = usage_of(kept, window=timedelta(**window)) if window else usage_of(kept)
    return {one.token: one for one in found}


def test_views_are_those_since_the_snapshot_of_thirty_days_ago(tmp_path: Path) -> None:
    for number, views in {0: 1, 9: 10, 10: 20, 39: 90, 40: 100}.items():
        on(tmp_path, number, {"a": views})
    (found,) = used(tmp_path).values()
    assert (found.views, found.views_recent, found.days) == (100, 80, 30.0)
    assert found.views_per_day == 2.67


def test_counters_that_are_texts_of_digits_count_as_numbers(tmp_path: Path) -> None:
    on(tmp_path, 0, {"a": "4"}, schedules={"a": "2"})  # type: ignore[dict-item]
    on(tmp_path, 1, {"a": "12"}, schedules={"a": "3"})  # type: ignore[dict-item]
    (found,) = used(tmp_path).values()
    assert (found.views, found.views_recent, found.schedules) == (12, 8, 3)


def test_with_a_shorter_history_the_days_that_are_known_are_told(tmp_path: Path) -> None:
    on(tmp_path, 0, {"a": 5})
    on(tmp_path, 3, {"a": 11})
    (found,) = used(tmp_path).values()
    assert (found.views_recent, found.days) == (6, 3.0)


def test_one_snapshot_tells_views_in_all_and_nothing_of_lately(tmp_path: Path) -> None:
    on(tmp_path, 0, {"a": 5}, created_at=stamp(AT))
    (found,) = used(tmp_path).values()
    assert (found.views, found.views_recent, found.is_rising) == (5, None, None)


def test_what_is_not_known_is_not_zero(tmp_path: Path) -> None:
    on(tmp_path, 0, {"a": None, "b": 9, "c": 3})
    on(tmp_path, 2, {"a": 4, "b": 2, "c": None, "d": 7})
    found = used(tmp_path)
    assert {token: one.views_recent for token, one in found.items()} == dict.fromkeys("abcd")
    assert (found["a"].runs_recent, found["a"].schedules) == (None, None)


def test_a_report_that_was_made_since_then_began_with_nothing(tmp_path: Path) -> None:
    on(tmp_path, 0, {})
    on(tmp_path, 2, {"d": 7}, created_at=stamp(AT + DAY))
    assert used(tmp_path)["d"].views_recent == 7


def test_a_report_rises_when_it_is_viewed_twice_as_often_lately(tmp_path: Path) -> None:
    on(tmp_path, 0, {"steady": 0, "rising": 0, "few": 0, "falling": 0})
    on(tmp_path, 23, {"steady": 23, "rising": 23, "few": 0, "falling": 230})
    on(tmp_path, 30, {"steady": 30, "rising": 43, "few": 3, "falling": 231})
    found = used(tmp_path)
    assert {token for token, one in found.items() if one.is_rising} == {"rising"}


def test_who_is_never_opened_and_what_runs_for_nobody(tmp_path: Path) -> None:
    on(tmp_path, 0, {"a": 0, "b": 5, "c": 1, "d": None}, runs={"a": 1, "b": 1, "c": 1, "d": 1})
    on(
        tmp_path,
        5,
        {"a": 0, "b": 5, "c": 9, "d": None},
        runs={"a": 1, "b": 31, "c": 31, "d": 31},
        schedules={"b": 1},
    )
    found = used(tmp_path)
    assert {token for token, one in found.items() if one.is_never_opened} == {"a"}
    assert {token for token, one in found.items() if one.is_for_nobody} == {"b"}
    assert found["b"].schedules == 1


def test_the_report_has_each_list_in_its_order(tmp_path: Path) -> None:
    on(tmp_path, 0, {"a": 0, "b": 5, "c": 1, "n": 0}, runs={"b": 1, "n": 1})
    on(tmp_path, 5, {"a": 0, "b": 5, "c": 9, "n": 30}, runs={"b": 31, "n": 2})
    with UsageReport(kept_snapshots(tmp_path)) as report:
        assert [one["token"] for one in report.most_viewed()] == ["n", "c"]
        assert [one["token"] for one in report.most_viewed(1)] == ["n"]
        document = json.loads("".join(report.to_json()))
    assert [one["token"] for one in document["scheduled_for_nobody"]] == ["b"]
    assert [one["token"] for one in document["never_opened"]] == ["a"]
    assert (document["days"], document["reports"]) == (5.0, 4)


def damage(home: Path, number: int) -> int:
    """Write into the reports of a day; return the day's timestamp."""
    timestamp = int(AT + number * DAY)
    (file,) = home.rglob(f"{timestamp}-report.json")
    file.write_bytes(file.read_bytes() + b" ")
    return timestamp


@pytest.mark.parametrize(("damaged", "recent", "days"), [([3], 9, 6.0), ([6], 4, 3.0), ([3, 0], None, 0.0)])
def test_days_that_are_damaged_are_passed_over_and_named(
    tmp_path: Path, damaged: list[int], recent: int | None, days: float
) -> None:
    for number, views in {0: 1, 3: 5, 6: 10}.items():
        on(tmp_path, number, {"a": views})
    timestamps = [damage(tmp_path, number) for number in damaged]
    with UsageReport(kept_snapshots(tmp_path), window=timedelta(days=4)) as report:
        assert sorted(report.damaged) == sorted(timestamps)
        assert report.newest not in timestamps
        assert report.has_history is (len(damaged) == 1)
        assert (report.reports, report.days) == (1, days)
        assert [one["views_recent"] for one in report.most_viewed()] == ([recent] if recent else [])


def test_where_every_day_is_damaged_there_is_no_report(tmp_path: Path) -> None:
    for number in (0, 3):
        on(tmp_path, number, {"a": number})
        damage(tmp_path, number)
    with pytest.raises(SnapshotError, match="report"):
        UsageReport(kept_snapshots(tmp_path))


def test_a_window_of_nothing_is_refused(tmp_path: Path) -> None:
    on(tmp_path, 0, {})
    with pytest.raises(ConfigurationError):
        used(tmp_path, days=0.0)


def test_all_that_is_known_of_a_report_is_told(tmp_path: Path) -> None:
    row = {"space_token": "c1", "archived": False, "created_at": stamp(AT)}
    seen = "2026-01-01T00:00:00Z"
    on(tmp_path, 0, {"r1": 1}, runs={"r1": 2}, **row)
    on(tmp_path, 2, {"r1": 2}, runs={"r1": 3}, **row)
    day(
        tmp_path,
        4,
        [("report", "r1", {"view_count": 12, "name": "Sales", **row})],
        facts=[
            (
                "report",
                "r1",
                {"runs_count": 9, "schedules_count": 1, "last_viewed_at": "2026-01-01T00:00:00Z"},
            )
        ],
    )
    with UsageReport(kept_snapshots(tmp_path)) as report:
        document = json.loads("".join(report.to_json()))
    told = {
        "token": "r1",
        "name": "Sales",
        "collection": "c1",
        "archived": False,
        "views": 12,
        "views_recent": 11,
        "runs_recent": 7,
        "schedules": 1,
        "last_viewed_at": seen,
        "days": 4.0,
        "views_per_day": 2.75,
        "is_rising": True,
    }
    assert document == {
        "to": AT + 4 * DAY,
        "days": 4.0,
        "reports": 1,
        "damaged": [],
        "most_viewed": [told],
        "rising": [told],
        "never_opened": [],
        "scheduled_for_nobody": [],
    }


def test_each_list_is_told_whole_and_without_archived_reports(tmp_path: Path) -> None:
    def both(number: int, **views: int) -> None:
        objects = [("report", token, {"view_count": count}) for token, count in views.items()]
        objects += [("report", f"x{n}", {"view_count": 0, "archived": n == 0}) for n in range(3)]
        facts = [("report", f"x{n}", {"runs_count": number * (n + 1)}) for n in range(3)]
        day(tmp_path, number, objects, facts=facts)  # type: ignore[arg-type]

    for number, views in {0: 0, 2: 1, 4: 10}.items():
        both(number, a=views, b=2 * views)
    with UsageReport(kept_snapshots(tmp_path)) as report:
        assert [one["token"] for one in report.most_viewed()] == ["b", "a"]
        assert [one["token"] for one in report.rising()] == ["b", "a"]
        assert [one["token"] for one in report.never_opened()] == ["x1", "x2"]
        assert [one["token"] for one in report.for_nobody()] == ["x2", "x1"]
        for told in (report.most_viewed, report.rising, report.never_opened, report.for_nobody):
            assert [one["token"] for one in told(1)] == [one["token"] for one in told()][:1]


def rises(home: Path, views: dict[int, int]) -> bool | None:
    for number, count in views.items():
        on(home, number, {"a": count})
    return used(home)["a"].is_rising


@pytest.mark.parametrize(
    ("views", "expected"),
    [
        ({0: 0, 4: 50}, None),
        # Of a short history the later half is compared with the earlier one.
        ({0: 0, 1: 2, 2: 4, 3: 11, 4: 12}, True),
        ({0: 0, 1: 2, 2: 4, 3: 11, 4: 11}, False),
        # Of a long one the last seven days with those before.
        ({0: 0, 22: 22, 23: 22, 30: 36}, True),
        ({0: 0, 22: 22, 23: 22, 30: 35}, False),
        # Where no snapshot of about then is kept, nobody knows.
        ({0: 0, 1: 0, 30: 20}, None),
        ({0: 0, 15: 0, 30: 20}, None),
        ({0: 0, 16: 0, 30: 20}, True),
        # Five views are no single curious person's.
        ({0: 0, 2: 0, 4: 5}, True),
        ({0: 0, 2: 0, 4: 4}, False),
        # A counter that went back is not known.
        ({0: 0, 2: 30, 4: 20}, None),
        ({0: 30, 2: 0, 4: 20}, None),
    ],
    ids=repr,
)
def test_lately_is_the_last_week_or_the_later_half(
    tmp_path: Path, views: dict[int, int], expected: bool | None
) -> None:
    assert rises(tmp_path, views) is expected


def test_a_day_has_as_many_seconds_as_a_day_has(tmp_path: Path) -> None:
    on(tmp_path, 0, {"a": 0})
    on(tmp_path, 400, {"a": 1000})
    (found,) = used(tmp_path, days=400).values()
    assert (found.days, found.views_per_day) == (400.0, 2.5)


def test_a_report_that_was_made_with_the_first_snapshot_began_with_nothing(
    tmp_path: Path,
) -> None:
    on(tmp_path, 0, {})
    rows = {"new": stamp(AT), "older": stamp(AT - 1), "unknown": None}
    objects: list[Object] = [
        ("report", token, {"view_count": 7, "created_at": made}) for token, made in rows.items()
    ]
    day(tmp_path, 2, objects)
    assert {token: one.views_recent for token, one in used(tmp_path).items()} == {
        "new": 7,
        "older": None,
        "unknown": None,
    }


def test_manifests_that_are_damaged_are_passed_over_and_named_in_order(tmp_path: Path) -> None:
    for number in range(4):
        on(tmp_path, number, {"a": number})
    damaged = [int(AT + number * DAY) for number in (0, 1, 3)]
    for timestamp in damaged:
        (path,) = tmp_path.rglob(f"{timestamp}.manifest")
        path.write_bytes(b"{")
    with UsageReport(kept_snapshots(tmp_path)) as report:
        document = json.loads("".join(report.to_json()))
    assert (document["damaged"], document["to"], document["days"]) == (damaged, AT + 2 * DAY, 0.0)
    assert report.has_history is False
