"""Reads the rows of a data file as a stream: a file of any size in bounded memory."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import Any

_WHITESPACE = " \t\n\r"

#: Characters; a row beyond this is no row of ours (Mode's longest queries are some hundred kilobytes).
_LONGEST_ROW = 64 << 20


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_decode = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode


def json_rows(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the objects of one JSON array.

    :param chunks: the bytes of the file, in pieces of any size.
    :raises ValueError: when it is anything but one array of objects.
    """
    text = _Text(chunks)
    if text.next_character() != "[":
        raise ValueError("it does not begin with '['")
    text.position += 1
    if text.next_character() == "]":
        text.position += 1
    else:
        while True:
            yield text.next_object()
            separator = text.next_character()
            text.position += 1
            if separator == "]":
                break
            if separator != ",":
                raise ValueError(
                    f"{separator!r} instead of ',' or ']' after a row" if separator else "it ends early"
                )
    if text.next_character():
        raise ValueError("something follows the array")


class _Text:
    """A window that slides over the decoded text."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._window = ""
        self._ended = False
        self.position = 0

    def next_character(self) -> str:
        """Move to the next character that is not whitespace and return it, ``""`` at the end."""
        while True:
            while self.position < len(self._window):
                character = self._window[self.position]
                if character not in _WHITESPACE:
                    return character
                self.position += 1
            if not self._read(1):
                return ""

    def next_object(self) -> dict[str, Any]:
        """Return the object at the position and move behind it."""
        if self.next_character() != "{":
            raise ValueError("a row is not an object")
        while True:
            try:
                row, self.position = _decode(self._window, self.position)
            except ValueError:
                # Cut off by the window, or wrong: only more text tells. Doubling keeps the rereading linear.
                length = len(self._window) - self.position
                if length > _LONGEST_ROW or not self._read(length):
                    raise
            else:
                return row  # type: ignore[no-any-return]

    def _read(self, least: int) -> bool:
        """Drop what lies behind, add at least so many bytes; return whether anything came."""
        if self._ended:
            return False
        pieces = [self._window[self.position :]]
        self.position = 0
        while least > 0 and not self._ended:
            chunk = next(self._chunks, b"")
            self._ended = not chunk
            pieces.append(self._decoder.decode(chunk, final=self._ended))
            least -= len(chunk)
        self._window = "".join(pieces)
        return True
