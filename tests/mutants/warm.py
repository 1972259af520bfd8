"""A process that has imported what every test needs, and runs each mutant's tests in a child of its own.

Half of a mutant's time would otherwise be spent on importing the same libraries again. The package itself and
its tests are imported by the child only, from the tree that the process was started in.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

#: Nothing of ours, and nothing that reads Airflow's settings, which each test chooses for itself.
_LIBRARIES = (
    "alembic",
    "attrs",
    "fastapi",
    "fsspec",
    "httpx",
    "hypothesis",
    "hypothesis.strategies",
    "jinja2",
    "jsonschema",
    "moto.server",
    "pendulum",
    "pydantic",
    "pytest_timeout",
    "requests",
    "requests_mock",
    "rich.console",
    "s3fs",
    "sqlalchemy.orm",
    "sqlglot",
    "structlog",
    "upath",
    "yaml",
)


def main() -> None:
    """Read orders, one JSON a line; answer each with the exit code of its tests, or ``null``: they hung."""
    for name in _LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(order["arguments"], order["tests"], Path(order["output"]))
        print(json.dumps(_wait(child, order["seconds"])), flush=True)


class _Chosen:
    """Leaves out what was not asked for, and ends what takes much longer than it does without a fault.

    :param tests: seconds that each may take, by node ids or whole files.
    """

    def __init__(self, tests: dict[str, float]) -> None:
        self._tests = tests

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [
            item
            for item in items
            if item.nodeid in self._tests or item.nodeid.partition("::")[0] in self._tests
        ]
        for item in items:
            if seconds := self._tests.get(item.nodeid):
                item.add_marker(pytest.mark.timeout(seconds), append=False)


def _run(arguments: list[str], tests: dict[str, float], output: Path) -> None:
    os.setsid()  # so that what the tests start ends with them
    # A shell that starts something in the background has it ignore Ctrl-C, and tests send that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
    code = 70  # what a child ends with that pytest did not bring to its end
    try:
        code = int(pytest.main(arguments, plugins=[_Chosen(tests)]))
        sys.stdout.flush()
    finally:
        os._exit(code)


def _wait(child: int, seconds: float) -> int | None:
    ended, _, _ = select.select([os.pidfd_open(child)], [], [], seconds)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) if ended else None


if __name__ == "__main__":
    main()
