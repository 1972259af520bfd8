"""Say what the full test suite needs of this machine and does not find: ``python -m tests.machine``.

A test that needs such a program skips itself; CI has them all (``.ci/run`` installs them).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

#: What a Debian package brings, what tells whether it is there, and which tests are left out without it.
PROGRAMS: Mapping[str, tuple[Callable[[], bool], str]] = {
    "redis-server": (lambda: bool(shutil.which("redis-server")), "tests/distributed"),
    "postgresql": (
        lambda: bool(shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))),
        "tests/distributed",
    ),
    "chromium": (lambda: bool(chromium()), "tests/browser"),
    "prometheus": (lambda: bool(shutil.which("promtool")), "tests of the alert rules"),
}


def chromium() -> str | None:
    """Return the path of the machine's Chromium or Chrome."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def missing() -> dict[str, str]:
    """Return the Debian packages that are not there, each with the tests that are left out without it."""
    return {name: tests for name, (is_there, tests) in PROGRAMS.items() if not is_there()}


def main() -> None:
    if lacking := missing():
        print("This machine lacks programs, so some tests are left out:")
        for name, tests in lacking.items():
            print(f"  {name:<14} {tests}")
        print(
            f"To run them too: sudo apt-get install -y --no-install-recommends {' '.join(lacking)}\n",
            flush=True,
        )


if __name__ == "__main__":
    main()
