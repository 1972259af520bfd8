"""Goal: peak memory does not grow with the workspace, 900 queries against 1,000,000."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from importlib.util import find_spec

from tests.benchmarks.extraction import UNLIMITED
from tests.benchmarks.goals import Goal
from tests.benchmarks.service import Service
from tests.benchmarks.sizes import SIZES
from tests.benchmarks.subject import measure
from tests.sandbox import WorkspaceShape

GOAL = 60.0
FEW, MANY = 900, 1_000_000
_FEW_SHAPE = SIZES["small"].shape
_MANY_SHAPE = WorkspaceShape(collections=200, reports=20_000, queries=MANY, members=50, nasty=False)


def memory_growth() -> Iterator[Goal]:
    """Extract both workspaces by each route."""
    yield _goal("`rest`, over HTTP, 300 and 20,000 reports", _over_http(_FEW_SHAPE), _over_http(_MANY_SHAPE))
    if find_spec("tests.benchmarks.memory"):
        few, many = _beside_http(FEW), _beside_http(MANY)
        for route in few:
            yield _goal(
                f"`{route}`, answers made in the process, 3 queries a report", few[route], many[route]
            )


def _goal(how: str, few: float, many: float) -> Goal:
    return Goal(
        f"peak memory, {FEW:,} against {MANY:,} queries, {how}",
        f"{many - few:.0f} MB apart ({few:.0f} and {many:.0f} MB)",
        f"at most {GOAL:g} MB apart",
        many - few <= GOAL,
    )


def _over_http(shape: WorkspaceShape) -> float:
    with (
        Service(shape=shape, mode={"limiter": "off"}) as service,
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
    ):
        result = measure(
            "ours:extract",
            mode=service.mode,
            folder=folder,
            options={"strategy": "rest"},
            requests_per_second=UNLIMITED,
        )
    expected = (shape.queries or 0) + shape.reports // 20
    if result["rows"]["query"] != expected:
        raise RuntimeError(f"{result['rows']['query']} queries instead of {expected}")
    return float(result["peak"])


def _beside_http(queries: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        return {
            route: float(measure("ours:extract_made_up", route=route, queries=queries, folder=folder)["peak"])
            for route in ("hybrid", "incremental")
        }
