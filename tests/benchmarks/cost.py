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
from tests.sandbox import WorkspaceShape

#: Requests beside the listings when nothing has changed: the credential, the Discovery token and its end, the
#: data sources and two lists of members.
BESIDE = 6

#: Pages of a collection that is listed to be compared: of its reports and datasets, with those that prove
#: their ends.
VERIFIED = 6


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
            count({"incremental": True})
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
    """What bulk listings cost at most, and the verification of half a percent of the collections.

    S collections, R reports and datasets, Q queries: S/1,000 + 2R/1,000 + Q/1,000 pages, for a collection
    that is verified at most :data:`VERIFIED`, and a few requests beside.
    """
    sets = shape.reports // 20 if datasets else 0
    reports, queries = shape.reports + sets, (shape.queries or 0) + sets
    pages = ceil(shape.collections / 1000) + 2 * ceil(reports / 1000) + ceil(queries / 1000)
    return pages + VERIFIED * max(1, round(shape.collections / 200)) + BESIDE


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
