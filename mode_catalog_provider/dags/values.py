"""The value of an option as the type it is used in: its closed set, its range, and what an empty text means.

Each reader takes the option's name, for the message, and its text or a Python value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import PurePath
from typing import Any

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.get_provider_info import CONFIG_SECTION, UUID_PATTERN
from mode_catalog_provider.staging import refuse_no_place, staging_path, without_credentials
from mode_catalog_provider.tasks.rendered import split_words
from mode_catalog_provider.text import NAME_LENGTH
from mode_catalog_provider.truth import WORDS, truth

Reader = Callable[[str, Any], Any]

#: Longer than any wait or age that makes sense, and no platform's clock ends before it.
_LONGEST = timedelta(days=3660)
_PRESETS = {
    *("@once", "@continuous", "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly"),
    *("@midnight", "@annually"),
}
#: Value of ``schedule`` that stands for the ingestion of the warehouses.
INGESTION = "ingestion"


def refused(option: str, value: Any, wanted: str) -> ConfigurationError:
    """Return the error for a value that an option cannot have."""
    shown = without_credentials(repr(value))
    if len(shown) > NAME_LENGTH:
        shown = f"{shown[:NAME_LENGTH]}…"
    return ConfigurationError(f"[{CONFIG_SECTION}] {option} is {shown}; it must be {wanted}.")


def text(option: str, value: Any) -> str:
    """Return a text; quotation marks around it, as env files keep them, are not part of it."""
    if not isinstance(value, str | PurePath):
        raise refused(option, value, "a text")
    found = str(value).strip()
    return found[1:-1].strip() if len(found) > 1 and found[0] == found[-1] and found[0] in "'\"" else found


def optional(option: str, value: Any) -> str | None:
    """Return a text, ``None`` for an empty one."""
    return _text_or_none(option, value) or None


def connection_id(option: str, value: Any) -> str:
    """Return the id of a connection, which is never empty."""
    found = text(option, value)
    if not found or not found.isprintable():
        raise refused(option, value, "the id of a connection")
    return found


def patterns(option: str, value: Any) -> str:
    """Return regular expressions as they are written: one, or a JSON object of them by collection."""
    from mode_catalog_provider.audit.options import read_patterns

    found = _text_or_none(option, value)
    read_patterns(f"[{CONFIG_SECTION}] {option}", found)
    return found


def source_id(option: str, value: Any) -> str | None:
    """Return the id of a source in Catalog, ``None`` for an empty text."""
    found = optional(option, value)
    if found is not None and not re.match(UUID_PATTERN, found):
        raise refused(option, found, "the id (UUID) of a source in Catalog")
    return found


def one_of(*choices: str) -> Reader:
    """Return a reader of one of some words, in lower case."""

    def read(option: str, value: Any) -> str:
        if value not in choices:
            raise refused(option, value, f"{', '.join(choices[:-1])} or {choices[-1]}")
        return str(value)

    return read


def location(option: str, value: Any) -> str:
    """Return an absolute path or a URL, empty for the default place."""
    found = _text_or_none(option, value)
    if found:
        try:
            refuse_no_place(found)
            if "://" not in found or found.lower().startswith("file:"):
                staging_path(found)
        except ConfigurationError:
            raise refused(option, found, "an absolute path or the URL of an object store") from None
    return found


def index_files(option: str, value: Any) -> tuple[str, ...]:
    """Return places of files that an index can be written to."""
    if not (found := words(option, value)):
        return ()
    from mode_catalog_provider.audit.index_files import check_names

    try:
        for place in found:
            location(option, place)
        check_names(found)
    except ConfigurationError:
        wanted = "absolute paths or URLs that end in .csv, .json, .sqlite or .db, separated by commas"
        raise refused(option, ", ".join(found), wanted) from None
    return found


def number(least: float, most: float, *, above: bool = False) -> Reader:
    """Return a reader of a number from ``least`` (with ``above``: from more than that) to ``most``."""
    bounds = f"a number {f'above {least:.15g}' if above else f'from {least:.15g}'} to {most:.15g}"

    def read(option: str, value: Any) -> float:
        found = _number(option, value)
        if not least <= found <= most or (above and found == least):
            raise refused(option, value, bounds)
        return found

    return read


def whole(least: int, most: int) -> Reader:
    """Return a reader of a whole number from ``least`` to ``most``."""

    def read(option: str, value: Any) -> int:
        found = _number(option, value)
        if not least <= found <= most or not found.is_integer():
            raise refused(option, value, f"a whole number from {least} to {most}")
        return int(found)

    return read


def duration(
    unit: str, *, least: timedelta = timedelta(0), above: timedelta | None = None, most: timedelta = _LONGEST
) -> Reader:
    """Return a reader of a length of time.

    :param unit: ``minutes``, ``hours`` or ``days``: what a number counts. A ``timedelta`` is taken as it is.
    :param least: the shortest, default zero.
    :param above: what it must exceed, default ``None``: nothing.
    :param most: the longest, default ten years.
    """
    one = timedelta(**{unit: 1})
    bound = f"more than {above / one:.15g}" if above is not None else f"{least / one:.15g} or more"
    wanted = f"a number of {unit}, {bound} and at most {most / one:.15g}"

    def read(option: str, value: Any) -> timedelta:
        units = value / one if isinstance(value, timedelta) else _number(option, value)
        if not least / one <= units <= most / one or (above is not None and units * one <= above):
            raise refused(option, value, wanted)
        return units * one

    return read


def deadline(option: str, value: Any) -> timedelta | None:
    """Return a number of hours as a length of time, ``None`` for zero."""
    found: timedelta = duration("hours")(option, 0 if value is None else value)
    return found or None


def words(option: str, value: Any) -> tuple[str, ...]:
    """Return a list of names: a list, a JSON list, or a text with commas; a name in ``"`` may hold commas."""
    if value is None:
        return ()
    if isinstance(value, str):
        listed: Any = _json(value) if value.lstrip().startswith("[") else None
        if listed is None:
            listed = split_words(value)
    else:
        is_list = isinstance(value, Iterable) and not isinstance(value, Mapping | bytes)
        listed = list(value) if is_list else value
    if not isinstance(listed, list) or not all(
        isinstance(word, str | int) and not isinstance(word, bool) for word in listed
    ):
        raise refused(option, value, "names, separated by commas")
    return tuple(name for word in listed if (name := str(word).strip()))


