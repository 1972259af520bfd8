"""Times: as text, from text, and durations in words. One rule: a time without a zone is in UTC.

Files and answers that name no zone (Mode's and Catalog's, the vendor's summaries, our own older ones) are all
written in UTC, and people who type one are told that UTC is meant.

Pendulum does what needs a calendar, a zone's name or a language; it is imported where that is needed, for it
takes longer to load than most commands to run.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import overload

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.text import visible

#: ``2026-11-20 05:30 Europe/Berlin``: a time with the name of its zone.
_NAMED_ZONE = re.compile(r"(?P<time>\S+(?: \S+)?) (?P<zone>[A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+)")

#: By how much the clocks of two machines may differ.
CLOCKS_DIFFER = timedelta(hours=1)

#: What takes part in the words for a duration, largest first: above so many seconds, nothing below this unit.
_COARSENESS = ((2 * 86400, 3600), (2 * 3600, 60), (0, 1))


def of_second(timestamp: float) -> datetime:
    """Return the moment of a second since 1970, such as the timestamp of a snapshot."""
    return datetime.fromtimestamp(timestamp, UTC)


def in_utc(moment: datetime) -> datetime:
    """Return the same moment in UTC; without a zone it is taken to be there already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parsed(text: object) -> datetime | None:
    """Read a time as a service or a file writes it (ISO 8601); ``None`` for what is no time."""
    if not isinstance(text, str):
        return None
    try:
        return in_utc(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        return None


def spoken(moment: datetime | float) -> str:
    """Return a moment, or a second since 1970, for people: ``2026-11-20 05:30:00 UTC``."""
    at = in_utc(moment) if isinstance(moment, datetime) else of_second(moment)
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def stamp(moment: datetime | float) -> str:
    """Return a moment, or a second since 1970, for files and answers: ``2026-11-20T05:30:00+00:00``."""
    at = in_utc(moment) if isinstance(moment, datetime) else of_second(moment)
    return at.isoformat(timespec="seconds")


def in_words(duration: timedelta | float) -> str:
    """Return a duration for people, no finer than they would say it: ``3 days 5 hours``, ``20 seconds``.

    :param duration: as such or in seconds; what is negative is told as nothing.
    """
    import pendulum

    seconds = duration.total_seconds() if isinstance(duration, timedelta) else float(duration)
    unit = next(unit for above, unit in _COARSENESS if seconds >= above or above == 0)
    whole = max(0, round(seconds / unit) * unit)
    return str(pendulum.duration(seconds=whole).in_words(locale="en")) if whole else "0 seconds"


@overload
def point_in_time(name: str, value: None) -> None: ...
@overload
def point_in_time(name: str, value: str | datetime | float | None) -> datetime | None: ...
def point_in_time(name: str, value: str | datetime | float | None) -> datetime | None:
    """Return a point in time that a user gave, with its zone.

    :param name: the argument's name, for the message.
    :param value: a datetime, its ISO text (also without hyphens, also with the name of a zone behind it:
        ``2026-11-20 05:30 Europe/Berlin``), or seconds since 1970 (the timestamp of a snapshot) as number or
        text; without a zone UTC is meant. ``None`` and an empty text mean no moment.
    :raises ConfigurationError: when it is none of these.
    """
    if value is None or (isinstance(value, str) and value.strip() in {"", "None"}):
        return None
    try:
        if isinstance(value, datetime):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value
        text = str(value).strip()
        # Eight digits are a date (`ds_nodash`), not a second of the year 1970.
        if text.replace(".", "", 1).isdecimal() and not re.fullmatch(r"\d{8}", text):
            return of_second(float(text))
        if named := _NAMED_ZONE.fullmatch(text):
            return _in_zone(named["time"], named["zone"])
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    except (ValueError, OverflowError, OSError):
        raise ConfigurationError(
            f"{name}={visible(value)!r} is not a point in time. Give an ISO time such as "
            "2026-11-20T05:30:00+00:00 or '2026-11-20 05:30 Europe/Berlin', or seconds since 1970."
        ) from None


def _in_zone(text: str, zone: str) -> datetime:
    import pendulum
    from pendulum.tz.exceptions import InvalidTimezone

    naive = datetime.fromisoformat(text)
    if naive.tzinfo is not None:
        raise ValueError("two zones")
    try:
        return pendulum.instance(naive, tz=zone)
    except InvalidTimezone as error:
        raise ValueError(zone) from error
