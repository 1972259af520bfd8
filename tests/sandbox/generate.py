"""Makes workspaces of any size, the same one for the same shape, with every nasty row in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.sandbox.maker import Maker
from tests.sandbox.nasty import NASTY_REPORTS, NON_ASCII, ONLY_ONCE, RARE, spoil_member
from tests.sandbox.objects import Collection, DataSource, Member, Report, stamp_of_day
from tests.sandbox.world import World

_MOST_QUERIES_OF_A_REPORT = 160
_NASTY_AGAIN_EVERY = 40


@dataclass(frozen=True)
class WorkspaceShape:
    """What to generate.

    :param collections: shared collections; one of them has more than one page of reports as soon as there are
        31.
    :param reports: reports in shared collections.
    :param members: members; each has a personal collection as well.
    :param queries: queries of those reports altogether, default three per report.
    :param data_sources: connections.
    :param datasets: datasets in shared collections, default one per 20 reports.
    :param personal_reports: reports in personal collections, default one per two members.
    :param nasty: sow in everything that is odd but legal (see :data:`NASTY_REPORTS`). Adds to the counts
        above one collection that is listed but answers 404, and one that answers 403.
    :param seed: another seed, another workspace.
    :param sql_bytes: usual length of a query's SQL.
    :param workspace: the workspace's name.
    """

    collections: int = 6
    reports: int = 40
    members: int = 10
    queries: int | None = None
    data_sources: int = 3
    datasets: int | None = None
    personal_reports: int | None = None
    nasty: bool = True
    seed: int = 1
    sql_bytes: int = 600
    workspace: str = "acme"


def generate_workspace(shape: WorkspaceShape) -> World:
    """The workspace of this shape. Queries are made when they are asked for, so size costs little memory."""
    maker = Maker(seed=shape.seed, sql_bytes=shape.sql_bytes)
    world = World(workspace=shape.workspace, maker=maker)
    maker.data_sources = world.data_sources
    world.data_sources.extend(_data_sources(shape, maker))
    world.members.extend(_members(shape, maker))
    world.collections.extend(_collections(shape, maker, world))
    _fill(shape, maker, world)
    return world


def _data_sources(shape: WorkspaceShape, maker: Maker) -> Iterator[DataSource]:
    for index in range(shape.data_sources):
        source = DataSource(
            token=maker.token("data-source", index),
            id=34_000 + index,
            name=f"Warehouse {index + 1}",
            display_name=f"Warehouse {index + 1}",
            description="the company's warehouse",
            provider="snowflake",
            vendor="snowflake",
        )
        if shape.nasty and index == 1:
            # BigQuery reports the database "default"; the project is in host.
            source.adapter, source.host, source.database = "jdbc:bigquery", "acme-analytics", "default"
            source.description, source.port, source.provider = None, None, "bigquery"
        if shape.nasty and index == 2:
            source.name, source.display_name, source.description = NON_ASCII, None, None
            source.public, source.queryable, source.asleep, source.vendor = False, False, True, None
        yield source


def _members(shape: WorkspaceShape, maker: Maker) -> Iterator[Member]:
    for index in range(shape.members):
        username = f"person{index + 1}"
        member = Member(
            token=maker.token("member", index),
            membership=maker.token("membership", index),
            id=60_000 + index,
            username=username,
            name=f"Person {index + 1}",
            email=f"{username}@acme.example",
            created_at=stamp_of_day(index % 600, index % 1440),
            admin=index == 0,
        )
        if shape.nasty:
            spoil_member(member, index)
        yield member


def _collections(shape: WorkspaceShape, maker: Maker, world: World) -> Iterator[Collection]:
    authors = [member.username for member in world.members if member.username]
    for index in range(shape.collections):
        collection = Collection(
            token=maker.token("space", index),
            id=20_000 + index,
            name=f"{maker.title('space', index)}" if index else "General",
            space_type="custom" if index else "community",
            description=f"Collection number {index + 1}",
            creator=authors[index % len(authors)] if authors else None,
            joined=index % 4 == 0,
        )
        if shape.nasty and index == 1:
            collection.name, collection.description, collection.creator = NON_ASCII, None, None
        if shape.nasty and index == 2:
            collection.default_access_level, collection.restricted = "restricted", False
        if shape.nasty and index in (3, 4):
            collection.name = "Same name"
        yield collection
    if shape.nasty:
        for status in (404, 403):
            yield Collection(
                token=maker.token("space-refused", status),
                id=28_000 + status,
                name=f"Listed but answers {status}",
                default_access_level="restricted",
                restricted=True,
                creator=authors[0] if authors else None,
                refused=status,
            )
    for index, member in enumerate(world.members):
        if member.username:
            yield Collection(
                token=maker.token("personal", index),
                id=200_000 + index,
                name="Personal",
                space_type="private",
                default_access_level="restricted",
                creator=member.username,
            )


def _sizes(shape: WorkspaceShape) -> list[int]:
    """Reports per shared collection: the first takes two pages, the second fills one, the last is empty."""
    sizes = [0] * shape.collections
    left = shape.reports
    if not sizes:
        return sizes
    if len(sizes) > 2 and left > 31:
        sizes[0] = max(31, left // 10)
        sizes[1] = min(30, left - sizes[0])
        left -= sizes[0] + sizes[1]
    usable = len(sizes) - 1 if shape.nasty and len(sizes) > 2 else len(sizes)
    start = min(2, usable - 1) if sizes[0] and usable > 2 else 0
    for step in range(left):
        sizes[start + step % (usable - start)] += 1
    return sizes


def _query_counts(shape: WorkspaceShape) -> list[int]:
    total = 3 * shape.reports if shape.queries is None else shape.queries
    if total > shape.reports * _MOST_QUERIES_OF_A_REPORT:
        raise ValueError(f"a report has at most {_MOST_QUERIES_OF_A_REPORT} queries")
    counts = [(i + 1) * total // shape.reports - i * total // shape.reports for i in range(shape.reports)]
    for first in range(0, shape.reports - 1, 2):
        # The sum stays what was asked for; the reports do not all look alike.
        shift = min(counts[first + 1], first // 2 % 3, _MOST_QUERIES_OF_A_REPORT - counts[first])
        counts[first] += shift
        counts[first + 1] -= shift
    return counts


def _fill(shape: WorkspaceShape, maker: Maker, world: World) -> None:
    shared = [one for one in world.collections if not one.personal and one.refused is None]
    personal = [one for one in world.collections if one.personal]
    counts = _query_counts(shape)
    homes = [collection for collection, size in zip(shared, _sizes(shape), strict=True) for _ in range(size)]
    kinds = _nasty_plan(shape, counts)
    for index, collection in enumerate(homes):
        report = _report(maker, world, index, collection, counts[index])
        if kind := kinds.get(index):
            report.nasty = kind
            for name, value in NASTY_REPORTS[kind].items():
                setattr(report, name, value)
        world.put_report(report)
    _fill_apart(shape, maker, world, shared, personal)


def _nasty_plan(shape: WorkspaceShape, counts: list[int]) -> dict[int, str]:
    """Which report gets which nastiness; ones about queries go to reports that have some."""
    plan: dict[int, str] = {}
    if not shape.nasty:
        return plan
    kinds = list(NASTY_REPORTS)
    for index in range(len(counts)):
        round_number, place = divmod(index, max(_NASTY_AGAIN_EVERY, len(kinds)))
        if place >= len(kinds):
            continue
        kind = kinds[place]
        if round_number and (kind in ONLY_ONCE or (kind in RARE and round_number % 25)):
            continue
        plan[index] = kind
        if kind == "no queries" and index:
            room = _MOST_QUERIES_OF_A_REPORT - counts[index - 1]
            moved = min(room, counts[index])
            counts[index - 1] += moved
            counts[index] -= moved
        elif counts[index] == 0 and index + 1 < len(counts) and counts[index + 1] > 1:
            counts[index], counts[index + 1] = 1, counts[index + 1] - 1
    return plan


def _fill_apart(
    shape: WorkspaceShape, maker: Maker, world: World, shared: list[Collection], personal: list[Collection]
) -> None:
    """Datasets, reports in personal collections, and reports behind refused collections."""
    datasets = shape.reports // 20 if shape.datasets is None else shape.datasets
    serial = shape.reports
    for index in range(datasets if shared else 0):
        report = _report(maker, world, serial, shared[index % len(shared)], 1)
        report.type, report.name = "DatasetReport", f"Dataset {index + 1}"
        report.absent = frozenset({"archived", "chart_count", "expected_runtime"})
        report.twice = shape.nasty and index == 0
        world.put_report(report)
        serial += 1
    mine = shape.members // 2 if shape.personal_reports is None else shape.personal_reports
    for index in range(mine if personal else 0):
        world.put_report(_report(maker, world, serial, personal[index % len(personal)], 1 + index % 2))
        serial += 1
    for collection in world.collections:
        if collection.refused is not None:
            world.put_report(_report(maker, world, serial, collection, 2))
            serial += 1


def _report(maker: Maker, world: World, index: int, collection: Collection, queries: int) -> Report:
    authors = world.members
    creator = authors[index % len(authors)].username if authors else None
    return Report(
        token=maker.token("report", index),
        id=2_900_000 + index,
        name=maker.title("report", index),
        collection=collection.token,
        seed=index,
        made_queries=queries,
        description=f"About {maker.title('report', index).lower()}" if index % 3 else "",
        creator=creator,
        chart_count=index % 5,
        view_count=index * 7 % 1000,
        created_at=stamp_of_day(20 + index % 300, index % 1440),
        updated_at=stamp_of_day(700 + index % 200, index % 1440),
        edited_at=stamp_of_day(400 + index % 200, index % 1440),
        last_saved_at=stamp_of_day(400 + index % 200, index % 1440),
        published_at=stamp_of_day(500 + index % 200) if index % 2 else None,
        last_run_at=stamp_of_day(700 + index % 200, index % 1440),
        last_successfully_run_at=stamp_of_day(700 + index % 200, (index + 1) % 1440),
        last_run_token=maker.token("old-run", index),
    )
