"""`mode-catalog check` against a Mode whose listings are not what they should be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.command_line import CommandLine
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    shape = WorkspaceShape(collections=2, reports=1, members=3, personal_reports=0, nasty=False)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off")) as running:
        yield running


@pytest.fixture
def mode_catalog(sandbox: Sandbox) -> CommandLine:
    return CommandLine(sandbox)


def told(done: Any, what: str) -> str:
    (line,) = [line for line in done.stdout.splitlines() if f"Mode {what}:" in line]
    return str(line)


@pytest.mark.parametrize("embedded", [{}, {"memberships": []}, {"memberships": None}], ids=str)
def test_a_list_of_members_with_nobody_in_it_is_not_fine(
    sandbox: Sandbox, mode_catalog: CommandLine, embedded: Any
) -> None:
    body = json.dumps({"_links": {}, "_embedded": embedded}).encode()
    for path in ("memberships", "memberships/lite"):
        sandbox.mode.faults.add(f"*/{path}", times=None, body=body)
    done = mode_catalog("check")
    assert done.returncode == 0
    assert told(done, "members").startswith("?")


def test_members_are_looked_for_in_the_other_list_when_one_is_empty(
    sandbox: Sandbox, mode_catalog: CommandLine
) -> None:
    body = json.dumps({"_links": {}, "_embedded": {"memberships": []}}).encode()
    sandbox.mode.faults.add("*/memberships/lite", times=None, body=body)
    assert "only one by one" in told(mode_catalog("check"), "members")


@pytest.mark.parametrize(
    ("path", "what"),
    [("data_sources", "connections"), ("spaces", "collections"), ("memberships/lite", "members")],
)
def test_json_that_is_no_listing_is_not_taken_for_an_empty_one(
    sandbox: Sandbox, mode_catalog: CommandLine, path: str, what: str
) -> None:
    sandbox.mode.faults.add(f"*/{path}", times=None, body=b'{"error": "down"}')
    done = mode_catalog("check")
    assert done.returncode == 4
    assert told(done, what).startswith("FAIL")
    assert "not a listing" in told(done, what)


def test_only_what_can_be_asked_for_is_counted_as_visible(
    sandbox: Sandbox, mode_catalog: CommandLine
) -> None:
    body = json.dumps({"_links": {}, "_embedded": {"data_sources": [None]}}).encode()
    sandbox.mode.faults.add("*/data_sources", times=None, body=body)
    assert told(mode_catalog("check"), "connections").startswith("?    Mode connections: none is visible")
