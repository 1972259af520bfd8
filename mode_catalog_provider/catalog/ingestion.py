"""When was a source last ingested: the question that the sensors wait with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mode_catalog_provider.catalog.sources import (
    WAREHOUSE,
    CatalogSource,
    ListedSources,
    enumerated,
    parse_source_id,
)
from mode_catalog_provider.errors import ConfigurationError, UnknownSourceError
from mode_catalog_provider.moments import CLOCKS_DIFFER, point_in_time, spoken

log = logging.getLogger(__name__)

#: By how much a time that somebody gives may be ahead of this machine's clock.
_AHEAD = timedelta(minutes=1)

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class IngestionState:
    """Whether the wanted sources were ingested since a moment.

    :param ready: ``True`` when the wait is over.
    :param message: one sentence for the log: which source is ready or late, and since when.
    :param sources: the sources that were asked for (all of the type when none was named).
    """

    ready: bool
    message: str
    sources: tuple[CatalogSource, ...]


def ingested_since(
    sources: Iterable[CatalogSource],
    *,
    since: datetime,
    source_id: str | Sequence[str] | None = None,
    source_name: str | Sequence[str] | None = None,
    type: str = WAREHOUSE,
) -> IngestionState:
    """Say whether the wanted sources were ingested at or after a moment.

    :param sources: all sources of the zone, deleted ones included.
    :param since: the earliest ingestion that counts; must be timezone-aware.
    :param source_id: id or ids that must all be ready.
    :param source_name: name or names that must all be ready, as well as the ids. With neither ids nor names,
        any one source of the type is enough.
    :param type: the type that the sources must have.
    :raises UnknownSourceError: a wanted source is absent, deleted, of another type, or its name is ambiguous.
    :raises MalformedResponseError: it is not listed, and not all sources are.
    :raises ConfigurationError: ``since`` has no time zone, or an id is not a UUID.
    """
    if since.tzinfo is None:
        raise ConfigurationError("The moment to compare ingestions with has no time zone.")
    known = ListedSources.of(sources)
    ids, names = _several(source_id), _several(source_name)
    if not ids and not names:
        return _any_of(known, since, type)
    wanted = {
        source.id: source
        for source in [
            *(_by_id(known, parse_source_id(wanted_id), type) for wanted_id in ids),
            *(_by_name(known, name, type) for name in names),
        ]
    }
    late = [source for source in wanted.values() if not _is_fresh(source, since)]
    spoken_of = ", ".join(_state(source) for source in late or wanted.values())
    verb = "Not ingested since" if late else "Ingested since"
    return IngestionState(
        ready=not late, message=f"{verb} {spoken(since)}: {spoken_of}.", sources=tuple(wanted.values())
    )


def last_ingested(sources: Iterable[CatalogSource], wanted: str, *, type: str = WAREHOUSE) -> CatalogSource:
    """Return one source, to read from it when it was last ingested.

    :param sources: all sources of the zone, deleted ones included.
    :param wanted: its id (UUID) or name.
    :param type: the type that it must have.
    :raises UnknownSourceError: it is absent, deleted, of another type, or its name is ambiguous.
    :raises MalformedResponseError: it is not listed, and not all sources are.
    """
    known = ListedSources.of(sources)
    try:
        source_id = parse_source_id(wanted)
    except ConfigurationError:
        return _by_name(known, wanted, type)
    return _by_id(known, source_id, type)


def _any_of(known: ListedSources, since: datetime, type: str) -> IngestionState:
    living = [source for source in known if source.may_be(type) and source.deleted_at is None]
    if not living:
        raise known.absent(
            f"Catalog has no {type} source in this zone, so there is nothing to wait for: configure the "
            f"integration in Catalog first, or check the connection's zone."
        )
    latest = max(living, key=lambda source: ingested_at(source) or _NEVER)
    ready = _is_fresh(latest, since)
    if ready or len(living) == 1:
        verb, led = "Ingested since" if ready else "Not ingested since", ": "
    else:
        verb, led = f"None of {len(living)} {type} sources was ingested since", ". The newest: "
    return IngestionState(
        ready=ready, message=f"{verb} {spoken(since)}{led}{_state(latest)}.", sources=tuple(living)
    )


def _by_id(known: ListedSources, source_id: str, type: str) -> CatalogSource:
    for source in known:
        if source.id == source_id:
            return _usable(source, known, type)
    raise known.absent(f"Catalog has no source {source_id} in this zone.{_existing(known, type)}")


def _by_name(known: ListedSources, name: str, type: str) -> CatalogSource:
    namesakes = [source for source in known if source.name.strip() == name.strip()]
    # an integration that was made again keeps its name: a deleted namesake, or one of another type, yields
    of_type = [source for source in namesakes if source.may_be(type)]
    living = [source for source in of_type if source.deleted_at is None]
    best = [source for source in living if source.type == type] or living or of_type or namesakes
    if not best or (known.unlisted and not living):
        which = f"living {type} source" if best else "source"
        raise known.absent(f"Catalog has no {which} named {name!r} in this zone.{_existing(known, type)}")
    if len(best) > 1 and best[0].deleted_at is None:
        raise UnknownSourceError(
            f"Catalog has {len(best)} sources named {name!r}: {', '.join(source.id for source in best)}. "
            f"Name the wanted one by its id."
        )
    return _usable(best[0], known, type)


def _usable(source: CatalogSource, known: ListedSources, type: str) -> CatalogSource:
    if not source.may_be(type):
        raise UnknownSourceError(
            f"Catalog source {source} is a {source.type or source.technology} source, not a {type} one."
            f"{_existing(known, type)}"
        )
    if source.deleted_at is not None:
        raise UnknownSourceError(
            f"Catalog source {source} was deleted on {spoken(source.deleted_at)} and will not be ingested "
            f"again.{_existing(known, type)}"
        )
    return source


def _existing(known: ListedSources, type: str) -> str:
    living = [source for source in known if source.may_be(type) and source.deleted_at is None]
    if not living:
        return f" There is no {type} source in this zone."
    return f" {type} sources in this zone: {enumerated(living)}."


def _several(value: str | Sequence[str] | None) -> list[str]:
    values = [value] if isinstance(value, str) else list(value or ())
    return [item for item in values if item.strip()]


def ingested_at(source: CatalogSource) -> datetime | None:
    """Return when a source was last ingested; ``None`` for never, and for a time that is still to come."""
    at = source.last_refreshed_at
    return None if at is None or _is_to_come(at) else at


def _is_fresh(source: CatalogSource, since: datetime) -> bool:
    at = ingested_at(source)
    return at is not None and at >= since


def _state(source: CatalogSource) -> str:
    if source.last_refreshed_at is None:
        return f"{source} was never ingested"
    doubt = ", says Catalog, which is still to come" if _is_to_come(source.last_refreshed_at) else ""
    return f"{source} was last ingested {spoken(source.last_refreshed_at)}{doubt}"


def _is_to_come(moment: datetime) -> bool:
    return moment > datetime.now(UTC) + CLOCKS_DIFFER


def moment_or_ingestion(
    name: str, value: str | datetime | float | None, *, sources: Callable[[], Iterable[CatalogSource]]
) -> datetime | None:
    """Return a point in time that has passed, or that of a warehouse's last ingestion.

    :param name: the argument's name, for the message.
    :param value: as for :func:`mode_catalog_provider.moments.point_in_time`; what is none is the id or
        name of a warehouse source.
    :param sources: asks Catalog for its sources; called only when one is meant.
    :raises UnknownSourceError: it is neither a time nor a warehouse source.
    :raises ConfigurationError: the source was never ingested, or the time is still to come.
    """
    try:
        moment = point_in_time(name, value)
    except ConfigurationError:
        try:
            source = last_ingested(sources(), str(value).strip())
        except UnknownSourceError as error:
            raise UnknownSourceError(
                f"{name} is neither a time nor a warehouse source in Catalog: {error}"
            ) from None
    else:
        return _passed(name, moment)
    if source.last_refreshed_at is None:
        raise ConfigurationError(
            f"{name}: Catalog source {source} was never ingested, so nothing can be older than that. Give a "
            f"time, or leave {name} out."
        )
    log.info("Catalog source %s was last ingested %s.", source, spoken(source.last_refreshed_at))
    return _passed(name, source.last_refreshed_at)


def _passed(name: str, moment: datetime | None) -> datetime | None:
    now = datetime.now(UTC)
    if moment is not None and moment > now + _AHEAD:
        raise ConfigurationError(
            f"{name} is {spoken(moment)}, which is still to come (it is {spoken(now)}): everything there is "
            "would be older. Give a time that has passed. If it has, the clock of this machine is wrong."
        )
    return moment
