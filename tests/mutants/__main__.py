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
from itertools import accumulate
from pathlib import Path
from queue import Queue
from typing import Any

from tests.mutants.mutations import Mutation, mutations
from tests.mutants.recording import WRITTEN_TO

ROOT = Path(__file__).parents[2]
ROOMS = ("lock", "snapshot", "catalog", "extract", "refresh", "operators", "mode", "http")
#: Whose tests are run: what the rooms do, from the inside and from the outside.
TESTS = ("tests/unit", "tests/integration", "tests/airflow")
#: They prove nothing about a room, and want minutes.
LEFT_OUT = ("tests/unit/sandbox", "tests/unit/test_architecture.py", "tests/unit/test_readme.py")
PARTS = (
    "mode_catalog_provider",
    "tests",
    "dags",
    "docs",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "Makefile",
)
#: Seconds a mutant may need beyond thrice what its tests needed before: what takes longer hangs.
PATIENCE = 90
OPTIONS = ("-q", "-p", "no:cacheprovider", "--tb=no", "-W", "ignore")

Recording = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: ``killed``, ``survived`` or ``hung``, and what tells so."""

    mutation: Mutation
    state: str
    reason: str


def main() -> int:
    """Try the mutants; 0 if few enough survived, 1 if not."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="mutants-") as made:
        folder = arguments.work or Path(made)
        sources = {
            path.relative_to(ROOT).as_posix(): path.read_bytes()
            for room in arguments.rooms
            for path in sorted((ROOT / "mode_catalog_provider" / room).glob("*.py"))
        }
        recording = _recorded(folder, arguments.tests)
        chosen = _chosen(sources, arguments.count, arguments.seed)[arguments.skip :]
        print(f"{len(recording)} tests, {len(chosen)} mutants of {len(sources)} files", flush=True)
        verdicts = _try_all(chosen, sources, recording, folder, arguments)
    survivors = [verdict for verdict in verdicts if verdict.state == "survived"]
    print(f"\n{len(verdicts)} mutants, {len(survivors)} survived:")
    for verdict in survivors:
        print(f"  {verdict.mutation.path}:{verdict.mutation.first} ({verdict.mutation.kind})")
    return int(len(survivors) > len(verdicts) * arguments.survivors / 100)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("rooms", nargs="*", default=ROOMS, help=f"of {', '.join(ROOMS)}; default all")
    parser.add_argument("--count", type=int, default=200, help="mutants to try; default 200")
    parser.add_argument("--seed", type=int, default=11, help="which ones; default 11")
    parser.add_argument("--skip", type=int, default=0, help="leave the first ones out; default 0")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at the same time; default 2")
    parser.add_argument("--seconds", type=float, default=60, help="of tests for one mutant; default 60")
    parser.add_argument("--survivors", type=float, default=5, help="per cent that may survive; default 5")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="folders or files of tests to choose from")
    parser.add_argument("--work", type=Path, help="keep the recording there for the next time")
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


def _recorded(folder: Path, tests: list[str]) -> Recording:
    """Run the tests once on the untouched tree, or take what an earlier call left there."""
    file = folder / "recording.jsonl"
    if not file.exists():
        print("Running the tests once, to learn which lines each of them runs...", flush=True)
        tree = _copy(folder / "recorded")
        left_out = [f"--ignore={path}" for path in LEFT_OUT]
        command = [
            "nice",
            sys.executable,
            "-m",
            "pytest",
            *OPTIONS,
            "-p",
            "tests.mutants.recording",
            *left_out,
            *tests,
        ]
        subprocess.run(command, cwd=tree, env={**_environment(tree), WRITTEN_TO: str(file)}, check=False)
    with file.open(encoding="utf-8") as lines:
        return {entry["test"]: entry for entry in map(json.loads, lines)}


def _try_all(
    chosen: list[Mutation],
    sources: dict[str, bytes],
    recording: Recording,
    folder: Path,
    arguments: argparse.Namespace,
) -> list[Verdict]:
    trees: Queue[Tree] = Queue()
    for number in range(arguments.jobs):
        trees.put(Tree(_copy(folder / f"tree-{number}")))

    def attempt(mutation: Mutation) -> Verdict:
        tree = trees.get()
        try:
            verdict = tree.attempt(mutation, sources[mutation.path], recording, arguments.seconds)
        finally:
            trees.put(tree)
        told = f"{mutation.path}:{mutation.first} {mutation.kind} ({verdict.reason})"
        print(f"{verdict.state:8} {told}\n{mutation.diff(sources[mutation.path])}", flush=True)
        return verdict

    try:
        with ThreadPoolExecutor(arguments.jobs) as pool:
            return list(pool.map(attempt, chosen))
    finally:
        while not trees.empty():
            trees.get().close()


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

    def attempt(self, mutation: Mutation, source: bytes, recording: Recording, seconds: float) -> Verdict:
        """Run the tests that run the line, with the fault in it."""
        tests = _tests_of(mutation, recording, seconds)
        if not tests:
            return Verdict(mutation, "survived", "no test runs this line")
        (self._folder / "tests.txt").write_text("\n".join(tests), encoding="utf-8")
        output = self._folder / "output.txt"
        order = {
            "arguments": [*OPTIONS, "-x", "--basetemp=pytest", "@tests.txt"],
            "output": str(output),
            "seconds": 3 * sum(recording[test]["seconds"] for test in tests) + PATIENCE,
        }
        file = self._folder / mutation.path
        file.write_bytes(mutation.apply(source))
        try:
            code = self._ordered(order)
        finally:
            file.write_bytes(source)
        if code is None:
            return Verdict(mutation, "hung", f"{len(tests)} tests")
        if code == 0:
            return Verdict(mutation, "survived", f"{len(tests)} tests passed")
        failed = [line for line in output.read_text().splitlines() if line.startswith(("FAILED", "ERROR"))]
        return Verdict(mutation, "killed", failed[0][:200] if failed else f"pytest ended with {code}")

    def _ordered(self, order: dict[str, Any]) -> int | None:
        assert self._warm.stdin is not None
        assert self._warm.stdout is not None
        print(json.dumps(order), file=self._warm.stdin, flush=True)
        code: int | None = json.loads(self._warm.stdout.readline())
        return code


def _tests_of(mutation: Mutation, recording: Recording, seconds: float) -> list[str]:
    """The tests that run the line, the quickest first; for a line that runs at import, those of its file."""
    lines = range(mutation.first, mutation.last + 1)
    quickest = sorted(recording, key=lambda test: float(recording[test]["seconds"]))
    chosen = [test for test in quickest if _runs(recording[test]["lines"].get(mutation.path, ()), lines)]
    if not mutation.in_function:
        chosen = [test for test in quickest if mutation.path in recording[test]["lines"]]
    spent = accumulate(float(recording[test]["seconds"]) for test in chosen)
    return [
        test
        for number, (test, so_far) in enumerate(zip(chosen, spent, strict=True))
        if so_far < seconds or not number
    ]


def _runs(run: list[int], lines: range) -> bool:
    return any(number in lines for number in run)


def _copy(tree: Path) -> Path:
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree)
    return tree


def _environment(tree: Path) -> dict[str, str]:
    """Programs that tests start find the copy, and leave no bytecode that would outlive the mutant."""
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(tree)}


if __name__ == "__main__":
    sys.exit(main())
