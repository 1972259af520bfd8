"""The requests of each day, from what the manifests say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mode_catalog_provider.snapshot.api_usage import api_usage
from mode_catalog_provider.snapshot.reader import Snapshot
from tests.unit.snapshot.days import day


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
