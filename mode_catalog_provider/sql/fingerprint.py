"""What is remembered of a query to find its copies: its words without what people change in passing."""

from __future__ import annotations

import hashlib
import re
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from mode_catalog_provider.sql.text import MOST_WORDS, Word, words

#: Words that are looked at together; the order of words matters within such a group only.
GROUP = 4

#: A query of fewer words says nothing about where it came from.
TELLING_WORDS = 12

#: Words of which groups are made; the rest of a longer query counts for equality only.
_GROUPED = 10_000

#: Words that say nothing: with or without them, a query asks the same.
_SILENT = {"as", "inner", "outer", "asc", ";"}

_KEYWORDS = frozenset(
    [
        "select",
        "from",
        "where",
        "join",
        "left",
        "right",
        "full",
        "cross",
        "natural",
        "lateral",
        "on",
        "using",
        "and",
        "or",
        "not",
        "in",
        "is",
        "null",
        "between",
        "like",
        "ilike",
        "group",
        "by",
        "order",
        "having",
        "qualify",
        "limit",
        "offset",
        "union",
        "all",
        "distinct",
        "case",
        "when",
        "then",
        "else",
        "end",
        "with",
        "over",
        "partition",
        "rows",
        "range",
        "preceding",
        "following",
        "unbounded",
        "current",
        "row",
        "interval",
        "exists",
        "any",
        "some",
        "desc",
        "nulls",
        "first",
        "last",
        "cast",
        "extract",
        "filter",
        "within",
        "values",
        "except",
        "intersect",
        "window",
        "top",
        "for",
        "at",
        "time",
        "zone",
        "date",
        "timestamp",
        "true",
        "false",
        "recursive",
    ]
)

#: What schemas and databases are called in which people try things out.
_DEV = re.compile(
    r"(?:^|_)(?:dev|development|staging|stg|test|qa|uat|sandbox|scratch|tmp|temp)(?:_|\d|$)|^dbt_"
)

_JOINING = {"from", "join"}
_CLAUSES = {"select", "where", "group", "having", "qualify", "order", "limit", "union"}

#: What stands for any name, any CTE, any literal or number.
_NAME, _CTE, _VALUE = "\0name", "\0cte", "\0value"

_DEFINITION = re.compile(r"\{\{-?\s*@\s*([\w-]+)")


@dataclass(frozen=True)
class Fingerprint:
    """What is remembered of a query.

    :param digest: of its words; the same for queries that differ in space, case, comments, and words that
        say nothing.
    :param placeless: the same without the schemas and databases of tables.
    :param words: how many it has.
    :param is_dev: whether it names a schema or database in which people try things out.
    :param groups: hashes of its groups of words, sorted, as unsigned 32-bit numbers, without what copies
        change by the way: schemas, aliases, names of CTEs, literals, Liquid.
    :param main: those of ``groups`` that say what is asked of the tables: not in CTEs, nor after ``from`` and
        ``join``, where everybody who needs two tables writes the same.
    :param tables: hashes of the names of the tables it reads, sorted, of the same kind.
    """

    digest: bytes
    placeless: bytes
    words: int
    is_dev: bool
    groups: bytes
    main: bytes
    tables: bytes

    @property
    def is_telling(self) -> bool:
        """Whether it is long enough to have been written once and copied, not written twice."""
        return self.words >= TELLING_WORDS


