"""A point in time, or the last ingestion of a warehouse, as users write it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime

from mode_catalog_provider.catalog.ingestion import last_ingested
from mode_catalog_provider.catalog.sources import CatalogSource
from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.moments import point_in_time, spoken

log = logging.getLogger(__name__)


def moment_or_ingestion(
    name: str, value: str | datetime | float | None, *, sources: Callable[[], Iterable[CatalogSource]]
) -> datetime | None:
    """Return a point in time, or that of a warehouse's last ingestion.

    :param name: the argument's name, for the message.
    :param value: as for :func:`mode_catalog_provider.moments.point_in_time`; what is none is the id or
        name of a warehouse source.
    :param sources: asks Catalog for its sources; called only when one is meant.
    :raises UnknownSourceError: it is neither a time nor a warehouse source.
    :raises ConfigurationError: the source was never ingested.
    """
    try:
        return point_in_time(name, value)
    except ConfigurationError:
        source = last_ingested(sources(), str(value).strip())
    if source.last_refreshed_at is None:
        raise ConfigurationError(
            f"{name}: Catalog source {source} was never ingested, so nothing can be older than that. Give a "
            f"time, or leave {name} out."
        )
    log.info("Catalog source %s was last ingested %s.", source, spoken(source.last_refreshed_at))
    return source.last_refreshed_at
