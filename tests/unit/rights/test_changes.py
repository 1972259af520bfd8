"""Who gained and who lost what between two audits, through which change of group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox import Sandbox


def changes(audit: Callable[..., Any]) -> list[tuple[str, str, str, str, str | None, str | None]]:
    with audit() as opened:
        return [
            (one.member, one.name, one.change, one.through, one.before, one.after)
            for one in opened.report.changes
        ]


def test_the_first_audit_has_nothing_to_compare_with(audit: Callable[..., Any]) -> None:
    assert changes(audit) == []


def test_a_reorganisation_is_told_person_by_person(sandbox: Sandbox, audit: Callable[..., Any]) -> None:
    world, rights = sandbox.mode.world, sandbox.mode.rights
    first, second, third = (one for one in world.collections if not one.personal)
    first.name, second.name, third.name = "A", "B", "C"
    finance = rights.add_group("Finance", "person2", "person3")
    sales = rights.add_group("Sales", "person4")
    rights.allow(finance, first.token, "edit")
    rights.allow(sales, second.token, "view")
    direct = rights.allow("person5", third.token, "view")
    with audit():
        pass
    finance.members.remove("person3")
    sales.members.append("person3")
    direct.level = "edit"
    third.default_access_level = "view"
    assert sorted(changes(audit)) == [
        ("person2", "C", "gained", "default access", None, "view"),
        ("person3", "A", "lost", "group Finance", "edit", None),
        ("person3", "B", "gained", "group Sales", None, "view"),
        ("person3", "C", "gained", "default access", None, "view"),
        ("person4", "C", "gained", "default access", None, "view"),
        ("person5", "C", "gained", "default access, direct", "view", "edit"),
        ("person6", "C", "gained", "default access", None, "view"),
    ]
    assert changes(audit) == []


def test_a_right_that_still_comes_another_way_is_not_lost(
    sandbox: Sandbox, audit: Callable[..., Any]
) -> None:
    first = sandbox.mode.world.collections[0]
    finance = sandbox.mode.rights.add_group("Finance", "person2")
    sandbox.mode.rights.allow(finance, first.token, "view")
    sandbox.mode.rights.allow("person2", first.token, "view")
    with audit():
        pass
    finance.members.clear()
    assert changes(audit) == []


def test_somebody_deactivated_loses_what_they_had(sandbox: Sandbox, audit: Callable[..., Any]) -> None:
    first = sandbox.mode.world.collections[0]
    sandbox.mode.rights.allow("person2", first.token, "edit")
    with audit():
        pass
    sandbox.mode.world.members[1].state = "banned"
    assert changes(audit) == [("person2", first.name, "lost", "direct", "edit", None)]


def test_what_could_not_be_read_is_neither_lost_nor_gained(
    sandbox: Sandbox, audit: Callable[..., Any]
) -> None:
    first = sandbox.mode.world.collections[0]
    finance = sandbox.mode.rights.add_group("Finance", "person2")
    sandbox.mode.rights.allow(finance, first.token, "view")
    sandbox.mode.rights.allow("person3", first.token, "view")
    with audit():
        pass
    for switch in ("group_memberships", "space_permissions"):
        sandbox.mode.switches.throw(**{switch: 403})
        assert changes(audit) == []
        sandbox.mode.switches.throw(**{switch: "rows"})
        assert changes(audit) == []


def test_a_collection_that_is_new_or_gone_is_no_change_of_rights(
    sandbox: Sandbox, audit: Callable[..., Any]
) -> None:
    with audit():
        pass
    world = sandbox.mode.world
    world.add_collection("New", default_access_level="view")
    world.remove_collection(world.collections[1])
    assert changes(audit) == []


@pytest.mark.parametrize("refused", [{"groups": 403}, {"memberships": 404, "memberships_lite": 403}], ids=str)
def test_a_listing_that_is_refused_once_takes_and_gives_nobody_a_right(
    sandbox: Sandbox, audit: Callable[..., Any], refused: dict[str, int]
) -> None:
    first = sandbox.mode.world.collections[0]
    finance = sandbox.mode.rights.add_group("Finance", "person2")
    sandbox.mode.rights.allow(finance, first.token, "view")
    sandbox.mode.rights.allow("person3", first.token, "view")
    with audit():
        pass
    sandbox.mode.switches.throw(**refused)
    assert changes(audit) == []
    sandbox.mode.switches.throw(**dict.fromkeys(refused, "rows"))
    assert changes(audit) == []


def test_what_does_not_come_through_groups_is_compared_although_groups_are_refused(
    sandbox: Sandbox, audit: Callable[..., Any]
) -> None:
    first = sandbox.mode.world.collections[0]
    with audit():
        pass
    sandbox.mode.switches.throw(groups=403)
    sandbox.mode.rights.allow("person3", first.token, "view")
    assert changes(audit) == [("person3", first.name, "gained", "direct", None, "view")]


def test_what_comes_through_groups_is_not_told_while_groups_are_refused(
    sandbox: Sandbox, audit: Callable[..., Any]
) -> None:
    first, rights = sandbox.mode.world.collections[0], sandbox.mode.rights
    rights.allow(rights.add_group("Finance", "person3"), first.token, "edit")
    direct = rights.allow("person3", first.token, "view")
    with audit():
        pass
    sandbox.mode.switches.throw(groups=403)
    rights.permissions.remove(direct)
    assert changes(audit) == [("person3", first.name, "lost", "direct", "view", None)]


def test_a_group_deleted_while_groups_are_listed_hides_no_other(
    sandbox: Sandbox, audit: Callable[..., Any]
) -> None:
    rights, first = sandbox.mode.rights, sandbox.mode.world.collections[0]
    groups = [rights.add_group(f"Group {number}", "person2") for number in range(25)]
    rights.allow(groups[20], first.token, "view")
    with audit():
        pass
    sandbox.mode.faults.add("*/groups", nth=2, do=lambda: rights.groups.pop(0))
    assert changes(audit) == []
    assert len(rights.groups) == 24
