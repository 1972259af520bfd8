"""Is this the right source to push to? A wrong one takes every file, and Catalog stays empty."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal, get_args

from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.sources import (
    MODE,
    VISUALIZATION,
    CatalogSource,
    enumerated,
    parse_source_id,
)
from mode_catalog_provider.catalog.zones import Zone, other_zone
from mode_catalog_provider.errors import (
    CancelledError,
    ConfigurationError,
    ForbiddenError,
    MalformedResponseError,
    ModeCatalogError,
    UnknownSourceError,
)
from mode_catalog_provider.http.endpoint import place
from mode_catalog_provider.moments import spoken
from mode_catalog_provider.text import visible

logger = logging.getLogger(__name__)

#: What to do when the source cannot be checked: go on with a warning, or stop.
SourceCheck = Literal["warn", "require"]

#: Seconds for a question that is asked beside the work: the files go to another host, which may be well.
BRIEF = 20.0


@dataclass(frozen=True, kw_only=True)
class CheckedSource:
    """What could be learned about a source before files were sent to it.

    :param source: as Catalog lists it; ``None`` when it could not be asked.
    :param unchecked: why it could not be asked; ``None`` when it could.
    """

    source: CatalogSource | None = None
    unchecked: str | None = None


def source_check(value: str | None) -> SourceCheck:
    """Read the setting.

    :raises ConfigurationError: it is neither ``warn`` nor ``require``.
    """
    for known in get_args(SourceCheck):
        if (value or "warn").strip().lower() == known:
            return known  # type: ignore[no-any-return]
    raise ConfigurationError(f"source_check is 'warn' or 'require', not {value!r}.")


def look_at_push_target(
    api: CatalogApi,
    source_id: str,
    *,
    type: str | None = VISUALIZATION,
    technology: str | None = MODE,
    check: SourceCheck = "warn",
    log: logging.Logger = logger,
) -> CheckedSource:
    """Check a source as :func:`check_push_target` does, but do not let the upload depend on a second service.

    :param check: what to do when Catalog's API cannot be asked: unreachable, failing, its token refused, an
        answer that is not understood. ``warn`` (default) says so and goes on; ``require`` stops.
    :param log: where the warning goes.
    :raises UnknownSourceError: Catalog was asked, and says no.
    :raises ModeCatalogError: it could not be asked, and ``check`` is ``require``.
    """
    try:
        source = check_push_target(
            api,
            source_id,
            type=type,
            technology=technology,
            budget=BRIEF,
            forbidden="raise" if check == "require" else "warn",
        )
        return CheckedSource(source=source, unchecked=None if source else "the token may not read sources")
    except (UnknownSourceError, CancelledError):
        raise
    except ModeCatalogError as error:
        if check == "require":
            raise
        why = visible(error, 500)
    log.warning(
        "Source id %s is not checked, for Catalog's API cannot be asked. A wrong id or zone would go "
        "unnoticed, and Catalog would stay empty. To stop instead: source_check='require' (command line: "
        "--source-check require). %s",
        parse_source_id(source_id),
        why,
    )
    return CheckedSource(unchecked=why)


def check_push_target(
    api: CatalogApi,
    source_id: str,
    *,
    type: str | None = VISUALIZATION,
    technology: str | None = MODE,
    budget: float | None = None,
    forbidden: Literal["warn", "raise"] = "warn",
) -> CatalogSource | None:
    """Make sure that what is pushed to a source will not vanish ("Catalog stays empty").

    :param api: the GraphQL API of the zone that is pushed to.
    :param source_id: UUID of the source.
    :param type: the type it must have; ``None`` = any.
    :param technology: the technology it must have; ``None`` = any.
    :param budget: seconds for all attempts of one request, default ``None``: those of ``api``.
    :param forbidden: what to do when the token may not read sources.
    :return: the source, or ``None`` (and a warning in the log) when the token may not read sources.
    :raises UnknownSourceError: the source is absent, deleted or of another kind.
    :raises MalformedResponseError: it is not listed, and not all sources are.
    """
    wanted = parse_source_id(source_id)
    try:
        sources = list(api.sources() if budget is None else api.sources(budget=budget))
    except ForbiddenError:
        if forbidden == "raise":
            raise
        logger.warning(
            "The Catalog token of %s may not read Catalog's sources, so source id %s is not checked: "
            "a wrong id or zone would go unnoticed and Catalog would stay empty.",
            place(api.connection),
            wanted,
        )
        return None
    source = next((candidate for candidate in sources if candidate.id == wanted), None)
    if source is None and api.unlisted_sources:
        raise MalformedResponseError(
            f"Catalog does not list source {wanted}, nor {api.unlisted_sources} sources that it announced: "
            f"whether it is one of them is not known. Try again later."
        )
    if source is None:
        raise UnknownSourceError(_absent(wanted, api.zone, sources))
    if source.deleted_at:
        raise UnknownSourceError(
            f"Catalog source {source} was deleted on {spoken(source.deleted_at)}. Nothing pushed to it "
            f"would be ingested: create the integration again in Catalog and use its new source id."
        )
    # What Catalog does not tell is no "no".
    if type and not source.may_be(type):
        raise UnknownSourceError(
            f"Catalog source {source} is a {source.type or source.technology} source ({source.technology}), "
            f"not a {type} one. Use the source id of the Mode integration instead.{_candidates(sources)}"
        )
    if technology and source.technology not in (technology, ""):
        raise UnknownSourceError(
            f"Catalog source {source} is of technology {source.technology}, not {technology}: Catalog would "
            f"not understand Mode's files there. Use the source id of the Mode integration instead; an "
            f"integration set up as generic BI importer must be set up again as Mode.{_candidates(sources)}"
        )
    if (type and not source.type) or (technology and not source.technology):
        logger.warning(
            "Catalog does not tell of which kind source %s is; if it is not the one of Mode, Catalog would "
            "stay empty.",
            source,
        )
    if source.last_refreshed_at is None:
        logger.info(
            "Catalog source %s was never ingested so far; the first ingestion can take up to 48 hours.",
            source,
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
    return f" Mode sources in this zone: {enumerated(mode)}."
