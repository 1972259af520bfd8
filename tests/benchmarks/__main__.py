"""``make bench``: what extractions and uploads cost on this machine, against the sandbox, and the goals."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.benchmarks import flow, plot
from tests.benchmarks.cost import requests_needed
from tests.benchmarks.extraction import Row, workspace
from tests.benchmarks.goals import Goal, full_rate
from tests.benchmarks.growth import memory_growth
from tests.benchmarks.imports import import_times
from tests.benchmarks.machine import ROOT, described
from tests.benchmarks.report import GOALS_HEAD, HEAD, document, goal_line, line
from tests.benchmarks.routes import ROUTES, TOOLS
from tests.benchmarks.sizes import SIZES, Size
from tests.benchmarks.speed import speed_up
from tests.benchmarks.uploading import upload_speed

COMPLETE = ROOT / "tests" / "benchmarks"
#: Results of less than everything must not replace the complete ones.
PARTIAL = ROOT / ".benchmarks"
#: What each picture shows, and who draws it, by its name.
PICTURES = {
    "RESULTS.png": ("Requests and time against the size of the workspace", plot.draw),
    "FLOW.png": ("Requests in flight and the allowance used, over the time of a run", flow.draw),
}


def main() -> None:
    """Measure, print, write."""
    options = _parser().parse_args()
    # So that the processes that were started end as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    machine = described()
    sizes = [SIZES["small"]] if options.quick else [SIZES[name] for name in options.sizes]
    if options.compression:
        both = {"compression": options.compression, "long_compression": options.compression}
        sizes = [replace(size, **both) for size in sizes]
    rows = []
    print("\n".join(HEAD), flush=True)
    for row in _rows(sizes, options.routes, options.runs):
        rows.append(row)
        print(line(row), flush=True)
    goals = []
    if options.goals:
        print("\n" + "\n".join(GOALS_HEAD), flush=True)
        for goal in _goals(rows, sizes, quick=options.quick):
            goals.append(goal)
            print(goal_line(goal), flush=True)
    complete = sizes == list(SIZES.values()) and options.routes == list(ROUTES) and bool(goals)
    folder = COMPLETE if complete else PARTIAL
    folder.mkdir(exist_ok=True)
    machine.append(f"- the whole took {(time.monotonic() - began) / 60:.0f} minutes")
    pictures = {name: shown for name, (shown, draw) in PICTURES.items() if draw(rows, folder / name)}
    absent = [tool.route.title for tool in TOOLS if not tool.present()]
    text = document(machine=machine, rows=rows, goals=goals, absent=absent, pictures=pictures)
    (folder / "RESULTS.md").write_text(text)
    print(f"\nWritten to {(folder / 'RESULTS.md').relative_to(ROOT)}{' with pictures' if pictures else ''}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure extraction routes and the goals; an hour and a quarter, `--quick` about 2.",
    )
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES), help="default: all")
    parser.add_argument("--routes", nargs="+", choices=ROUTES, default=list(ROUTES), help="default: all")
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="runs of each route, default 1")
    parser.add_argument(
        "--compression",
        type=float,
        metavar="N",
        help="seconds of Mode in one real second (default: as the size says)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="the small workspace once, and the goals at that size"
    )
    parser.add_argument("--no-goals", dest="goals", action="store_false", help="only the table of routes")
    return parser


def _rows(sizes: Sequence[Size], routes: Sequence[str], runs: int) -> Iterator[Row]:
    ours = [ROUTES[name] for name in routes]
    theirs = [tool.route for tool in TOOLS if tool.present()]
    for size in sizes:
        for chosen, compression in (
            ([route for route in ours if not route.long], size.compression),
            ([route for route in ours if route.long], size.long_compression),
            (theirs, 1),
        ):
            here = [route for route in chosen if size.name in route.sizes]
            if here:
                with workspace(replace(size, compression=compression)) as place:
                    for route in here:
                        yield place.measure(route, runs=runs)


def _goals(rows: Sequence[Row], sizes: Sequence[Size], *, quick: bool) -> Iterator[Goal]:
    """The goals are set for the medium workspace; without it, they are measured at another."""
    size = SIZES["medium"] if SIZES["medium"] in sizes else sizes[-1]
    for counted in {size.name: size, sizes[-1].name: sizes[-1]}.values():
        yield from requests_needed(counted)
    yield from full_rate(rows)
    yield speed_up(size, runs=1 if quick else 3)
    if not quick:
        yield from memory_growth()
    yield from import_times()
    yield from upload_speed(runs=1 if quick else 5)


if __name__ == "__main__":
    main()
