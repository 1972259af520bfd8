"""The things in a workspace: plain mutable objects, light enough for tens of thousands of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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
    default_access_level: str | None = "View"
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
class Definition:
    """SQL that queries take in by ``{{ @name as alias }}``; ``absent``: keys left out of the row."""

    token: str
    id: int
    name: str | None
    source: str | None
    data_source_id: int | None = None
    created_at: str = stamp_of_day(10)
    updated_at: str = stamp_of_day(11)
    absent: frozenset[str] = frozenset()


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
    runs_count: int = 7
    schedules_count: int = 0
    has_imported_datasets: bool = False
    last_viewed_at: str | None = None
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
    managed_by_scim: bool = False
    profile: int = 200
