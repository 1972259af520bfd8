"""Workspaces of which it is known what an audit should find: families of copies, and the noise of any house.

``labelled(seed)`` gives one; the same seed gives the same. What is labelled: of which report each copy stems
and what was edited, and for every other check the objects that it should name.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mode_catalog_provider.audit.options import AuditOptions
from mode_catalog_provider.contract import SUMMARY, contract_row
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import Snapshot, open_or_adopt, open_snapshot
from mode_catalog_provider.snapshot.writer import SnapshotWriter
from tests.audit_workspaces.other_checks import add_others, label_shared_names
from tests.audit_workspaces.queries import EDITS, STYLES, Author, Plan, Style, spelled, tables

#: What the audit of a labelled workspace is asked for.
OPTIONS = AuditOptions(
    name_pattern={"*": r"^[A-Z]"},
    version_pattern={"*": r"\bv\d+\b"},
    canonical=("Gold",),
)

AT = 1_780_000_000  # 2026-05-28
NOW = datetime.fromtimestamp(AT, UTC)


@dataclass
class Labelled:
    """A workspace and what is true of it.

    :param origins: of each copy, the report it was made from, directly.
    :param edits: of each copy, what was done to it.
    :param expected: of each other check, the tokens (or frozen sets of tokens, for groups) it should name.
    """

    rows: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    facts: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: defaultdict(dict))
    left_out: list[dict[str, Any]] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)
    edits: dict[str, str] = field(default_factory=dict)
    expected: dict[str, set[Any]] = field(default_factory=lambda: defaultdict(set))

    def family(self, token: str) -> str:
        """The oldest ancestor of a report."""
        while token in self.origins:
            token = self.origins[token]
        return token

    def snapshot(self, folder: Path, *, with_facts: bool = True) -> Snapshot:
        """Write it as a snapshot."""
        with SnapshotWriter(
            layout=Layout.nested(folder, "acme"),
            workspace="acme",
            host="https://app.mode.com",
            timestamp=AT,
        ) as writer:
            for asset, row in self.rows:
                writer.add(asset, row)
            if with_facts:
                for asset, objects in self.facts.items():
                    for token, facts in objects.items():
                        writer.add_facts(asset, token, facts)
            writer.finish(strategy="rest", options={}, left_out=self.left_out, filtered={}, figures={})
        return open_snapshot(writer.directory)

    def vendor_set(self, folder: Path) -> Snapshot:
        """Write it as the vendor's tool does: six files, no manifest, no side files."""
        written = self.snapshot(folder / "written", with_facts=False)
        for entry in written.manifest.files:
            content = written.file_path(entry).read_bytes()
            if entry.asset == SUMMARY:
                content = json.dumps(
                    {**json.loads(content), "client_name": "Mode Analytics", "version": "0.26.131"}
                ).encode()
            (folder / entry.name).write_bytes(content)
        return open_or_adopt(folder)


@dataclass
class _Query:
    name: str
    plan: Plan | None
    text: str = ""
    connection: int = 1


@dataclass
class _Report:
    token: str
    name: str
    style: Style
    queries: list[_Query]
    created: datetime


_SUBJECTS = (
    *("Revenue", "Churn", "Activation", "Retention", "Pipeline", "Support", "Margin", "Inventory", "Traffic"),
    *("Growth", "Billing", "Adoption"),
)
_FORMS = (
    *("overview", "by region", "by channel", "weekly", "monthly", "deep dive", "dashboard", "report"),
    *("summary", "for the board", "tracker"),
)
_COPY_NAMES = (
    "{} (copy)",
    "Copy of {}",
    "{} v2",
    "{} - new",
    "{}",
    "{} EMEA",
    "{} (Ana's version)",
    "{} 2026",
)


