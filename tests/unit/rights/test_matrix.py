"""Who comes to what, and through what: read from the sandbox over real HTTP."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from mode_catalog_provider.errors import ConfigurationError
from tests.sandbox import Sandbox

SHAPES = ["accessor", "grantee", "links"]


def matrix(audit: Any, **of: Any) -> set[tuple[str, str, str, str]]:
    return {(one.member, one.name, one.level, one.through) for one in audit.grants(**of)}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_way_of_access_is_told_however_mode_writes_permissions(
    sandbox: Sandbox, audit: Callable[..., Any], shape: Any
) -> None:
    sandbox.mode.switches.permission_shape = shape
    world, rights = sandbox.mode.world, sandbox.mode.rights
    general, second, third = (one for one in world.collections if not one.personal)
    general.default_access_level = "view"
    finance = rights.add_group("Finance", "person2", "person3")
    rights.allow(finance, second.token, "edit")
    rights.allow("person4", third.token, "view")
    rights.allow(finance, world.data_sources[0].token, "Query")
    world.members = world.members[:4]
    with audit() as opened:
        assert matrix(opened) == {
            *((f"person{n}", general.name, "view", "default access") for n in range(1, 5)),
            *(("person1", one.name, "admin", "admin") for one in (general, second, third)),
            *(("person1", one.name, "admin", "admin") for one in world.data_sources),
            ("person2", second.name, "edit", "group Finance"),
            ("person3", second.name, "edit", "group Finance"),
            ("person2", "Warehouse 1", "query", "group Finance"),
            ("person3", "Warehouse 1", "query", "group Finance"),
            ("person4", third.name, "view", "direct"),
        }
        assert opened.report.grants == len(matrix(opened))
        assert not opened.report.not_read


def test_one_persons_and_one_collections_part_of_the_matrix(
    sandbox: Sandbox, audit: Callable[..., Any]
) -> None:
    second = sandbox.mode.world.collections[1]
    sandbox.mode.rights.allow("person4", second.token, "view")
    with audit() as opened:
        assert matrix(opened, who="PERSON4@acme.example") == {("person4", second.name, "view", "direct")}
        assert {one.member for one in opened.grants(on=second.name)} == {"person1", "person4"}
        with pytest.raises(ConfigurationError, match="No member that this key sees is called 'nobody'"):
            opened.grants(who="nobody")


def test_people_who_were_deactivated_come_to_nothing(sandbox: Sandbox, audit: Callable[..., Any]) -> None:
    world = sandbox.mode.world
    world.members[1].state = "deactivated"
    sandbox.mode.rights.allow("person2", world.collections[0].token, "edit")
    with audit() as opened:
        assert not matrix(opened, who="person2")


@pytest.mark.parametrize("page", [1, 7, 30, None])
def test_permissions_are_read_to_the_last_page(
    sandbox: Sandbox, audit: Callable[..., Any], page: int | None
) -> None:
    sandbox.mode.switches.permission_pages = page
    first = sandbox.mode.world.collections[0]
    groups = [sandbox.mode.rights.add_group(f"Team {n}", "person2") for n in range(45)]
    for group in groups:
        sandbox.mode.rights.allow(group, first.token, "view")
    with audit() as opened:
        assert len(matrix(opened, who="person2")) == 45


def test_the_number_of_requests_is_that_of_groups_collections_and_connections(
    sandbox: Sandbox, audit: Callable[..., Any]
) -> None:
    for number in range(5):
        sandbox.mode.rights.add_group(f"Team {number}", "person2")
    with audit() as opened:
        # Two lists of members, a page of groups and its end, data sources, a page of collections and its end.
        lists = 2 + 2 + 1 + 2
        assert opened.report.requests == lists + 5 + 3 + 2
    assert {request.method for request in sandbox.mode.requests} == {"GET"}


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize(
    ("switch", "part", "many"),
    [
        ("groups", "groups", 1),
        ("group_memberships", "group", 1),
        ("space_permissions", "collection", 3),
        ("data_source_permissions", "datasource", 2),
    ],
)
def test_a_part_that_is_refused_is_told_and_the_rest_is_right(
    sandbox: Sandbox, audit: Callable[..., Any], switch: str, part: str, many: int, status: int
) -> None:
    world, rights = sandbox.mode.world, sandbox.mode.rights
    team = rights.add_group("Finance", "person2")
    for thing in (*world.collections[:3], *world.data_sources):
        rights.allow("person3", thing.token, "view")
        rights.allow(team, thing.token, "view")
    sandbox.mode.switches.throw(**{switch: status})
    with audit() as opened:
        assert [(one.part, one.status) for one in opened.report.not_read] == [(part, status)] * many
        unread = {"collection": 3, "datasource": 2}.get(part, 0)
        assert len(matrix(opened, who="person3")) == 5 - unread
        by_group = 0 if part in ("groups", "group") else 5 - unread
        assert len(matrix(opened, who="person2")) == by_group


def test_without_the_lists_of_members_those_who_hold_rights_are_known_by_what_they_are_called(
    sandbox: Sandbox, audit: Callable[..., Any]
) -> None:
    first = sandbox.mode.world.collections[0]
    sandbox.mode.rights.allow("person3", first.token, "view")
    sandbox.mode.switches.throw(memberships=404, memberships_lite=403, permission_shape="links")
    with audit() as opened:
        assert matrix(opened) == {("person3", first.name, "view", "direct")}
        assert [one.part for one in opened.report.not_read] == ["members"]


def test_the_matrix_is_kept_as_csv_and_sqlite_and_formulas_are_harmless(
    sandbox: Sandbox, audit: Callable[..., Any]
) -> None:
    first = sandbox.mode.world.collections[0]
    first.name = "=HYPERLINK(1)"
    sandbox.mode.rights.allow("person3", first.token, "view")
    with audit() as opened:
        rows = list(csv.DictReader(opened.kept["csv"].read_text().splitlines()))
        assert len(rows) == opened.report.grants
        assert "'=HYPERLINK(1)" in {row["name"] for row in rows}
        tables = sqlite3.connect(str(opened.kept["sqlite"]))
        (count,) = tables.execute("SELECT count(*) FROM access").fetchone()
        tables.close()
        assert count == opened.report.grants


def test_a_name_is_known_in_any_script_and_case(sandbox: Sandbox, audit: Callable[..., Any]) -> None:
    first = sandbox.mode.world.collections[0]
    first.name, first.default_access_level = "ÖL und Gas", "view"
    with audit() as opened:
        for name in ("ÖL und Gas", "öl UND gas"):
            assert {one.object for one in opened.grants(on=name)} == {first.token}


def test_a_name_that_several_have_is_refused_with_their_tokens(
    sandbox: Sandbox, audit: Callable[..., Any]
) -> None:
    first, second, third = (one for one in sandbox.mode.world.collections if not one.personal)
    first.name = second.name = "Finance"
    third.name = "FINANCE"
    with audit() as opened:
        with pytest.raises(
            ConfigurationError, match="2 collections or connections are called 'Finance'"
        ) as refused:
            opened.grants(on="Finance")
        assert first.token in str(refused.value)
        assert second.token in str(refused.value)
        assert {one.object for one in opened.grants(on="FINANCE")} == {third.token}
