"""Cuts a query into words: names, numbers, literals, signs, and Liquid; comments and space only part them.

Whoever may write a query may write anything, so all of it is linear in time, and needs little more memory
than the text itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

#: Words of one query that are looked at; nobody wrote more by hand.
MOST_WORDS = 100_000

#: Words that say nothing: with or without them, a query asks the same.
SILENT = frozenset({"as", "inner", "outer", "asc"})

#: One word, or what parts two, as a match whose last group is its kind (``skip`` is what parts).
#
# The quantifiers that end in a second plus give nothing back, so that a long literal leaves no marks behind.
# A long run of one sign is one word: two megabytes of '{' are not two million words.
WORD = re.compile(
    r"""
    (?P<skip> \s++ | --[^\n]*+ | /\*.*?(?:\*/|\Z) | \#++[ \t][^\n]*+
      | \{%-?\s*+comment\b.*?(?:\{%-?\s*+endcomment\s*+-?%\}|\Z) )
  | (?P<name> [^\W\d]\w*+ )
  | (?P<number> \d++(?:\.\d++)?(?:e[+-]?\d++)? )
  | (?P<literal> '(?:[^']++|'')*+(?:'|\Z) )
  | (?P<quoted> "(?:[^"]++|"")*+(?:"|\Z) | `[^`]*+(?:`|\Z) )
  | (?P<liquid> \{%-?\s*+form\b.*?(?:\{%-?\s*+endform\s*+-?%\}|\Z) | \{%.*?(?:%\}|\Z) | \{\{.*?(?:\}\}|\Z) )
  | (?P<sign> ([^\w\s])\8{63,}+ | <> | != | >= | <@ | <= | :: | := | \|\| | ->> | -> | => | \#>> | \#> | @>
      | !~\* | ~\* | !~ | . )
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)


class Word(NamedTuple):
    """One word of a query.

    :param kind: ``name``, ``number``, ``literal``, ``quoted`` (a name in quotes), ``liquid`` or ``sign``.
    :param text: as it is written.
    """

    kind: str
    text: str


def words(text: str, most: int = MOST_WORDS) -> Iterator[Word]:
    """Yield the words of a query.

    :param most: how many at most; default :data:`MOST_WORDS`.
    """
    return islice(_all_words(text), most)


def _all_words(text: str) -> Iterator[Word]:
    for match in WORD.finditer(text):
        kind = match.lastgroup
        if kind != "skip":
            yield Word(kind or "sign", match.group())
