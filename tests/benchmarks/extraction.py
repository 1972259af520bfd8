"""Measure routes at a size: each run in a process of its own, all against one sandbox in another."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.routes import Route
from tests.benchmarks.service import Service, Tokens
from tests.benchmarks.sizes import LATENCY, Size
from tests.benchmarks.subject import measure

PUBLISHED_RATE = 4.0
UNLIMITED = 100_000.0
#: Real seconds after which a measured process is stopped.
PATIENCE = 3600.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one route costs at one size: medians of its runs.

    :param requests: as Mode counts them, those refused included.
    :param seconds: real seconds, without the start of the interpreter.
    :param share: requests over what the rate allows from the first request to the last answer.
    :param refused: answers 429.
    :param peak: most memory of the process, in megabytes.
    :param cpu: seconds.
    :param lost: rows of a complete extraction that are not there; ``None``: nobody can tell.
    :param failure: how it ended, if not well.
    :param asked: when each request of the last run began and was answered, in real seconds.
    """

    size: Size
    route: Route
    runs: int
    requests: float
    seconds: float
    share: float
    refused: float
    peak: float
    cpu: float
    lost: float | None
    failure: str = ""
    asked: Sequence[tuple[float, float]] = field(default=(), repr=False)

    @property
    def service_seconds(self) -> float:
        """Seconds of the service's own, uncompressed time."""
        return self.seconds * self.size.compression


class Workspace:
    """A sandbox with a workspace of one size, on which routes are measured one after the other."""

    def __init__(self, *, size: Size, service: Service, folder: Path) -> None:
        self.size = size
        self._service = service
        self._folder = folder
        self._snapshots: Path | None = None
        self._edited = 0

    def measure(self, route: Route, *, runs: int) -> Row:
        """Run a route several times."""
        results = []
        for _ in range(runs):
            result = self._run(route)
            results.append(result)
            if result["failure"]:
                break

        def median(figure: str) -> float:
            return float(statistics.median(result[figure] for result in results))

        told = all(result["lost"] is not None for result in results)
        figures = {name: median(name) for name in ("requests", "seconds", "share", "refused", "peak", "cpu")}
        return Row(
            size=self.size,
            route=route,
            runs=len(results),
            **figures,
            lost=median("lost") if told else None,
            failure=results[-1]["failure"],
            asked=results[-1]["asked"],
        )

    def _run(self, route: Route) -> dict[str, Any]:
        arguments: dict[str, Any] = {"mode": self._service.mode}
        if route.incremental and self._snapshots is None:
            self._snapshots = self._take_first_snapshot()
        if route.changed:
            self._edit(route.changed)
        with tempfile.TemporaryDirectory(dir=self._folder) as fresh:
            folder = str(self._snapshots) if route.incremental and self._snapshots else fresh
            if route.options is not None:
                rate = PUBLISHED_RATE * self.size.compression
                arguments |= {"options": route.options, "requests_per_second": rate}
            self._service.switch(limiter="window", latency=LATENCY)
            self._service.forget_requests()
            result = _outcome(route.work, folder=folder, **arguments)
            asked = self._service.requests()
            expected = self._service.expected()
            there = Path(result.get("folder", folder))
            lost = lost_rows(there, expected) if route.contract else None
        return {**self._as_mode_saw_it(asked), **result, "lost": lost}

    def _as_mode_saw_it(self, asked: list[dict[str, Any]]) -> dict[str, Any]:
        spans = [(request["started"], request["ended"] or request["started"]) for request in asked]
        lasted = max((end for _, end in spans), default=0) - min((start for start, _ in spans), default=0)
        allowed = lasted * self.size.compression * PUBLISHED_RATE
        return {
            "asked": spans,
            "requests": len(asked),
            "seconds": lasted,
            "share": len(asked) / allowed if allowed else 0.0,
            "refused": sum(request["status"] == 429 for request in asked),
        }

    def _take_first_snapshot(self) -> Path:
        folder = self._folder / "snapshots"
        self._service.switch(limiter="off", latency=0)
        measure(
            "ours:extract",
            mode=self._service.mode,
            folder=str(folder),
            # As the first night is: it keeps what bulk listings said, and compares the ways to the datasets.
            options={"incremental": True, "strategy": "auto"},
            requests_per_second=UNLIMITED,
        )
        return folder

    def _edit(self, share: float) -> None:
        reports = sorted(self._service.expected()["report"])
        count = max(1, round(share * len(reports)))
        chosen = [reports[(self._edited + index) % len(reports)] for index in range(count)]
        self._edited += count
        self._service.edit(chosen)


@contextmanager
def workspace(size: Size) -> Iterator[Workspace]:
    """Start a sandbox of a size and yield it."""
    with (
        Service(shape=size.shape, compression=size.compression) as service,
        tempfile.TemporaryDirectory(prefix="benchmark-") as folder,
    ):
        yield Workspace(size=size, service=service, folder=Path(folder))


def _outcome(work: str, **arguments: Any) -> dict[str, Any]:
    try:
        return {**measure(work, timeout=PATIENCE, **arguments), "failure": ""}
    except subprocess.CalledProcessError as error:
        failure = (error.stderr.strip().splitlines() or ["failed"])[-1]
    except subprocess.TimeoutExpired:
        failure = f"stopped after {PATIENCE:,.0f} s"
    return {"peak": 0.0, "cpu": 0.0, "failure": failure}


def lost_rows(folder: Path, expected: Tokens) -> int:
    """Count the rows that files in the contract's form should have and have not.

    :param folder: with one ``{timestamp}-{asset}.json`` per asset; one that is missing lost all its rows.
    """
    return sum(len(tokens - _tokens(folder.glob(f"*-{asset}.json"))) for asset, tokens in expected.items())


def _tokens(files: Iterable[Path]) -> set[str]:
    found: set[str] = set()
    for file in files:
        found.update(row["token"] for row in json.loads(file.read_text()))
    return found
