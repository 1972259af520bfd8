"""In what two texts of one query differ, as a person would say it: joins, filters, columns, dates first."""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from mode_catalog_provider.sql.parts import KINDS, Part, parts
from mode_catalog_provider.sql.text import SILENT, words
from mode_catalog_provider.text import visible

#: Lines of a difference that are shown where nothing else is said.
LINES = 20

#: Characters of one part of a query that are shown.
WIDTH = 160

#: Words of each text that are compared: more than anybody wrote by hand.
LONGEST = 20_000

# Literals keep their case: 'paid' is not 'PAID'.
_LITERAL_OR_NOT = re.compile(r"('(?:[^']++|'')*+(?:'|\Z))", re.DOTALL)
_SILENT_WORD = re.compile(rf"\b(?:{'|'.join(SILENT)})\b\s*")
_LEADING = re.compile(r"\W*(?:or\s+)?([\w.]+)")


class Change(NamedTuple):
    """One part that only one of two texts has.

    :param kind: one of :data:`~mode_catalog_provider.sql.parts.KINDS`.
    :param sign: ``-`` when only the first text has it, ``+`` when only the second has.
    :param text: the part, as it is written; may hold anything.
    """

    kind: str
    sign: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind:<6} {self.sign} {visible(self.text, WIDTH)}"


def changes(before: str, after: str) -> list[Change]:
    """Return what one text has and the other has not, what matters most first.

    Space, comments, the case of words, words that say nothing ("as", "inner"), and the order of the parts
    count for nothing. Linear in the length of the texts; of each, the first :data:`LONGEST` words are looked
    at.

    :param before: the older text.
    :param after: the newer one.
    """
    old, new = (list(parts(text, LONGEST)) for text in (before, after))
    removed, added = _missing(old, new), _missing(new, old)
    return [
        change
        for kind in KINDS
        for change in _paired(
            kind,
            [part.text for part in removed if part.kind == kind],
            [part.text for part in added if part.kind == kind],
        )
    ]


def difference(before: str | None, after: str | None, *, lines: int = LINES) -> str:
    """Return in what two texts differ, as lines that can be shown, such as ``filter - o.status = 'paid'``.

    :param before: the older text; ``None`` is none at all.
    :param after: the newer one.
    :param lines: how many at most, default 20; one more tells how many there are beyond them.
    :return: ``""`` when the texts are the same but for space, comments and the case of words. Each line has
        passed :func:`~mode_catalog_provider.text.visible`.
    """
    one, other = before or "", after or ""
    found = changes(one, other)
    if found:
        rest = len(found) - lines
        return "\n".join([*map(str, found[:lines]), *([f"and {rest} more"] if rest > 0 else [])])
    if one == other:
        return ""
    read, others = list(_folded_words(one)), list(_folded_words(other))
    if read != others:
        return "the same parts in another order"
    return f"they differ behind the first {LONGEST:,} words" if len(read) == LONGEST else ""


def _missing(here: Iterable[Part], there: Iterable[Part]) -> list[Part]:
    elsewhere = Counter((part.kind, _folded(part.text)) for part in there)
    found = []
    for part in here:
        key = part.kind, _folded(part.text)
        if elsewhere[key] > 0:
            elsewhere[key] -= 1
        else:
            found.append(part)
    return found


def _paired(kind: str, removed: list[str], added: list[str]) -> Iterator[Change]:
    """Yield the parts of one kind, what replaces something right below it: what begins with the same name."""
    successors: defaultdict[str, deque[int]] = defaultdict(deque)
    for at, text in enumerate(added):
        successors[_leading(text)].append(at)
    told = set()
    for text in removed:
        yield Change(kind, "-", text)
        if same := successors[_leading(text)]:
            told.add(same[0])
            yield Change(kind, "+", added[same.popleft()])
    yield from (Change(kind, "+", text) for at, text in enumerate(added) if at not in told)


def _leading(text: str) -> str:
    match = _LEADING.match(text)
    return match[1].lower() if match else ""


def _folded(text: str) -> str:
    pieces = enumerate(_LITERAL_OR_NOT.split(text))
    # Without space, too: "base as (" and "base(" say the same.
    return "".join(
        piece if at % 2 else "".join(_SILENT_WORD.sub("", piece.lower()).split()) for at, piece in pieces
    )


def _folded_words(text: str) -> Iterator[str]:
    for word in words(text, LONGEST):
        if word.text.lower() in SILENT or word.text == ";":
            continue
        yield word.text if word.kind == "literal" else word.text.lower()
