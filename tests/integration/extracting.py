"""Extract a sandbox's workspace with the real client, and compare with the truth."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any

from mode_catalog_provider.extract.extraction import Extraction, ExtractionOptions, Progress
from mode_catalog_provider.extract.options import Strategy
from mode_catalog_provider.http.retry import RetryPolicy
from mode_catalog_provider.mode.client import ModeClient, ModeCredentials, ModeEndpoint
from tests.sandbox import Sandbox

Rows = dict[str, list[dict[str, Any]]]

# As patient as the real one, in compressed time.
QUICK = RetryPolicy(budget=20, first_wait=0.001, longest_wait=0.01)


@dataclass
class Extracted:
    rows: Rows
    extraction: Extraction

    def tokens(self, asset: str) -> set[str]:
        return {row["token"] for row in self.rows[asset]}

    @property
    def left_out(self) -> set[tuple[str, str | None, str]]:
        return {(entry.asset, entry.token, entry.reason) for entry in self.extraction.left_out}


@contextmanager
def client_of(sandbox: Sandbox, **options: Any) -> Iterator[ModeClient]:
    def credentials() -> ModeCredentials:
        return ModeCredentials(token=sandbox.mode.token, secret=sandbox.mode.secret)

    chosen = {"requests_per_second": sandbox.requests_per_second, "credentials": credentials, **options}
    with ModeClient(
        ModeEndpoint(workspace=sandbox.mode.workspace, host=sandbox.mode.url, **chosen)
    ) as client:
        client._retries = QUICK
        yield client


def extract(
    sandbox: Sandbox,
    *,
    progress: Progress | None = None,
    before: Callable[[ModeClient], None] = lambda _: None,
    strategy: Strategy = "rest",
    **options: Any,
) -> Extracted:
    with client_of(sandbox) as client:
        before(client)
        chosen = ExtractionOptions(strategy=strategy, **options)
        extraction = Extraction(client=client, options=chosen, progress=progress)
        rows: Rows = defaultdict(list)
        for asset, row in extraction.rows():
            rows[asset].append(row)
    for asset in rows:
        rows[asset].sort(key=lambda row: str(row["token"]))
    return Extracted(rows, extraction)


def as_written(rows: Rows) -> dict[str, list[str]]:
    """Each row as the bytes a file would hold, so that order of keys and types of numbers count."""
    assets = ("datasource", "collection", "report", "query", "member")
    return {asset: [json.dumps(row) for row in rows.get(asset, [])] for asset in assets}


def walk_cost(rows: int, *, proven: bool = False) -> int:
    """Requests of one walk: the pages and one that proves the end; from 30 rows on, all pages once more.

    Where the last page is full, the empty one behind it is asked for once more as well: it may be a slip.

    :param proven: counters, or what is known from elsewhere, tell that nothing is missing.
    """
    pages = ceil(rows / 30)
    again = pages + (rows % 30 == 0)
    return pages + 1 + (again if rows >= 30 and not proven else 0)


def predicted_requests(sandbox: Sandbox, *, members: str = "full") -> int:
    """What a clean workspace costs without ``verify``: S collections, R reports and datasets, M members.

    1 for data sources, a walk over all S collections, per shared collection a walk over its reports and one
    over its datasets, R for queries, 2 for the lists of members, and M profiles unless ``members="lite"``.
    A list of collections or members that is empty is asked for twice.
    """
    world = sandbox.mode.world
    cost = 1 + walk_cost(len(world.collections), proven=True) + 2
    cost += (not world.collections) + 2 * (not world.members)
    for collection in world.collections:
        if collection.personal:
            continue
        inside = world.reports_in(collection)
        datasets = sum(report.is_dataset for report in inside)
        cost += walk_cost(len(inside) - datasets) + walk_cost(datasets) + len(inside)
    return cost + (len(world.members) if members == "full" else 0)


def request_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("mode-request")]