class Maker:
    def __init__(self, seed: int) -> None:
        self.choose = random.Random(seed)
        self.warehouse = tables(self.choose)
        self.author = Author(self.choose, self.warehouse)
        self.made = Labelled()
        self.number = 0
        self.helpers = [self.author.plan(size=1, with_ctes=False) for _ in range(4)]
        self.boilerplate = [
            self.author.condition([(self.warehouse[0], "t")]).split(".", 1)[1] for _ in range(5)
        ]

    def token(self) -> str:
        self.number += 1
        return f"{self.choose.getrandbits(32):08x}{self.number:04x}"

    def name(self) -> str:
        return f"{self.choose.choice(_SUBJECTS)} {self.choose.choice(_FORMS)} {self.choose.randint(1, 999)}"

    def stamp(self, least: int = 30, most: int = 1200) -> datetime:
        return NOW - timedelta(days=self.choose.randint(least, most), seconds=self.choose.randint(0, 80_000))

    def lone(self, queries: list[_Query], **values: Any) -> _Report:
        report = _Report(self.token(), self.name(), self.choose.choice(STYLES), queries, self.stamp())
        self.write(report, **values)
        return report

    def query(self, plan: Plan, name: str | None = None) -> _Query:
        return _Query(name or f"Query {self.choose.randint(1, 4)}", plan)

    def copied(self, parent: _Report, kind: str) -> _Report:
        return _copy(self, parent, kind)

    def write(self, report: _Report, **values: Any) -> None:
        created = report.created
        edited = values.pop("edited", created + (NOW - created) * self.choose.random() * 0.9)
        ran = values.pop("ran", NOW - timedelta(hours=self.choose.randint(1, 60)))
        row = {
            "token": report.token,
            "id": self.number,
            "name": report.name,
            "space_token": f"space{self.choose.randint(0, 7)}",
            "archived": False,
            "created_at": _iso(created),
            "edited_at": _iso(edited),
            "updated_at": _iso(max(edited, ran)),
            "query_count": len(report.queries),
            "view_count": self.choose.randint(0, 400),
            "creator": f"user{self.choose.randint(0, 9)}",
            "type": "Report",
        } | values
        self.made.rows.append(("report", contract_row("report", row)))
        self.made.facts["report"][report.token] = {
            "last_saved_at": _iso(edited),
            "last_run_at": _iso(ran),
            "last_successfully_run_at": _iso(ran),
            "runs_count": self.choose.randint(1, 300),
            "schedules_count": self.choose.choice((0, 0, 1)),
        }
        for at, query in enumerate(report.queries):
            text = query.text or spelled(query.plan, report.style) if query.plan else query.text
            self.made.rows.append(
                (
                    "query",
                    contract_row(
                        "query",
                        {
                            "token": f"{report.token}q{at}",
                            "id": self.number * 10 + at,
                            "name": query.name,
                            "data_source_id": query.connection,
                            "raw_query": text,
                            "report_token": report.token,
                        },
                    ),
                )
            )


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def labelled(seed: int, *, families: int = 24, size: float = 1.0) -> Labelled:
    """A workspace of some 600 reports (``size`` 1).

    :param families: reports that were copied, one to five times each.
    :param size: of the noise.
    """
    make = Maker(seed)
    for number in range(3):
        make.made.rows.append(
            (
                "datasource",
                contract_row(
                    "datasource", {"id": number, "token": f"ds{number}", "name": f"Source {number}"}
                ),
            )
        )
    for number in range(8):
        make.made.rows.append(
            (
                "collection",
                contract_row(
                    "collection", {"id": number, "token": f"space{number}", "name": f"Space {number}"}
                ),
            )
        )
    for number in range(10):
        make.made.rows.append(
            (
                "member",
                contract_row("member", {"id": number, "token": f"m{number}", "username": f"user{number}"}),
            )
        )
        make.made.facts["member"][f"m{number}"] = {"state": "active"}
    for _ in range(families):
        _family(make)
    for part in (_ordinary, _headers, _templates, _helped, _trivial, _alike, _boilerplate):
        part(make, size)
    add_others(make)
    label_shared_names(make)
    make.choose.shuffle(make.made.rows)
    return make.made


def _family(make: Maker) -> None:
    choose = make.choose
    queries = [make.query(make.author.plan()) for _ in range(choose.choice((1, 1, 1, 2, 3)))]
    if choose.random() < 0.25:
        queries.append(make.query(choose.choice(make.helpers), "Helper"))
    root = make.lone(queries)
    members = [root]
    for _ in range(choose.randint(1, 4)):
        parent = root if choose.random() < 0.75 else choose.choice(members)
        members.append(
            _copy(make, parent, choose.choice([*EDITS, *EDITS, "several", "several", "connection"]))
        )


def _copy(make: Maker, parent: _Report, kind: str) -> _Report:
    choose = make.choose
    style = parent.style
    if kind == "reformatted" or (kind not in ("exact", "connection") and choose.random() < 0.25):
        style = replace(choose.choice([one for one in STYLES if one != style]), database=style.database)
    queries = [replace(query) for query in parent.queries]
    telling = [at for at, query in enumerate(queries) if query.name != "Helper"]
    for at in choose.sample(telling, choose.randint(1, len(telling))):
        if kind in EDITS:
            queries[at].plan = make.author.edited(queries[at].plan, kind)
        elif kind == "several":
            for edit in choose.sample(
                ("literals", "columns", "joins", "liquid", "ctes_renamed", "aliases"), 2
            ):
                queries[at].plan = make.author.edited(queries[at].plan, edit)
    if kind == "connection":
        for query in queries:
            query.connection = 2
    report = _Report(
        make.token(),
        choose.choice(_COPY_NAMES).format(parent.name) if choose.random() < 0.8 else make.name(),
        style,
        queries,
        parent.created + (NOW - parent.created) * (0.05 + 0.9 * choose.random()),
    )
    make.write(report)
    make.made.origins[report.token] = parent.token
    make.made.edits[report.token] = kind
    return report


