"""`mode-catalog permissions` as a user runs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.command_line import CommandLine
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    shape = WorkspaceShape(collections=3, reports=4, members=5, personal_reports=0, nasty=False)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off")) as running:
        world, rights = running.mode.world, running.mode.rights
        for collection in world.collections:
            collection.default_access_level = "restricted"
        finance = rights.add_group("Finance", "person2", "person3")
        rights.allow(finance, world.collections[1].token, "edit")
        yield running


@pytest.fixture
def mode_catalog(sandbox: Sandbox) -> CommandLine:
    return CommandLine(sandbox)


def test_the_answer_has_the_documented_keys(
    sandbox: Sandbox, mode_catalog: CommandLine, tmp_path: Path
) -> None:
    found = mode_catalog.json("permissions", "-o", tmp_path / "kept")
    assert found.keys() >= {"subjects", "grants", "findings", "changes", "not_read", "requests"}
    collection = sandbox.mode.world.collections[1]
    assert [one for one in found["grants"] if one["through"] == "group Finance"] == [
        {
            "member": member,
            "object": collection.token,
            "name": collection.name,
            "asset": "collection",
            "level": "edit",
            "through": "group Finance",
        }
        for member in ("person2", "person3")
    ]
    assert sorted(path.suffix for path in (tmp_path / "kept").iterdir()) == [
        ".csv",
        ".permissions",
        ".sqlite",
    ]


def test_why_somebody_lost_access_has_an_answer(
    sandbox: Sandbox, mode_catalog: CommandLine, tmp_path: Path
) -> None:
    mode_catalog.json("permissions", "-o", tmp_path)
    sandbox.mode.rights.group("Finance").members.remove("person3")
    done = mode_catalog("permissions", "-o", tmp_path, "--fail-on", "lost")
    assert done.returncode == 5
    name = sandbox.mode.world.collections[1].name
    assert f"person3 lost edit on '{name}' (group Finance)" in done.stdout


def test_one_person_or_one_collection(sandbox: Sandbox, mode_catalog: CommandLine) -> None:
    name = sandbox.mode.world.collections[1].name
    assert "group Finance" in mode_catalog("permissions", "--who", "person2@acme.example").stdout
    assert "person3" in mode_catalog("permissions", "--collection", name).stdout
    done = mode_catalog("permissions", "--who", "nobody")
    assert done.returncode == 3
    assert "No member that this key sees is called 'nobody'." in done.stderr


def test_owners_of_reports_are_looked_at_when_a_snapshot_is_given(
    sandbox: Sandbox, mode_catalog: CommandLine, tmp_path: Path
) -> None:
    mode_catalog.json("extract", "-o", tmp_path)
    sandbox.mode.world.members[1].state = "deactivated"
    found = mode_catalog.json("permissions", "-d", tmp_path)
    (finding,) = [one for one in found["findings"] if one["check"] == "inactive_owner"]
    assert finding["related"]


def test_a_key_that_may_not_read_groups_is_told_and_the_rest_is_answered(
    sandbox: Sandbox, mode_catalog: CommandLine
) -> None:
    sandbox.mode.switches.throw(groups=403)
    found = mode_catalog.json("permissions")
    assert [part["part"] for part in found["not_read"]] == ["groups"]
    assert found["subjects"]["collections"] == 3


def test_that_nobody_may_see_it_is_said_only_of_what_was_read(
    sandbox: Sandbox, mode_catalog: CommandLine
) -> None:
    collection = sandbox.mode.world.collections[1]
    asked = ("permissions", "--collection", collection.token)
    sandbox.mode.world.members[0].admin = False
    sandbox.mode.rights.permissions.clear()
    assert "Nobody may see this." in mode_catalog(*asked).stdout
    sandbox.mode.switches.throw(space_permissions=403)
    done = mode_catalog(*asked)
    assert "Nobody may see this" not in done.stdout
    assert "could read" in done.stdout
