"""What a request may ask for: each parameter as one of few values, a bounded number, or a short text.

None of them ever becomes a path, a name of a file or a part of SQL.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

#: Rows of one page of a list, at most and by default.
MOST_ROWS, ROWS = 200, 50

#: Pages that can be asked for; nobody turns so many.
_MOST_PAGES = 100_000

#: Characters of what is searched for.
_LONGEST = 200


def whole(given: Mapping[str, str], name: str, *, default: int, least: int, most: int) -> int:
    """Return a whole number, brought into its bounds; ``default`` for what is none."""
    text = given.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) < 12):
        return default
    return min(max(int(text), least), most)


def page_and_rows(given: Mapping[str, str]) -> tuple[int, int]:
    """Return which page of a list is wanted, from 1, and how many rows it has."""
    return (
        whole(given, "page", default=1, least=1, most=_MOST_PAGES),
        whole(given, "rows", default=ROWS, least=1, most=MOST_ROWS),
    )


def one_of(given: Mapping[str, str], name: str, choices: Collection[str], default: str = "") -> str:
    """Return one of some words, ``default`` for any other."""
    text = given.get(name, "")
    return text if text in choices else default


def search(given: Mapping[str, str], name: str = "q") -> str:
    """Return what is searched for, as it is shown again in its field."""
    text = given.get(name, "")[:_LONGEST].encode("utf-8", "replace").decode("utf-8")
    return "".join(letter for letter in text if letter.isprintable()).strip()


def timestamp(given: Mapping[str, str], name: str) -> int | None:
    """Return the timestamp of a snapshot, which the caller looks up among those there are."""
    found = whole(given, name, default=0, least=0, most=10**11)
    return found or None
