"""What is remembered of a query to find its copies: its words without what people change in passing."""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from mode_catalog_provider.sql.definitions import referenced
from mode_catalog_provider.sql.text import MOST_WORDS, SILENT, WORD

#: A query of fewer words says nothing about where it came from.
TELLING_WORDS = 12

#: Words of which groups are made; the rest of a longer query counts for equality only.
_GROUPED = 10_000

_SILENT = {*SILENT, ";"}

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


@dataclass(frozen=True)
class Fingerprint:
    """What is remembered of a query.

    :param digest: of its words; the same for queries that differ in space, case, comments, and words that
        say nothing.
    :param placeless: the same without the schemas and databases of tables.
    :param words: how many it has.
    :param is_dev: whether it names a schema or database in which people try things out.
    :param groups: hashes of each four words in a row, sorted, as unsigned 32-bit numbers, without what copies
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
    kinds, plain = _read(text)
    # The tail of a text beyond reason is told apart as it stands.
    tail = (
        hashlib.blake2b(text.encode("utf-8", "surrogatepass")).hexdigest() if len(plain) == MOST_WORDS else ""
    )
    digest, placeless, is_dev = _digest(plain, tail), b"", False
    if "." in plain:
        bare, is_dev = _without_places(plain)
        placeless = _digest(bare, tail)
    if len(plain) < TELLING_WORDS:
        return Fingerprint(digest, placeless or digest, len(plain), is_dev, b"", b"", b"")
    groups, main, tables = _groups(kinds[:_GROUPED], plain)
    return Fingerprint(
        digest, placeless or digest, len(plain), is_dev, _packed(groups), _packed(main), _packed(tables)
    )


def definitions_used(text: str) -> tuple[str, ...]:
    """Return the names of the Mode definitions that a query takes in (``{{ @name as alias }}``).

    What stands in a comment is not run, and Mode takes nothing in there.
    """
    return tuple(sorted({name.lower() for name in referenced(text)})) if "@" in text else ()


def _read(text: str) -> tuple[list[str], list[str]]:
    """Return the kinds of the words that say something, and the words in one spelling."""
    kinds: list[str] = []
    plain: list[str] = []
    for match in WORD.finditer(text):
        kind, word = match.lastgroup, match[0]
        if kind == "name":
            word = word.lower()
        elif kind == "skip":
            continue
        elif kind == "liquid":
            word = "".join(word.split())
        elif kind == "quoted":
            word = word.strip('"`').lower()
        elif word == "!=":
            word = "<>"
        if word not in _SILENT:
            kinds.append(kind or "sign")
            plain.append(word)
            if len(plain) == MOST_WORDS:
                break
    return kinds, plain


def _digest(plain: Sequence[str], tail: str) -> bytes:
    said = "\0".join([*plain, tail])
    return hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=12).digest()


def _without_places(plain: Sequence[str]) -> tuple[list[str], bool]:
    """Return the words without schemas of tables, and whether one of those is for trying things out."""
    kept: list[str] = []
    is_dev, skipped = False, -1
    for at, word in enumerate(plain):
        if at < skipped:
            continue
        kept.append(word)
        if word in ("from", "join"):
            skipped = at + 1
            while skipped + 2 < len(plain) and plain[skipped + 1] == ".":
                is_dev = is_dev or _DEV.search(plain[skipped]) is not None
                skipped += 2
    return kept, is_dev


def _names_of_ctes(kinds: Sequence[str], plain: Sequence[str]) -> set[str]:
    # "as" is gone already: a name, then "(" and "select" or "with".
    if "with" not in plain:
        return set()
    return {
        plain[at]
        for at in range(1, len(kinds) - 2)
        if plain[at + 1] == "("
        and plain[at + 2] in ("select", "with")
        and plain[at - 1] in ("with", ",", "recursive")
        and kinds[at] in ("name", "quoted")
    }


def _groups(kinds: Sequence[str], plain: Sequence[str]) -> tuple[set[int], set[int], set[int]]:
    """Return the hashes of the groups of all words, of those of the main part, and of the tables."""
    ctes = _names_of_ctes(kinds, plain)
    groups: set[int] = set()
    main: set[int] = set()
    tables: set[int] = set()
    first = second = third = 0
    level, header, before, is_joining = 0, 0, "", False
    is_main = True
    for at, kind in enumerate(kinds):
        low = plain[at]
        following = plain[at + 1] if at + 1 < len(plain) else ""
        is_name = kind in ("name", "quoted") and low not in _KEYWORDS
        if kind == "liquid" or low == "." or (following == "." and is_name):
            continue
        if is_name:
            if before in (")", _NAME) or (low in ctes and following == "("):
                # An alias, or the name that a column or a CTE gets.
                continue
            if low in ctes:
                low = _CTE
        elif kind in ("literal", "number"):
            low = _VALUE
        elif low == "(":
            level += 1
        elif low == ")":
            level -= 1
        elif low in _JOINING:
            is_joining = True
        elif low in _CLAUSES:
            is_joining = False
            if not is_main and level == header and low == "select":
                is_main, first, second, third = True, 0, 0, 0
        elif low == "with" and is_main and (at == 0 or following in ctes or following == "recursive"):
            is_main, header = False, level
        number = crc32(low.encode("utf-8", "surrogatepass"))
        if is_name and low != _CTE and before in _JOINING:
            tables.add(number)
        if first:
            # The hash of a tuple of numbers is the same in every process, unlike that of texts.
            group = hash((first, second, third, number)) & 0xFFFFFFFF
            groups.add(group)
            if is_main and not is_joining:
                main.add(group)
        first, second, third = second, third, number
        before = _NAME if is_name or low == _VALUE else low
    return groups, main, tables


def _packed(numbers: set[int]) -> bytes:
    return array("I", sorted(numbers)).tobytes()
