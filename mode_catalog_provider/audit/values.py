"""Values of rows as the audit's tables hold them: whatever the JSON said, nothing of it ends an audit."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any, overload

from mode_catalog_provider.moments import parsed

#: SQLite's integers have a sign.
_LARGEST = 2**63 - 1


def text_of(value: Any) -> str | None:
    """Return a text, a number as its text; ``None`` for nothing. Half a surrogate pair becomes ``?``."""
    if value is None:
        return None
    if not isinstance(value, str):
        try:
            value = str(value)
        except ValueError:
            # An integer of thousands of digits, which Python refuses to write out.
            value = hex(value)
        except RecursionError:
            value = "…"
    return str(value.encode("utf-8", "replace").decode("utf-8"))


@overload
def folded(name: str) -> str: ...
@overload
def folded(name: None) -> None: ...
def folded(name: str | None) -> str | None:
    """Return a name as it is compared: in small letters of any script, accents in one spelling."""
    return None if name is None else unicodedata.normalize("NFC", name.casefold())


def count_of(value: Any) -> int | None:
    """Return a count, which may come as its text; ``None`` for what is unknown or none."""
    if isinstance(value, str) and len(value) < 20 and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return min(value, _LARGEST)


def moment_of(value: Any) -> str | None:
    """Return a time as a text that sorts as times do, to the second; ``None`` for what is no time."""
    moment = parsed(value)
    return sortable(moment) if moment else None


def sortable(moment: datetime) -> str:
    """Return a moment in UTC as :func:`moment_of` does: with four digits of the year, unlike ``strftime``."""
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def latest(*moments: str | None) -> str | None:
    """Return the latest of those that are known."""
    return max((moment for moment in moments if moment), default=None)


def times(count: int) -> str:
    """Return how often something happened, as a sentence says it."""
    return "once" if count == 1 else f"{count} times"
