"""The words for true and false, wherever a person may write them: connections, settings, arguments."""

from __future__ import annotations

_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})

WORDS = "true or false (yes, no, on, off, 1 and 0 do as well)"
"""What a refusal says that it must be."""


def truth(value: object, *, default: bool) -> bool:
    """Read a switch.

    :param value: a boolean, or a word in any case, with spaces around it or not.
    :param default: what ``None`` and an empty text stand for.
    :raises ValueError: it is no such word. The caller names the setting, and may hide the value.
    """
    word = "" if value is None else str(value).strip().lower()
    if not word:
        return default
    if word not in _TRUE and word not in _FALSE:
        raise ValueError(f"neither true nor false: {word}")
    return word in _TRUE
