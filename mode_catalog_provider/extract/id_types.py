"""In which JSON type Mode's REST API writes an id: numbers or strings, by date and resource.

The Discovery API need not use the same type, so what it lists is written in the type that REST has shown for
the very column. Where REST mixes types within a column nobody can tell what it would have sent.
"""

from __future__ import annotations

from typing import Any, Literal

#: Columns of the six files that hold ids.
Column = Literal["datasource.id", "report.id", "query.id", "query.data_source_id"]


class IdTypes:
    """The types that REST has shown so far."""

    def __init__(self) -> None:
        self._seen: dict[Column, type] = {}
        #: Whether REST writes one column in more than one type, or in one that is neither number nor string.
        self.mixed = False

    def learn(self, column: Column, value: Any) -> None:
        """Take note of an id that REST sent; ``None`` says nothing."""
        if value is None:
            return
        kind = type(value)
        self.mixed |= kind not in (int, str) or self._seen.setdefault(column, kind) is not kind

    @property
    def known(self) -> bool:
        """Whether ids of queries and of their data sources can be written as REST would."""
        return not self.mixed and {"query.id", "query.data_source_id"} <= self._seen.keys()

    def as_rest(self, column: Column, value: Any) -> Any:
        """Return an id as REST would have sent it.

        :raises LookupError: nobody knows how.
        """
        if value is None:
            return None
        kind = None if self.mixed else self._seen.get(column)
        if kind is str and type(value) is int:
            return str(value)
        if kind is int and isinstance(value, str) and _is_plain_number(value):
            return int(value)
        if kind is not type(value):
            raise LookupError(column)
        return value


def _is_plain_number(text: str) -> bool:
    # Of no more digits than 64 bits have: longer ones are no ids, and dear to convert.
    return len(text) < 20 and text.isascii() and text.isdecimal() and str(int(text)) == text