def fingerprint(text: str) -> Fingerprint:
    """Reduce the text of a query to what is remembered of it; linear in its length."""
    read = [word for word in words(text) if word.text.lower() not in _SILENT]
    plain = [_plain(word) for word in read]
    placed, placeless = hashlib.blake2b(digest_size=12), hashlib.blake2b(digest_size=12)
    is_dev, skipped = False, -1
    for at, word in enumerate(plain):
        encoded = word.encode("utf-8", "surrogatepass") + b"\0"
        placed.update(encoded)
        if word in ("from", "join"):
            skipped = _name_of_table(plain, at + 1)
            is_dev = is_dev or any(_DEV.search(plain[place]) for place in range(at + 1, skipped, 2))
        if at >= skipped or word in ("from", "join"):
            placeless.update(encoded)
    if len(read) == MOST_WORDS:
        # The tail of a text beyond reason: told apart as it stands.
        tail = hashlib.blake2b(text.encode("utf-8", "surrogatepass")).digest()
        placed.update(tail)
        placeless.update(tail)
    digests = placed.digest(), placeless.digest()
    if len(read) < TELLING_WORDS:
        return Fingerprint(*digests, len(read), is_dev, b"", b"", b"")
    groups, main, tables = _groups(read[:_GROUPED], plain)
    return Fingerprint(*digests, len(read), is_dev, _packed(groups), _packed(main), _packed(tables))


def definitions_used(text: str) -> tuple[str, ...]:
    """Return the names of the Mode definitions that a query takes in (``{{ @name as alias }}``)."""
    return tuple(sorted({match[1].lower() for match in _DEFINITION.finditer(text)}))


def _plain(word: Word) -> str:
    if word.kind == "literal":
        return word.text
    if word.kind == "liquid":
        return "".join(word.text.split())
    if word.kind == "quoted":
        return word.text.strip('"`').lower()
    return "<>" if word.text == "!=" else word.text.lower()


def _name_of_table(plain: Sequence[str], at: int) -> int:
    """Return where the table's own name stands, behind ``schema.`` and ``database.schema.``."""
    while at + 2 < len(plain) and plain[at + 1] == ".":
        at += 2
    return at


def _names_of_ctes(read: Sequence[Word], plain: Sequence[str]) -> set[str]:
    # "as" is gone already: a name, then "(" and "select" or "with".
    if "with" not in plain:
        return set()
    return {
        plain[at]
        for at in range(1, len(read) - 2)
        if plain[at + 1] == "("
        and plain[at + 2] in ("select", "with")
        and plain[at - 1] in ("with", ",", "recursive")
        and read[at].kind in ("name", "quoted")
    }


def _groups(read: Sequence[Word], plain: Sequence[str]) -> tuple[set[int], set[int], set[int]]:
    """Return the hashes of the groups of all words, of those of the main part, and of the tables."""
    ctes = _names_of_ctes(read, plain)
    groups: set[int] = set()
    main: set[int] = set()
    tables: set[int] = set()
    window: deque[int] = deque(maxlen=GROUP)
    level, before, is_main, is_joining = 0, "", plain[:1] != ["with"], False
    for at, word in enumerate(read):
        low, following = plain[at], plain[at + 1] if at + 1 < len(read) else ""
        is_name = word.kind in ("name", "quoted") and low not in _KEYWORDS
        if word.kind == "liquid" or low == "." or (following == "." and is_name):
            continue
        level += (low == "(") - (low == ")")
        if is_name and (before in (")", _NAME) or (low in ctes and following == "(")):
            # An alias, or the name that a column or a CTE gets.
            continue
        if low in _JOINING:
            is_joining = True
        elif low in _CLAUSES:
            is_joining = False
        if not is_main and level == 0 and low == "select":
            is_main = True
            window.clear()
        if is_name and low in ctes:
            low = _CTE
        elif word.kind in ("literal", "number"):
            low = _VALUE
        number = crc32(low.encode("utf-8", "surrogatepass"))
        if is_name and low != _CTE and before in ("from", "join"):
            tables.add(number)
        window.append(number)
        if len(window) == GROUP:
            # The hash of a tuple of numbers is the same in every process, unlike that of texts.
            group = hash(tuple(window)) & 0xFFFFFFFF
            groups.add(group)
            if is_main and not is_joining:
                main.add(group)
        before = _NAME if is_name or low == _VALUE else low
    return groups, main, tables


def _packed(numbers: set[int]) -> bytes:
    return array("I", sorted(numbers)).tobytes()
