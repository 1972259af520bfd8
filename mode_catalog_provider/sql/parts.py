"""Takes a query apart as people read it: its joins, filters, columns, and what else there is.

By words, not by a grammar: Mode's queries are of any dialect, hold Liquid, and need not be whole. A part that
is cut in the wrong place is cut there in both of two texts, so that comparing them is not misled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from mode_catalog_provider.sql.text import MOST_WORDS, Word, words

#: Kinds of parts, in the order in which they matter to a reader.
KINDS = ("join", "filter", "column", "date", "table", "group", "order", "limit", "cte", "liquid", "other")

_CLAUSES = {
    "select": "column",
    "from": "table",
    "join": "join",
    "where": "filter",
    "having": "filter",
    "qualify": "filter",
    "group": "group",
    "order": "order",
    "limit": "limit",
    "offset": "limit",
    "with": "cte",
    "union": "other",
    "intersect": "other",
    "except": "other",
    "window": "other",
}
#: Clauses whose first word belongs to what is shown of them.
_TOLD = {"join", "other", "limit"}
_LISTED = {"column", "table", "group", "order", "cte"}
_BEFORE_JOIN = {
    *("left", "right", "full", "inner", "outer", "cross", "natural", "lateral", "anti", "semi", "asof")
}

_DATE = re.compile(
    r"(?i)'\d{4}[-/]\d\d|\binterval\b|\bcurrent_(date|timestamp)\b|\b(now|getdate|sysdate|today)\b"
    r"|\bdate_?(add|sub|diff|trunc)\b|\bdate '"
)

_TIGHT_AFTER = {"(", ".", "::", "[", ":", "@", "#", "$"}
_TIGHT_BEFORE = {")", ".", "::", ",", "]", "[", ":"}
_FORM = re.compile(r"\{%-?\s*+form\b[^%]*+%\}|\{%-?\s*+endform\s*+-?%\}", re.IGNORECASE)
_NO_FUNCTIONS = {
    *(
        "in",
        "and",
        "or",
        "on",
        "as",
        "not",
        "exists",
        "from",
        "join",
        "where",
        "select",
        "by",
        "over",
        "when",
    ),
    *("using", "then", "else", "any", "all", "filter", "values"),
}


class Part(NamedTuple):
    """A piece of a query.

    :param kind: one of :data:`KINDS`.
    :param text: as it is written, spaced as people space it.
    """

    kind: str
    text: str


@dataclass
class _Clause:
    """The clause that is being read: the innermost, where a query stands inside another."""

    kind: str = "other"
    words: list[Word] = field(default_factory=list)
    depth: int = 0
    is_between: bool = False

    def begin(self, kind: str, *first: Word) -> None:
        self.kind, self.words, self.is_between = kind, list(first), False

    def ended(self) -> Iterator[Part]:
        shown = spelled(self.words)
        if shown and not (self.kind == "other" and shown == "…"):
            kind = "date" if self.kind == "filter" and _DATE.search(shown) else self.kind
            yield Part(kind, shown)


def parts(text: str, most: int = MOST_WORDS) -> Iterator[Part]:
    """Yield the parts of a query in the order in which they end; linear in its length.

    :param most: words that are looked at.
    """
    read = list(words(text, most))
    clauses = [_Clause()]
    for at, word in enumerate(read):
        clause = clauses[-1]
        following = read[at + 1].text.lower() if at + 1 < len(read) else ""
        if word.kind == "liquid" and word.text.startswith("{%"):
            yield from _liquid(word.text)
        elif word.text == "(" and following in ("select", "with"):
            clause.words += [word, Word("sign", "…")]
            clauses.append(_Clause())
        elif word.text == "(":
            clause.depth += 1
            clause.words.append(word)
        elif word.text == ")":
            if clause.depth:
                clause.depth -= 1
            elif len(clauses) > 1:
                yield from clauses.pop().ended()
            clauses[-1].words.append(word)
        elif clause.depth or word.kind not in ("name", "sign"):
            clause.words.append(word)
        elif (kind := _begun(clause, read, at)) is not None:
            yield from clause.ended()
            clause.begin(kind, *([word] if kind in _TOLD else []))
        elif _separates(clause, word.text.lower()):
            yield from clause.ended()
            # "and" goes without saying; "or" makes another filter of the same words.
            clause.begin(clause.kind, *([word] if word.text.lower() == "or" else []))
        elif not (word.text.lower() == "by" and clause.kind in ("group", "order") and not clause.words):
            clause.words.append(word)
    for clause in reversed(clauses):
        yield from clause.ended()


def _liquid(text: str) -> Iterator[Part]:
    if not _FORM.match(text):
        yield Part("liquid", " ".join(text.split()))
        return
    field_name = ""
    for line in _FORM.sub("", text).splitlines():
        if line[:1].strip() and line.rstrip().endswith(":"):
            field_name = f"{line.strip()} "
        elif line.strip():
            yield Part("liquid", f"{field_name}{' '.join(line.split())}")


def _begun(clause: _Clause, read: list[Word], at: int) -> str | None:
    """Return the kind of clause that a word begins, ``None`` when it begins none."""
    low = read[at].text.lower()
    if at and read[at - 1].text == ".":
        return None
    ahead = [word.text.lower() for word in read[at + 1 : at + 4]]
    if low in _BEFORE_JOIN:
        joins = "join" in ahead and all(word in _BEFORE_JOIN for word in ahead[: ahead.index("join")])
        return "join" if joins and not _is_unfinished_join(clause) else None
    if low in ("group", "order") and ahead[:1] != ["by"]:
        return None
    if low == "join" and _is_unfinished_join(clause):
        return None
    return _CLAUSES.get(low)


def _is_unfinished_join(clause: _Clause) -> bool:
    # At most four words are looked at: "natural left outer" and what follows.
    head = clause.words[:4]
    return clause.kind == "join" and bool(head) and all(word.text.lower() in _BEFORE_JOIN for word in head)


def _separates(clause: _Clause, low: str) -> bool:
    if clause.kind == "filter":
        if low == "and" and clause.is_between:
            clause.is_between = False
            return False
        clause.is_between = clause.is_between or low == "between"
        return low in ("and", "or")
    return low == ";" or (low == "," and clause.kind in _LISTED)


def spelled(of: Iterable[Word]) -> str:
    """Return words as one line, spaced as people space them."""
    shown: list[str] = []
    before: Word | None = None
    is_signed = False
    for word in of:
        is_tight = is_signed or before is None or before.text in _TIGHT_AFTER or word.text in _TIGHT_BEFORE
        if before is not None and word.text == "(":
            is_tight = before.kind in ("name", "quoted") and before.text.lower() not in _NO_FUNCTIONS
        shown.append(word.text if is_tight else f" {word.text}")
        # A minus behind another sign belongs to the number.
        is_signed = word.text == "-" and (
            before is None or (before.kind == "sign" and before.text not in (")", "]"))
        )
        before = word
    return "".join(shown)
