"""Goal: peak memory does not grow with the workspace, 900 queries against 1,000,000."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

from tests.benchmarks.extraction import UNLIMITED
from tests.benchmarks.goals import Goal
from tests.benchmarks.service import Service
from tests.benchmarks.sizes import SIZES
from tests.benchmarks.subject import measure
from tests.sandbox import WorkspaceShape

FEW = SIZES["small"].shape
MANY = WorkspaceShape(collections=200, reports=20_000, queries=1_000_000, members=50, nasty=False)
GOAL = 60.0

ROUTES: dict[str, dict[str, Any]] = {
    "`rest`": {"strategy": "rest"},
    "`hybrid`": {"strategy": "hybrid"},
    "`incremental`, nothing changed": {"incremental": True},
}


def memory_growth() -> Iterator[Goal]:
    """Extract both workspaces by each route; the incremental one builds on what the others left."""
    few, many = _peaks(FEW), _peaks(MANY)
    for route in ROUTES:
        yield Goal(
            f"peak memory, {route}, 900 against 1,000,000 queries",
            f"{many[route] - few[route]:.0f} MB apart ({few[route]:.0f} and {many[route]:.0f} MB)",
            f"at most {GOAL:g} MB apart",
            many[route] - few[route] <= GOAL,
        )


def _peaks(shape: WorkspaceShape) -> dict[str, float]:
    peaks = {}
    with (
        Service(shape=shape, mode={"limiter": "off"}) as service,
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
    ):
        for route, options in ROUTES.items():
            result = measure(
                "ours:extract",
                mode=service.mode,
                folder=folder,
                options=options,
                requests_per_second=UNLIMITED,
            )
            expected = (shape.queries or 0) + shape.reports // 20
            if result["rows"]["query"] != expected:
                raise RuntimeError(f"{route}: {result['rows']['query']} queries instead of {expected}")
            peaks[route] = result["peak"]
    return peaks
