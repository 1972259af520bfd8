"""`make mutants`: does a test notice when a line is wrong? Faults by chance, in a copy of the tree."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

from tests.mutants.mutations import Mutation, mutations
from tests.mutants.reached import RUNS_DAGS, Reached, record
from tests.mutants.related import stages

ROOT = Path(__file__).parents[2]
#: What is changed when nothing else is asked for.
ROOMS = ("lock", "snapshot", "catalog", "extract", "refresh", "operators")
#: Seconds that the tests of one stage may take: a mutant that takes longer hangs.
PATIENCE = 600
#: Seconds of tests that a mutant's first stage has, and both: of those that reach the line, the quickest.
QUICK, LONGEST = 5.0, 180.0
#: The exit code of pytest where none of the tests that were asked for is there.
NOTHING_TO_RUN = 5
OPTIONS = ("-q", "-p", "no:cacheprovider", "--tb=no", "-W", "ignore")


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: ``killed``, ``survived`` or ``hung``, and what tells so."""

    mutation: Mutation
    state: str
    reason: str


def main() -> int:
    """Try the mutants; 0 if few enough went unnoticed, 1 if not."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="mutants-") as made:
        folder = Path(made)
        sources = {
            path.relative_to(ROOT).as_posix(): path.read_bytes()
            for room in arguments.rooms
            for path in sorted((ROOT / "mode_catalog_provider" / room).glob("*.py"))
        }
        chosen = _chosen(sources, arguments.count, arguments.seed)[arguments.skip :]
        print(f"{len(chosen)} mutants of {len(sources)} files", flush=True)
        told = arguments.reached or folder / "reached"
        if not told.exists():
            told.mkdir()
            tree = _copy(folder / "recorded")
            record(chosen, sources, tree, told.resolve(), _environment(tree))
        reached = Reached.read(told, len(chosen))
        verdicts = _try_all(chosen, sources, reached, folder, arguments)
    # Of what took too long nobody knows whether a test would have noticed.
    survivors = [verdict for verdict in verdicts if verdict.state != "killed"]
    print(f"\n{len(verdicts)} mutants, {len(survivors)} that no test noticed:")
    for verdict in survivors:
        mutation = verdict.mutation
        print(f"  {mutation.path}:{mutation.first} ({mutation.kind}; {verdict.state}, {verdict.reason})")
    return int(len(survivors) > len(verdicts) * arguments.survivors / 100)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument(
        "rooms", nargs="*", default=ROOMS, help=f"folders of the package, default {' '.join(ROOMS)}"
    )
    parser.add_argument("--count", type=int, default=200, help="mutants to try; default 200")
    parser.add_argument("--seed", type=int, default=11, help="which ones; default 11")
    parser.add_argument("--skip", type=int, default=0, help="leave the first ones out; default 0")
    parser.add_argument(
        "--reached",
        type=Path,
        help="folder for who reaches which line, taken from there when the same mutants are tried again",
    )
    parser.add_argument("--jobs", type=int, default=2, help="mutants at the same time; default 2")
    parser.add_argument("--survivors", type=float, default=5, help="per cent that may survive; default 5")
    return parser.parse_args()


def _chosen(sources: dict[str, bytes], count: int, seed: int) -> list[Mutation]:
    """Lines by chance, and one of the faults that each can have; the same for the same seed and sources."""
    lines: dict[tuple[str, int], list[Mutation]] = defaultdict(list)
    for path, source in sources.items():
        for mutation in mutations(path, source):
            lines[path, mutation.first].append(mutation)
    chance = random.Random(seed)
    picked = chance.sample(sorted(lines), min(count, len(lines)))
    return [
        chance.choice([mutation for mutation in lines[line] if mutation.parses(sources[mutation.path])])
        for line in picked
    ]


def _try_all(
    chosen: list[Mutation],
    sources: dict[str, bytes],
    reached: Reached,
    folder: Path,
    arguments: argparse.Namespace,
) -> list[Verdict]:
    trees: Queue[Tree] = Queue()
    for number in range(arguments.jobs):
        trees.put(Tree(_copy(folder / f"tree-{number}")))

    def attempt(number: int, mutation: Mutation) -> Verdict:
        tree = trees.get()
        try:
            stages = _stages(number, mutation, reached)
            limits = {test: reached.limit(test) for stage in stages for test in stage}
            verdict = tree.attempt(mutation, sources[mutation.path], stages, limits)
        finally:
            trees.put(tree)
        told = f"{mutation.path}:{mutation.first} {mutation.kind} ({verdict.reason})"
        print(f"{verdict.state:8} {told}\n{mutation.diff(sources[mutation.path])}", flush=True)
        return verdict

    try:
        with ThreadPoolExecutor(arguments.jobs) as pool:
            return list(pool.map(attempt, range(len(chosen)), chosen))
    finally:
        while not trees.empty():
            trees.get().close()


def _stages(number: int, mutation: Mutation, reached: Reached) -> list[list[str]]:
    """What runs when it is imported every test reaches, so there what the tests import tells."""
    if not mutation.in_function:
        return stages(mutation.path, ROOT)
    return reached.stages(number, mutation.path.split("/")[1], quick=QUICK, longest=LONGEST)


class Tree:
    """A copy of the tree with a warm process in it, for one mutant after the other.

    :param folder: the copy.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # The hash in each file of bytecode tells a mutant from the line that it took the place of.
        compiled = [
            "-m",
            "compileall",
            "-q",
            "--invalidation-mode",
            "checked-hash",
            "mode_catalog_provider",
            "tests",
        ]
        subprocess.run(["nice", sys.executable, *compiled], cwd=folder, check=True)
        self._warm = subprocess.Popen(
            ["nice", sys.executable, "-m", "tests.mutants.warm"],
            cwd=folder,
            env=_environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the process."""
        self._warm.communicate()

    def attempt(
        self, mutation: Mutation, source: bytes, stages: list[list[str]], limits: dict[str, float]
    ) -> Verdict:
        """Run the tests of each stage, with the fault in it, until one fails or takes longer than it may."""
        file = self._folder / mutation.path
        file.write_bytes(mutation.apply(source))
        try:
            return self._judged(mutation, stages, limits)
        finally:
            file.write_bytes(source)

    def _judged(self, mutation: Mutation, stages: list[list[str]], limits: dict[str, float]) -> Verdict:
        for stage in stages:
            output = self._folder / "output.txt"
            files = sorted({test.partition("::")[0] for test in stage}, key=_slowest_last)
            order = {
                "arguments": [*OPTIONS, "-x", "--basetemp=pytest", *files],
                "tests": {test: limits[test] for test in stage},
                "output": str(output),
                "seconds": PATIENCE,
            }
            code = self._ordered(order)
            if code is None:
                return Verdict(mutation, "hung", f"{len(stage)} tests")
            if code not in (0, NOTHING_TO_RUN):
                told = output.read_text().splitlines()
                failed = [line for line in told if line.startswith(("FAILED", "ERROR"))]
                return Verdict(mutation, "killed", failed[0][:200] if failed else f"pytest ended with {code}")
        return Verdict(mutation, "survived", f"{sum(map(len, stages))} tests passed")

    def _ordered(self, order: dict[str, Any]) -> int | None:
        assert self._warm.stdin is not None
        assert self._warm.stdout is not None
        print(json.dumps(order), file=self._warm.stdin, flush=True)
        code: int | None = json.loads(self._warm.stdout.readline())
        return code


def _slowest_last(file: str) -> tuple[bool, str]:
    return file.startswith(RUNS_DAGS), file


def _copy(tree: Path) -> Path:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    return tree


def _environment(tree: Path) -> dict[str, str]:
    """Programs that tests start find the copy, and leave no bytecode that would outlive the mutant."""
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree)}


if __name__ == "__main__":
    sys.exit(main())
