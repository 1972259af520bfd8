"""Takes Liquid and Mode's forms out of a query's text, so that what remains is SQL.

Nothing is run: what only a run of the report would tell is left open. Time and space grow with the length of
the text, whatever stands in it.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mode_catalog_provider.errors import SqlNotParsedError
from mode_catalog_provider.sql.liquid_values import (
    Value,
    equality,
    form_defaults,
    is_name,
    truth_of,
    value_of,
)

#: The word that stands for a value which only a run would tell.
UNKNOWN = "liquid_value"

#: Texts that one query can stand for are read until each branch was seen once, but no more than these.
MOST_READINGS = 6

#: Conditions for which a text of their own is made.
MOST_CHOICES = 20

#: Characters that Liquid may make of a text.
_LARGEST = 1 << 20

#: Blocks within blocks; what lies deeper is taken as if it always held.
_DEEPEST = 40

_OPENING = re.compile(r"\{[{%]")
_TAG = re.compile(r"[-\s]*(#|[A-Za-z_]+)")
_END_OF = {name: re.compile(rf"(?i)\{{%-?\s*end{name}\s*-?%\}}") for name in ("form", "comment", "raw")}
_ASSIGNMENT = re.compile(r"\s*([A-Za-z_][\w-]*)\s*=")
_LOOP = re.compile(r"\s*([A-Za-z_][\w-]*)\s+in\s+(\([^)]*\)|[^\s(]+)")
_DEFINITION = re.compile(r"\s*@[\w.-]+(?:\s+as\s+([\w$]+|\"[^\"]*\"|`[^`]*`|\[[^\]]*\]))?\s*", re.IGNORECASE)

_BRANCHES = {"if", "unless", "case"}
_NEXT_BRANCH = {"elsif", "else", "when"}


@dataclass(frozen=True)
class _Piece:
    """A stretch of text (``kind`` is ``text``, ``form``, ``comment``), an output, or a tag by its name."""

    kind: str
    content: str


@dataclass(eq=False)
class _Block:
    """A tag with what it encloses.

    :param kind: name of the tag, or ``all`` for the whole text.
    :param branches: condition and content of each branch; a loop, a capture and the whole have one.
    """

    kind: str
    argument: str
    branches: list[tuple[str, list[_Piece | _Block]]] = field(default_factory=list)


def readings(text: str) -> Iterator[str]:
    """Yield the SQL that a text stands for, until each branch of each condition was seen.

    Forms and comments are gone; loops whose list the text tells are written out, others run once; a
    definition stands there as an empty subquery with its alias.

    :param text: a query as it was written in Mode.
    :return: at least one text, at most :data:`MOST_READINGS`; exactly one where nothing is conditional.
        :data:`UNKNOWN` takes the place of a value that only a run would tell.
    :raises SqlNotParsedError: when Liquid makes more than a megabyte of it.
    """
    if _OPENING.search(text) is None:
        yield text
        return
    whole = _parsed(text)
    settled: dict[tuple[int, int], bool] = {}
    for _ in range(MOST_READINGS):
        reading = _Reading(settled)
        yield reading.of(whole)
        if not reading.left_open:
            return


@dataclass(frozen=True)
class _Choice:
    """What is taken as given in a text where nothing else holds.

    :param values: of variables that the text compares, by name.
    :param held: conditions that are no such comparison, and whether they hold.
    """

    values: Mapping[str, Value]
    held: Mapping[str, bool]


def choices(text: str) -> Iterator[str]:
    """Yield the SQL that a text stands for when one condition holds and no other, for each in turn.

    Somebody may write several queries of which a form chooses one; together they are no SQL.

    :param text: a query as it was written in Mode.
    :return: at most :data:`MOST_CHOICES` texts.
    :raises SqlNotParsedError: when Liquid makes more than a megabyte of it.
    """
    if _OPENING.search(text) is None:
        return
    whole = _parsed(text)
    told: list[_Choice] = []
    waiting: list[tuple[_Block, _Choice]] = [(whole, _Choice({}, {}))]
    while waiting and len(told) < MOST_CHOICES:
        block, outer = waiting.pop()
        for number, (condition, content) in enumerate(block.branches):
            choice = _chosen(block, number, condition, outer)
            if choice not in told and choice != outer:
                told.append(choice)
            waiting.extend((one, choice) for one in content if isinstance(one, _Block))
    for choice in told[:MOST_CHOICES]:
        yield _Reading({}, choice).of(whole)


def _chosen(block: _Block, number: int, condition: str, outer: _Choice) -> _Choice:
    if block.kind not in _BRANCHES or condition == "else" or (block.kind == "case" and number == 0):
        return outer
    holds = not (block.kind == "unless" and number == 0)
    compared = equality(f"{block.argument} == {condition}" if block.kind == "case" else condition)
    if compared is not None and holds:
        return _Choice({**outer.values, compared[0]: compared[1]}, outer.held)
    return _Choice(outer.values, {**outer.held, _named(block, condition): holds})


def _named(block: _Block, condition: str) -> str:
    return f"{block.argument.strip()} when {condition.strip()}" if block.kind == "case" else condition.strip()


def _pieces(text: str) -> Iterator[_Piece]:
    position = 0
    ends = {"}}": True, "%}": True}
    while opening := _OPENING.search(text, position):
        closing = "}}" if opening[0] == "{{" else "%}"
        end = text.find(closing, opening.end()) if ends[closing] else -1
        if end < 0:
            # Looked for once and never again: else a text of nothing but openings would cost its square.
            ends[closing] = False
            if not any(ends.values()):
                break
            yield _Piece("text", text[position : opening.end()])
            position = opening.end()
            continue
        yield _Piece("text", text[position : opening.start()])
        inner, position = text[opening.end() : end], end + 2
        if closing == "}}":
            yield _Piece("output", inner.strip("-"))
            continue
        tag = _TAG.match(inner)
        name = tag[1].lower() if tag else "#"
        rest = (inner[tag.end() :] if tag else inner).rstrip("-")
        if name in _END_OF:
            ending = _END_OF[name].search(text, position)
            stop, after = (ending.start(), ending.end()) if ending else (len(text), len(text))
            yield _Piece("text" if name == "raw" else name, text[position:stop])
            position = after
        else:
            yield _Piece(name, rest)
    yield _Piece("text", text[position:])


def _parsed(text: str) -> _Block:
    whole = _Block("all", "", [("", [])])
    open_blocks = [whole]
    ignored = 0
    for piece in _pieces(text):
        block = open_blocks[-1]
        here = block.branches[-1][1]
        kind = piece.kind
        if kind in _BRANCHES or kind in ("for", "tablerow", "capture"):
            if len(open_blocks) > _DEEPEST:
                ignored += 1
                continue
            # What stands between a ``case`` and its first ``when`` is never shown.
            inner = _Block(kind, piece.content, [] if kind == "case" else [(piece.content, [])])
            if kind == "case":
                inner.branches.append(("case", []))
            here.append(inner)
            open_blocks.append(inner)
        elif kind in _NEXT_BRANCH and not ignored:
            if block.kind in _BRANCHES or block.kind == "for":
                block.branches.append((kind if kind == "else" else piece.content, []))
        elif kind.startswith("end"):
            if ignored:
                ignored -= 1
            elif kind == f"end{block.kind}" and len(open_blocks) > 1:
                open_blocks.pop()
        else:
            here.append(piece)
    return whole


class _Reading:
    """One of the texts that a query can stand for."""

    def __init__(self, settled: dict[tuple[int, int], bool], choice: _Choice | None = None) -> None:
        # Branches that were seen, and whether all branches within them were.
        self._settled = settled
        self._known: dict[str, Value] = {}
        self._defaults: dict[str, Value] = {}
        self._held = choice.held if choice else None
        self._compared: Mapping[str, Value] = ChainMap(self._known, dict(choice.values) if choice else {})
        self._shown_values: Mapping[str, Value] = ChainMap(self._known, self._defaults)
        self._size = 0
        self.left_open = False

    def of(self, whole: _Block) -> str:
        for piece in _forms_of(whole):
            # A form usually stands at the end, after the places where its fields are used.
            self._defaults.update(form_defaults(piece.content))
        return self._text(whole.branches[0][1])

    def _text(self, content: list[_Piece | _Block]) -> str:
        return "".join(self._counted(self._shown(one)) for one in content)

    def _counted(self, text: str) -> str:
        self._size += len(text) + 1
        if self._size > _LARGEST:
            raise SqlNotParsedError("Its Liquid makes more than a megabyte of SQL, which is not looked at.")
        return text

    def _shown(self, one: _Piece | _Block) -> str:
        if isinstance(one, _Block):
            return self._block(one)
        if one.kind == "text":
            return one.content
        lines = "\n" * one.content.count("\n")
        if one.kind == "output":
            return self._output(one.content) + lines
        if one.kind == "assign" and (assigned := _ASSIGNMENT.match(one.content)):
            self._known[assigned[1]] = value_of(one.content[assigned.end() :], self._known)
        return " " + lines

    def _output(self, expression: str) -> str:
        if definition := _DEFINITION.fullmatch(expression):
            return "(SELECT 1)" + (f" AS {definition[1]}" if definition[1] else "")
        value = value_of(expression, self._shown_values)
        return value if isinstance(value, str) else UNKNOWN

    def _block(self, block: _Block) -> str:
        if block.kind == "capture":
            name = block.argument.strip()
            text = self._text(block.branches[0][1])
            if is_name(name):
                self._known[name] = text
            return " "
        if block.kind in _BRANCHES:
            return self._branch(block)
        return self._loop(block)

    def _branch(self, block: _Block) -> str:
        branches = [one for one in block.branches if one[0] != "case" or block.kind != "case"]
        if not any(condition == "else" for condition, _ in branches):
            branches.append(("else", []))
        possible = []
        for number, (condition, _) in enumerate(branches):
            holds = self._holds(block, number, condition)
            if holds is not False:
                possible.append(number)
            if holds:
                break
        keys = [(id(block), number) for number in possible]
        chosen = min(keys, key=lambda key: (key in self._settled) + self._settled.get(key, False))
        others_open, self.left_open = self.left_open, False
        text = self._text(branches[chosen[1]][1])
        self._settled[chosen] = not self.left_open
        self.left_open = others_open or not all(self._settled.get(key, False) for key in keys)
        return text

    def _holds(self, block: _Block, number: int, condition: str) -> bool | None:
        if condition == "else":
            return True
        if block.kind == "case":
            value = value_of(block.argument, self._compared)
            several = "," in condition or " or " in condition
            wanted = None if several else value_of(condition, self._compared)
            holds = value == wanted if isinstance(value, str) and isinstance(wanted, str) else None
        else:
            holds = truth_of(condition, self._compared)
        if holds is None and self._held is not None:
            holds = self._held.get(_named(block, condition), False)
        return (not holds) if block.kind == "unless" and number == 0 and holds is not None else holds

    def _loop(self, block: _Block) -> str:
        loop = _LOOP.match(block.argument)
        items = value_of(loop[2], self._known) if loop else None
        values: tuple[Value, ...] = items if isinstance(items, tuple) and items else (None,)
        names = ("forloop.first", "forloop.last", "forloop.index", "forloop.index0", loop[1] if loop else "")
        outer = {name: self._known.get(name) for name in names}
        shown = []
        for number, value in enumerate(values):
            if loop:
                self._known[loop[1]] = value
            self._known["forloop.first"] = "true" if number == 0 else "false"
            self._known["forloop.last"] = "true" if number == len(values) - 1 else "false"
            self._known["forloop.index"] = str(number + 1) if len(values) > 1 else None
            self._known["forloop.index0"] = str(number) if len(values) > 1 else None
            shown.append(self._text(block.branches[0][1]))
        self._known.update(outer)
        return "".join(shown)


def _forms_of(whole: _Block) -> Iterator[_Piece]:
    waiting = [whole]
    while waiting:
        for _, content in waiting.pop().branches:
            for one in content:
                if isinstance(one, _Block):
                    waiting.append(one)
                elif one.kind == "form":
                    yield one