def some_of(choices: Callable[[], Iterable[str]]) -> Reader:
    """Return a reader of a list of some of a set of words.

    :param choices: called when a list that is not empty is read.
    """

    def read(option: str, value: Any) -> tuple[str, ...]:
        found = words(option, value)
        if found and (unknown := set(found) - (known := set(choices()))):
            raise refused(option, ", ".join(sorted(unknown)), f"some of {', '.join(sorted(known))}")
        return found

    return read


def switch(option: str, value: Any) -> bool:
    """Return a switch."""
    try:
        return truth(value, default=False)
    except ValueError:
        raise refused(option, value, WORDS) from None


def mapping(option: str, value: Any) -> dict[str, Any]:
    """Return a mapping, empty for an empty text."""
    found = _json(value or "{}") if value is None or isinstance(value, str) else value
    if not isinstance(found, Mapping):
        raise refused(option, value, "a JSON object")
    return dict(found)


def schedule(option: str, value: Any) -> Any:
    """Return a cron expression or preset, ``None`` for manual runs only; timetables and assets as given."""
    if isinstance(value, bool | int | float | bytes) or (
        isinstance(value, timedelta) and value <= timedelta(0)
    ):
        raise refused(option, value, "a cron expression, a preset, a timetable, assets, or a length of time")
    if value is not None and not isinstance(value, str):
        return value
    found = _text_or_none(option, value)
    if found.lower() in {"", "none"}:
        return None
    if not (found in _PRESETS if found.startswith("@") else _comes(found)):
        raise refused(option, found, 'a cron expression, such as "30 5 * * *", a preset, or none')
    # Airflow 3.2 takes every other preset as it is; of this one its timetable makes no cron expression.
    return "0 0 1 */3 *" if found == "@quarterly" else found


def sync_schedule(option: str, value: Any) -> Any:
    """Return a schedule, or ``ingestion``."""
    if isinstance(value, str) and text(option, value).lower() == INGESTION:
        return INGESTION
    return schedule(option, value)


def timezone(option: str, value: Any) -> str | None:
    """Return the name of a time zone, ``None`` for that of ``[core] default_timezone``."""
    found = _text_or_none(option, value)
    if not found:
        return None
    import pendulum

    try:
        pendulum.timezone(found)
    except Exception:
        raise refused(option, found, "the name of a time zone, such as Europe/Berlin") from None
    return found


def _comes(cron: str) -> bool:
    """Whether a text is a cron expression of which a time ever comes (that of a 31 February does not)."""
    from croniter import croniter  # type: ignore[import-untyped]

    try:
        croniter(cron).get_next()
    except (ValueError, TypeError, KeyError, OverflowError):
        return False
    return True


def _text_or_none(option: str, value: Any) -> str:
    return text(option, "" if value is None else value)


def _number(option: str, value: Any) -> float:
    if isinstance(value, bool):
        raise refused(option, value, "a number")
    try:
        found = float(text(option, value) if isinstance(value, str) else value)
    except (TypeError, ValueError, OverflowError):
        raise refused(option, value, "a number") from None
    if found != found:
        raise refused(option, value, "a number")
    return found


def _json(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None
