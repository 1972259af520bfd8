"""The truth about a workspace in the shape of the file contract: what a complete extraction must find."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.sandbox.objects import Collection, Member, Report
from tests.sandbox.switches import ModeSwitches
from tests.sandbox.wire import Wire
from tests.sandbox.world import World

CONTRACT_KEYS: dict[str, tuple[str, ...]] = {
    "datasource": (
        "id", "token", "name", "host", "display_name", "description", "database", "provider", "vendor",
        "adapter", "created_at", "public", "queryable",
    ),
    "collection": (
        "id", "token", "space_type", "name", "description", "state", "default_access_level", "creator",
    ),
    "report": (
        "id", "token", "name", "description", "type", "archived", "space_token", "public", "created_at",
        "updated_at", "published_at", "edited_at", "is_embedded", "query_count", "chart_count", "view_count",
        "creator",
    ),
    "query": ("id", "token", "name", "data_source_id", "raw_query", "report_token"),
    "member": ("id", "token", "username", "name", "email", "created_at"),
}  # fmt: skip

LeftOutEntry = tuple[str, str | None, str]


class Expected:
    """The rows and the left-out objects of one extraction with the given options.

    :param include_personal: personal collections and what is in them count.
    :param include_archived: archived reports and their queries count.
    :param include_datasets: datasets and their queries count.
    :param members: ``full`` = id and creation time are read user by user, ``lite`` = they stay ``None``.
    """

    def __init__(
        self,
        world: World,
        switches: ModeSwitches,
        *,
        include_personal: bool = False,
        include_archived: bool = True,
        include_datasets: bool = True,
        members: str = "full",
    ) -> None:
        self._world, self._switches, self._wire = world, switches, Wire(world, switches)
        self._include_personal, self._include_archived = include_personal, include_archived
        self._include_datasets, self._members = include_datasets, members

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Per asset the rows, sorted by token."""
        with self._world.lock:
            found = {
                "datasource": [
                    self._row("datasource", self._wire.data_source(one)) for one in self._world.data_sources
                ],
                "collection": [
                    self._row("collection", self._wire.collection(one)) for one in self._wanted_collections()
                ],
                "report": [self._report_row(one) for one in self._wanted_reports() if not self._gone(one)],
                "query": list(self._queries()),
                "member": [self._member_row(one) for one in self._listed_members()],
            }
        return {asset: sorted(rows, key=lambda row: str(row["token"])) for asset, rows in found.items()}

    def left_out(self) -> set[LeftOutEntry]:
        """``(asset, token, reason)`` of everything that is listed but cannot be read."""
        entries: set[LeftOutEntry] = set()
        with self._world.lock:
            for collection in self._wanted_collections():
                if self._refused(collection):
                    entries.add(("collection", collection.token, _reason(collection.refused)))
            for report in self._wanted_reports():
                if not self._readable(report):
                    entries.add(("report", report.token, _reason(report.refused or 404)))
            if self._lite_refused() and self._switches.memberships != "rows":
                entries.add(("member", None, _reason(self._switches.memberships)))
            elif self._members == "full":
                for member in self._listed_members():
                    if member.username and member.profile != 200:
                        entries.add(("member", member.token, _reason(member.profile)))
        return entries

    # -- which objects -------------------------------------------------------------------------------------

    def _refused(self, collection: Collection) -> bool:
        return self._switches.refused_collections and collection.refused is not None

    def _wanted_collections(self) -> list[Collection]:
        if self._include_personal and self._switches.personal_spaces:
            return self._world.collections
        return [one for one in self._world.collections if not one.personal]

    def _collections(self) -> list[Collection]:
        return [one for one in self._wanted_collections() if not self._refused(one)]

    def _wanted_reports(self) -> Iterator[Report]:
        archived = self._include_archived and self._switches.archived_rows
        for collection in self._collections():
            for report in self._world.reports_in(collection):
                if report.is_dataset and not report.twice and self._switches.datasets != "rows":
                    continue
                if report.is_dataset and not self._include_datasets:
                    continue
                if archived or not report.archived:
                    yield report

    def _gone(self, report: Report) -> bool:
        return report.refused == 404 or (report.vanishes and self._switches.vanishing_reports)

    def _readable(self, report: Report) -> bool:
        return report.refused is None and not (report.vanishes and self._switches.vanishing_reports)

    def _reports(self) -> Iterator[Report]:
        return (report for report in self._wanted_reports() if self._readable(report))

    def _queries(self) -> Iterator[dict[str, Any]]:
        for report in self._reports():
            for query in self._world.queries_of(report):
                row = self._row("query", self._wire.query(report, query))
                yield {**row, "report_token": report.token}

    def _lite_refused(self) -> bool:
        return self._switches.memberships_lite != "rows"

    def _listed_members(self) -> list[Member]:
        if self._lite_refused() and self._switches.memberships != "rows":
            return []
        return self._world.members

    # -- their rows ----------------------------------------------------------------------------------------

    def _row(self, asset: str, wire_row: dict[str, Any]) -> dict[str, Any]:
        row = {key: wire_row.get(key) for key in CONTRACT_KEYS[asset]}
        if "creator" in row:
            creator = wire_row["_links"].get("creator")
            row["creator"] = creator["href"].removeprefix("/api/") if creator else None
        return row

    def _report_row(self, report: Report) -> dict[str, Any]:
        return {**self._row("report", self._wire.report(report)), "space_token": report.collection}

    def _member_row(self, member: Member) -> dict[str, Any]:
        row: dict[str, Any] = dict.fromkeys(CONTRACT_KEYS["member"])
        row.update(token=member.token, username=member.username)
        if not self._lite_refused():
            row.update(name=member.name, email=member.email)
        if self._members == "full" and member.username and member.profile == 200:
            profile = self._wire.user(member)
            row.update(id=profile["id"], created_at=profile["created_at"], name=profile["name"])
            row["email"] = row["email"] or profile.get("email")
        return row


def _reason(status: int | str | None) -> str:
    return "forbidden" if status == 403 else "gone"
