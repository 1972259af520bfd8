"""The process that is measured: does one piece of work and prints what it cost.

``python -m tests.benchmarks.subject`` reads a JSON object from its standard input: ``work``, the function to
call as ``module:function``, and its arguments by name. It prints another one: ``seconds`` and ``cpu`` (of the
function, without the start of the interpreter and imports), ``peak`` (megabytes of the whole process), and
what the function returned.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.benchmarks.machine import ROOT


def measure(work: str, *, timeout: float | None = None, **arguments: Any) -> dict[str, Any]:
    """Let a new process do a piece of work; returns what it printed.

    :param work: ``module:function`` below this package.
    :param timeout: real seconds after which it is stopped, default none.
    :raises subprocess.CalledProcessError: it failed; ``stderr`` says why.
    :raises subprocess.TimeoutExpired: it was stopped.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.subject"],
        cwd=ROOT,
        input=json.dumps({"work": work, **arguments}),
        capture_output=True,
        text=True,
        check=True,
        timeout=timeout,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def peak_megabytes() -> float:
    """Most memory this process ever had."""
    # Where there is /proc: what getrusage says includes the process that this one was forked from.
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def cpu_seconds(who: int = resource.RUSAGE_SELF) -> float:
    """CPU time of this process, or of those that it started, so far."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    job = json.load(sys.stdin)
    module, _, function = job.pop("work").partition(":")
    work = getattr(import_module(f"tests.benchmarks.{module}"), function)
    cpu, began = cpu_seconds(), time.monotonic()
    result = work(**job) or {}
    measured = {"seconds": time.monotonic() - began, "cpu": cpu_seconds() - cpu, "peak": peak_megabytes()}
    print(json.dumps({**measured, **result}))


if __name__ == "__main__":
    main()
