"""Which tests reach a line: a call is put before each, and all tests run once.

A program that a test starts tells of it as well, for pytest leaves the test's name in the environment.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.mutants.mutations import Mutation
from tests.mutants.related import own_tests

#: What is run, one group after the other: tests that run DAGs want processes of their own.
RUNS_DAGS = "tests/airflow"
_TESTS = (("tests/unit", "tests/integration"), (RUNS_DAGS,))

_MODULE = "reached_by_tests"

#: Seconds that a test may take at least with a fault in it, and how many times longer than without one.
_PATIENCE, _MUCH_LONGER = 60.0, 10.0

#: Stands in the package of the copy that is run.
_TELLS = """
import os

_FOLDER = {folder!r}
_told = set()


def tell(number):
    test = os.environ.get("PYTEST_CURRENT_TEST")
    if test is not None and (number, test) not in _told:
        _told.add((number, test))
        with open(f"{{_FOLDER}}/{{number}}", "a") as file:
            file.write(test + "\\n")
"""

#: Leaves the seconds that each test took; workers and what they tell both have a report of each.
_TIMES = """
import os


def pytest_runtest_logreport(report):
    if "PYTEST_XDIST_WORKER" not in os.environ:
        with open({file!r}, "a") as file:
            file.write(f"{{report.duration}}\\t{{report.nodeid}}\\n")
"""


class Reached:
    """Who reached which line, and how long each test took.

    :param tests: of each mutation, by its place in the list, the tests that reached it.
    :param seconds: that each test took.
    """

    def __init__(self, tests: Mapping[int, set[str]], seconds: Mapping[str, float]) -> None:
        self._tests = tests
        self._seconds = seconds

    @classmethod
    def read(cls, told: Path, count: int) -> Reached:
        """Return what :func:`record` left in a folder, for so many mutations."""
        seconds: dict[str, float] = defaultdict(float)
        for line in (told / "times").read_text().splitlines():
            took, test = line.split("\t", 1)
            seconds[test] += float(took)
        return cls({number: _tests(told / str(number), seconds) for number in range(count)}, seconds)

    def limit(self, test: str) -> float:
        """Return the seconds after which a test is taken to wait for what does not come.

        :param test: a node id; of a whole file nobody knows, so it has 0: the tests' own limits.
        """
        return max(_PATIENCE, _MUCH_LONGER * self._seconds[test]) if test in self._seconds else 0.0

    def stages(self, number: int, room: str, *, quick: float, longest: float) -> list[list[str]]:
        """Return the tests to run with a mutation, in two stages: those of the room and quick ones first.

        :param number: the mutation's place in the list.
        :param room: its folder of the package.
        :param quick: seconds that the first stage may take.
        :param longest: seconds that both may take; what takes longer is left out.
        """
        chosen: tuple[list[str], list[str]] = ([], [])
        spent = 0.0
        for test in sorted(self._tests.get(number, ()), key=lambda test: self._nearness(test, room)):
            took = self._seconds.get(test, 0.0)
            if spent and spent + took > longest:
                continue
            # Before a DAG runs there must be an Airflow, whose seconds count for another test of the file.
            chosen[spent + took > quick or test.startswith(RUNS_DAGS)].append(test)
            spent += took
        return [sorted(stage) for stage in chosen if stage]

    def _nearness(self, test: str, room: str) -> float:
        near = test.startswith(own_tests(room))
        return self._seconds.get(test, 0.0) * (1 if near else 3)


def record(
    mutations: list[Mutation],
    sources: Mapping[str, bytes],
    tree: Path,
    told: Path,
    environment: Mapping[str, str],
) -> None:
    """Run all tests once in a copy of the tree, and keep which of them reached the mutated lines.

    :param mutations: the faults, which are not made.
    :param sources: the files they are in.
    :param tree: the copy; it is not to be used for anything else.
    :param told: an empty folder.
    :param environment: of the tests.
    """
    for path, source in sources.items():
        numbers = [
            (number, one) for number, one in enumerate(mutations) if one.path == path and one.in_function
        ]
        (tree / path).write_bytes(with_calls(source, numbers))
    times = told / "times"
    (tree / f"mode_catalog_provider/{_MODULE}.py").write_text(_TELLS.format(folder=str(told)))
    (tree / "tests/mutants/times.py").write_text(_TIMES.format(file=str(times)))
    for tests in _TESTS:
        options = ["-q", "--tb=no", "-W", "ignore", "-p", "no:cacheprovider", "-n", "auto", "--dist=loadfile"]
        # Tests that read the source fail over the calls in it; what the others reach is right all the same.
        command = [sys.executable, "-m", "pytest", *options, "-p", "tests.mutants.times", *tests]
        subprocess.run(command, cwd=tree, env=environment, check=False)


def _tests(told: Path, known: Iterable[str]) -> set[str]:
    if not told.exists():
        return set()
    found = set()
    for line in told.read_text().splitlines():
        test, _, phase = line.rpartition(" ")
        found.add(test)
        if phase != "(call)":
            # What a fixture made, the file's other tests may look at.
            file = test.partition("::")[0]
            found.update(other for other in known if other.startswith(f"{file}::"))
    return found


def with_calls(source: bytes, numbered: list[tuple[int, Mutation]]) -> bytes:
    """Return the file with a call before each statement that has a mutation in it.

    :param source: the file.
    :param numbered: mutations in its functions, with the number that each call tells.
    """
    lines = source.decode().splitlines(keepends=True)
    statements = list(_statements(source, lines))
    calls: dict[int, list[int]] = defaultdict(list)
    for number, mutation in numbered:
        around = [place for place, lasts in statements if mutation.first in lasts]
        calls[max(around)].append(number)
    for line in sorted(calls, reverse=True):
        indent = lines[line - 1][: len(lines[line - 1]) - len(lines[line - 1].lstrip())]
        told = "".join(f"{_MODULE}.tell({number}); " for number in calls[line])
        lines.insert(line - 1, f"{indent}from mode_catalog_provider import {_MODULE}; {told}\n")
    return "".join(lines).encode()


def _statements(source: bytes, lines: list[str]) -> Iterator[tuple[int, range]]:
    """Yield the line before which another statement may stand, and the lines that a statement takes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt):
            first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
            # Before an elif nothing may stand: its if is a statement around it.
            if not lines[first - 1].lstrip().startswith("elif "):
                yield first, range(node.lineno, (node.end_lineno or node.lineno) + 1)
