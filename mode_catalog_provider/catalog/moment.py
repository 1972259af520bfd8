"""Points in time as users write them."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from mode_catalog_provider.catalog.ingestion import last_ingested
from mode_catalog_provider.catalog.sources import CatalogSource
from mode_catalog_provider.errors import ConfigurationError

log = logging.getLogger(__name__)


def moment(name: str, value: str | datetime | float | None) -> datetime | None:
    """Return a point in time with its zone.

    :param name: the argument's name, for the message.
    :param value: a datetime, its ISO text (also without hyphens), or seconds since 1970 (the timestamp of a
        snapshot) as number or text; without a zone UTC is meant. ``None`` and an empty text mean no moment.
    :raises ConfigurationError: when it is none of these.
    """
    if value is None or (isinstance(value, str) and value.strip() in {"", "None"}):
        return None
    try:
        if isinstance(value, datetime):
            parsed = value
        else:
            text = str(value).strip()
            # Eight digits are a date (`ds_nodash`), not a second of the year 1970.
            seconds = text.replace(".", "", 1).isdecimal() and not re.fullmatch(r"\d{8}", text)
            parsed = datetime.fromtimestamp(float(text), UTC) if seconds else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise ConfigurationError(
            f"{name}={value!r} is not a point in time. Give an ISO time such as 2026-11-20T05:30:00+00:00, "
            "or seconds since 1970."
        ) from None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed


def moment_or_ingestion(
    name: str, value: str | datetime | float | None, *, sources: Callable[[], Iterable[CatalogSource]]
) -> datetime | None:
    """Return a point in time, or that of a warehouse's last ingestion.

    :param name: the argument's name, for the message.
    :param value: as for :func:`moment`; what is none is the id or name of a warehouse source.
    :param sources: asks Catalog for its sources; called only when one is meant.
    :raises UnknownSourceError: it is neither a time nor a warehouse source.
    :raises ConfigurationError: the source was never ingested.
    """
    try:
        return moment(name, value)
    except ConfigurationError:
        source = last_ingested(sources(), str(value).strip())
    if source.last_refreshed_at is None:
        raise ConfigurationError(
            f"{name}: Catalog source {source} was never ingested, so nothing can be older than that. Give a "
            f"time, or leave {name} out."
        )
    log.info("Catalog source %s was last ingested %s.", source, source.last_refreshed_at)
    return source.last_refreshed_at
