"""`make mutants` knows who reaches a line: the calls that it puts before statements."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants import reached
from tests.mutants.mutations import mutations
from tests.mutants.reached import Reached, with_calls

PACKAGE = Path(__file__).parents[2] / "mode_catalog_provider"

SOURCE = b"""
def decorated(f):
    return f


def run(n):
    if n == 0:
        return "zero"
    elif n == 1:
        return [
            one + 1
            for one in (1, 2)
            if one > 1
        ]

    @decorated
    def inner(m=1 + 1):
        return m * 2

    try:
        match n:
            case 2 if n > 1:
                raise ValueError(n)
            case _:
                n += 3
    except ValueError:
        inner()
    finally:
        n -= 1
    return n
"""


def told(argument: int, tmp_path: Path) -> set[int]:
    """The lines of which a call told when the function ran with this argument."""
    found = [one for one in mutations("file.py", SOURCE) if one.in_function]
    changed = with_calls(SOURCE, list(enumerate(found)))
    package = tmp_path / "mode_catalog_provider"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "reached_by_tests.py").write_text(reached._TELLS.format(folder=str(tmp_path)))
    (tmp_path / "file.py").write_bytes(changed + f"run({argument})\n".encode())
    environment = {"PYTHONPATH": str(tmp_path), "PYTEST_CURRENT_TEST": "a test (call)"}
    subprocess.run([sys.executable, "file.py"], cwd=tmp_path, env=environment, check=True)
    return {one.first for number, one in enumerate(found) if (tmp_path / str(number)).exists()}


@pytest.mark.parametrize(
    ("argument", "there", "not_there"),
    [
        # What stands in a condition is told of before it, that of an elif before its if.
        (0, {7, 9}, {10, 11, 13, 18, 22, 29}),
        (1, {7, 9, 10, 11, 13}, {18, 22, 29}),
        (2, {7, 9, 17, 18, 22, 23, 27, 29, 30}, {10, 25}),
        (3, {7, 9, 17, 25, 29, 30}, {10, 18, 23, 27}),
    ],
)
def test_a_call_tells_of_the_statement_that_runs_and_of_no_other(
    argument: int, there: set[int], not_there: set[int], tmp_path: Path
) -> None:
    lines = told(argument, tmp_path)
    assert there <= lines
    assert not not_there & lines


def test_every_file_of_the_package_is_python_with_calls_before_all_that_can_be_changed() -> None:
    for path in sorted(PACKAGE.glob("*/*.py")):
        source = path.read_bytes()
        found = [one for one in mutations(path.name, source) if one.in_function]
        compile(with_calls(source, list(enumerate(found))), path, "exec")


def test_the_tests_of_the_room_come_first_and_those_that_take_too_long_not_at_all() -> None:
    near, far = "tests/unit/lock/test_a.py::near", "tests/integration/test_b.py::far"
    slow, endless = "tests/airflow/test_c.py::slow", "tests/airflow/test_c.py::endless"
    known = Reached({7: {near, far, slow, endless}}, {near: 4.0, far: 2.0, slow: 60.0, endless: 200.0})
    assert known.stages(7, "lock", quick=5, longest=180) == [[near], sorted([far, slow])]
    assert known.stages(8, "lock", quick=5, longest=180) == []


def test_what_was_recorded_is_read_and_a_test_may_take_ten_times_as_long_with_a_fault(tmp_path: Path) -> None:
    quick, slow = "tests/unit/test_a.py::quick", "tests/airflow/test_b.py::slow"
    made = "tests/airflow/test_b.py::other"
    times = f"1.0\t{quick}\n2.5\t{quick}\n20.0\t{slow}\n0.5\t{made}\n"
    (tmp_path / "times").write_text(times)
    (tmp_path / "0").write_text(f"{quick} (call)\n")
    (tmp_path / "2").write_text(f"{slow} (setup)\n")
    known = Reached.read(tmp_path, 3)
    assert [known.stages(number, "lock", quick=5, longest=180) for number in range(3)] == [
        [[quick]],
        [],
        [[made, slow]],
    ]
    assert [known.limit(test) for test in (quick, slow, "tests/unit/test_a.py")] == [60.0, 200.0, 0.0]
