"""`make fuzz`: each parser for about a minute, with inputs that nobody chose; prints how many were tried."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
import traceback

from hypothesis import HealthCheck, Verbosity, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS

#: One example of hypothesis stands for so many inputs; a failing one is shrunk all the same.
INPUTS_AN_EXAMPLE = 50


def fuzz(name: str, seconds: float) -> tuple[int, str | None]:
    """Try a target for a while; returns how many inputs were tried, and what was found."""
    tried = 0
    until = time.monotonic() + seconds

    @settings(
        max_examples=2_000_000,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        # The end of the time is told to hypothesis by an interrupt, which it would comment upon.
        verbosity=Verbosity.quiet,
    )
    @given(st.integers(0, 2**64))
    def try_some(seed: int) -> None:
        nonlocal tried
        if time.monotonic() > until:
            raise KeyboardInterrupt
        for number in range(INPUTS_AN_EXAMPLE):
            tried += 1
            try:
                TARGETS[name](random.Random(seed + number))
            except Exception as error:
                error.add_note(f"TARGETS[{name!r}](random.Random({seed + number}))")
                raise

    try:
        try_some()
    except KeyboardInterrupt:
        pass
    except Exception:
        return tried, traceback.format_exc(limit=-4)
    return tried, None


def main() -> int:
    """Fuzz the targets that are named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("FUZZ_SECONDS") or 60))
    arguments = parser.parse_args()
    total, failures = 0, 0
    for name in arguments.names or TARGETS:
        tried, found = fuzz(name, arguments.seconds)
        total += tried
        failures += found is not None
        print(f"{name:<16} {tried:>12,} inputs  {'nothing found' if found is None else 'FOUND'}", flush=True)
        if found is not None:
            print(found, flush=True)
    print(f"{'together':<16} {total:>12,} inputs  {failures} of the parsers failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
