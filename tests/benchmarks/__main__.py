"""Print one Markdown table; every row is measured in a process of its own.

Numbers of two machines do not compare; rows of one table do. Nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mode_catalog_provider.catalog.ingest import CatalogIngest, OutgoingFile
from mode_catalog_provider.mode.client import ModeClient, ModeCredentials
from mode_catalog_provider.mode.extraction import Extraction, ExtractionOptions
from mode_catalog_provider.snapshot.assets import KEYS
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.writer import SnapshotWriter
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape, peak_rate

SMALL = WorkspaceShape(collections=20, reports=300, queries=900, members=50, nasty=False, seed=1)
SCALE = 0.05  # real seconds per second of the service: its 40 requests per 10 s become 40 per 0.5 s


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _extraction(strategy: str, limiter: bool) -> dict[str, Any]:
    switches = ModeSwitches(latency=0.3 if limiter else 0.02 / SCALE, limiter="window" if limiter else "off")
    with Sandbox(shape=SMALL, mode=switches, time_scale=SCALE) as sandbox:
        credentials = sandbox.mode.credentials()
        with ModeClient(
            workspace=sandbox.mode.workspace,
            host=sandbox.mode.url,
            credentials=lambda: ModeCredentials(token=credentials.token, secret=credentials.secret),
            requests_per_second=sandbox.requests_per_second if limiter else 100_000,
        ) as client:
            began = time.monotonic()
            client.verify()
            options = ExtractionOptions(strategy=strategy)  # type: ignore[arg-type]
            rows = sum(1 for _ in Extraction(client=client, options=options).rows())
            seconds = time.monotonic() - began
        expected = sum(map(len, sandbox.mode.expected().values()))
        figures = client.figures.to_json()
        share = figures["requests"] / (seconds * sandbox.requests_per_second) if limiter else None
        return {
            "requests": figures["requests"],
            "seconds": seconds,
            "share of the rate": share,
            "429": figures["refused_by_limiter"],
            "rows lost": expected - rows,
            "peak in 10 s": peak_rate(sandbox.mode.requests, 10 * SCALE) if limiter else None,
        }


def _sequential() -> dict[str, Any]:
    """The client that people write: one request after another, one report's queries at a time."""
    import requests

    switches = ModeSwitches(latency=0.02 / SCALE, limiter="off")
    with Sandbox(shape=SMALL, mode=switches, time_scale=SCALE) as sandbox, requests.Session() as session:
        credentials = sandbox.mode.credentials()
        session.auth = (credentials.token, credentials.secret)
        base = f"{sandbox.mode.url}/api/{sandbox.mode.workspace}"
        count = 0

        def rows(path: str, key: str) -> list[dict[str, Any]]:
            nonlocal count
            count += 1
            body = session.get(f"{base}/{path}", timeout=60).json()
            return list(body.get("_embedded", {}).get(key, []))

        began = time.monotonic()
        rows("data_sources", "data_sources")
        for space in rows("spaces?filter=all&page=1", "spaces"):
            page = 1
            while reports := rows(f"spaces/{space['token']}/reports?page={page}", "reports"):
                for report in reports:
                    rows(f"reports/{report['token']}/queries", "queries")
                page += 1
        for member in rows("memberships/lite", "memberships"):
            session.get(f"{sandbox.mode.url}/api/{member['username']}", timeout=60)
            count += 1
        return {"requests": count, "seconds": time.monotonic() - began}


def _snapshot(queries: int) -> dict[str, Any]:
    row = dict.fromkeys(KEYS["query"], "x")
    with tempfile.TemporaryDirectory() as folder:
        before = _peak_megabytes()
        began = time.monotonic()
        layout = Layout.nested(Path(folder), "acme")
        with SnapshotWriter(layout=layout, workspace="acme", host="https://modeanalytics.com") as writer:
            for number in range(queries):
                writer.add(
                    "query", {**row, "token": f"{number:012x}", "raw_query": "select 1 -- " + "x" * 500}
                )
            writer.finish(strategy="rest", options={}, left_out=[], filtered={}, figures={})
        seconds = time.monotonic() - began
        return {"rows": queries, "seconds": seconds, "memory growth (MB)": _peak_megabytes() - before}


def _upload(megabytes: int) -> dict[str, Any]:
    import hashlib

    with (
        Sandbox(shape=WorkspaceShape(collections=1, reports=1)) as sandbox,
        tempfile.NamedTemporaryFile() as file,
    ):
        digest = hashlib.sha256()
        for _ in range(megabytes):
            file.write(b"x" * 2**20)
            digest.update(b"x" * 2**20)
        file.flush()
        path, size = Path(file.name), megabytes * 2**20
        before = _peak_megabytes()
        began = time.monotonic()
        ingest = CatalogIngest(
            token=lambda: sandbox.catalog.token,
            source_id=sandbox.catalog.source_id,
            ingest_url=sandbox.catalog.ingest_url,
        )
        with ingest:
            outgoing = OutgoingFile(
                open=lambda: path.open("rb"), name="1-query.json", size=size, sha256=digest.hexdigest()
            )
            ingest.push(outgoing)
        seconds = time.monotonic() - began
        return {
            "seconds": seconds,
            "MB/s": megabytes / seconds,
            "memory growth (MB)": _peak_megabytes() - before,
        }


ROWS: dict[str, Callable[[], dict[str, Any]]] = {
    "rest, published rate, 300 ms latency": lambda: _extraction("rest", limiter=True),
    "hybrid, published rate, 300 ms latency": lambda: _extraction("hybrid", limiter=True),
    "rest, no limiter, 20 ms latency": lambda: _extraction("rest", limiter=False),
    "sequential client, no limiter, 20 ms latency": _sequential,
    "snapshot of 1,000 queries": lambda: _snapshot(1_000),
    "snapshot of 200,000 queries": lambda: _snapshot(200_000),
    "upload of 256 MB over loopback": lambda: _upload(256),
}


def _measured(name: str, runs: int) -> dict[str, float]:
    results = []
    for _ in range(runs):
        command = [sys.executable, "-m", "tests.benchmarks", "--row", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        results.append(json.loads(done.stdout))
    return {
        key: statistics.median([result[key] for result in results])
        for key, value in results[0].items()
        if value is not None
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=3, help="runs of each row, the median is shown (default 3)"
    )
    parser.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        print(json.dumps(ROWS[arguments.row]()))
        return
    print(f"Python {platform.python_version()}, {platform.machine()}, median of {arguments.runs} runs;")
    print("extractions: 20 collections, 300 reports, 900 queries, 50 members; time compressed 20 times.\n")
    print("| what | measured |\n| --- | --- |")
    for name in ROWS:
        figures = _measured(name, arguments.runs)
        print(
            f"| {name} | {', '.join(f'{key} {value:,.4g}' for key, value in figures.items())} |", flush=True
        )


if __name__ == "__main__":
    main()
