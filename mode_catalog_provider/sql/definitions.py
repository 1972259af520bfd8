"""Mode definitions (``{{ @name as alias }}``) in texts of queries, and the SQL that they stand for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

#: Characters of a query with its definitions; what would be longer is left as it is.
LONGEST = 1_000_000

#: Definitions within definitions.
DEEPEST = 20

#: Why a reference stays as it is, by the word that is told.
REASONS = {
    "unknown": "there is no definition of that name that the key may see",
    "recursive": "the definition takes in itself",
    "too_deep": f"definitions within definitions, more than {DEEPEST} deep",
    "too_long": f"the query would be longer than {LONGEST:,} characters",
    "empty": "the definition has no SQL",
}

# A reference in a comment is not run. Texts in quotes are passed over as a whole, for one may hold what looks
# like a comment; blocks of Liquid that are shown as they are, or not at all, likewise.
_TOKEN = re.compile(
    r"""
    (?P<comment> --[^\n]* | /\*.*?(?:\*/|\Z) | (?:^|(?<=\n))[ \t]*\#[^\n]* )
  | (?P<block> \{%-?\s*(?P<name>comment|raw|form)\b.*?(?:\{%-?\s*end(?P=name)\s*-?%\}|\Z) )
  | (?P<quoted> '[^'\n{]*' | "[^"\n{]*" | `[^`\n{]*` )
  | (?P<reference> \{\{-?\s*@(?P<definition>[\w.-]+)
        (?: \s+as\s+ (?P<alias> [\w$]+ | "[^"\n]{1,200}" | `[^`\n]{1,200}` | \[[^\]\n]{1,200}\] ) )?
        \s*-?\}\} )
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)


# Of MySQL and BigQuery, too.
_COMMENT = re.compile(r"--|#")


@dataclass(frozen=True)
class Definition:
    """A definition as Mode has it.

    :param token: of the definition.
    :param name: by which queries take it in.
    :param source: its SQL.
    :param data_source: id of its connection as text, ``""`` when it is not said.
    """

    token: str
    name: str
    source: str
    data_source: str = ""


@dataclass(frozen=True)
class Unresolved:
    """A reference that stays as it is.

    :param name: of the definition.
    :param reason: one of :data:`REASONS`.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Expanded:
    """A query with its definitions.

    :param text: the SQL.
    :param used: tokens of the definitions that are in it now, the nested ones as well, each once.
    :param unresolved: references that stay as they are, each once.
    """

    text: str
    used: tuple[str, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()


def referenced(text: str) -> list[str]:
    """Return the names of the definitions that a query takes in, in their order, each once."""
    found = (token["definition"] for token in _TOKEN.finditer(text) if token["reference"])
    return list(dict.fromkeys(found))


class Definitions:
    """The definitions of a workspace.

    :param definitions: all that the key may see. Where several have one name, the one on the query's own
        connection is meant, else the first.
    """

    def __init__(self, definitions: Iterable[Definition]) -> None:
        self._by_name: dict[str, list[Definition]] = {}
        for one in definitions:
            self._by_name.setdefault(one.name.casefold(), []).append(one)

    def __len__(self) -> int:
        return sum(map(len, self._by_name.values()))

    def __iter__(self) -> Iterator[Definition]:
        for several in self._by_name.values():
            yield from several

    def expand(self, text: str, *, data_source: object = None) -> Expanded:
        """Put the SQL of definitions in the place of their names, as Mode does when it runs a query.

        ``{{ @name as alias }}`` becomes ``(SQL) AS alias``. A definition of another connection is put in as
        well, for Mode puts in text. What cannot be put in stays as it is.

        :param text: a query as it was written.
        :param data_source: id of its connection, as a number or a text. Default ``None``: unknown.
        """
        if "@" not in text:
            return Expanded(text)
        return _Expansion(self, "" if data_source is None else str(data_source)).of(text)

    def named(self, name: str, data_source: str) -> Definition | None:
        """Return the definition that a query on a connection means by a name."""
        several = self._by_name.get(name.casefold(), ())
        return min(several, key=lambda one: (one.data_source != data_source, one.name != name), default=None)


class _Expansion:
    def __init__(self, definitions: Definitions, data_source: str) -> None:
        self._definitions = definitions
        self._data_source = data_source
        self._room = LONGEST
        self._used: dict[str, None] = {}
        self._unresolved: dict[Unresolved, None] = {}

    def of(self, text: str) -> Expanded:
        self._room -= len(text)
        expanded = self._within(text, ())
        return Expanded(expanded, tuple(self._used), tuple(self._unresolved))

    def _within(self, text: str, inside: tuple[str, ...]) -> str:
        pieces, at = [], 0
        for token in _TOKEN.finditer(text):
            if not token["reference"]:
                continue
            sql = self._sql(token["definition"], inside)
            if sql is not None:
                alias = f" AS {token['alias']}" if token["alias"] else ""
                pieces += [
                    text[at : token.start()],
                    f"({sql}\n)" if _COMMENT.search(sql, sql.rfind("\n") + 1) else f"({sql})",
                    alias,
                ]
                at = token.end()
        return "".join([*pieces, text[at:]])

    def _sql(self, name: str, inside: tuple[str, ...]) -> str | None:
        definition = self._definitions.named(name, self._data_source)
        source = definition.source.strip().rstrip("; \t\r\n") if definition else ""
        reason = None
        if definition is None:
            reason = "unknown"
        elif definition.token in inside:
            reason = "recursive"
        elif len(inside) >= DEEPEST:
            reason = "too_deep"
        elif not source:
            reason = "empty"
        elif len(source) > self._room:
            reason = "too_long"
        if reason or definition is None:
            self._unresolved[Unresolved(name, reason or "unknown")] = None
            return None
        self._room -= len(source)
        self._used[definition.token] = None
        return self._within(source, (*inside, definition.token))
