"""Goal: a file of 1 GB goes out nearly as fast as `curl` posts it, in constant memory."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.goals import Goal
from tests.benchmarks.service import Service
from tests.benchmarks.subject import cpu_seconds, measure
from tests.sandbox import WorkspaceShape

MEGABYTES = 1000
GOAL_SHARE, GOAL_GROWTH = 0.8, 40.0
NAME = "1700000000-query.json"

# A disk that is busy writing what came before would be measured otherwise: up to four times slower.
MEMORY = Path("/dev/shm")


class _Timed(NamedTuple):
    """Megabytes a second, and seconds of CPU for the whole file."""

    speed: float
    cpu: float


def upload_speed(*, runs: int) -> Iterator[Goal]:
    """Post the same file to the same endpoint, in turns.

    :param runs: of each; the median counts.
    """
    has_curl = shutil.which("curl") is not None
    # The part that curl sends says what type it has; ours does not.
    shape, switches = WorkspaceShape(collections=1, reports=1), {"part_type": "accepted"}
    ours: list[_Timed] = []
    curls: list[_Timed] = []
    growths = []
    with (
        tempfile.TemporaryDirectory(dir=MEMORY if _holds_it_all(MEMORY) else None) as folder,
        Service(shape=shape, catalog=switches, folder=Path(folder)) as service,
    ):
        file = Path(folder) / NAME
        digest = _fill(file)
        for _ in range(runs):
            if has_curl:
                curls.append(_curl(service, file))
            result = measure("ours:upload", catalog=service.catalog, file=str(file), sha256=digest, name=NAME)
            service.forget_uploads()
            ours.append(_Timed(MEGABYTES / result["seconds"], result["cpu"]))
            growths.append(result["growth"])
    yield _speed(_median(ours), _median(curls) if curls else None)
    growth = statistics.median(growths)
    yield Goal(
        "upload of a 1 GB file, growth of memory",
        f"{growth:.0f} MB",
        f"below {GOAL_GROWTH:g} MB",
        growth < GOAL_GROWTH,
    )


def _holds_it_all(place: Path) -> bool:
    return place.is_dir() and shutil.disk_usage(place).free > 4 * MEGABYTES * 1_000_000


def _median(timed: list[_Timed]) -> _Timed:
    return _Timed(*map(statistics.median, zip(*timed, strict=True)))


def _speed(ours: _Timed, curl: _Timed | None) -> Goal:
    figure, goal = "upload of a 1 GB file over loopback", f"at least {GOAL_SHARE:.0%} of the speed of `curl`"
    if curl is None:
        return Goal(figure, f"{ours.speed:,.0f} MB/s; no `curl` on this machine", goal, None)
    share = ours.speed / curl.speed
    said = f"{ours.speed:,.0f} against {curl.speed:,.0f} MB/s, CPU {ours.cpu:.1f} against {curl.cpu:.1f} s"
    return Goal(figure, f"{share:.0%} ({said}; ours proves the file's hash)", goal, share >= GOAL_SHARE)


def _fill(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("wb") as stream:
        for _ in range(MEGABYTES):
            block = os.urandom(1_000_000)
            digest.update(block)
            stream.write(block)
    return digest.hexdigest()


def _curl(service: Service, file: Path) -> _Timed:
    catalog = service.catalog
    url = f"{catalog['ingest_url']}/visualization-{catalog['source_id']}/{NAME}"
    # In a file: arguments show in process lists.
    header = file.with_suffix(".header")
    header.write_text(f"Authorization: Token {catalog['token']}")
    command = ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--output", os.devnull]
    began, cpu = time.monotonic(), cpu_seconds(resource.RUSAGE_CHILDREN)
    subprocess.run([*command, "--header", f"@{header}", "--form", f"file=@{file}", url], check=True)
    seconds = time.monotonic() - began
    service.forget_uploads()
    return _Timed(MEGABYTES / seconds, cpu_seconds(resource.RUSAGE_CHILDREN) - cpu)
