"""The rows of Mode's REST API as they look on the wire."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.sandbox.objects import Collection, DataSource, Definition, Member, Query, Report
from tests.sandbox.switches import ModeSwitches
from tests.sandbox.world import World

# Signed things in Mode's answers that must never be stored or logged: secret scans look for this.
SIGNED_MARKER = "sandbox-signed-do-not-store"


def wire_id(number: int | None, form: str) -> int | str | None:
    """An id in the JSON type the switch asks for."""
    if number is None:
        return None
    if form == "string" or (form == "mixed" and number % 2 == 0):
        return str(number)
    return number


class Wire:
    """Turns objects of the workspace into rows."""

    def __init__(self, world: World, switches: ModeSwitches) -> None:
        self.world = world
        self.switches = switches

    @property
    def base(self) -> str:
        return f"/api/{self.world.workspace}"

    def id(self, number: int | None) -> int | str | None:
        return wire_id(number, self.switches.id_type)

    def _creator(self, username: str | None, links: dict[str, Any], stand_in: str) -> None:
        wanted = self.switches.creator_link
        if wanted == "none" or (username is None and wanted == "some"):
            return
        links["creator"] = {"href": f"/api/{username or stand_in}"}

    def data_source(self, source: DataSource) -> dict[str, Any]:
        href = f"{self.base}/data_sources/{source.token}"
        return {
            "id": self.id(source.id),
            "token": source.token,
            "name": source.name,
            "description": source.description,
            "display_name": source.display_name,
            "adapter": source.adapter,
            "adapter_version": "3.13",
            "database": source.database,
            "host": source.host,
            "username": "mode_reader",
            "provider": source.provider,
            "vendor": source.vendor,
            "port": source.port,
            "has_expensive_schema_updates": False,
            "public": source.public,
            "asleep": source.asleep,
            "queryable": source.queryable,
            "soft_deleted": source.soft_deleted,
            "ssl": True,
            "ldap": False,
            "warehouse": None,
            "bridged": False,
            "custom_attributes": {},
            "created_at": source.created_at,
            "updated_at": source.updated_at,
            "account_username": self.world.workspace,
            "default_access_level": source.default_access_level,
            "_links": {
                "self": {"href": href},
                "account": {"href": self.base},
                "web": {"href": f"/{self.world.workspace}/data_sources/{source.token}"},
            },
        }

    def collection(self, collection: Collection, *, single: bool = False) -> dict[str, Any]:
        href = f"{self.base}/collections/{collection.token}"
        links: dict[str, Any] = {
            "self": {"href": href},
            "reports": {"href": f"{href}/reports"},
            "web": {"href": f"https://app.mode.com/{self.world.workspace}/spaces/{collection.token}"},
        }
        self._creator(collection.creator, links, "person1")
        row: dict[str, Any] = {
            "token": collection.token,
            "id": self.id(collection.id),
            "space_type": collection.space_type,
            "name": collection.name,
            "description": collection.description,
            "state": collection.state,
            "restricted": collection.restricted,
            "free_default": collection.space_type == "community",
            "viewable?": single,
            "viewed?": False,
            "schema_name": None,
        }
        if collection.default_access_level is not None:
            row["default_access_level"] = collection.default_access_level
        return {**row, "_links": links, "_forms": {"edit": {"method": "patch", "action": href, "input": {}}}}

    def report(self, report: Report) -> dict[str, Any]:
        href = f"{self.base}/{'datasets' if report.is_dataset else 'reports'}/{report.token}"
        links: dict[str, Any] = {
            "self": {"href": href},
            "web": {"href": f"https://app.mode.com/{self.world.workspace}/reports/{report.token}"},
            "space": {"href": f"{self.base}/collections/{report.collection}"},
            "queries": {"href": f"{self.base}/reports/{report.token}/queries"},
            "report_runs": {"href": f"{href}/runs"},
            "report_run": {"href": f"{href}/runs/{{id}}?embed[result]=1", "templated": True},
        }
        self._creator(report.creator, links, "person1")
        if report.last_run_token:
            links["last_run"] = {"href": f"{href}/runs/{report.last_run_token}"}
        if report.notebook:
            links["python_notebook"] = {"href": f"{href}/python_notebook"}
        total = self.world.query_total(report)
        row: dict[str, Any] = {
            "token": report.token,
            "id": self.id(report.id),
            "name": report.name
            if report.name is not None or self.switches.null_names
            else f"Report {report.id}",
            "description": report.description,
            "created_at": report.created_at,
            "updated_at": report.updated_at,
            "published_at": report.published_at,
            "edited_at": report.edited_at,
            "type": report.type,
            "last_successful_sync_at": None,
            "last_saved_at": report.last_saved_at,
            "archived": report.archived,
            "space_token": report.collection,
            "account_id": self.id(1),
            "account_username": self.world.workspace,
            "public": report.public,
            "manual_run_disabled": False,
            "drill_anywhere_enabled": False,
            "run_privately": True,
            "drilldowns_enabled": False,
            "expected_runtime": 12.5,
            "last_successfully_run_at": report.last_successfully_run_at,
            "last_run_at": report.last_run_at,
            "last_successful_run_token": report.last_run_token,
            "query_count": total if report.query_count is None else report.query_count,
            "max_query_count": 1 if report.is_dataset else 160,
            "runs_count": report.runs_count,
            "schedules_count": report.schedules_count,
            "view_count": report.view_count,
            "chart_count": report.chart_count,
            "query_preview": "select …",
            "theme_id": self.id(3),
            "full_width": False,
            "layout": "<div class='mode-grid container'></div>",
            "is_embedded": report.is_embedded,
            "is_signed": False,
            "shared": False,
            "has_imported_datasets": report.has_imported_datasets,
            "web_preview_image": f"https://mode-images.example/{report.token}.png?X-Amz-Signature={SIGNED_MARKER}",
            "flamingo_signature": SIGNED_MARKER,
        }
        if report.is_dataset:
            row["collection_token"], row["is_sample"] = report.collection, False
        for key in report.absent:
            row.pop(key, None)
        return {
            **row,
            "_links": links,
            "_forms": {"archive": {"method": "patch", "action": f"{href}/archive"}},
        }

    def _query_id(self, report: Report, query: Query) -> int | str | None:
        form = self.switches.query_id_type or self.switches.id_type
        if report.token == self.switches.odd_query_id_of:
            form = "number" if form == "string" else "string"
        return wire_id(query.id, form)

    def definition(self, definition: Definition) -> dict[str, Any]:
        href = f"{self.base}/definitions/{definition.token}"
        row: dict[str, Any] = {
            "id": self.id(definition.id),
            "token": definition.token,
            "name": definition.name,
            "description": "",
            "source": definition.source,
            "data_source_id": self.id(definition.data_source_id),
            "created_at": definition.created_at,
            "updated_at": definition.updated_at,
            "last_saved_at": definition.updated_at,
            "last_successful_sync_at": None,
        }
        for key in definition.absent:
            row.pop(key, None)
        return {**row, "_links": {"self": {"href": href}, "web_edit": {"href": f"{href}/edit"}}}

    def query(self, report: Report, query: Query) -> dict[str, Any]:
        source_type = self.switches.query_source_id_type or self.switches.id_type
        href = f"{self.base}/reports/{report.token}/queries/{query.token}"
        row: dict[str, Any] = {
            "id": self._query_id(report, query),
            "token": query.token,
            "raw_query": query.raw_query,
            "created_at": query.created_at,
            "updated_at": query.updated_at,
            "name": query.name,
            "last_run_id": self.id(query.id + 7),
            "data_source_id": wire_id(query.data_source_id, source_type),
            "explorations_count": 0,
            "report_imports_count": 0,
        }
        for key in query.absent:
            row.pop(key, None)
        links = {
            "self": {"href": href},
            "report": {"href": f"{self.base}/reports/{report.token}"},
            "report_runs": {"href": f"{self.base}/reports/{report.token}/runs"},
            "charts": {"href": f"{href}/charts"},
            "query_runs": {"href": f"{href}/runs"},
        }
        return {**row, "_links": links}

    def user(self, member: Member) -> dict[str, Any]:
        row: dict[str, Any] = {
            "id": self.id(member.id),
            "token": member.token,
            "username": member.username,
            "name": member.name,
            "user": True,
            "avatar": {"url": None},
            "created_at": member.created_at,
            "membership_type": "admin" if member.admin else "full",
            "space_count": 0,
            "_links": {"self": {"href": f"/api/{member.username}"}},
        }
        if self.switches.user_email == "present":
            row["email"], row["email_verified"] = member.email, True
        return row

    def membership(self, member: Member) -> dict[str, Any]:
        href = f"{self.base}/memberships/{member.membership}"
        return {
            "admin": member.admin,
            "state": member.state,
            "member_username": member.username,
            "member_token": member.token,
            "activated_at": member.created_at,
            "managed_by_scim": member.managed_by_scim,
            "invited": member.state == "invited",
            "_links": {"self": {"href": href}, "user": {"href": f"/api/{member.username}"}},
        }

    def membership_lite(self, member: Member) -> dict[str, Any]:
        return {
            "email": member.email,
            "name": member.name,
            "username": member.username,
            "member_token": member.token,
            "state": member.state,
            "admin": member.admin,
        }

    def workspace(self) -> dict[str, Any]:
        names = ("memberships", "groups", "data_sources", "spaces")
        links = {name: {"href": f"{self.base}/{name}"} for name in names}
        links["memberships_lite"] = {"href": f"{self.base}/memberships/lite"}
        return {
            "token": workspace_token(self.world),
            "id": self.id(1),
            "username": self.world.workspace,
            "name": self.world.workspace.title(),
            "plan_code": "business",
            "space_count": 0,
            "data_source_count": len(self.world.data_sources),
            "_links": {"self": {"href": self.base}, **links},
        }


def workspace_token(world: World) -> str:
    return hashlib.blake2b(world.workspace.encode(), digest_size=6).hexdigest()
