"""A small strict parser for the GraphQL queries a client sends: operation, variables, fields, arguments.

Fragments, directives, subscriptions and block strings are not read; a document that has them is refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

_LEXEME = re.compile(
    r"""(?P<skip>[\s,\ufeff]+|\#[^\n]*)
      | (?P<name>[_A-Za-z][_0-9A-Za-z]*)
      | (?P<number>-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<sign>[!$():=@\[\]{|}&]|\.\.\.)""",
    re.VERBOSE,
)


class SyntaxRefusedError(ValueError):
    """The document is not a query this parser reads."""


@dataclass(frozen=True)
class Variable:
    """A reference ``$name``."""

    name: str


@dataclass(frozen=True)
class EnumValue:
    """A bare word such as ``WAREHOUSE``: not the same as the string of that name."""

    name: str


@dataclass
class Field:
    name: str
    alias: str
    arguments: dict[str, Any] = field(default_factory=dict)
    selection: list[Field] | None = None


@dataclass
class VariableDefinition:
    """``type`` is written as in the document, e.g. ``Int!`` or ``[String!]``."""

    name: str
    type: str
    default: Any = None
    has_default: bool = False


@dataclass
class Operation:
    kind: str
    name: str | None
    variables: dict[str, VariableDefinition]
    selection: list[Field]


def parse(document: str) -> list[Operation]:
    """The operations of a document.

    :raises SyntaxRefusedError: with what was expected where.
    """
    reader = _Reader(_lexemes(document))
    operations = []
    while reader.peek() is not None:
        operations.append(_operation(reader))
    if not operations:
        raise SyntaxRefusedError("Syntax Error: Unexpected <EOF>.")
    return operations


def _lexemes(document: str) -> list[tuple[str, str]]:
    found, position = [], 0
    while position < len(document):
        match = _LEXEME.match(document, position)
        if match is None:
            raise SyntaxRefusedError(f"Syntax Error: Unexpected character {document[position]!r}.")
        if match.lastgroup != "skip":
            found.append((str(match.lastgroup), match[0]))
        position = match.end()
    return found


class _Reader:
    def __init__(self, lexemes: list[tuple[str, str]]) -> None:
        self._lexemes = lexemes
        self._at = 0

    def peek(self) -> str | None:
        return self._lexemes[self._at][1] if self._at < len(self._lexemes) else None

    def kind(self) -> str | None:
        return self._lexemes[self._at][0] if self._at < len(self._lexemes) else None

    def take(self, *, kind: str | None = None, text: str | None = None) -> str:
        if self.peek() is None:
            raise SyntaxRefusedError("Syntax Error: Unexpected <EOF>.")
        found_kind, found = self._lexemes[self._at]
        if kind not in (None, found_kind) or text not in (None, found):
            raise SyntaxRefusedError(f"Syntax Error: Expected {text or kind}, found {found!r}.")
        self._at += 1
        return found

    def skip(self, text: str) -> bool:
        if self.peek() == text:
            self._at += 1
            return True
        return False


def _operation(reader: _Reader) -> Operation:
    if reader.peek() == "{":
        return Operation("query", None, {}, _selection(reader))
    kind = reader.take(kind="name")
    if kind not in ("query", "mutation"):
        raise SyntaxRefusedError(f"Syntax Error: Unexpected Name {kind!r}.")
    name = reader.take(kind="name") if reader.kind() == "name" else None
    variables: dict[str, VariableDefinition] = {}
    if reader.skip("("):
        while not reader.skip(")"):
            definition = _variable_definition(reader)
            if definition.name in variables:
                raise SyntaxRefusedError(f'There can be only one variable named "${definition.name}".')
            variables[definition.name] = definition
    return Operation(kind, name, variables, _selection(reader))


def _variable_definition(reader: _Reader) -> VariableDefinition:
    reader.take(text="$")
    name = reader.take(kind="name")
    reader.take(text=":")
    definition = VariableDefinition(name, _type(reader))
    if reader.skip("="):
        definition.default, definition.has_default = _value(reader), True
    return definition


def _type(reader: _Reader) -> str:
    if reader.skip("["):
        text = f"[{_type(reader)}]"
        reader.take(text="]")
    else:
        text = reader.take(kind="name")
    return f"{text}!" if reader.skip("!") else text


def _selection(reader: _Reader) -> list[Field]:
    reader.take(text="{")
    fields = []
    while not reader.skip("}"):
        fields.append(_field(reader))
    if not fields:
        raise SyntaxRefusedError("Syntax Error: Expected Name, found '}'.")
    return fields


def _field(reader: _Reader) -> Field:
    alias = name = reader.take(kind="name")
    if reader.skip(":"):
        name = reader.take(kind="name")
    made = Field(name, alias)
    if reader.skip("("):
        while not reader.skip(")"):
            argument = reader.take(kind="name")
            reader.take(text=":")
            made.arguments[argument] = _value(reader)
    if reader.peek() == "{":
        made.selection = _selection(reader)
    return made


def _value(reader: _Reader) -> Any:
    kind, text = reader.kind(), reader.peek()
    if text == "$":
        reader.take()
        return Variable(reader.take(kind="name"))
    if kind in ("number", "string"):
        return json.loads(reader.take())
    if kind == "name":
        constants = {"true": True, "false": False, "null": None}
        word = reader.take()
        return constants[word] if word in constants else EnumValue(word)
    if reader.skip("["):
        items = []
        while not reader.skip("]"):
            items.append(_value(reader))
        return items
    reader.take(text="{")
    entries = {}
    while not reader.skip("}"):
        key = reader.take(kind="name")
        reader.take(text=":")
        entries[key] = _value(reader)
    return entries
