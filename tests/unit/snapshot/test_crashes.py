"""Whatever moment an extraction dies at, nothing is left that would be taken for a complete set."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem

from mode_catalog_provider.errors import SnapshotError
from mode_catalog_provider.snapshot.layout import (
    Layout,
    claim_name,
    data_file,
    entries,
    manifest_name,
    timestamp_of,
)
from mode_catalog_provider.snapshot.output import OutputFile
from mode_catalog_provider.snapshot.reader import open_or_adopt, open_snapshot, verify
from mode_catalog_provider.snapshot.retention import prune
from tests.unit.snapshot.sets import AT, WORKSPACE, write_set


class Killed(BaseException):
    """The process is gone: nothing after this can run, cleaning up included."""


class Steps:
    """Counts the calls into the disk or the store, and lets one of them fail.

    :param fail_at: number of the call that fails, from 0.
    :param forever: whether all later calls fail as well, as they do for a dead process.
    """

    def __init__(self, fail_at: int, error: BaseException, *, forever: bool) -> None:
        self._fail_at = fail_at
        self._error = error
        self._forever = forever
        self.taken = 0

    def counting(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            step, self.taken = self.taken, self.taken + 1
            if step == self._fail_at or (self._forever and step > self._fail_at):
                raise self._error
            return call(*args, **kwargs)

        return wrapper

    @property
    def failed(self) -> bool:
        return self.taken > self._fail_at


def _break_the_disk(steps: Steps, patch: pytest.MonkeyPatch) -> None:
    for name in ("open", "mkdir", "replace", "unlink", "rmdir", "fsync"):
        patch.setattr(os, name, steps.counting(getattr(os, name)))
    patch.setattr(OutputFile, "write", steps.counting(OutputFile.write))


def _break_the_store(steps: Steps, patch: pytest.MonkeyPatch) -> None:
    for name in ("_open", "mkdir", "_rm", "rmdir"):
        patch.setattr(MemoryFileSystem, name, steps.counting(getattr(MemoryFileSystem, name)))
    patch.setattr(MemoryFile, "write", steps.counting(MemoryFile.write), raising=False)


BREAKS = {True: _break_the_disk, False: _break_the_store}


def _assert_nothing_or_all(layout: Layout) -> None:
    """Either a snapshot that verifies, or nothing that any reader accepts."""
    try:
        snapshot = open_or_adopt(layout.directory(AT))
    except SnapshotError:
        return
    assert not snapshot.adopted
    verify(snapshot)


def _run_with_failure(layout: Layout, step: int, error: BaseException, *, forever: bool) -> bool:
    """Write a set in which one step fails; return whether the run got as far as that step."""
    steps = Steps(step, error, forever=forever)
    with pytest.MonkeyPatch.context() as patch:
        BREAKS[isinstance(layout.home, Path)](steps, patch)
        try:
            write_set(layout)
        except type(error):
            pass
        else:
            # only after the manifest may a step fail without being noticed
            assert not steps.failed or (layout.directory(AT) / manifest_name(AT)).exists()
    return steps.failed


def _layouts(layout: Layout) -> Callable[[int], Layout]:
    root = layout.home.parent
    return lambda step: (
        Layout.flat(root / str(step)) if layout.is_flat else Layout.nested(root / str(step), WORKSPACE)
    )


def test_killed_at_any_step_nothing_is_left_that_a_reader_accepts(layout: Layout) -> None:
    fresh = _layouts(layout)
    step = 0
    while _run_with_failure(fresh(step), step, Killed(), forever=True):
        broken = fresh(step)
        _assert_nothing_or_all(broken)

        write_set(broken, AT + 60)
        verify(open_snapshot(broken.directory(AT + 60) / manifest_name(AT + 60)))

        prune(broken, 1, now=lambda: AT + 60.0)
        _assert_nothing_or_all(broken)
        step += 1
    assert step > 15


def test_what_a_killed_extraction_left_is_removed_after_a_day(layout: Layout) -> None:
    fresh = _layouts(layout)
    step = 0
    while _run_with_failure(fresh(step), step, Killed(), forever=True):
        broken = fresh(step)
        prune(broken, 1, now=lambda: time.time() + 2 * 86_400)
        left = entries(broken.directory(AT))
        assert manifest_name(AT) in left or not left
        step += 1
    assert step > 15


def test_after_an_error_at_any_step_nothing_is_left_at_all(layout: Layout) -> None:
    fresh = _layouts(layout)
    step = 0
    while _run_with_failure(fresh(step), step, OSError("disk full"), forever=False):
        left = {name for name in entries(fresh(step).directory(AT)) if timestamp_of(name) == AT}
        if manifest_name(AT) in left:
            verify(open_snapshot(fresh(step).directory(AT)))
        else:
            assert left <= {claim_name(AT)}
        step += 1
    assert step > 15


EXTRACTION = """
import pathlib, sys
from mode_catalog_provider.snapshot.layout import Layout
from tests.unit.snapshot.sets import AT, write_set

def fence():
    print("files are written", flush=True)
    sys.stdin.read()

write_set(Layout.flat(pathlib.Path(sys.argv[1])), AT, fence=fence)
"""


def test_a_process_killed_right_before_the_manifest_leaves_no_snapshot(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", EXTRACTION, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        text=True,
    ) as extraction:
        assert extraction.stdout is not None
        assert extraction.stdout.readline() == "files are written\n"
        extraction.send_signal(signal.SIGKILL)
        assert extraction.wait(timeout=240) == -signal.SIGKILL
    assert data_file(AT, "summary") in entries(tmp_path)
    with pytest.raises(SnapshotError, match="no manifest"):
        open_snapshot(tmp_path)
    with pytest.raises(SnapshotError, match="half-written"):
        open_or_adopt(tmp_path)
    assert prune(Layout.flat(tmp_path), 1, now=lambda: time.time() + 90_000) == [AT]
    assert entries(tmp_path) == {}
