"""A workspace as the truth behind the sandbox's Mode, and the changes people make to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.sandbox.objects import Collection, DataSource, Definition, Member, Query, Report, stamp


@dataclass
class World:
    """The whole workspace. Hold :attr:`lock` while changing objects a running server may be reading.

    The order of a collection's reports is the order of its listing.
    """

    workspace: str
    maker: Any
    data_sources: list[DataSource] = field(default_factory=list)
    collections: list[Collection] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    definitions: list[Definition] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self._reports: dict[str, Report] = {}
        self._in_collection: dict[str, list[Report]] = {}
        self._added = 0
        self._by_token: dict[str, Collection] = {}
        self._by_username: dict[str, Member] = {}
        self._indexed_members = 0

    # -- reading -------------------------------------------------------------------------------------------

    @property
    def reports(self) -> list[Report]:
        return list(self._reports.values())

    def collection(self, token: str) -> Collection | None:
        if token not in self._by_token or len(self._by_token) != len(self.collections):
            self._by_token = {one.token: one for one in self.collections}
        return self._by_token.get(token)

    def report(self, token: str) -> Report | None:
        return self._reports.get(token)

    def data_source(self, token: str) -> DataSource | None:
        return next((one for one in self.data_sources if one.token == token), None)

    def member(self, username: str) -> Member | None:
        found = self._by_username.get(username)
        if found is None or found.username != username or self._indexed_members != len(self.members):
            self._by_username = {one.username: one for one in self.members if one.username}
            self._indexed_members = len(self.members)
        return self._by_username.get(username)

    def reports_in(self, collection: Collection | str) -> list[Report]:
        token = collection if isinstance(collection, str) else collection.token
        return self._in_collection.get(token, [])

    def queries_of(self, report: Report) -> list[Query]:
        """The report's queries; made on the fly (same every time) unless they were changed."""
        if report.queries is not None:
            return report.queries
        return [self.maker.query(report, index) for index in range(report.made_queries)]

    def query_total(self, report: Report) -> int:
        return report.made_queries if report.queries is None else len(report.queries)

    def all_queries(self) -> Iterator[tuple[Report, Query]]:
        for report in self.reports:
            for query in self.queries_of(report):
                yield report, query

    # -- changing ------------------------------------------------------------------------------------------

    def put_report(self, report: Report, *, first: bool = False) -> Report:
        with self.lock:
            self._reports[report.token] = report
            self._in_collection.setdefault(report.collection, []).insert(
                0 if first else len(self.reports_in(report.collection)), report
            )
        return report

    def add_collection(self, name: str = "Added collection", **fields: Any) -> Collection:
        """A new empty collection, last in the listing."""
        with self.lock:
            number = self._next_number()
            made = Collection(
                token=self.maker.token("added-space", number), id=800_000 + number, name=name, **fields
            )
            self.collections.append(made)
        return made

    def add_report(
        self,
        collection: Collection | str,
        name: str | None = "Added report",
        *,
        queries: int = 1,
        first: bool = False,
        **fields: Any,
    ) -> Report:
        """A new report with so many generated queries; pass ``type="DatasetReport"`` for a dataset."""
        with self.lock:
            number = self._next_number()
            moment = stamp(datetime.now(UTC))
            defaults: dict[str, Any] = {"created_at": moment, "updated_at": moment, "edited_at": moment}
            return self.put_report(
                Report(
                    token=self.maker.token("added-report", number),
                    id=900_000_000 + number,
                    name=name,
                    collection=collection if isinstance(collection, str) else collection.token,
                    seed=50_000_000 + number,
                    made_queries=queries,
                    **{**defaults, "last_saved_at": moment, **fields},
                ),
                first=first,
            )

    def add_member(self, username: str, **fields: Any) -> Member:
        with self.lock:
            number = self._next_number()
            defaults: dict[str, Any] = {"name": username.title(), "email": f"{username}@acme.example"}
            made = Member(
                token=self.maker.token("added-member", number),
                membership=self.maker.token("added-membership", number),
                id=700_000 + number,
                username=username,
                **{**defaults, **fields},
            )
            self.members.append(made)
        return made

    def remove_report(self, report: Report | str) -> None:
        with self.lock:
            found = self._known(report)
            del self._reports[found.token]
            self._in_collection[found.collection].remove(found)

    def remove_collection(self, collection: Collection) -> None:
        """The collection with all its reports."""
        with self.lock:
            for report in list(self.reports_in(collection)):
                self.remove_report(report)
            self.collections.remove(collection)

    def move_report(self, report: Report | str, collection: Collection | str, *, first: bool = False) -> None:
        with self.lock:
            found = self._known(report)
            self._in_collection[found.collection].remove(found)
            found.collection = collection if isinstance(collection, str) else collection.token
            self.put_report(found, first=first)

    def reorder(self, collection: Collection | str, order: list[Report]) -> None:
        with self.lock:
            token = collection if isinstance(collection, str) else collection.token
            if sorted(one.token for one in order) != sorted(one.token for one in self.reports_in(token)):
                raise ValueError("reorder changes the order only, not what is in the collection")
            self._in_collection[token] = list(order)

    def edit_report(self, report: Report | str, **fields: Any) -> Report:
        """Change fields as a person would: the edit stamps move along."""
        with self.lock:
            found = self._known(report)
            for name, value in fields.items():
                setattr(found, name, value)
            found.updated_at = found.edited_at = found.last_saved_at = stamp(datetime.now(UTC))
        return found

    def edit_queries(self, report: Report | str) -> list[Query]:
        """The report's queries as a list to change in place; the report's edit stamps move."""
        with self.lock:
            found = self.edit_report(report)
            found.queries = self.queries_of(found)
            return found.queries

    def add_query(
        self, report: Report | str, raw_query: str = "select 1", *, saved_at: str | None = None, **fields: Any
    ) -> Query:
        """One more query, saved now or at another time."""
        with self.lock:
            number = self._next_number()
            source = self.data_sources[0].id if self.data_sources else None
            defaults: dict[str, Any] = {"name": f"Query {number}", "data_source_id": source}
            made = Query(
                token=self.maker.token("added-query", number),
                id=950_000_000 + number,
                raw_query=raw_query,
                **{**defaults, **fields},
            )
            self.edit_queries(report).append(made)
            if saved_at is not None:
                found = self._known(report)
                found.updated_at = found.edited_at = found.last_saved_at = saved_at
        return made

    def add_definition(self, name: str, source: str, **fields: Any) -> Definition:
        """A definition, on the first connection unless another is named."""
        with self.lock:
            number = self._next_number()
            source_id = self.data_sources[0].id if self.data_sources else None
            made = Definition(
                token=self.maker.token("definition", number),
                id=970_000_000 + number,
                name=name,
                source=source,
                **{"data_source_id": source_id, **fields},
            )
            self.definitions.append(made)
        return made

    def _known(self, report: Report | str) -> Report:
        return self._reports[report if isinstance(report, str) else report.token]

    def _next_number(self) -> int:
        self._added += 1
        return self._added
