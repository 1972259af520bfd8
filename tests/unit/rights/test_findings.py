"""What is wrong with rights: each check finds what it is for, and nothing in a workspace that is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mode_catalog_provider.rights.findings import RIGHTS_CHECKS, Expectations
from mode_catalog_provider.rights.owners import OwnedReport
from tests.sandbox import Sandbox


def found(audit: Callable[..., Any], **options: Any) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """Findings by check: the object's name, and the tokens that it speaks of."""
    with audit(**options) as opened:
        result: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        for one in opened.report.findings:
            result.setdefault(one.check, []).append((one.name, one.related))
        return result


def token(sandbox: Sandbox, username: str) -> str:
    member = sandbox.mode.world.member(username)
    assert member is not None
    return member.token


@pytest.fixture
def in_order(sandbox: Sandbox) -> Sandbox:
    """Two groups, each with rights; nobody has a right directly."""
    world, rights = sandbox.mode.world, sandbox.mode.rights
    first, second, third = (one for one in world.collections if not one.personal)
    first.name, second.name, third.name = "A", "B", "C"
    finance = rights.add_group("Finance", "person1", "person2", "person3", "person4")
    sales = rights.add_group("Sales", "person5", "person6")
    for thing in (first, second, *world.data_sources):
        rights.allow(finance, thing.token, "edit")
    rights.allow(sales, third.token, "view")
    return sandbox


def test_nothing_is_found_where_all_is_in_order(in_order: Sandbox, audit: Callable[..., Any]) -> None:
    assert found(audit) == {}


@pytest.mark.parametrize("state", ["deactivated", "banned", "Deactivated"])
def test_who_left_is_found_in_groups_and_as_owner(
    in_order: Sandbox, audit: Callable[..., Any], state: str
) -> None:
    world = in_order.mode.world
    gone = world.members[1]
    gone.state = state
    world.collections[2].creator = "Person2"
    reports = [OwnedReport(token="r1", name="R", collection=None, creator="person2", public=None)]
    assert found(audit, reports=lambda: iter(reports)) == {
        "inactive_in_group": [("Finance", (gone.token,))],
        "inactive_owner": [("Person 2", (world.collections[2].token, "r1"))],
    }


def test_an_owner_who_left_is_found_in_any_script(in_order: Sandbox, audit: Callable[..., Any]) -> None:
    world = in_order.mode.world
    world.members[1].state, world.members[1].username = "deactivated", "jörg"
    world.collections[2].creator = "Jörg"
    reports = [OwnedReport(token="r1", name="R", collection=None, creator="JO\u0308RG", public=None)]
    assert found(audit, reports=lambda: iter(reports))["inactive_owner"] == [
        ("Person 2", (world.collections[2].token, "r1"))
    ]


def test_somebody_who_is_no_member_any_more_is_found_in_groups(
    in_order: Sandbox, audit: Callable[..., Any]
) -> None:
    listed, world = in_order.mode.world.members[1], in_order.mode.world
    in_order.mode.when("groups", do=lambda: world.members.remove(listed))
    in_order.mode.rights.allow("person2", world.collections[0].token, "view")
    assert "inactive_in_group" not in found(audit)


def test_a_collection_that_only_people_who_left_may_edit(
    in_order: Sandbox, audit: Callable[..., Any]
) -> None:
    rights, world = in_order.mode.rights, in_order.mode.world
    third = world.collections[2]
    world.members[5].state = "deactivated"
    rights.group("Sales").members.remove("person6")
    rights.allow("person6", third.token, "edit")
    assert found(audit)["only_inactive_manage"] == [("C", ())]


def test_default_access_that_lets_everybody_edit(in_order: Sandbox, audit: Callable[..., Any]) -> None:
    in_order.mode.world.collections[0].default_access_level = "edit"
    assert found(audit) == {"everybody_edits": [("A", ())]}


