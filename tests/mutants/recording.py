"""A pytest plugin (``-p tests.mutants.recording``): which lines of the package a test runs, and its seconds.

One line of JSON for each test that passed, so that what was learned can be used while the rest still runs.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

#: The file that the recording is written to.
WRITTEN_TO = "MUTANTS_RECORDING"
_PACKAGE = f"{Path.cwd() / 'mode_catalog_provider'}{os.sep}"
_TOOL = 4  # one of the two numbers that no well-known tool claims

_seen: set[tuple[str, int]] = set()
_failed: set[str] = set()


def _line(code: CodeType, number: int) -> object:
    _seen.add((code.co_filename, number))
    return sys.monitoring.DISABLE  # until the next test: what is known costs nothing


def _start(code: CodeType, _offset: int) -> object:
    if code.co_filename.startswith(_PACKAGE):
        sys.monitoring.set_local_events(_TOOL, code, sys.monitoring.events.LINE)
    return sys.monitoring.DISABLE


def pytest_configure() -> None:
    sys.monitoring.use_tool_id(_TOOL, "mutants")
    sys.monitoring.register_callback(_TOOL, sys.monitoring.events.LINE, _line)
    sys.monitoring.register_callback(_TOOL, sys.monitoring.events.PY_START, _start)
    sys.monitoring.set_events(_TOOL, sys.monitoring.events.PY_START)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    _seen.clear()
    sys.monitoring.restart_events()
    started = time.monotonic()
    result = yield
    lines: dict[str, list[int]] = defaultdict(list)
    for file, number in sorted(_seen.copy()):
        lines[f"mode_catalog_provider/{file.removeprefix(_PACKAGE)}"].append(number)
    if item.nodeid not in _failed:
        seconds = round(time.monotonic() - started, 3)
        with Path(os.environ[WRITTEN_TO]).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"test": item.nodeid, "seconds": seconds, "lines": lines}) + "\n")
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if not report.passed:
        _failed.add(report.nodeid)


def pytest_sessionfinish() -> None:
    # Else it is called while the interpreter is taken apart.
    sys.monitoring.register_callback(_TOOL, sys.monitoring.events.PY_START, None)
    sys.monitoring.register_callback(_TOOL, sys.monitoring.events.LINE, None)
