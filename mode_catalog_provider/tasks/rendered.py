"""Templated arguments as values: Jinja renders text, a DAG's parameters give the value itself."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.staging import staging_path
from mode_catalog_provider.storage import StoragePath
from mode_catalog_provider.truth import WORDS, truth

Given = TypeVar("Given")

#: More than anybody looks back; there are no dates for much more.
_LONGEST_DAYS = 36_525

#: Digits of a Mode token.
_TOKEN_DIGITS = 12
_NATIVE = (
    " Native rendering (render_template_as_native_obj) makes a number of a text that looks like one: write "
    "such a name into the DAG, in a list, or turn it off."
)

#: What Jinja makes of ``None``, of what is undefined, and of a parameter that was left empty.
_NOTHING = {"None", ""}

# A word in double quotes, or anything up to the next comma or line end.
_WORD = re.compile(r'[ \t]*(?:"((?:[^"]|"")+)"[ \t]*(?=[,\n]|\Z)|([^,\n]*))(?:[,\n]|\Z)')


def rendered(value: Given) -> Given | None:
    """Return a rendered argument that may be left out: ``None`` also for the text of nothing."""
    return None if isinstance(value, str) and value.strip() in _NOTHING else value


def rendered_path(location: str, conn_id: str | None) -> StoragePath:
    """Return the path of a rendered location, with its rendered connection; see :func:`staging_path`."""
    return staging_path(location, rendered(conn_id))


def rendered_truth(name: str, value: bool | str | None, *, default: bool = False) -> bool:
    """Return a switch.

    :param name: the argument's name, for the message.
    :param value: a boolean, or its text in any case; ``None`` and an empty text are the default.
    :param default: the argument's default.
    :raises ConfigurationError: when it is neither.
    """
    # Jinja renders "nothing" as this word.
    given = None if str(value).strip().lower() == "none" else value
    try:
        return truth(given, default=default)
    except ValueError:
        raise ConfigurationError(f"{name}={value!r} is neither true nor false; it must be {WORDS}.") from None


def rendered_number(name: str, value: float | str) -> float:
    """Return a number, whether it is one or the text of one.

    :raises ConfigurationError: when it is neither.
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ConfigurationError(f"{name}={value!r} is not a number.")
    return number


def rendered_count(name: str, value: float | str, *, least: int = 0) -> int:
    """Return a whole number, whether it is one or the text of one.

    :param least: the smallest that makes sense, default 0.
    :raises ConfigurationError: when it is none.
    """
    number = rendered_number(name, value)
    if not number.is_integer() or number < least:
        raise ConfigurationError(f"{name}={value!r} must be a whole number, {least} or more.")
    return int(number)


def rendered_days(name: str, value: timedelta | float | str) -> timedelta:
    """Return a length of time, whether it is one or a number of days (or the text of one).

    :raises ConfigurationError: when it is neither, is negative, or more than a hundred years.
    """
    days = value / timedelta(days=1) if isinstance(value, timedelta) else rendered_number(name, value)
    if not 0 <= days <= _LONGEST_DAYS:
        raise ConfigurationError(f"{name}={value!r} must be from 0 to {_LONGEST_DAYS} days.")
    return value if isinstance(value, timedelta) else timedelta(days=days)


def rendered_words(name: str, value: Iterable[str] | str | None) -> tuple[str, ...]:
    """Return a list of words.

    :param name: the argument's name, for the message.
    :param value: a list, the text of a list (as Jinja renders one, or as JSON), or words as
        :func:`split_words` takes them. A whole number of a token's length stands for it: native rendering
        makes one of a token without letters.
    :raises ConfigurationError: when a list holds anything but texts.
    """
    if rendered(value) is None:
        return ()
    listed: Any = value
    if isinstance(value, str):
        text = value.strip()
        listed = _literal(text) if text.startswith(("[", "(")) else None
        if not isinstance(listed, list | tuple) or _is_name(listed):
            listed = split_words(text)
    elif isinstance(value, int | float):
        listed = [value]
    elif isinstance(value, Mapping | bytes) or not isinstance(value, Iterable):
        raise ConfigurationError(f"{name}={value!r} is not a list of texts.")
    found = [_word(one) for one in listed]
    if None in found:
        numbers = any(isinstance(one, int | float) for one in listed)
        raise ConfigurationError(f"{name}={value!r} is not a list of texts.{_NATIVE if numbers else ''}")
    return tuple(word for word in found if word)


def _is_name(listed: Sequence[Any]) -> bool:
    """Text such as ``[2024]``: a list of texts is written with quotes, so that is a name in brackets."""
    return len(listed) == 1 and not isinstance(listed[0], str)


def _word(value: object) -> str | None:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int) and len(str(value)) >= _TOKEN_DIGITS:
        return str(value)
    return None


def split_words(text: str) -> list[str]:
    """Split words at commas and line ends; one in double quotes may hold commas (``"Revenue, EU",Board``)."""
    found = (quoted.replace('""', '"') if quoted else bare for quoted, bare in _WORD.findall(text))
    return [word.strip() for word in found if word.strip()]


def rendered_mapping(name: str, value: Mapping[str, Any] | str | None) -> dict[str, Any] | None:
    """Return a mapping, whether it is one or the text of one as Jinja renders it; ``None`` for nothing.

    :raises ConfigurationError: when it is neither.
    """
    if rendered(value) is None:
        return None
    mapping = _literal(value.strip()) if isinstance(value, str) else value
    if not isinstance(mapping, Mapping):
        raise ConfigurationError(f"{name} is neither a mapping nor the text of one.")
    return dict(mapping)


def _literal(text: str) -> Any:
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return None


def given_manifest(
    manifest: Mapping[str, Any] | str | None, output_conn_id: str | None, *, name: str = "manifest"
) -> StoragePath:
    """Return the path of a manifest.

    :param manifest: what :class:`~mode_catalog_provider.operators.extract.ModeExtractOperator` returned, the
        text of that as Jinja renders it, or the path or URL itself.
    :param output_conn_id: Airflow connection of the object store; ``None``, or empty: the one in the URL.
    :param name: the argument's name, for the message.
    :raises ConfigurationError: it is neither, or nothing.
    """
    if (location := rendered(manifest)) is None:
        raise ConfigurationError(
            f"{name} is empty: the task that it comes from was skipped, or failed, or left no result."
        )
    if not isinstance(location, str) or location.lstrip().startswith("{"):
        location = (rendered_mapping(name, location) or {}).get("manifest")
    if not isinstance(location, str):
        raise ConfigurationError(
            f"{name} is neither what ModeExtractOperator returned nor the path of a manifest."
        )
    return rendered_path(location, output_conn_id)
