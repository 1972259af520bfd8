"""Goal: how much sooner many requests in flight are done than one after another, where nothing limits."""

from __future__ import annotations

import statistics
import tempfile
from typing import Any

from tests.benchmarks.extraction import UNLIMITED
from tests.benchmarks.goals import Goal
from tests.benchmarks.service import Service
from tests.benchmarks.sizes import Size
from tests.benchmarks.subject import measure

LATENCY = 0.02
GOAL = 8.0


def speed_up(size: Size, *, runs: int) -> Goal:
    """Compare the REST route with the plain sequential client, in real time.

    :param runs: of the REST route; the sequential client, which takes minutes and never varies, runs once.
    """
    switches = {"limiter": "off", "latency": LATENCY}
    with Service(shape=size.shape, mode=switches) as service:
        ours: dict[str, Any] = {"options": {"strategy": "rest"}, "requests_per_second": UNLIMITED}
        timed = [_timed("ours:extract", service, **ours) for _ in range(runs)]
        fast = statistics.median(seconds for seconds, _ in timed)
        cpu = statistics.median(cpu for _, cpu in timed)
        slow, _ = _timed("sequential:careful", service)
    return Goal(
        f"wall, {size.name}, no limiter, latency 20 ms, `rest` against the plain sequential client",
        f"{slow / fast:.1f} times faster ({fast:.1f} s, of which {cpu:.1f} s CPU, against {slow:.1f} s)",
        f"at least {GOAL:g} times faster",
        slow / fast >= GOAL,
    )


def _timed(work: str, service: Service, **arguments: Any) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        result = measure(work, mode=service.mode, folder=folder, **arguments)
    return result["seconds"], result["cpu"]
