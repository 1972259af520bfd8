"""Catalog's sources: is this the right one to push to, and when was that one last ingested?"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mode_catalog_provider.catalog.zones import Zone, other_zone
from mode_catalog_provider.errors import (
    ConfigurationError,
    ForbiddenError,
    MalformedResponseError,
    UnknownSourceError,
)

if TYPE_CHECKING:
    from mode_catalog_provider.catalog.api import CatalogApi

logger = logging.getLogger(__name__)

WAREHOUSE = "WAREHOUSE"
VISUALIZATION = "VISUALIZATION"
MODE = "MODE"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAMED_IN_A_MESSAGE = 10


@dataclass(frozen=True)
class CatalogSource:
    """One source of a Catalog tenant: a warehouse, a BI tool, ...

    :param id: UUID, lower case.
    :param name: as shown in Catalog; not unique.
    :param technology: ``MODE``, ``SNOWFLAKE``, ...; Catalog adds values over time, so any text.
    :param type: ``WAREHOUSE``, ``VISUALIZATION``, ...; any text.
    :param origin: ``EXTRACTION`` or ``API``; any text.
    :param last_refreshed_at: when Catalog last ingested it, UTC; ``None`` = never.
    :param deleted_at: when it was deleted, UTC; ``None`` = it exists.
    """

    id: str
    name: str
    technology: str
    type: str
    origin: str
    last_refreshed_at: datetime | None
    deleted_at: datetime | None

    @classmethod
    def from_graphql(cls, row: Any) -> CatalogSource:
        """Read a ``Source`` object of the GraphQL API.

        :raises MalformedResponseError: it has no id, or a time that is none.
        """
        if not isinstance(row, dict) or not isinstance(row.get("id"), str):
            raise MalformedResponseError("Catalog's getSources listed a source that has no id.")
        return cls(
            id=row["id"].lower(),
            name=str(row.get("name") or ""),
            technology=str(row.get("technology") or ""),
            type=str(row.get("type") or ""),
            origin=str(row.get("origin") or ""),
            last_refreshed_at=_time(row.get("lastRefreshedAt")),
            deleted_at=_time(row.get("deletedAt")),
        )

    def to_json(self) -> dict[str, str | None]:
        """Return what tells a source apart, and its last ingestion in ISO format."""
        return {
            "id": self.id,
            "name": self.name,
            "technology": self.technology,
            "type": self.type,
            "last_refreshed_at": self.last_refreshed_at.isoformat() if self.last_refreshed_at else None,
        }

    def __str__(self) -> str:
        return f"'{self.name}' ({self.id})"


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


def parse_source_id(value: str | None) -> str:
    """Return a source id as Catalog writes it: a UUID in lower case, with hyphens.

    :param value: the id as a person typed it; surrounding spaces and upper case are accepted.
    :raises ConfigurationError: it is missing or not a UUID.
    """
    text = (value or "").strip()
    try:
        parsed = str(uuid.UUID(text))
    except ValueError:
        parsed = ""
    # uuid.UUID also takes braces, "urn:uuid:" and missing hyphens; a source id has none of these
    if parsed != text.lower():
        parsed = ""
    if not parsed:
        given = f"{value!r} is not a Catalog source id" if text else "There is no Catalog source id"
        raise ConfigurationError(
            f"{given}. It is a UUID such as 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d, handed over by the Catalog "
            f"team and shown in Catalog's settings of the integration; put it into the connection's "
            f"'source_id' field."
        )
    return parsed


def check_push_target(
    api: CatalogApi,
    source_id: str,
    *,
    type: str | None = VISUALIZATION,
    technology: str | None = MODE,
) -> CatalogSource | None:
    """Make sure that what is pushed to a source will not vanish ("Catalog stays empty").

    :param api: the GraphQL API of the zone that is pushed to.
    :param source_id: UUID of the source.
    :param type: the type it must have; ``None`` = any.
    :param technology: the technology it must have; ``None`` = any.
    :return: the source, or ``None`` (and a warning in the log) when the token may not read sources.
    :raises UnknownSourceError: the source is absent, deleted or of another kind.
    """
    wanted = parse_source_id(source_id)
    try:
        sources = list(api.sources())
    except ForbiddenError:
        logger.warning(
            "The token of connection '%s' may not read Catalog's sources, so source id %s is not checked: "
            "a wrong id or zone would go unnoticed and Catalog would stay empty.",
            api.connection,
            wanted,
        )
        return None
    source = next((candidate for candidate in sources if candidate.id == wanted), None)
    if source is None:
        raise UnknownSourceError(_absent(wanted, api.zone, sources))
    if source.deleted_at:
        raise UnknownSourceError(
            f"Catalog source {source} was deleted on {_moment(source.deleted_at)}. Nothing pushed to it "
            f"would be ingested: create the integration again in Catalog and use its new source id."
        )
    if type and source.type != type:
        raise UnknownSourceError(
            f"Catalog source {source} is a {source.type} source ({source.technology}), not a {type} one. "
            f"Use the source id of the Mode integration instead.{_candidates(sources)}"
        )
    if technology and source.technology != technology:
        raise UnknownSourceError(
            f"Catalog source {source} is of technology {source.technology}, not {technology}: Catalog would "
            f"not understand Mode's files there. Use the source id of the Mode integration instead; an "
            f"integration set up as generic BI importer must be set up again as Mode.{_candidates(sources)}"
        )
    if source.last_refreshed_at is None:
        logger.info(
            "Catalog source %s was never ingested so far; the first ingestion can take up to 48 hours.",
            source,
        )
    return source


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
    :raises ConfigurationError: ``since`` has no time zone, or an id is not a UUID.
    """
    if since.tzinfo is None:
        raise ConfigurationError("The moment to compare ingestions with has no time zone.")
    known = list(sources)
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
        ready=not late, message=f"{verb} {_moment(since)}: {spoken_of}.", sources=tuple(wanted.values())
    )


