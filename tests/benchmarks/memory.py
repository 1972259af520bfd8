"""How much memory an extraction takes, by each route and for a workspace of any size.

A workspace of a million queries cannot be served over HTTP in reasonable time, so here the answers are made
inside the client, right behind its HTTP session, out of numbers: everything else (throttle, retries, parsing,
the pipeline, the snapshot on disk) is what runs in production. Each measurement is a process of its own.

    python -m tests.benchmarks.memory --route incremental --queries 1000000
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mode_catalog_provider.extract.capture import CaptureResult, capture
from mode_catalog_provider.extract.extraction import Extraction, ExtractionOptions
from mode_catalog_provider.http.response import Answer
from mode_catalog_provider.mode.client import ModeClient, ModeCredentials, ModeEndpoint
from mode_catalog_provider.snapshot.layout import Layout

WORKSPACE = "acme"
QUERIES_PER_REPORT = 3
REPORTS_PER_COLLECTION = 25
MEMBERS = 1_000
PAGE, BATCH_PAGE = 30, 1_000
ROUTES = ("rest", "hybrid", "incremental")

# Odd, so multiplying by it scatters the numbers over all tokens and never gives one twice.
_SCATTER = 0x9E3779B97F4B
_SQL = "select date_trunc('week', t.created_at) as week, sum(t.revenue) from analytics.orders t -- {} " * 6


class SyntheticMode:
    """Answers as Mode would for a workspace of so many queries; keeps nothing but its size.

    Stands in for the client's ``HttpSession``.

    :param queries: of reports in shared collections, :data:`QUERIES_PER_REPORT` each.
    """

    def __init__(self, *, queries: int) -> None:
        self.reports = queries // QUERIES_PER_REPORT
        self.collections = -(-self.reports // REPORTS_PER_COLLECTION)

    def exchange(self, method: str, url: str, *, params: Mapping[str, Any] | None = None, **_: Any) -> Answer:
        """Answer one request."""
        path = urlsplit(url).path
        status, body = self._answer(method, path, int((params or {}).get("page", 1)))
        return Answer(status=status, headers={}, body=json.dumps(body).encode(), asked=f"{method} {path}")

    def close(self) -> None:
        """There is nothing to close."""

    def _answer(self, method: str, path: str, page: int) -> tuple[int, Any]:
        parts = path.strip("/").split("/")
        match parts:
            case ["batch", _, "signature_tokens", *_]:
                return 200, {"token": "t", "access_key": "k", "access_secret": "s"}
            case ["batch", _, ("queries" | "reports" | "report_stats" | "spaces") as listing]:
                return 200, self._batch(listing, page)
            case ["api", "verify"]:
                return 200, {"workspace": WORKSPACE, "_links": {}}
            case ["api", _, "data_sources"]:
                return 200, _listing("data_sources", [{"token": "source", "id": 7, "name": "Warehouse"}])
            case ["api", _, "memberships"]:
                return 404, {"id": "not_found", "message": "not found"}
            case ["api", _, "memberships", "lite"]:
                return 200, _listing("memberships", [_member(number) for number in range(MEMBERS)])
            case ["api", _, "spaces"]:
                rows = [_collection(number) for number in _numbers(page, PAGE, 0, self.collections)]
                counters = {"total_count": self.collections, "total_pages": -(-self.collections // PAGE)}
                return 200, {**_listing("spaces", rows), "pagination": counters}
            case ["api", _, "spaces", token, "reports"]:
                first = _number(token) * REPORTS_PER_COLLECTION
                last = min(first + REPORTS_PER_COLLECTION, self.reports)
                return 200, _listing("reports", [_report(one) for one in _numbers(page, PAGE, first, last)])
            case ["api", _, ("spaces" | "data_sources"), _, "datasets"]:
                return 200, _listing("reports", [])
            case ["api", _, "reports", token, "queries"]:
                return 200, _listing(
                    "queries", [_query(_number(token), n) for n in range(QUERIES_PER_REPORT)]
                )
            case ["api", name]:
                number = int(name.removeprefix("person"))
                return 200, {**_member(number), "id": number, "token": f"member{number}"}
        raise ValueError(f"{method} {path}")

    def _batch(self, listing: str, page: int) -> dict[str, Any]:
        each = QUERIES_PER_REPORT if listing == "queries" else 1
        total = self.collections if listing == "spaces" else self.reports * each
        numbers = _numbers(page, BATCH_PAGE, 0, total)
        make = _BATCH_ROWS[listing]
        return {
            listing: [make(number) for number in numbers],
            "pagination": {"total_count": total, "total_pages": -(-total // BATCH_PAGE)},
        }


def _numbers(page: int, size: int, first: int, last: int) -> range:
    return range(min(first + (page - 1) * size, last), min(first + page * size, last))


def _token(number: int) -> str:
    return f"{number * _SCATTER % 2**48:012x}"


def _number(token: str) -> int:
    return int(token, 16) * pow(_SCATTER, -1, 2**48) % 2**48


def _listing(key: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"_links": {"self": {"href": "/"}}, "_embedded": {key: rows}}


def _collection(number: int) -> dict[str, Any]:
    links = {"creator": {"href": "/api/person1"}}
    return {
        "token": _token(number),
        "id": number,
        "name": f"Collection {number}",
        "space_type": "custom",
        "_links": links,
    }


def _report(number: int) -> dict[str, Any]:
    return {
        "token": _token(number),
        "id": number,
        "name": f"Report {number}",
        "description": "what it is about",
        "type": "Report",
        "archived": False,
        "space_token": _token(number // REPORTS_PER_COLLECTION),
        "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": "2026-02-01T00:00:00.000Z",
        "edited_at": "2026-02-01T00:00:00.000Z",
        "query_count": QUERIES_PER_REPORT,
        "view_count": number,
        "_links": {"creator": {"href": "/api/person1"}},
    }


def _query(report: int, index: int) -> dict[str, Any]:
    number = report * QUERIES_PER_REPORT + index
    token = _token(number)
    return {
        "id": number,
        "token": token,
        "name": f"Query {index}",
        "raw_query": _SQL.format(*[number] * 6),
        "data_source_id": 7,
        "_links": {"self": {"href": f"/api/{WORKSPACE}/reports/{_token(report)}/queries/{token}"}},
    }


def _batch_query(number: int) -> dict[str, Any]:
    report, index = divmod(number, QUERIES_PER_REPORT)
    row = _query(report, index)
    del row["_links"], row["data_source_id"]
    space = _token(report // REPORTS_PER_COLLECTION)
    return {
        **row,
        "data_source_token": "source",
        "report_token": _token(report),
        "space_token": space,
    }


def _batch_report(number: int) -> dict[str, Any]:
    row = _report(number)
    names = ("token", "id", "name", "description", "created_at", "updated_at", "edited_at", "space_token")
    return {**{name: row[name] for name in names}, "last_viewed_at": None}


def _batch_stat(number: int) -> dict[str, Any]:
    return {"report_token": _token(number), "view_count": number}


_BATCH_ROWS: dict[str, Callable[[int], dict[str, Any]]] = {
    "queries": _batch_query,
    "reports": _batch_report,
    "report_stats": _batch_stat,
    "spaces": lambda number: _collection(number),
}


def _member(number: int) -> dict[str, Any]:
    return {
        "member_token": f"member{number}",
        "username": f"person{number}",
        "name": f"Person {number}",
        "email": f"person{number}@acme.example",
    }


def _take(mode: SyntheticMode, layout: Layout, strategy: str, *, incremental: bool = False) -> CaptureResult:
    client = ModeClient(
        ModeEndpoint(
            workspace=WORKSPACE,
            credentials=lambda: ModeCredentials(token="0123456789ab", secret="secret"),
            requests_per_second=1_000_000,
        )
    )
    client._requests._http = mode  # type: ignore[assignment]
    client._requests._last_session = lambda **_: mode  # type: ignore[assignment,return-value]
    chosen = ExtractionOptions(strategy=strategy, incremental=incremental)  # type: ignore[arg-type]
    extraction = Extraction(client=client, options=chosen)
    return capture(client=client, extraction=extraction, layout=layout, log=logging.getLogger("memory"))


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(route: str, queries: int, folder: Path) -> dict[str, float]:
    """Extract once in this process and return what it took; see :func:`peak_memory`.

    :param route: one of :data:`ROUTES`; ``"incremental"`` builds on a snapshot that must lie in the folder,
        and ``"first"`` makes such a one.
    :param queries: size of the workspace.
    :param folder: where snapshots go.
    """
    before, began = _megabytes(), time.monotonic()
    incremental = route == "incremental"
    result = _take(
        SyntheticMode(queries=queries),
        Layout.nested(folder, WORKSPACE),
        "auto" if incremental or route == "first" else route,
        incremental=incremental or route == "first",
    )
    if incremental and result.manifest.reuse["queries"] != result.manifest.rows["query"]:
        raise RuntimeError(f"Nothing changed, yet not all was reused: {result.manifest.reuse}.")
    return {
        "megabytes": _megabytes() - before,
        "seconds": time.monotonic() - began,
        "cpu_seconds": time.process_time(),
        "rows": sum(result.manifest.rows.values()),
    }


def peak_memory(route: str, queries: int, *, say: Callable[[str], None] = lambda _: None) -> dict[str, float]:
    """Measure in a fresh process, as :func:`measure` does.

    :param route: one of :data:`ROUTES`; for ``"incremental"`` a full snapshot is made first, apart.
    :param queries: size of the workspace.
    :param say: told what happens; default: nobody.
    :return: ``megabytes`` of peak memory above the interpreter with the package loaded, ``seconds``,
        ``cpu_seconds`` (import included) and ``rows``.
    """
    with tempfile.TemporaryDirectory() as folder:
        if route == "incremental":
            say("making the snapshot to build on")
            _in_child("first", queries, folder)
        return _in_child(route, queries, folder)


def _in_child(route: str, queries: int, folder: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.memory", "--here", folder]
    command += ["--route", route, "--queries", str(queries)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def main() -> None:
    """Print the figures of one measurement."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.memory")
    parser.add_argument("--route", choices=(*ROUTES, "first"), required=True)
    parser.add_argument("--queries", type=int, default=1_000_000)
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        print(json.dumps(measure(arguments.route, arguments.queries, arguments.here)))
    else:
        print(json.dumps(peak_memory(arguments.route, arguments.queries)))


if __name__ == "__main__":
    main()
