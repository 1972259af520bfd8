"""`mode-catalog report`: one HTML file of what is known, from the records of real commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.integration.command_line import CommandLine
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.unit.snapshot.sets import vendor_files

EVIL = "<script>alert(1)</script> https://evil.example/ javascript:alert(1) \u202e"

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """What a browser would see: elements, links, sources, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), name
            if name == "href":
                self.links.append(str(value))
            elif name in ("src", "srcset", "action", "data"):
                self.sources.append(str(value))
            elif name == "id":
                self.ids.append(str(value))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    shape = WorkspaceShape(collections=3, reports=30, members=5, nasty=True, seed=3)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off")) as running:
        yield running


@pytest.fixture
def mode_catalog(sandbox: Sandbox) -> CommandLine:
    return CommandLine(sandbox)


def page(mode_catalog: CommandLine, folder: Path, target: Path) -> Page:
    answer = mode_catalog.json("report", "-d", folder, "-o", target)
    text = target.read_text()
    assert answer["bytes"] == len(text.encode())
    return Page(text)


def test_everything_that_was_found_out_is_on_it(
    sandbox: Sandbox, mode_catalog: CommandLine, tmp_path: Path
) -> None:
    staging = tmp_path / "staging"
    mode_catalog.json("extract", "-o", staging, "--keep", "9")
    world = sandbox.mode.world
    report = next(one for one in world.reports if one.name and not one.is_dataset and not one.refused)
    world.edit_report(report, name="Renamed report")
    world.add_query(report, name="Query of it")
    world.collections[0].default_access_level = "edit"
    mode_catalog.json("extract", "-o", staging, "--keep", "9")
    mode_catalog.json("upload", "-d", staging)
    mode_catalog.json("audit", "-d", staging)
    mode_catalog.json("permissions", "-o", staging / "permissions")
    shown = page(mode_catalog, staging, tmp_path / "report.html")
    assert not shown.open
    assert {link for link in shown.links if link.startswith("#")} <= {f"#{one}" for one in shown.ids}
    assert "Catalog is current" in shown.text
    assert "renamed" in shown.text
    assert "Renamed report" in shown.text
    assert "Query of it of Renamed report created" in shown.text
    assert "Objects that Mode refuses to the key" in shown.text
    assert "may be edited by everybody" in shown.text
    assert shown.elements.count("polyline") >= 5


def test_nothing_comes_from_outside_and_nothing_of_strangers_is_more_than_text(
    sandbox: Sandbox, mode_catalog: CommandLine, tmp_path: Path
) -> None:
    for collection in sandbox.mode.world.collections:
        collection.name = EVIL
    for report in sandbox.mode.world.reports:
        report.name = report.name and EVIL
    staging = tmp_path / "staging"
    mode_catalog.json("extract", "-o", staging)
    mode_catalog.json("audit", "-d", staging)
    shown = page(mode_catalog, staging, tmp_path / "report.html")
    assert "script" not in shown.elements
    assert shown.sources == []
    host = re.escape(sandbox.mode.url)
    assert all(re.match(rf"#|{host}/acme/(reports|spaces)/[0-9a-f]+$", link) for link in shown.links)
    assert "javascript[:]alert(1)" in shown.text
    assert "\u202e" not in shown.text


def test_a_fresh_snapshot_says_what_makes_the_parts_that_are_missing(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    staging = tmp_path / "staging"
    mode_catalog.json("extract", "-o", staging)
    shown = page(mode_catalog, staging, tmp_path / "report.html")
    for sentence in ("was not uploaded", "No audit yet", "Nothing to compare yet", "Not reconciled yet"):
        assert sentence in shown.text


def test_a_set_of_another_tool_can_be_reported_on(mode_catalog: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "vendor"
    folder.mkdir()
    for name, content in vendor_files().items():
        (folder / name).write_bytes(content)
    before = sorted(folder.iterdir())
    assert "No audit yet" in page(mode_catalog, folder, tmp_path / "report.html").text
    assert sorted(folder.iterdir()) == before


def test_a_damaged_record_is_named_and_the_rest_is_shown(mode_catalog: CommandLine, tmp_path: Path) -> None:
    staging = tmp_path / "staging"
    mode_catalog.json("extract", "-o", staging)
    audit = Path(mode_catalog.json("audit", "-d", staging)["audit"])
    audit.write_bytes(b'{"format_version": 2, "findings": [[[[')
    shown = page(mode_catalog, staging, tmp_path / "report.html")
    assert f"Could not be read: {audit.name}" in shown.text
    assert "No audit yet" in shown.text
