"""`mode-catalog audit` as a user runs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mode_catalog_provider.snapshot.layout import Layout
from tests.integration.command_line import CommandLine
from tests.sandbox import Sandbox, WorkspaceShape
from tests.unit.snapshot.sets import vendor_files, write_set


@pytest.fixture
def mode_catalog() -> Iterator[CommandLine]:
    shape = WorkspaceShape(collections=4, reports=20, members=5, nasty=True, seed=3)
    with Sandbox(shape=shape, time_scale=0.001) as sandbox:
        yield CommandLine(sandbox)


def test_what_was_found_is_told_counted_and_kept(mode_catalog: CommandLine, tmp_path: Path) -> None:
    mode_catalog.json("extract", "-o", tmp_path)
    found = mode_catalog.json("audit", "-d", tmp_path)
    assert found["counts"]["refused"] == sum(one["check"] == "refused" for one in found["findings"]) > 0
    assert found["new"] == found["counts"]
    assert Path(found["audit"]).parent == tmp_path


def test_what_a_terminal_shows_fits_its_width(mode_catalog: CommandLine, tmp_path: Path) -> None:
    mode_catalog.json("extract", "-o", tmp_path)
    shown = mode_catalog.on_terminal("audit", "-d", tmp_path, shows="stdout", COLUMNS="80")
    lines = shown.decode().splitlines()
    assert len(lines) > 20
    assert not [line for line in lines if len(line) > 80 and not line.startswith(("  link", "Wrote "))]


def test_something_new_ends_with_5_when_asked_to_and_is_known_after_the_next_extraction(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    mode_catalog.json("extract", "-o", tmp_path)
    refused = mode_catalog("audit", "-d", tmp_path, "--fail-on", "refused")
    assert refused.returncode == 5
    assert "is not in Catalog" in refused.stdout
    mode_catalog.json("extract", "-o", tmp_path)
    assert mode_catalog("audit", "-d", tmp_path, "--fail-on", "refused").returncode == 0


@pytest.mark.parametrize("folder", ["", "acme", "acme/1700000200"])
def test_of_a_folder_with_snapshots_the_newest_is_looked_at(
    mode_catalog: CommandLine, tmp_path: Path, folder: str
) -> None:
    for timestamp in (1700000100, 1700000200):
        write_set(Layout.nested(tmp_path, "acme"), timestamp)
    table = tmp_path / "index.csv"
    assert mode_catalog.json("audit", "-d", tmp_path / folder)["timestamp"] == 1700000200
    assert mode_catalog.json("index", "-d", tmp_path / folder, "-o", table)["reports"] == 2
    assert table.exists()


def test_of_several_workspaces_none_is_chosen(mode_catalog: CommandLine, tmp_path: Path) -> None:
    for workspace in ("acme", "other"):
        write_set(Layout.nested(tmp_path, workspace), 1700000100)
    refused = mode_catalog("audit", "-d", tmp_path)
    assert refused.returncode != 0
    assert "more than one workspace (acme, other): name the folder of one" in refused.stderr


def test_a_check_that_is_not_made_fails_nothing(mode_catalog: CommandLine, tmp_path: Path) -> None:
    mode_catalog.json("extract", "-o", tmp_path)
    done = mode_catalog("audit", "-d", tmp_path, "--check", "stale", "--fail-on", "refused")
    assert done.returncode == 0
    assert "Whether there is something new of refused is not known" in done.stderr
    assert "not among those that were asked for" in done.stderr


def test_a_folder_of_the_vendors_files_is_only_read(mode_catalog: CommandLine, tmp_path: Path) -> None:
    for name, content in vendor_files().items():
        (tmp_path / name).write_bytes(content)
    before = sorted(tmp_path.iterdir())
    assert mode_catalog.json("audit", "-d", tmp_path)["audit"] is None
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_without_files_is_refused_with_what_is_missing(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    done = mode_catalog("audit", "-d", tmp_path)
    assert done.returncode == 5
    assert "holds no file named like" in done.stderr


def test_an_unknown_check_is_wrong_usage_that_names_those_there_are(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    done = mode_catalog("audit", "-d", tmp_path, "--check", "drift")
    assert done.returncode == 2
    assert "drifted_copy" in done.stderr
