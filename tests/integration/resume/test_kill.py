"""What others see of what is kept, and a command that is killed."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mode_catalog_provider.contract import DATA_ASSETS
from mode_catalog_provider.extract import unfinished
from mode_catalog_provider.extract.capture import CaptureResult
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import newest_snapshot
from mode_catalog_provider.snapshot.retention import prune
from mode_catalog_provider.storage import StoragePath
from tests.integration.command_line import CommandLine
from tests.integration.incremental_cases import contents, running
from tests.integration.resume.cases import (
    QUERIES,
    die,
    from_zero,
    go_on,
    spool,
    whole,
)
from tests.sandbox import Sandbox, WorkspaceShape

LARGE = WorkspaceShape(collections=6, reports=280, queries=300, members=20, nasty=False, sql_bytes=80)


def test_what_is_kept_is_private_has_no_secret_and_is_no_snapshot(sandbox: Sandbox, layout: Layout) -> None:
    finished = whole(sandbox, layout)
    die(sandbox, layout)
    folder = layout.home / unfinished.FOLDER
    assert stat.S_IMODE(folder.stat().st_mode) & 0o007 == 0
    for path in spool(layout):
        content = path.read_bytes()
        assert sandbox.mode.secret.encode() not in content
        assert sandbox.mode.token.encode() not in content
        assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0
    assert newest_snapshot(layout).manifest == finished.manifest
    assert layout.timestamps() == {finished.manifest.timestamp}
    prune(layout, 1)
    assert spool(layout)


def test_a_file_of_somebody_else_in_the_folder_stays(sandbox: Sandbox, layout: Layout) -> None:
    die(sandbox, layout)
    (layout.home / unfinished.FOLDER / "README").write_text("mine")
    go_on(sandbox, layout)
    assert [path.name for path in spool(layout)] == ["README"]


def test_two_at_once_disturb_neither(sandbox: Sandbox, layout: Layout, tmp_path: Path) -> None:
    done: list[CaptureResult] = []
    # Without a lock: the second runs from end to end while the first is under way.
    sandbox.mode.when(QUERIES, nth=15, do=lambda: done.append(whole(sandbox, layout)))
    result = whole(sandbox, layout)
    assert len(done) == 1
    expected = contents(from_zero(sandbox, tmp_path))
    assert contents(done[0]) == contents(result) == expected


def test_in_an_object_store_another_machine_goes_on(
    sandbox: Sandbox, s3_folder: StoragePath, tmp_path: Path
) -> None:
    layout = Layout.nested(s3_folder, "acme")
    read = die(sandbox, layout)
    result, reports = go_on(sandbox, layout)
    assert not set(reports) & set(read)
    assert contents(result) == contents(from_zero(sandbox, tmp_path))
    assert not spool(layout)


@pytest.fixture
def large() -> Iterator[Sandbox]:
    with running(LARGE) as sandbox:
        yield sandbox


def kill(sandbox: Sandbox, folder: Path) -> None:
    """Kill the command with SIGKILL when it has asked for the queries of 250 reports."""
    mode_catalog = CommandLine(sandbox)
    with subprocess.Popen(
        mode_catalog.command("extract", "-o", folder, "--strategy", "rest"),
        env=mode_catalog.environment,
        stderr=subprocess.DEVNULL,
    ) as child:
        sandbox.mode.when(QUERIES, nth=250, do=lambda: os.kill(child.pid, signal.SIGKILL))
        assert child.wait(120) == -signal.SIGKILL


def test_a_command_that_was_killed_goes_on_where_it_was(large: Sandbox, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    kill(large, folder)
    # What the killed one had gathered and not yet written is lost.
    assert len(list((folder / unfinished.FOLDER).glob("*.segment"))) == 2
    mode_catalog = CommandLine(large)
    done = mode_catalog.json("extract", "-o", folder, "--strategy", "rest")
    zero = mode_catalog.json("extract", "-o", tmp_path / "zero", "--strategy", "rest")
    assert zero["requests"] - done["requests"] == 200
    resumed = json.loads(Path(done["manifest"]).read_text())["reuse"]["resumed"]
    assert resumed["reports"] + resumed["members"] == 200
    for asset in DATA_ASSETS:
        ((one,), (other,)) = (list(at.glob(f"*-{asset}.json")) for at in (folder, tmp_path / "zero"))
        assert one.read_bytes() == other.read_bytes()
    assert not (folder / unfinished.FOLDER).exists()


def test_a_killed_command_leaves_no_upload_and_the_next_begins_at_zero_if_told_so(
    large: Sandbox, tmp_path: Path
) -> None:
    kill(large, tmp_path)
    mode_catalog = CommandLine(large)
    assert mode_catalog("upload", "-d", tmp_path).returncode != 0
    assert not large.catalog.uploads
    done = mode_catalog.json("extract", "-o", tmp_path, "--strategy", "rest", "--no-resume")
    assert json.loads(Path(done["manifest"]).read_text())["reuse"] == {}
    assert not (tmp_path / unfinished.FOLDER).exists()
