"""The requests of each day, from what the manifests say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mode_catalog_provider.snapshot.api_usage import api_usage
from mode_catalog_provider.snapshot.reader import Snapshot, adopt_directory
from tests.unit.snapshot.days import day
from tests.unit.snapshot.sets import lay, vendor_files


def made(snapshot: Snapshot, started_at: str, **figures: Any) -> Snapshot:
    return replace(snapshot, manifest=replace(snapshot.manifest, started_at=started_at, figures=figures))


def test_the_figures_of_one_day_are_added_up_and_what_is_no_number_counts_as_none(tmp_path: Path) -> None:
    snapshot = day(tmp_path, 0, [])
    outcomes = {"reports": {"outcomes": {"2xx": 5, "429": 2}}, "spaces": {"outcomes": {"2xx": None}}, "x": 3}
    days = api_usage(
        [
            made(snapshot, "2026-11-21T00:00:01Z", refused_by_limiter=1, requests=7),
            made(snapshot, "2026-11-20T01:00:00Z", operations=outcomes, refused_by_limiter=2, seconds=10),
            made(snapshot, "2026-11-20T23:00:00Z", refused_by_limiter=3, seconds="5", throttled_seconds=1.5),
        ]
    )
    first, second = (one.to_json() for one in days)
    assert (first["day"], first["snapshots"], first["refused"]) == ("2026-11-20", 2, 5)
    assert (first["seconds"], first["throttled_seconds"], first["requests"]) == (10, 1.5, 7)
    assert first["operations"] == {"reports": 7, "spaces": 0, "unknown": 0, "x": 0}
    assert (second["day"], second["refused"], second["requests"]) == ("2026-11-21", 1, 7)


def test_a_number_that_nothing_can_hold_counts_as_none(tmp_path: Path) -> None:
    snapshot = day(tmp_path, 0, [])
    for odd in (10**400, -(10**400), float("inf"), float("nan")):
        (one,) = api_usage([made(snapshot, "2026-11-21T00:00:01Z", requests=odd, seconds=odd)])
        assert (one.to_json()["requests"], one.to_json()["seconds"]) == (0, 0)


def test_a_day_is_told_with_its_shares_of_what_mode_allows(tmp_path: Path) -> None:
    snapshot = day(tmp_path, 0, [])
    figures = {"seconds": 10.12345, "throttled_seconds": 1.50049, "requests": 3_456}
    (one,) = api_usage([made(snapshot, "2026-11-20T01:00:00Z", **figures)])
    assert one.to_json() == {
        "day": "2026-11-20",
        "snapshots": 1,
        "requests": 3_456,
        "operations": {"unknown": 3_456},
        "refused": 0,
        "throttled_seconds": 1.5,
        "seconds": 10.123,
        "allowed": 345_600,
        "share_of_day": 0.01,
        "share_while_working": 85.3464,
    }
    (one,) = api_usage([made(snapshot, "2026-11-20T01:00:00Z", requests=1)])
    assert (one.to_json()["share_while_working"], one.to_json()["share_of_day"]) == (None, 0.000003)


def test_sets_of_another_tool_tell_nothing_of_requests(tmp_path: Path) -> None:
    assert api_usage([adopt_directory(lay(tmp_path, vendor_files()))]) == []
