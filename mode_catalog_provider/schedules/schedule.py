"""One schedule of a report or dataset, as Mode tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from mode_catalog_provider.mode.pages import count_of
from mode_catalog_provider.moments import parsed

#: How often a schedule runs, by Mode's word.
FREQUENCIES = {
    "every_15_minutes": timedelta(minutes=15),
    "every_30_minutes": timedelta(minutes=30),
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=31),
}

_PAUSED = {"paused", "disabled", "inactive", "suspended"}


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A schedule; what Mode does not tell is ``None``.

    :param report: token of its report or dataset.
    :param token: its own.
    :param name: as people know it.
    :param frequency: Mode's word, see :data:`FREQUENCIES`.
    :param hour: of its time of day, in ``zone``.
    :param minute: of its hour.
    :param zone: name of its time zone.
    :param paused: it does not run.
    :param retry_state: how a failed run is tried again.
    :param last_run_at: when it last ran, good or bad.
    :param last_succeeded_at: when it last ran well.
    :param next_run_at: when it is to run.
    :param subscribers: who gets its results.
    :param creator: username.
    """

    report: str
    token: str
    name: str | None = None
    frequency: str | None = None
    hour: int | None = None
    minute: int | None = None
    zone: str | None = None
    paused: bool = False
    retry_state: str | None = None
    last_run_at: datetime | None = None
    last_succeeded_at: datetime | None = None
    next_run_at: datetime | None = None
    subscribers: int | None = None
    creator: str | None = None

    @property
    def every(self) -> timedelta | None:
        """How much time lies between two runs."""
        return FREQUENCIES.get(self.frequency or "")

    @property
    def failing(self) -> bool:
        """Whether its last run did not end well, and it ran well before."""
        return (
            self.last_run_at is not None
            and self.last_succeeded_at is not None
            and self.last_succeeded_at < self.last_run_at
        )

    def minute_of_day(self, day: datetime) -> int | None:
        """Return the minute of the day, in UTC on that day, of a daily or rarer run; ``None``: unknown."""
        if self.hour is None or self.minute is None or self.zone is None:
            return None
        if (self.every or timedelta(0)) < timedelta(days=1):
            return None
        try:
            zone = ZoneInfo(self.zone)
            local = day.astimezone(zone).replace(hour=self.hour, minute=self.minute)
        except (KeyError, ValueError, OSError):
            return None
        offset = local.utcoffset() or timedelta(0)
        return int((timedelta(hours=self.hour, minutes=self.minute) - offset) / timedelta(minutes=1)) % 1440

    @classmethod
    def from_json(cls, report: str, row: Mapping[str, Any]) -> Schedule | None:
        """Read a row of a listing; ``None`` for one without a token."""
        token = row.get("token")
        if not isinstance(token, str) or not token:
            return None
        state = _text(row.get("state")) or ""
        ran = [parsed(row.get(name)) for name in ("last_run_at", "last_scheduled_run")]
        return cls(
            report=report,
            token=token,
            name=_text(row.get("name")),
            frequency=_frequency(row.get("frequency")),
            hour=_within(row.get("cron_hour"), 24),
            minute=_within(row.get("cron_minute"), 60),
            zone=_text(row.get("time_zone")),
            paused=state.lower() in _PAUSED,
            retry_state=_text(row.get("retry_state")),
            last_run_at=max((moment for moment in ran if moment), default=None),
            last_succeeded_at=parsed(row.get("last_succeeded_at")),
            next_run_at=parsed(row.get("next_scheduled_run")),
            subscribers=count_of(row.get("subscriber_count")),
            creator=_creator(row),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, times as ISO text."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in vars(self).items()
        }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _frequency(value: Any) -> str | None:
    """Return Mode's word as it is written in its API; its pages write some with capitals and spaces."""
    word = _text(value)
    return word and "_".join(word.lower().replace("-", " ").replace("_", " ").split())


def _within(value: Any, most: int) -> int | None:
    number = count_of(value)
    return number if number is not None and 0 <= number < most else None


def _creator(row: Mapping[str, Any]) -> str | None:
    links = row.get("_links")
    link = links.get("creator") if isinstance(links, Mapping) else None
    href = link.get("href") if isinstance(link, Mapping) else None
    if not isinstance(href, str):
        return None
    return unquote(href.partition("?")[0].rstrip("/").rpartition("/")[2]) or None