def test_restricted_collections_of_public_reports_and_the_reverse(
    in_order: Sandbox, audit: Callable[..., Any]
) -> None:
    first, second, third = in_order.mode.world.collections[:3]
    second.default_access_level = "view"
    reports = [
        OwnedReport(token=f"r{n}", name="R", collection=home.token, creator=None, public=public)
        for n, (home, public) in enumerate(
            [(first, True), (first, True), (second, False), (third, True), (third, False)]
        )
    ]
    assert found(audit, reports=lambda: iter(reports)) == {
        "restricted_but_public": [("A", ())],
        "open_but_private": [("B", ())],
    }


def test_admins_beyond_a_number_or_outside_a_list(in_order: Sandbox, audit: Callable[..., Any]) -> None:
    for member in in_order.mode.world.members[:3]:
        member.admin = True
    all_three = tuple(token(in_order, f"person{n}") for n in (1, 2, 3))
    assert found(audit) == {}
    assert found(audit, expectations=Expectations(most_admins=2)) == {"admins": [("admins", all_three)]}
    listed = Expectations(admins=["person1", "PERSON2@acme.example"])
    assert found(audit, expectations=listed) == {"admins": [("admins", all_three[2:])]}


def test_members_outside_scim_when_others_are_inside(in_order: Sandbox, audit: Callable[..., Any]) -> None:
    members = in_order.mode.world.members
    assert found(audit) == {}
    for member in members[1:]:
        member.managed_by_scim = True
    assert found(audit) == {"outside_scim": [("SCIM", (members[0].token,))]}


def test_groups_without_members_or_rights(in_order: Sandbox, audit: Callable[..., Any]) -> None:
    in_order.mode.rights.add_group("Idle", "person1")
    in_order.mode.rights.add_group("Void")
    assert found(audit) == {
        "empty_group": [("Void", ())],
        "group_without_rights": [("Idle", ()), ("Void", ())],
    }


def test_rights_given_directly_where_groups_exist(in_order: Sandbox, audit: Callable[..., Any]) -> None:
    rights, world = in_order.mode.rights, in_order.mode.world
    rights.allow("person5", world.collections[0].token, "view")
    rights.allow("person6", world.collections[0].token, "edit")
    five, six = token(in_order, "person5"), token(in_order, "person6")
    assert found(audit) == {"direct_right": [("A", (five, six))]}
    rights.groups.clear()
    rights.permissions = [entry for entry in rights.permissions if not entry.group]
    assert found(audit) == {}


def test_one_of_a_group_who_lacks_what_the_others_have(in_order: Sandbox, audit: Callable[..., Any]) -> None:
    third = in_order.mode.world.collections[2]
    for name in ("person1", "person2", "person3"):
        in_order.mode.rights.allow(name, third.token, "view")
    assert found(audit)["lacks_right"] == [("C", (token(in_order, "person4"),))]
    assert "lacks_right" not in found(audit, expectations=Expectations(groups=["Sales"]))


def test_what_the_last_audit_found_is_not_new(in_order: Sandbox, audit: Callable[..., Any]) -> None:
    world = in_order.mode.world
    world.collections[0].default_access_level = "edit"
    with audit() as opened:
        assert opened.report.new_counts == {"everybody_edits": 1}
    world.collections[1].default_access_level = "edit"
    with audit() as opened:
        assert opened.report.counts == {"everybody_edits": 2}
        assert opened.report.new_counts == {"everybody_edits": 1}


def test_names_of_strangers_forge_no_lines(in_order: Sandbox, audit: Callable[..., Any]) -> None:
    in_order.mode.world.collections[0].name = "x\r\nERROR - forged \x1b[31m"
    in_order.mode.world.collections[0].default_access_level = "edit"
    with audit() as opened:
        (finding,) = opened.report.findings
        assert finding.message.isprintable()


def test_every_check_says_what_it_looks_for() -> None:
    assert len(set(RIGHTS_CHECKS.values())) == len(RIGHTS_CHECKS)
