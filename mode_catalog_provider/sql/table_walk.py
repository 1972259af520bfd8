"""Walks through parsed statements and tells which tables are read. Imported late: it needs sqlglot."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlglot
from sqlglot import exp

#: Names fold to small letters unless they were quoted.
_FOLDING_UNQUOTED = {"postgres", "snowflake", "oracle"}

#: Names are kept as they were written: the database tells letters apart, or may do so.
_KEEPING = {"bigquery", "clickhouse", "mysql"}

#: ``FROM orders o, o.items``: the second is a column of the first.
_WITH_COLUMNS_AS_TABLES = {"bigquery", "redshift", "hive", "clickhouse"}

#: A common table expression that names itself is recursive without being called so.
_SILENTLY_RECURSIVE = {"tsql", "oracle", "snowflake", "teradata"}

#: Expressions whose tables are read; elsewhere a table is written, dropped, or only named.
_READING: tuple[type, ...] = (exp.From, exp.Join, exp.Lateral, exp.Subquery, exp.Paren, exp.Clone, exp.Final)

_CREATED_IN_TEXT = re.compile(
    r"create\b[^(]*?\b(?:table|view)\s+(?:if\s+not\s+exists\s+)?([^\s(]+)", re.IGNORECASE
)

_QUERY_IN_TEXT = re.compile(r"\b(?:as|explain|analyze)\s*\(?\s*(?=(?:with|select)\b)", re.IGNORECASE)

Parts = tuple[str, ...]


@dataclass(frozen=True)
class _Scope:
    """The names that mean something else than a table, from one query outwards.

    :param names: of common table expressions, and at which place they were defined; those before ``limit``
        can be seen.
    :param aliases: of the tables that one ``SELECT`` reads.
    """

    outer: _Scope | None = None
    names: dict[str, int] = field(default_factory=dict)
    limit: int = 0
    aliases: frozenset[str] = frozenset()

    def has_query(self, name: str) -> bool:
        scope: _Scope | None = self
        while scope is not None:
            if scope.names.get(name, scope.limit) < scope.limit:
                return True
            scope = scope.outer
        return False

    def has_alias(self, name: str) -> bool:
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.aliases:
                return True
            scope = scope.outer
        return False


def tables_in(statements: Iterable[Any], dialect: str) -> set[Parts]:
    """Return the names of the tables that statements read, one after the other.

    :param statements: what sqlglot made of a text.
    :param dialect: of the text.
    """
    walk = _Walk(dialect)
    for statement in statements:
        if statement is not None:
            walk.read(statement)
    return walk.found


class _Walk:
    def __init__(self, dialect: str) -> None:
        self._dialect = dialect
        self._created: set[Parts] = set()
        self.found: set[Parts] = set()

    def read(self, statement: Any) -> None:
        made: set[Parts] = set()
        # No recursion: a union of thousands of queries is a tree as deep.
        waiting: list[tuple[Any, _Scope]] = [(statement, _Scope())]
        while waiting:
            node, scope = waiting.pop()
            if isinstance(node, exp.Command):
                self._read_text(node)
                continue
            if isinstance(node, exp.Table):
                self._table(node, scope, made)
            elif isinstance(node, exp.Select):
                scope = _Scope(scope, aliases=frozenset(_aliases(node)))
            own = node.args.get("with_") or node.args.get("with")
            if isinstance(own, exp.With):
                waiting.extend(self._definitions(own, scope))
                scope = _Scope(scope, _places(own), len(own.expressions))
            waiting.extend((part, scope) for part in node.iter_expressions() if part is not own)
        self._created |= made

    def _definitions(self, own: Any, scope: _Scope) -> Iterator[tuple[Any, _Scope]]:
        """Yield the common table expressions, each with the names that were defined before it."""
        places = _places(own)
        for number, one in enumerate(own.expressions):
            itself = self._dialect in _SILENTLY_RECURSIVE and isinstance(one.this, exp.SetOperation)
            limit = len(own.expressions) if own.args.get("recursive") else number + itself
            yield one, _Scope(scope, places, limit)

    def _table(self, node: Any, scope: _Scope, made: set[Parts]) -> None:
        parts = self._parts(node)
        if parts is None:
            return
        place = node.parent
        while isinstance(place, exp.Schema):
            place = place.parent
        if isinstance(place, exp.Create | exp.Into | exp.Cache):
            made.add(_folded(parts))
            return
        beside = isinstance(place, exp.Merge | exp.Delete) and node.arg_key == "using"
        # BigQuery's ``ML.PREDICT(MODEL m, TABLE t)``
        given = isinstance(place, exp.Func) and node.arg_key == "expression"
        if not (beside or given or isinstance(place, _READING)):
            return
        folded = _folded(parts)
        if folded in self._created or (len(parts) == 1 and scope.has_query(folded[0])):
            return
        if folded == ("dual",) or parts[-1].startswith("/") or "://" in parts[-1]:
            return
        if len(parts) > 1 and self._is_column(node, folded, scope):
            return
        self.found.add(parts)

    def _is_column(self, node: Any, folded: Parts, scope: _Scope) -> bool:
        if self._dialect not in _WITH_COLUMNS_AS_TABLES or not scope.has_alias(folded[0]):
            return False
        joined = node.parent
        if not isinstance(joined, exp.Join):
            return True
        condition = joined.args.get("on")
        # ``ON TRUE`` joins each with its own; any other condition joins two tables.
        return not joined.args.get("using") and (condition is None or isinstance(condition, exp.Boolean))

    def _parts(self, node: Any) -> Parts | None:
        this = node.this
        dynamic = getattr(exp, "DynamicIdentifier", None)
        if dynamic is not None and isinstance(this, dynamic):
            # Snowflake's ``IDENTIFIER('db.schema.table')``
            literal = this.this
            if isinstance(literal, exp.Literal) and literal.is_string and "'" not in literal.name:
                return tuple(part.strip('"').lower() for part in literal.name.split("."))
            return None
        if not isinstance(this, exp.Identifier | exp.Dot):
            return None
        parts = node.parts
        if not all(isinstance(part, exp.Identifier) for part in parts):
            return None
        if any(parts[-1].args.get(kind) for kind in ("temporary", "global_", "global")):
            return None  # SQL Server's ``#t`` and ``##t``
        spelled = [self._spelled(part) for part in parts]
        if node.args.get("catalog") and not node.args.get("db"):
            spelled.insert(-1, "")  # SQL Server's ``database..table``
        return tuple(spelled)

    def _spelled(self, part: Any) -> str:
        name = str(part.name)
        if self._dialect in _KEEPING:
            return name
        if part.args.get("quoted") and self._dialect in _FOLDING_UNQUOTED:
            folds_up = self._dialect != "postgres"
            return name.lower() if name == (name.upper() if folds_up else name.lower()) else name
        return name.lower()

    def _read_text(self, command: Any) -> None:
        """Find the query in a statement that the library keeps as text, such as an odd ``CREATE``."""
        rest = command.args.get("expression") or ""
        text = f"{command.this} {rest if isinstance(rest, str) else rest.name}"
        start = _QUERY_IN_TEXT.search(text)
        if start is None:
            return
        try:
            created = _CREATED_IN_TEXT.match(text)
            parts = self._parts(exp.to_table(created[1], dialect=self._dialect or None)) if created else None
            statements = sqlglot.parse(text[start.end() :].rstrip("); \n"), read=self._dialect or None)
        except sqlglot.errors.SqlglotError:
            return
        for statement in statements:
            if statement is not None and not isinstance(statement, exp.Command):
                self.read(statement)
        if parts is not None:
            self._created.add(_folded(parts))


def _places(own: Any) -> dict[str, int]:
    return {one.alias.casefold(): at for at, one in reversed([*enumerate(own.expressions)])}


def _aliases(select: Any) -> Iterator[str]:
    sources = [select.args.get("from_") or select.args.get("from"), *(select.args.get("joins") or ())]
    for source in sources:
        if source is not None and source.this is not None:
            yield source.this.alias_or_name.casefold()


def _folded(parts: Parts) -> Parts:
    return tuple(part.casefold() for part in parts)
