"""Which tables a query of Mode reads, by the library sqlglot (extra ``sql``), which is loaded only here."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mode_catalog_provider.errors import SqlNotParsedError, SqlUnavailableError
from mode_catalog_provider.sql.liquid import UNKNOWN, choices, readings
from mode_catalog_provider.sql.statements import parted
from mode_catalog_provider.text import visible

#: Characters of a query that is looked at. Reading takes seconds for a text of this length.
LONGEST_QUERY = 100_000

#: Characters that are read for one query, over all that its Liquid can make of it.
_LONGEST_READING = 2 * LONGEST_QUERY

#: Brackets within brackets: a parser that calls itself would end in the interpreter's limit.
_DEEPEST = 150

# What a value that only a run tells may be: a word nearly everywhere; a number after TOP; nothing where it
# is a whole clause. A part of a name or of a literal is a word in any case.
_STAND_INS = (UNKNOWN, "1", "")
_FREE = re.compile(rf"(?<![\w.'\"`$%@#\[-]){UNKNOWN}(?:\s+{UNKNOWN})*(?![\w.'\"`$%\]-])")

_BRACKETS = re.compile(r"'[^']*'|--[^\n]*|[()\[\]{}]")


@dataclass(frozen=True, order=True)
class TableName:
    """A table as a query names it, without quotes.

    Letters of names that the database does not tell apart are small. Parts that the query leaves to the
    connection, or to a value of a form, are ``""``.

    :param catalog: database, project or catalog; for a linked server ``server.database``.
    :param schema: schema or dataset.
    :param name: the table's own.
    """

    catalog: str
    schema: str
    name: str

    def __str__(self) -> str:
        # ``database..table`` is SQL Server's way to leave the schema out.
        return ".".join(
            (self.catalog, self.schema, self.name) if self.catalog else filter(None, (self.schema, self.name))
        )


def tables_of(sql: str, dialect: str) -> frozenset[TableName]:
    """Return the tables that a query reads, whichever way its Liquid goes.

    Not counted are its own CTEs and what it creates, table functions, and Mode definitions. Targets of
    ``INSERT`` and the like are written, not read.

    :param sql: the text as it was written in Mode.
    :param dialect: see :func:`mode_catalog_provider.sql.dialects.dialect_of`; one that the installed
        library does not know is read as standard SQL.
    :raises SqlUnavailableError: when sqlglot is not installed.
    :raises SqlNotParsedError: when it is not SQL of that dialect (says where), or too long or nested too
        deeply to be looked at.
    """
    library = _library()
    if len(sql) > LONGEST_QUERY:
        raise SqlNotParsedError(
            f"The query has {len(sql)} characters; what is longer than {LONGEST_QUERY} is not looked at."
        )
    reader = _Reader(library, dialect)
    if not reader.read(readings(sql)):
        reader.read(choices(sql))
    if reader.failure is not None and not reader.understood:
        raise reader.failure
    if not reader.looked_at:
        raise SqlNotParsedError("Its Liquid makes more of the query than is looked at.")
    return frozenset(reader.found)


def sql_is_available() -> bool:
    """Whether the extra ``sql`` is installed."""
    try:
        _library()
    except SqlUnavailableError:
        return False
    return True


def _library() -> Any:
    try:
        # Half a second and 40 MB: only who asks for tables pays them.
        import sqlglot
    except ImportError as error:
        raise SqlUnavailableError(
            "Which tables a query reads is found by the library sqlglot, which is not installed: "
            "pip install 'mode-catalog-provider[sql]'."
        ) from error
    return sqlglot


class _Reader:
    """Reads the texts that a query can stand for."""

    def __init__(self, library: Any, dialect: str) -> None:
        self._library = library
        self._dialect = dialect
        self._read: dict[str, bool] = {}
        self.found: set[TableName] = set()
        self.failure: SqlNotParsedError | None = None

    @property
    def looked_at(self) -> int:
        """How many texts were looked at."""
        return len(self._read)

    @property
    def understood(self) -> bool:
        """Whether a statement was read in any text."""
        return any(self._read.values())

    def read(self, texts: Iterable[str]) -> bool:
        """Read texts with the first stand-in for unknown values with which any of them is SQL.

        :return: whether there is a statement in each of them.
        """
        several, size = [], 0
        for text in texts:
            size += len(text)
            if size > _LONGEST_READING:
                break
            several.append(text)
        budget = _LONGEST_READING
        for stand_in in _STAND_INS:
            understood = []
            for text in (_FREE.sub(stand_in, one) for one in several):
                budget -= 0 if text in self._read else len(text)
                if budget < 0:
                    break
                understood.append(self._understands(text))
            if any(understood):
                return len(understood) == len(several) and all(understood)
        return False

    def _understands(self, text: str) -> bool:
        if text not in self._read:
            self._read[text] = False
            try:
                names = _read(self._library, text, self._dialect)
            except SqlNotParsedError as error:
                self.failure = self.failure or error
            else:
                self.found |= names or set()
                self._read[text] = names is not None
        return self._read[text]


def _read(library: Any, text: str, dialect: str) -> set[TableName] | None:
    from mode_catalog_provider.sql.table_walk import tables_in

    _check_depth(text)
    known = dialect if library.Dialect.get(dialect) else None
    try:
        with _without_warnings():
            statements = library.parse(parted(text) if dialect == "tsql" else text, read=known)
            names = tables_in(statements, dialect)
    except library.errors.ParseError as error:
        raise _explained(error) from error
    except library.errors.TokenError as error:
        raise SqlNotParsedError(f"It cannot be read as SQL: {visible(error, 200)}") from error
    except RecursionError as error:
        raise SqlNotParsedError("It is nested too deeply to be looked at.") from error
    except (AttributeError, ValueError, TypeError, KeyError, IndexError) as error:
        # A fault of the library with a text that nobody thought of is no reason for a whole report to fail.
        raise SqlNotParsedError(
            f"The library sqlglot {library.__version__} cannot read it ({type(error).__name__})."
        ) from error
    if not any(statement is not None for statement in statements):
        return None
    return {name for parts in names if (name := _named(parts))}


def _named(parts: tuple[str, ...]) -> TableName | None:
    *rest, name = parts
    if UNKNOWN in name:
        return None
    told: list[str] = []
    for part in reversed(rest):
        if UNKNOWN in part:
            break
        told.insert(0, part)
    schema = told.pop() if told else ""
    return TableName(".".join(told), schema, name)


def _check_depth(text: str) -> None:
    depth = 0
    for bracket in _BRACKETS.finditer(text):
        if bracket[0] in "([{":
            depth += 1
            if depth > _DEEPEST:
                line = text.count("\n", 0, bracket.start()) + 1
                raise SqlNotParsedError(
                    f"From line {line} on it is nested too deeply to be looked at.", line=line
                )
        elif bracket[0] in ")]}":
            depth -= 1


def _explained(error: Any) -> SqlNotParsedError:
    places = [place for place in error.errors or () if isinstance(place.get("line"), int)]
    if not places:
        return SqlNotParsedError(f"It cannot be read as SQL: {visible(error, 200)}")
    place = places[0]
    what = visible(str(place.get("description", "")).rstrip("."), 120)
    near = visible(place.get("highlight"), 40)
    return SqlNotParsedError(
        f"It cannot be read as SQL at line {place['line']}, near {near!r}: {what}.", line=place["line"]
    )


@contextmanager
def _without_warnings() -> Iterator[None]:
    # The library warns of each statement that it keeps as text; here that is told by what is found in it.
    log, thread = logging.getLogger("sqlglot"), threading.get_ident()

    def others_only(record: logging.LogRecord) -> bool:
        return record.thread != thread

    log.addFilter(others_only)
    try:
        yield
    finally:
        log.removeFilter(others_only)
