"""Which tests reach a line: a call is put before each, and all tests run once.

A program that a test starts tells of it as well, for pytest leaves the test's name in the environment.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from tests.mutants.mutations import Mutation
from tests.mutants.related import own_tests

#: What is run, in two goes: a program of many tests with Airflow in it is one of its own.
_TESTS = (("tests/unit", "tests/integration"), ("tests/airflow",))

_MODULE = "reached_by_tests"

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
            chosen[spent + took > quick].append(test)
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
) -> Reached:
    """Run all tests once in a copy of the tree, and return which of them reached the mutated lines.

    :param mutations: the faults, which are not made.
    :param sources: the files they are in.
    :param tree: the copy; it is not to be used for anything else.
    :param told: an empty folder.
    :param environment: of the tests.
    """
    for path, source in sources.items():
        numbers = [(number, one) for number, one in enumerate(mutations) if one.path == path]
        (tree / path).write_bytes(_with_calls(source, [(n, one) for n, one in numbers if one.in_function]))
    times = told / "times"
    (tree / f"mode_catalog_provider/{_MODULE}.py").write_text(_TELLS.format(folder=str(told)))
    (tree / "tests/mutants/times.py").write_text(_TIMES.format(file=str(times)))
    for tests in _TESTS:
        options = ["-q", "--tb=no", "-W", "ignore", "-p", "no:cacheprovider", "-n", "auto", "--dist=loadfile"]
        # Tests that read the source fail over the calls in it; what the others reach is right all the same.
        command = [sys.executable, "-m", "pytest", *options, "-p", "tests.mutants.times", *tests]
        subprocess.run(command, cwd=tree, env=environment, check=False)
    seconds: dict[str, float] = defaultdict(float)
    for line in times.read_text().splitlines():
        took, test = line.split("\t", 1)
        seconds[test] += float(took)
    return Reached({number: _tests(told / str(number), seconds) for number in range(len(mutations))}, seconds)


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


def _with_calls(source: bytes, numbered: list[tuple[int, Mutation]]) -> bytes:
    """Return the file with a call before each statement that has a mutation in it."""
    lines = source.decode().splitlines(keepends=True)
    calls: dict[int, list[int]] = defaultdict(list)
    tree = ast.parse(source)
    for number, mutation in numbered:
        calls[_first_line(tree, mutation.first, lines)].append(number)
    for line in sorted(calls, reverse=True):
        indent = lines[line - 1][: len(lines[line - 1]) - len(lines[line - 1].lstrip())]
        told = "".join(f"{_MODULE}.tell({number}); " for number in calls[line])
        lines.insert(line - 1, f"{indent}from mode_catalog_provider import {_MODULE}; {told}\n")
    return "".join(lines).encode()


def _first_line(tree: ast.AST, line: int, lines: list[str]) -> int:
    """Return the first line of the innermost statement around a line that a statement may stand before."""
    found = 1
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            decorators = getattr(node, "decorator_list", [])
            first = min([node.lineno, *(one.lineno for one in decorators)])
            if not lines[first - 1].lstrip().startswith("elif "):
                found = max(found, first)
    return found