def _ordinary(make: Maker, size: float) -> None:
    for _ in range(int(140 * size)):
        make.lone([make.query(make.author.plan()) for _ in range(make.choose.choice((1, 1, 2, 3)))])


def _headers(make: Maker, size: float) -> None:
    """One team's reports begin with the same CTEs, and ask something short of them."""
    for count in (120, 30, 9):
        header = make.author.plan(size=3, with_ctes=True)
        while len(header.ctes) < 2:
            header = make.author.plan(size=3, with_ctes=True)
        columns = [name for _, cte in header.ctes for _, name in cte.columns]
        for number in range(int(count * size)):
            used = _all_tables(header)
            picked = make.choose.sample(columns, min(3, len(columns)))
            own = tuple((f"h.{name}", name) for name in picked[:2])
            more = tuple(make.author._measure(used) for _ in range(make.choose.randint(1, 4)))
            plan = replace(
                header,
                alias="h",
                columns=(*own, *more),
                groups=2,
                order=make.choose.randint(0, 2),
                filters=tuple(make.author.condition(used) for _ in range(make.choose.randint(1, 3))),
            )
            report = make.lone([make.query(plan)])
            if number % 15 == 0:
                # Of these, too, people make copies.
                _copy(
                    make,
                    report,
                    make.choose.choice(("exact", "reformatted", "literals", "columns", "liquid")),
                )


def _all_tables(plan: Plan) -> list[Any]:
    found = []
    for _, cte in plan.ctes:
        found += [] if isinstance(cte.source, str) else [(cte.source, cte.alias)]
        found += [(join.table, join.alias) for join in cte.joins]
    return found


def _templates(make: Maker, size: float) -> None:
    """Reports written once and filled in for many tables, with a loop or by hand."""
    for count in (42, 6):
        extra = make.choose.sample(("created_at", "updated_at", "deleted_at"), 2)
        for table in make.warehouse[: max(3, int(count * min(size, 1)))]:
            text = (
                f"select date_trunc('day', {extra[0]}) as day, count(*) as row_count,\n"
                f"  sum(case when {extra[1]} is null then 1 else 0 end) as missing_{extra[1]},\n"
                f"  max({extra[0]}) as newest, min({extra[0]}) as oldest, count(distinct id) as ids\n"
                f"from {table.schema}.{table.name}\nwhere {extra[0]} >= current_date - {30 + count}\n"
                "group by 1 order by 1 desc"
            )
            make.lone([_Query("Rows", None, text)])


def _helped(make: Maker, size: float) -> None:
    """Reports of their own that share one identical helper query."""
    for helper, count in zip(make.helpers, (30, 12, 6, 3), strict=True):
        for _ in range(max(2, int(count * size))):
            style = STYLES[0]
            report = _Report(
                make.token(),
                make.name(),
                style,
                [make.query(make.author.plan()), make.query(helper, "Helper")],
                make.stamp(),
            )
            make.write(report)


def _trivial(make: Maker, size: float) -> None:
    for _ in range(int(40 * size)):
        table = make.choose.choice(make.warehouse[:6])
        text = make.choose.choice(
            (
                f"select * from {table.schema}.{table.name} limit 100",
                f"select count(*) from {table.name}",
                "select 1",
            )
        )
        make.lone([_Query("Query 1", None, text)])


def _alike(make: Maker, size: float) -> None:
    """Questions of many people to the same tables, with the filters that everybody puts there."""
    for count in (25, 15):
        base = make.author.plan(size=2, with_ctes=False)
        used = make.author.used(base)
        for number in range(int(count * size)):
            dimensions = tuple(make.author._dimension(used) for _ in range(2))
            measures = tuple(make.author._measure(used) for _ in range(make.choose.randint(1, 3)))
            more = tuple(make.author.condition(used) for _ in range(make.choose.randint(1, 2)))
            plan = replace(
                base, columns=(*dimensions, *measures), filters=(*base.filters[:1], *more), groups=2
            )
            report = make.lone([make.query(plan)])
            if number % 4 == 0:
                # Most of such a query is everybody's, and the copy still stems from this one.
                _copy(make, report, ("joins", "columns", "liquid")[number // 4 % 3])


def _boilerplate(make: Maker, size: float) -> None:
    for _ in range(int(40 * size)):
        plan = make.author.plan(with_ctes=False)
        usual = tuple(f"{plan.alias}.{text}" for text in make.boilerplate)
        make.lone([make.query(replace(plan, filters=(*plan.filters, *usual)))])
