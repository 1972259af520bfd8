"""Requests and time of each route against the size of the workspace, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from tests.benchmarks.extraction import Row


def draw(rows: Sequence[Row], file: Path) -> bool:
    """Write a PNG; returns whether there was anything to draw, and something to draw it with."""
    rows = [row for row in rows if not row.failure]
    if not rows or find_spec("matplotlib") is None:
        return False
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (requests, seconds) = pyplot.subplots(1, 2, figsize=(13, 5.5), layout="constrained")
    for title in dict.fromkeys(row.route.title for row in rows):
        of_route = sorted((row for row in rows if row.route.title == title), key=_queries)
        sizes, name = list(map(_queries, of_route)), title.replace("`", "")
        requests.plot(sizes, [row.requests for row in of_route], marker="o", label=name)
        seconds.plot(sizes, [row.service_seconds / 60 for row in of_route], marker="o", label=name)
    requests.set_title("requests")
    seconds.set_title("minutes at Mode's published rate, 300 ms an answer")
    for axes in (requests, seconds):
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("queries in the workspace")
        axes.grid(visible=True, which="both", alpha=0.3)
    requests.legend()
    figure.savefig(file, dpi=110)
    return True


def _queries(row: Row) -> int:
    return row.size.shape.queries or 0