def _any_of(known: list[CatalogSource], since: datetime, type: str) -> IngestionState:
    living = [source for source in known if source.type == type and source.deleted_at is None]
    if not living:
        raise UnknownSourceError(
            f"Catalog has no {type} source in this zone, so there is nothing to wait for: configure the "
            f"integration in Catalog first, or check the connection's zone."
        )
    latest = max(living, key=lambda source: source.last_refreshed_at or _EPOCH)
    ready = _is_fresh(latest, since)
    verb = "Ingested since" if ready else f"None of {len(living)} {type} sources ingested since"
    newest = "" if ready else "the newest is "
    return IngestionState(
        ready=ready, message=f"{verb} {_moment(since)}: {newest}{_state(latest)}.", sources=tuple(living)
    )


def _by_id(known: list[CatalogSource], source_id: str, type: str) -> CatalogSource:
    for source in known:
        if source.id == source_id:
            return _usable(source, known, type)
    raise UnknownSourceError(f"Catalog has no source {source_id} in this zone.{_existing(known, type)}")


def _by_name(known: list[CatalogSource], name: str, type: str) -> CatalogSource:
    namesakes = [source for source in known if source.name.strip() == name.strip()]
    # an integration that was made again keeps its name: a deleted namesake, or one of another type, yields
    of_type = [source for source in namesakes if source.type == type]
    best = [source for source in of_type if source.deleted_at is None] or of_type or namesakes
    if not best:
        raise UnknownSourceError(
            f"Catalog has no source named {name!r} in this zone.{_existing(known, type)}"
        )
    if len(best) > 1 and best[0].deleted_at is None:
        raise UnknownSourceError(
            f"Catalog has {len(best)} sources named {name!r}: {', '.join(source.id for source in best)}. "
            f"Name the wanted one by its id."
        )
    return _usable(best[0], known, type)


def _usable(source: CatalogSource, known: list[CatalogSource], type: str) -> CatalogSource:
    if source.type != type:
        raise UnknownSourceError(
            f"Catalog source {source} is a {source.type} source, not a {type} one.{_existing(known, type)}"
        )
    if source.deleted_at is not None:
        raise UnknownSourceError(
            f"Catalog source {source} was deleted on {_moment(source.deleted_at)} and will not be ingested "
            f"again.{_existing(known, type)}"
        )
    return source


def _absent(source_id: str, zone: Zone, known: list[CatalogSource]) -> str:
    other = other_zone(zone)
    return (
        f"Catalog has no source {source_id} in zone {zone.name} ({zone.api_url}). Either the source id is "
        f"wrong, or the tenant lives in the other zone, which is {other.name} when people open Catalog at "
        f"{other.app_url} instead of {zone.app_url}.{_candidates(known)}"
    )


def _candidates(known: list[CatalogSource]) -> str:
    mode = [source for source in known if source.technology == MODE and source.deleted_at is None]
    if not mode:
        return " There is no Mode source in this zone."
    return f" Mode sources in this zone: {_listed(mode)}."


def _existing(known: list[CatalogSource], type: str) -> str:
    living = [source for source in known if source.type == type and source.deleted_at is None]
    if not living:
        return f" There is no {type} source in this zone."
    return f" {type} sources in this zone: {_listed(living)}."


def _listed(sources: list[CatalogSource]) -> str:
    listed = ", ".join(str(source) for source in sources[:_NAMED_IN_A_MESSAGE])
    left = len(sources) - _NAMED_IN_A_MESSAGE
    return f"{listed} and {left} more" if left > 0 else listed


def _several(value: str | Sequence[str] | None) -> list[str]:
    values = [value] if isinstance(value, str) else list(value or ())
    return [item for item in values if item.strip()]


def _is_fresh(source: CatalogSource, since: datetime) -> bool:
    return source.last_refreshed_at is not None and source.last_refreshed_at >= since


def _state(source: CatalogSource) -> str:
    when = _moment(source.last_refreshed_at) if source.last_refreshed_at else "never"
    return f"{source} was last ingested {when}"


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _time(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        # whole arithmetic: a float of seconds would lose the millisecond that a threshold was made of
        return _EPOCH + timedelta(milliseconds=int(value))
    except (TypeError, ValueError, OverflowError) as error:
        raise MalformedResponseError(
            f"Catalog's getSources gave {value!r} as a time; milliseconds since 1970 were expected."
        ) from error
