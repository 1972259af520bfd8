"""Queries as people write them: made from a plan, spelled in one of five house styles, then edited."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace


def _words(text: str) -> list[str]:
    return text.split()


_SCHEMAS = ("sales", "support", "marketing", "product", "finance", "logistics")
_NOUNS = _words("""
orders customers payments refunds invoices tickets agents campaigns clicks sessions events
users accounts subscriptions plans shipments warehouses carriers returns leads deals contracts
products prices stores suppliers reviews coupons budgets costs ledgers employees teams visits
pages searches trials devices
""")
_COMMON = _words("""
id created_at updated_at status country region channel is_test deleted_at amount currency
""")
_OWN = _words("""
priority category segment source owner_id quantity discount tax net_amount gross_amount score
duration started_at closed_at paid_at shipped_at first_answer_minutes rating reason plan_code
tier language device browser campaign_code cost margin weight zone size brand color version
attempts latency_ms bytes errors
""")
_LITERALS = _words("""
paid open closed cancelled active trial b2b b2c web app store email de fr us uk gold silver
""")
_FUNCTIONS = ("sum", "avg", "max", "min", "count", "count(distinct")


@dataclass(frozen=True)
class Table:
    schema: str
    name: str
    columns: tuple[str, ...]


def tables(choose: random.Random) -> list[Table]:
    """A warehouse: tables of which many have columns of the same names."""
    return [
        Table(
            choose.choice(_SCHEMAS),
            noun,
            (
                *_COMMON,
                *choose.sample(_OWN, 9),
                *(f"{noun[:-1]}_{part}" for part in ("code", "name", "type")),
            ),
        )
        for noun in _NOUNS
    ]


@dataclass(frozen=True)
class Join:
    kind: str
    table: Table
    alias: str
    on: str


@dataclass(frozen=True)
class Plan:
    """What a query asks.

    :param columns: expressions and their names.
    :param ctes: names and plans of what stands in ``with``.
    :param source: the table, or the name of one of the CTEs.
    :param liquid: filters inside a Liquid condition.
    """

    source: Table | str
    alias: str
    columns: tuple[tuple[str, str], ...]
    joins: tuple[Join, ...] = ()
    filters: tuple[str, ...] = ()
    groups: int = 0
    order: int = 0
    limit: int = 0
    ctes: tuple[tuple[str, Plan], ...] = ()
    liquid: tuple[str, ...] = ()


@dataclass(frozen=True)
class Style:
    """How a house writes."""

    upper: bool = False
    leading_commas: bool = False
    one_line: bool = False
    explicit_as: bool = True
    database: str = ""
    banner: str = ""
    indent: str = "  "


STYLES = (
    Style(),
    Style(upper=True, leading_commas=True, database="prod"),
    Style(one_line=True, explicit_as=False),
    Style(indent="    ", banner="-- owner: data team, ask in #data before you change this\n"),
    Style(upper=True, indent="\t", explicit_as=False, database="analytics"),
)


def spelled(plan: Plan, style: Style) -> str:
    """The plan as SQL."""
    text = style.banner + _spelled(plan, style, top=True)
    if style.upper:
        text = re.sub(
            r"(?i)\b(select|from|left join|inner join|join|on|where|and|or|group by|order by|limit|with)\b"
            r"|\b(as|sum|avg|max|min|count|distinct|not|is null|in|between|date_trunc|case|when|else|end)\b",
            lambda match: match[0].upper(),
            text,
        )
    return " ".join(text.split()) if style.one_line and "--" not in text else text


def _spelled(plan: Plan, style: Style, *, top: bool = False) -> str:
    comma = "\n" + style.indent + ", " if style.leading_commas else ",\n" + style.indent
    as_ = " as " if style.explicit_as else " "
    lines = []
    if plan.ctes:
        inner = (f"{name} as (\n{_spelled(cte, style)}\n)" for name, cte in plan.ctes)
        lines.append("with " + ",\n".join(inner))
    lines.append(
        "select "
        + comma.join(f"{expression} as {name}" if name else expression for expression, name in plan.columns)
    )
    lines.append(f"from {_table(plan.source, style)}{as_}{plan.alias}")
    lines += [f"{join.kind} {_table(join.table, style)}{as_}{join.alias} on {join.on}" for join in plan.joins]
    if plan.filters:
        lines.append("where " + f"\n{style.indent}and ".join(plan.filters))
    for condition in plan.liquid:
        name = re.sub(r"\W", "_", condition.split()[0])
        lines.append(f"{{% if {name} %}} and {condition} {{% endif %}}")
    if plan.groups:
        lines.append("group by " + ", ".join(map(str, range(1, plan.groups + 1))))
    if plan.order:
        lines.append(f"order by {plan.order} desc")
    if plan.limit:
        lines.append(f"limit {plan.limit}")
    return "\n".join(lines) + (";" if top and style.upper else "")


def _table(table: Table | str, style: Style) -> str:
    if isinstance(table, str):
        return table
    return ".".join(part for part in (style.database, table.schema, table.name) if part)


class Author:
    """Writes plans at random, and edits them."""

    def __init__(self, choose: random.Random, warehouse: list[Table]) -> None:
        self.choose = choose
        self.warehouse = warehouse

    def plan(self, *, size: int | None = None, with_ctes: bool | None = None) -> Plan:
        """A question that somebody had."""
        choose = self.choose
        size = size or choose.choice((1, 1, 2, 2, 3))
        if with_ctes is None:
            with_ctes = choose.random() < 0.35
        if with_ctes:
            names = choose.sample(
                ("base", "filtered", "monthly", "totals", "first_touch", "cohort", "ranked"), 2
            )
            ctes = tuple((name, self._flat(size)) for name in names[: choose.choice((1, 2))])
            outer_columns = [name for _, name in ctes[0][1].columns]
            alias = choose.choice(("b", "x", "t"))
            picked = choose.sample(outer_columns, min(len(outer_columns), 3))
            columns = (
                *tuple((f"{alias}.{name}", name) for name in picked[:-1]),
                (f"{choose.choice(('sum', 'avg', 'max'))}({alias}.{picked[-1]})", f"total_{picked[-1]}"),
            )
            return Plan(ctes[0][0], alias, columns, groups=len(columns) - 1, order=1, ctes=ctes)
        return self._flat(size)

    def _flat(self, size: int) -> Plan:
        choose = self.choose
        picked = choose.sample(self.warehouse, size + 1)
        aliases = _aliases(picked)
        source, *others = picked
        joins = tuple(
            Join(
                choose.choice(("join", "left join", "inner join")),
                table,
                alias,
                f"{alias}.{choose.choice(('id', 'code'))} = {aliases[0]}.{table.name[:-1]}_id",
            )
            for table, alias in zip(others[:size], aliases[1:], strict=False)
        )[: choose.randint(max(size - 1, 0), size)]
        used = [(source, aliases[0]), *((join.table, join.alias) for join in joins)]
        dimensions = [self._dimension(used) for _ in range(choose.randint(1, 3))]
        measures = [self._measure(used) for _ in range(choose.randint(1, 2 + size))]
        columns = tuple(dict.fromkeys([*dimensions, *measures]))
        filters = tuple(dict.fromkeys(self.condition(used) for _ in range(choose.randint(1, 2 + size))))
        return Plan(
            source,
            aliases[0],
            columns,
            joins,
            filters,
            groups=len(set(dimensions)),
            order=choose.choice((0, 1, 2)),
            limit=choose.choice((0, 0, 100, 1000)),
        )

    def _dimension(self, used: list[tuple[Table, str]]) -> tuple[str, str]:
        table, alias = self.choose.choice(used)
        column = self.choose.choice(table.columns)
        if column.endswith("_at"):
            grain = self.choose.choice(("day", "week", "month"))
            return f"date_trunc('{grain}', {alias}.{column})", grain
        return f"{alias}.{column}", column

    def _measure(self, used: list[tuple[Table, str]]) -> tuple[str, str]:
        table, alias = self.choose.choice(used)
        function, column = self.choose.choice(_FUNCTIONS), self.choose.choice(table.columns)
        if function.endswith("distinct"):
            return f"count(distinct {alias}.{column})", f"{table.name}_{column}s"
        if self.choose.random() < 0.2:
            return (
                f"sum(case when {alias}.status = '{self.choose.choice(_LITERALS)}' "
                f"then {alias}.{column} else 0 end)",
                f"{column}_when_so",
            )
        return f"{function}({alias}.{column})", f"{function}_{column}"

    def condition(self, used: list[tuple[Table, str]]) -> str:
        """A filter."""
        choose = self.choose
        table, alias = choose.choice(used)
        column = choose.choice(table.columns)
        kind = choose.random()
        if column.endswith("_at"):
            day = f"{choose.randint(2021, 2026)}-{choose.randint(1, 12):02}-01"
            return f"{alias}.{column} >= '{day}'" if kind < 0.7 else f"{alias}.{column} is null"
        if kind < 0.5:
            return f"{alias}.{column} = '{choose.choice(_LITERALS)}'"
        if kind < 0.8:
            return f"{alias}.{column} in ('{choose.choice(_LITERALS)}', '{choose.choice(_LITERALS)}')"
        return f"{alias}.{column} > {choose.randint(1, 900)}"

    def edited(self, plan: Plan, kind: str) -> Plan:
        """The plan as a copy of it has it, after an edit of a kind in :data:`EDITS`."""
        return EDITS[kind](self, plan)

    def used(self, plan: Plan) -> list[tuple[Table, str]]:
        source = [] if isinstance(plan.source, str) else [(plan.source, plan.alias)]
        return [*source, *((join.table, join.alias) for join in plan.joins)]

    def _inner(self, plan: Plan, change: Callable[[Plan], Plan]) -> Plan:
        """Change the plan where its tables are: in its first CTE, if there is one."""
        if not plan.ctes:
            return change(plan)
        (name, cte), *others = plan.ctes
        return replace(plan, ctes=((name, change(cte)), *others))

    def literals(self, plan: Plan) -> Plan:
        def changed(text: str) -> str:
            text = re.sub(
                r"'[a-z0-9]+'",
                lambda _: f"'{self.choose.choice(_LITERALS)}_{self.choose.randint(1, 9)}'",
                text,
            )
            text = re.sub(r"'\d{4}-\d\d-01'", lambda _: f"'2026-{self.choose.randint(1, 12):02}-15'", text)
            return re.sub(r"> \d+", lambda _: f"> {self.choose.randint(1000, 9000)}", text)

        def change(inner: Plan) -> Plan:
            at = (
                self.choose.sample(range(len(inner.filters)), max(1, len(inner.filters) * 2 // 3))
                if inner.filters
                else []
            )
            return replace(
                inner,
                filters=tuple(changed(text) if n in at else text for n, text in enumerate(inner.filters)),
            )

        return self._inner(plan, change)

    def columns(self, plan: Plan) -> Plan:
        def change(inner: Plan) -> Plan:
            used = self.used(inner)
            more = [self._measure(used) for _ in range(self.choose.randint(1, 3))]
            kept = list(inner.columns)
            if len(kept) > 3 and self.choose.random() < 0.5:
                kept.pop()
            return replace(inner, columns=tuple(dict.fromkeys([*kept, *more])))

        return self._inner(plan, change)

    def joins(self, plan: Plan) -> Plan:
        def change(inner: Plan) -> Plan:
            used = {table.name for table, _ in self.used(inner)}
            table = self.choose.choice([table for table in self.warehouse if table.name not in used])
            alias = f"{table.name[:2]}{self.choose.randint(1, 9)}"
            join = Join("left join", table, alias, f"{alias}.id = {inner.alias}.{table.name[:-1]}_id")
            more = (self._measure([(table, alias)]),)
            filters = (self.condition([(table, alias)]),) if self.choose.random() < 0.5 else ()
            return replace(
                inner,
                joins=(*inner.joins, join),
                columns=(*inner.columns, *more),
                filters=(*inner.filters, *filters),
            )

        return self._inner(plan, change)

    def liquid(self, plan: Plan) -> Plan:
        def change(inner: Plan) -> Plan:
            used = self.used(inner)
            return replace(
                inner, liquid=tuple(self.condition(used) for _ in range(self.choose.randint(1, 2)))
            )

        changed = self._inner(plan, change)
        inner = changed.ctes[0][1] if changed.ctes else changed
        parametrised = tuple(re.sub(r"'[a-z0-9_-]+'$", "'{{ value }}'", text) for text in inner.filters)
        return self._inner(changed, lambda old: replace(old, filters=parametrised))

    def ctes_renamed(self, plan: Plan) -> Plan:
        if not plan.ctes:
            # Somebody put the whole into a CTE of its own, and selected from that.
            columns = tuple((f"q.{name}", name) for _, name in plan.columns)
            return Plan("source_rows", "q", columns, ctes=(("source_rows", plan),))
        names = {
            name: f"{name}_{self.choose.choice(('v2', 'new', 'final', 'data'))}" for name, _ in plan.ctes
        }
        return replace(
            plan, source=names[str(plan.source)], ctes=tuple((names[name], cte) for name, cte in plan.ctes)
        )

    def aliases(self, plan: Plan) -> Plan:
        def change(inner: Plan) -> Plan:
            new = {alias: f"{alias}_{table.name}" for table, alias in self.used(inner)}

            def renamed(text: str) -> str:
                return re.sub(r"\b(\w+)\.", lambda match: new.get(match[1], match[1]) + ".", text)

            return replace(
                inner,
                alias=new.get(inner.alias, inner.alias),
                columns=tuple((renamed(expression), name) for expression, name in inner.columns),
                joins=tuple(
                    replace(join, alias=new[join.alias], on=renamed(join.on)) for join in inner.joins
                ),
                filters=tuple(map(renamed, inner.filters)),
            )

        return self._inner(plan, change)


def _aliases(picked: list[Table]) -> list[str]:
    found: list[str] = []
    for table in picked:
        alias = table.name[0] if table.name[0] not in found else table.name[:3]
        found.append(alias if alias not in found else f"{alias}{len(found)}")
    return found


#: What people do to a copy; "exact" and "reformatted" change no plan.
EDITS: dict[str, Callable[[Author, Plan], Plan]] = {
    "exact": lambda _, plan: plan,
    "reformatted": lambda _, plan: plan,
    "literals": Author.literals,
    "columns": Author.columns,
    "joins": Author.joins,
    "liquid": Author.liquid,
    "ctes_renamed": Author.ctes_renamed,
    "aliases": Author.aliases,
}
