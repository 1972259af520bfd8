"""Groups and permissions: the routes that say who may see what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.sandbox.answers import Answer, Request, json_answer
from tests.sandbox.mode_answers import TOKEN, Route, mode_error
from tests.sandbox.pages import paged_with_block

if TYPE_CHECKING:
    from tests.sandbox.mode import ModeSandbox

#: ``/groups`` serves so many rows a page, whatever is asked for.
GROUPS_PAGE = 20


@dataclass(slots=True)
class Group:
    """A group of members; ``members`` are their usernames."""

    token: str
    name: str
    members: list[str] = field(default_factory=list)
    state: str = "active"


@dataclass(slots=True)
class Permission:
    """One entry: ``holder`` is a username or a group's token, ``on`` a collection's or connection's."""

    on: str
    holder: str
    level: str
    group: bool = False


@dataclass
class Rights:
    """Who may see what in the workspace; change it at any time."""

    groups: list[Group] = field(default_factory=list)
    permissions: list[Permission] = field(default_factory=list)

    def add_group(self, name: str, *members: str, state: str = "active") -> Group:
        """A new group."""
        token = f"{len(self.groups) + 1:012x}"
        self.groups.append(Group(token, name, list(members), state))
        return self.groups[-1]

    def group(self, name: str) -> Group:
        """The group of this name."""
        return next(one for one in self.groups if one.name == name)

    def allow(self, holder: str | Group, on: str, level: str) -> Permission:
        """Give a member (by username) or a group a right on a collection or connection (by token)."""
        group = isinstance(holder, Group)
        entry = Permission(on, holder.token if isinstance(holder, Group) else holder, level, group)
        self.permissions.append(entry)
        return entry


class ModeRights:
    """Handlers of the routes about groups and permissions."""

    def __init__(self, mode: ModeSandbox) -> None:
        self._mode = mode

    def routes(self) -> list[Route]:
        ws = f"/api/{self._mode.workspace}"
        return [
            ("GET", f"{ws}/groups", self._groups),
            ("GET", f"{ws}/groups/{TOKEN}/memberships", self._group_memberships),
            ("GET", f"{ws}/(?:spaces|collections)/{TOKEN}/permissions", self._space_permissions),
            ("GET", f"{ws}/data_sources/{TOKEN}/permissions", self._data_source_permissions),
        ]

    def _groups(self, request: Request) -> Answer:
        if self._mode.switches.groups != "rows":
            return mode_error(self._mode.switches.groups)
        rights = self._mode.rights
        rows = [
            {
                "token": one.token,
                "name": one.name,
                "state": one.state,
                "group_type": "custom",
                "member_count": len(one.members),
                "spaces_count": len({entry.on for entry in rights.permissions if entry.holder == one.token}),
            }
            for one in rights.groups
        ]
        return json_answer(paged_with_block("groups", rows, request.path, request.params, GROUPS_PAGE))

    def _group_memberships(self, request: Request, token: str) -> Answer:
        if self._mode.switches.group_memberships != "rows":
            return mode_error(self._mode.switches.group_memberships)
        group = next((one for one in self._mode.rights.groups if one.token == token), None)
        if group is None:
            return mode_error(404, "group not found")
        rows = [
            {"token": f"gm{number:010d}", "member_token": member.token, "_links": {}}
            for number, name in enumerate(group.members)
            if (member := self._mode.world.member(name)) is not None
        ]
        return json_answer({"_links": {}, "_embedded": {"group_memberships": rows}})

    def _space_permissions(self, request: Request, token: str) -> Answer:
        collection = self._mode.world.collection(token)
        if self._mode.switches.space_permissions != "rows":
            return mode_error(self._mode.switches.space_permissions)
        if collection is None or (collection.refused and self._mode.switches.refused_collections):
            return mode_error(collection.refused if collection and collection.refused else 404)
        return self._permissions(request, token)

    def _data_source_permissions(self, request: Request, token: str) -> Answer:
        if self._mode.switches.data_source_permissions != "rows":
            return mode_error(self._mode.switches.data_source_permissions)
        if self._mode.world.data_source(token) is None:
            return mode_error(404, "data source not found")
        return self._permissions(request, token)

    def _permissions(self, request: Request, token: str) -> Answer:
        shape = self._mode.switches.permission_shape
        key = {"accessor": "permissions", "grantee": "permission_grants", "links": "entitlements"}[shape]
        rows = [
            self._row(shape, number, entry)
            for number, entry in enumerate(self._mode.rights.permissions)
            if entry.on == token
        ]
        pages = self._mode.switches.permission_pages
        if pages is not None:
            return json_answer(paged_with_block(key, rows, request.path, request.params, pages))
        return json_answer({"_links": {}, "_embedded": {key: rows}})

    def _row(self, shape: str, number: int, entry: Permission) -> dict[str, Any]:
        kind = "UserGroup" if entry.group else "Account"
        member = None if entry.group else self._mode.world.member(entry.holder)
        holder = entry.holder if member is None else member.token
        ws = f"/api/{self._mode.workspace}"
        links: dict[str, Any] = {"self": {"href": f"{ws}/permissions/p{number:011d}"}}
        row: dict[str, Any] = {"token": f"p{number:011d}", "_links": links}
        if shape == "accessor":
            return {**row, "accessor_type": kind, "accessor_token": holder, "access_level": entry.level}
        if shape == "grantee":
            return {**row, "grantee_type": kind, "grantee_token": holder, "action": entry.level}
        links["accessor"] = {"href": f"{ws}/groups/{holder}" if entry.group else f"/api/{entry.holder}"}
        return {**row, "level": entry.level}
