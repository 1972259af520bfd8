"""`mode-catalog diff` as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.command_line import CommandLine
from tests.sandbox import Sandbox, WorkspaceShape
from tests.unit.snapshot.days import day
from tests.unit.snapshot.sets import AT, lay, vendor_files

HEAD = ["asset", "token", "name", "change", "before", "after", "report", "before_name", "after_name"]


@pytest.fixture
def mode_catalog() -> Iterator[CommandLine]:
    with Sandbox(shape=WorkspaceShape(collections=3, reports=8, members=3), time_scale=0.001) as sandbox:
        yield CommandLine(sandbox)


def days(home: Path) -> None:
    for number, name in enumerate(["One", "Two", "Three"]):
        day(home, number, [("report", "r1", {"name": name})])


def test_two_extractions_in_two_folders_are_compared(mode_catalog: CommandLine, tmp_path: Path) -> None:
    mode_catalog.json("extract", "-o", tmp_path / "one")
    world = mode_catalog.sandbox.mode.world
    report = world.reports[0]
    report.name = "Another name"
    mode_catalog.json("extract", "-o", tmp_path / "two")
    found = mode_catalog.json("diff", tmp_path / "one", tmp_path / "two")
    assert [list(one) for one in found["changes"]] == [HEAD]
    assert (found["changes"][0]["change"], found["changes"][0]["token"]) == ("renamed", report.token)


def test_the_last_two_are_found_by_their_words(mode_catalog: CommandLine, tmp_path: Path) -> None:
    days(tmp_path)
    for home in (tmp_path, tmp_path / "acme"):
        found = mode_catalog.json("diff", "-d", home)
        assert (found["changes"][0]["before"], found["changes"][0]["after"]) == ("Two", "Three")
    found = mode_catalog.json("diff", "previous", str(AT + 86_400), "-d", tmp_path)
    assert (found["changes"][0]["before"], found["changes"][0]["after"]) == ("One", "Two")
    found = mode_catalog.json("diff", str(AT), "latest", "-d", tmp_path)
    assert (found["changes"][0]["before"], found["changes"][0]["after"]) == ("One", "Three")


@pytest.mark.parametrize("spoiled", [".manifest", "-report.json"])
def test_a_damaged_snapshot_is_named_and_the_one_before_it_is_taken(
    mode_catalog: CommandLine, tmp_path: Path, spoiled: str
) -> None:
    days(tmp_path)
    (path,) = tmp_path.rglob(f"{AT + 86_400}{spoiled}")
    path.write_bytes(path.read_bytes()[:-9])
    answer = mode_catalog("diff", "-d", tmp_path, "--json")
    found = json.loads(answer.stdout)
    assert (found["changes"][0]["before"], found["changes"][0]["after"]) == ("One", "Three")
    assert f"Passed over, as if it were not there: {path}" in answer.stderr
    newest = path.parent.parent / str(AT + 2 * 86_400)
    for arguments in ([str(AT + 86_400), "latest", "-d", tmp_path], [path.parent, newest]):
        assert mode_catalog("diff", *arguments).returncode == 5
    shown = mode_catalog("report", "-d", tmp_path, "-o", tmp_path / "report.html")
    assert shown.returncode == 0, shown.stderr
    assert "One" in (tmp_path / "report.html").read_text()


def test_lines_and_markdown_are_for_people(mode_catalog: CommandLine, tmp_path: Path) -> None:
    days(tmp_path)
    lines = mode_catalog("diff", "-d", tmp_path)
    assert "report 'Three' (r1) renamed: Two -> Three" in lines.stdout
    text = mode_catalog("diff", "-d", tmp_path, "--markdown")
    assert "- **1 report renamed**: Three (Two -> Three)" in text.stdout


def test_it_is_kept_only_when_asked(mode_catalog: CommandLine, tmp_path: Path) -> None:
    days(tmp_path)
    mode_catalog("diff", "-d", tmp_path)
    assert not list(tmp_path.rglob("*.changes"))
    mode_catalog("diff", "-d", tmp_path, "--keep")
    (kept,) = tmp_path.rglob("*.changes")
    assert json.loads(kept.read_bytes())["counts"] == {"report": {"renamed": 1}}


def test_sets_of_the_vendors_tool_are_compared(mode_catalog: CommandLine, tmp_path: Path) -> None:
    for name in ("a", "b"):
        lay(tmp_path / name, vendor_files())
    assert mode_catalog.json("diff", tmp_path / "a", tmp_path / "b")["changes"] == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["latest", "previous"], 2, "--directory is needed"),
        (["1700000001", "latest", "-d", "."], 5, "There is no complete snapshot 1700000001"),
        (["previous", "1700000000", "-d", "."], 5, "no snapshot before 1700000000"),
        (["-d", "nowhere"], 5, "no complete snapshot in"),
        (["nowhere", "latest", "-d", "."], 5, "There is no"),
        (["-d", ".", "--json", "--markdown"], 2, "exclude each other"),
    ],
)
def test_what_cannot_be_compared_is_told(
    mode_catalog: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    days(tmp_path)
    monkeypatch.chdir(tmp_path)
    done = mode_catalog("diff", *arguments, PYTHONPATH=str(Path(__file__).parents[2]))
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr


def test_several_workspaces_in_one_folder_are_named(mode_catalog: CommandLine, tmp_path: Path) -> None:
    days(tmp_path)
    day(tmp_path, 0, [], workspace="other")
    done = mode_catalog("diff", "-d", tmp_path)
    assert done.returncode == 5
    assert "acme, other" in done.stderr
