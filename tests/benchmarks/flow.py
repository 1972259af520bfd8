"""Requests in flight and the allowance used, over the time of a run, as Mode saw it, as a picture."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tests.benchmarks.extraction import PUBLISHED_RATE, Row

#: The routes whose runs are drawn.
ROUTES = ("rest", "hybrid", "incremental-1")
#: Seconds of the service over which the allowance counts.
WINDOW = 10.0
_POINTS = 400


def draw(rows: Sequence[Row], file: Path) -> bool:
    """Write a PNG, a field for each route and size; returns whether it could."""
    drawn = {(row.route.name, row.size.name): row for row in rows if row.route.name in ROUTES and row.asked}
    if not drawn or find_spec("matplotlib") is None:
        return False
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    routes = [name for name in ROUTES if any(name == route for route, _ in drawn)]
    sizes = list(dict.fromkeys(row.size.name for row in rows))
    figure, fields = pyplot.subplots(
        len(routes),
        len(sizes),
        figsize=(5 * len(sizes), 3 * len(routes)),
        layout="constrained",
        squeeze=False,
    )
    for across, route in zip(fields, routes, strict=True):
        for field, size in zip(across, sizes, strict=True):
            row = drawn.get((route, size))
            if row is None:
                field.set_axis_off()
                continue
            times, in_flight, used = flow(row)
            field.plot(times, in_flight, color="tab:blue", linewidth=0.8)
            field.set_title(f"{size}, {row.route.title.replace('`', '')}", fontsize=9)
            field.set_xlabel("seconds at Mode's pace")
            field.set_ylabel("in flight", color="tab:blue")
            share = field.twinx()
            share.plot(times, used, color="tab:orange", linewidth=0.8)
            share.set_ylim(0, 110)
            share.set_ylabel(f"% of what {WINDOW:g} s allow", color="tab:orange")
    figure.savefig(file, dpi=100)
    return True


def flow(row: Row) -> tuple[list[float], list[int], list[float]]:
    """Return moments in seconds of the service's time, requests in flight, and percent of the allowance used.

    The allowance of a moment is that of the :data:`WINDOW` that ends with it.
    """
    begun = min(started for started, _ in row.asked)
    starts = sorted((started - begun) * row.size.compression for started, _ in row.asked)
    ends = sorted((ended - begun) * row.size.compression for _, ended in row.asked)
    times = [ends[-1] * point / _POINTS for point in range(1, _POINTS + 1)]
    in_flight = [bisect_right(starts, moment) - bisect_right(ends, moment) for moment in times]
    used = [
        100
        * (bisect_right(starts, moment) - bisect_right(starts, moment - WINDOW))
        / (WINDOW * PUBLISHED_RATE)
        for moment in times
    ]
    return times, in_flight, used
