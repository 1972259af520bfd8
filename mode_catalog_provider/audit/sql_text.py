"""When do two queries ask the same? Their texts without what people change when they only tidy up."""

from __future__ import annotations

import hashlib
import re
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

# A literal or quoted name is one word, kept as it is; comments and space separate words; the rest is cut
# into names, numbers and signs.
_WORD = re.compile(
    r"""
    (?P<skip> --[^\n]* | /\*.*?(?:\*/|\Z) | \s+ )
  | (?P<quoted> '(?:[^']|'')*(?:'|\Z) | "(?:[^"]|"")*(?:"|\Z) | `[^`]*(?:`|\Z) )
  | (?P<plain> [^\W\d]\w* | \d+(?:\.\d+)? | . )
    """,
    re.VERBOSE | re.DOTALL,
)

_DEFINITION = re.compile(r"\{\{\s*@")

#: Words that are looked at together; the order of words matters within such a group only.
_GROUP = 4

#: SQLite's integers have a sign.
_LARGEST = 2**63 - 1

#: Numbers kept of each query, the smallest of its groups' hashes: what a pair has in common is reckoned from
#: them. Exact for queries of up to so many words, a few percent off for longer ones.
_KEPT = 128

#: Groups of numbers by which similar queries find each other. Two queries that share 70 %
#: miss each other once in 40,000 times; 55 %, once in 300.
BANDS = 16
_ROWS = 2

#: A query of fewer words says nothing about where it came from.
TELLING_WORDS = 12


@dataclass(frozen=True)
class QueryText:
    """What is remembered of a query.

    :param digest: of its words; the same for queries that differ in space, case, or comments only.
    :param words: how many it has.
    :param sketch: what similarity is reckoned from, see :func:`similarity`.
    :param bands: numbers of which similar queries share at least one; none for a short query.
    """

    digest: bytes
    words: int
    sketch: bytes
    bands: tuple[int, ...]

    @property
    def is_telling(self) -> bool:
        """Whether it is long enough to have been written once and copied, not written twice."""
        return self.words >= TELLING_WORDS


def read_query(text: str) -> QueryText:
    """Reduce the text of a query to what is remembered of it."""
    words = list(_words(text))
    digest = hashlib.blake2b("\0".join(words).encode("utf-8", "surrogatepass"), digest_size=12).digest()
    if len(words) < TELLING_WORDS:
        return QueryText(digest, len(words), b"", ())
    numbers = [zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in words]
    # The hash of a tuple of numbers is the same in every process, unlike that of texts.
    hashes = {hash(tuple(numbers[at : at + _GROUP])) & _LARGEST for at in range(len(numbers) - _GROUP + 1)}
    return QueryText(digest, len(words), array("Q", sorted(hashes)[:_KEPT]).tobytes(), tuple(_bands(hashes)))


def similarity(one: bytes, other: bytes) -> float:
    """Return the share, 0 to 1, that two queries have in common of what either says.

    :param one: a sketch, as of :class:`QueryText`.
    :param other: another.
    """
    first, second = array("Q", one), array("Q", other)
    ones, others = set(first), set(second)
    both = sorted(ones | others)[:_KEPT]
    return len(ones.intersection(others, both)) / len(both) if both else 0.0


def uses_definition(text: str) -> bool:
    """Whether a query takes in a Mode definition (``{{ @name as alias }}``)."""
    return _DEFINITION.search(text) is not None


def _words(text: str) -> Iterator[str]:
    for match in _WORD.finditer(text):
        if match["quoted"]:
            yield match["quoted"]
        elif match["plain"] and match["plain"] != ";":
            yield match["plain"].lower()


def _bands(hashes: set[int]) -> Iterator[int]:
    # One-permutation MinHash: the smallest hash in each of BANDS * _ROWS parts of the range. An empty part
    # borrows its neighbour's, or short queries would share all their empty parts.
    parts = BANDS * _ROWS
    smallest: list[int | None] = [None] * parts
    for number in sorted(hashes, reverse=True):
        smallest[number % parts] = number
    for band in range(BANDS):
        rows = (_borrowed(smallest, band * _ROWS + row) for row in range(_ROWS))
        yield hash((band, *rows)) & _LARGEST


def _borrowed(smallest: list[int | None], part: int) -> int:
    for distance in range(len(smallest)):
        number = smallest[(part + distance) % len(smallest)]
        if number is not None:
            return number ^ distance
    raise ValueError("a query without words has no bands")
