"""Goals about the number of requests: they do not depend on time, so nothing is limited or slow here."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import Any

from tests.benchmarks.extraction import UNLIMITED
from tests.benchmarks.goals import Goal
from tests.benchmarks.service import Service
from tests.benchmarks.sizes import Size
from tests.benchmarks.subject import measure
from tests.sandbox import WorkspaceShape, generate_workspace

#: Requests beside the listings that an extraction may make when nothing has changed.
BESIDE = 5


def requests_needed(size: Size) -> Iterator[Goal]:
    """Count the requests of the two cheapest routes, with and without a listing of datasets."""
    for datasets in (False, True):
        with _counting(size, datasets=datasets) as count:
            said = f"{size.name}, {'with' if datasets else 'without'} the datasets listing"
            hybrid = count({"strategy": "hybrid", "members": "lite"})
            bound = hybrid_bound(size.shape, datasets=datasets)
            yield Goal(
                f'requests, `hybrid`, `members="lite"`, {said}',
                f"{hybrid:,}",
                f"at most {bound:,} + 2 %{_ours(datasets)}",
                hybrid <= 1.02 * bound,
            )
            count({"strategy": "hybrid"})
            unchanged = count({"incremental": True})
            bound = unchanged_bound(size.shape, datasets=datasets)
            yield Goal(
                f"requests, `incremental`, nothing changed, {said}",
                f"{unchanged:,}",
                f"at most {bound:,}{_ours(datasets)}",
                unchanged <= bound,
            )


def _ours(datasets: bool) -> str:
    return " (the goal, with its term for datasets)" if datasets else ""


def hybrid_bound(shape: WorkspaceShape, *, datasets: bool) -> int:
    """What bulk listings of queries and REST listings of the rest cost at most.

    S collections, R reports, Q queries: 2 to begin with, S/30 pages of collections, R/30 + 2S pages of
    reports, 1 token and Q/1,000 pages of queries, 1 list of members; with datasets as many pages again as for
    that many reports.
    """
    spaces, queries = shape.collections, shape.queries or 0
    pages = ceil(shape.reports / 30) + 2 * spaces
    if datasets:
        pages += ceil(shape.reports // 20 / 30) + 2 * spaces
        queries += shape.reports // 20
    return 2 + ceil(spaces / 30) + pages + 1 + ceil(queries / 1000) + 1


def unchanged_bound(shape: WorkspaceShape, *, datasets: bool) -> int:
    """The pages of all collections, those of the reports in the shared ones, and a few requests beside."""
    world = generate_workspace(shape)
    cost = ceil(len(world.collections) / 30) + BESIDE
    for collection in world.collections:
        if not collection.personal:
            inside = world.reports_in(collection)
            sets = sum(report.is_dataset for report in inside)
            cost += ceil((len(inside) - sets) / 30) + 1
            cost += ceil(sets / 30) + 1 if datasets else 0
    return cost


@contextmanager
def _counting(size: Size, *, datasets: bool) -> Iterator[Any]:
    switches = {"limiter": "off", "datasets": "rows" if datasets else 404}
    with Service(shape=size.shape, mode=switches) as service, tempfile.TemporaryDirectory() as folder:

        def count(options: dict[str, Any]) -> int:
            service.forget_requests()
            measure(
                "ours:extract",
                mode=service.mode,
                folder=folder,
                options=options,
                requests_per_second=UNLIMITED,
            )
            return len(service.requests())

        yield count
