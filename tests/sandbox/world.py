"""A workspace as the truth behind the sandbox's Mode: mutable objects, and the changes people make."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

_LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and ``Z``, as Mode writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def stamp_of_day(day: int, minute: int = 0) -> str:
    """A time so many days and minutes after the workspace began."""
    return stamp(_LONG_AGO + timedelta(days=day, minutes=minute))


@dataclass(slots=True)
class DataSource:
    token: str
    id: int
    name: str
    adapter: str = "jdbc:snowflake"
    host: str = "acme.snowflakecomputing.com"
    database: str | None = "ANALYTICS"
    display_name: str | None = None
    description: str | None = None
    provider: str | None = None
    vendor: str | None = None
    port: int | None = 443
    public: bool = True
    queryable: bool = True
    asleep: bool = False
    soft_deleted: bool = False
    created_at: str = stamp_of_day(0)
    updated_at: str = stamp_of_day(1)


@dataclass(slots=True)
class Collection:
    """``refused``: the status its listings answer; ``joined``: listed without ``filter``."""

    token: str
    id: int
    name: str
    space_type: str = "custom"
    description: str | None = None
    state: str = "active"
    default_access_level: str | None = "edit"
    restricted: bool = False
    creator: str | None = None
    joined: bool = False
    refused: int | None = None

    @property
    def personal(self) -> bool:
        return self.space_type == "private"


@dataclass(slots=True)
class Query:
    """``absent``: keys left out of the row. ``batch``: listed by the Discovery API."""

    token: str
    id: int
    name: str | None
    raw_query: str | None
    data_source_id: int | None
    created_at: str = stamp_of_day(10)
    updated_at: str = stamp_of_day(11)
    absent: frozenset[str] = frozenset()
    batch: bool = True


@dataclass(slots=True)
class Report:
    """A report or dataset.

    :param seed: number the queries are made from while nobody has changed them.
    :param made_queries: how many queries are made that way.
    :param queries: the queries, once somebody has touched them.
    :param query_count: what the row claims; ``None`` = the truth.
    :param absent: keys left out of the row.
    :param refused: status its queries answer.
    :param vanishes: gone (404) from the moment it was listed.
    :param twice: listed in the collection's reports *and* datasets (datasets only).
    :param batch: the report's queries are in the Discovery listings.
    :param nasty: which nasty row this is, for messages of tests.
    """

    token: str
    id: int
    name: str | None
    collection: str
    seed: int = 0
    made_queries: int = 0
    queries: list[Query] | None = None
    type: str = "Report"
    archived: bool = False
    public: bool = False
    description: str | None = ""
    is_embedded: bool = False
    creator: str | None = None
    query_count: int | None = None
    chart_count: int = 1
    view_count: int = 0
    created_at: str = stamp_of_day(20)
    updated_at: str = stamp_of_day(30)
    edited_at: str | None = stamp_of_day(25)
    last_saved_at: str | None = stamp_of_day(25)
    published_at: str | None = None
    last_run_at: str | None = None
    last_successfully_run_at: str | None = None
    last_run_token: str | None = None
    notebook: bool = False
    absent: frozenset[str] = frozenset()
    refused: int | None = None
    vanishes: bool = False
    twice: bool = False
    batch: bool = True
    nasty: str = ""

    @property
    def is_dataset(self) -> bool:
        return self.type == "DatasetReport"


@dataclass(slots=True)
class Member:
    """``profile``: the status ``/api/{username}`` answers."""

    token: str
    membership: str
    id: int
    username: str | None
    name: str | None
    email: str | None
    created_at: str = stamp_of_day(2)
    state: str = "active"
    admin: bool = False
    profile: int = 200


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

    def add_query(self, report: Report | str, raw_query: str = "select 1", **fields: Any) -> Query:
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
        return made

    def _known(self, report: Report | str) -> Report:
        return self._reports[report if isinstance(report, str) else report.token]

    def _next_number(self) -> int:
        self._added += 1
        return self._added
