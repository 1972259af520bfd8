"""The command line of :mod:`tests.versions`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.versions import record
from tests.versions.environment import (
    ROOT,
    Environment,
    NoPythonError,
    NotInstalledError,
    build_wheel,
    can_be_had,
)
from tests.versions.pairs import Pair, all_pairs
from tests.versions.parts import Result, chosen


def main() -> int:
    arguments = _arguments()
    pairs = [
        pair
        for pair in all_pairs()
        if (not arguments.airflow or pair.airflow in arguments.airflow)
        and (not arguments.python or pair.python in arguments.python)
        and (not arguments.dependencies or pair.dependencies in arguments.dependencies)
    ]
    if not pairs:
        print("None of the pairs is chosen by these options.", file=sys.stderr)
        return 2
    if not can_be_had(pairs[-1].constraints):
        print(
            "Airflow's constraints cannot be had from here: what the index had when each came out stands in."
        )
    wheel = build_wheel(arguments.folder / "dist")
    parts = {
        name: part
        for name, part in chosen(wheel=wheel, whole=arguments.whole).items()
        if not arguments.part or name in arguments.part
    }
    lines = []
    for pair in pairs:
        line = record.Line(pair=pair, chosen="", whole=arguments.whole, parts={})
        lines.append(line)
        _try(pair, line, parts, wheel, arguments)
        if arguments.record:
            record.keep(line)
    print(f"\n{record.table(lines)}")
    return int(any(line.failed for line in lines))


def _try(pair, line, parts, wheel, arguments) -> None:  # type: ignore[no-untyped-def]
    environment = Environment(pair, arguments.folder / pair.name)
    _say(pair, "installing")
    try:
        if not (arguments.keep and environment.bin.exists()):
            environment.make(wheel)
    except NoPythonError as error:
        line.parts["install"] = Result(skipped=1, said=str(error))
        _say(pair, str(error))
        return
    except NotInstalledError as error:
        line.parts["install"] = Result(failed=1, said=str(error))
        _say(pair, f"cannot be installed:\n{error}")
        return
    line.chosen = environment.chosen
    line.parts["install"] = Result(passed=1)
    for name, part in parts.items():
        begun = time.monotonic()
        result = line.parts[name] = part(environment)
        _say(pair, f"{name}: {result} ({time.monotonic() - begun:.0f} s){result.said}")


def _say(pair: Pair, what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {pair.name}: {what}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.versions", description=__doc__)
    parser.add_argument("--airflow", action="append", help="only this Airflow; may be repeated")
    parser.add_argument("--python", action="append", help="only this Python; may be repeated")
    parser.add_argument("--dependencies", action="append", choices=["constraints", "lowest", "newest"])
    parser.add_argument("--part", action="append", help="only this part; may be repeated")
    parser.add_argument("--whole", action="store_true", help="the whole suite instead of the chosen tests")
    parser.add_argument("--keep", action="store_true", help="use an environment that is there")
    parser.add_argument("--record", action="store_true", help="keep the results for docs/compatibility.md")
    parser.add_argument("--folder", type=Path, default=ROOT / ".versions", help="default .versions")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
