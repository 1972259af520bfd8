"""Where a Catalog tenant lives: two public zones, or endpoints of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from urllib.parse import urlsplit

from mode_catalog_provider.errors import ConfigurationError

DEFAULT_ZONE = "EU"
GRAPHQL_PATH = "/public/graphql"


@dataclass(frozen=True)
class Zone:
    """The addresses of one Catalog zone.

    :param name: ``EU`` or ``US``.
    :param ingest_url: root of the upload endpoint, without trailing slash.
    :param api_url: the GraphQL endpoint, path included.
    :param app_url: root of the web application, without trailing slash; tenants know their zone by it.
    """

    name: str
    ingest_url: str
    api_url: str
    app_url: str


ZONES: Mapping[str, Zone] = MappingProxyType(
    {
        "EU": Zone(
            name="EU",
            ingest_url="https://ingest.castordoc.com",
            api_url="https://api.castordoc.com/public/graphql",
            app_url="https://app.castordoc.com",
        ),
        "US": Zone(
            name="US",
            ingest_url="https://ingest.us.castordoc.com",
            api_url="https://api.us.castordoc.com/public/graphql",
            app_url="https://app.us.castordoc.com",
        ),
    }
)


def resolve(zone: str | None = None, *, ingest_url: str | None = None, api_url: str | None = None) -> Zone:
    """Return the zone called ``zone``, with private endpoints in place of the public ones where given.

    :param zone: ``EU`` or ``US`` in any case; empty or ``None`` means ``EU``.
    :param ingest_url: root of a private upload endpoint.
    :param api_url: a private GraphQL endpoint; without a path, ``/public/graphql`` is meant.
    :raises ConfigurationError: no such zone.
    """
    name = (zone or "").strip().upper() or DEFAULT_ZONE
    if name not in ZONES:
        raise ConfigurationError(
            f"Catalog has no zone {zone!r}. Use EU for tenants on app.castordoc.com "
            f"and US for tenants on app.us.castordoc.com."
        )
    resolved = ZONES[name]
    if ingest_url and ingest_url.strip():
        resolved = replace(resolved, ingest_url=ingest_url.strip().rstrip("/"))
    if api_url and api_url.strip():
        endpoint = api_url.strip().rstrip("/")
        # What is no URL is told by whoever uses it.
        with suppress(ValueError):
            if not urlsplit(endpoint).path:
                endpoint += GRAPHQL_PATH
        resolved = replace(resolved, api_url=endpoint)
    return resolved


def other_zone(zone: Zone) -> Zone:
    """Return the zone that is not ``zone``: the first thing to try when a source id is not found."""
    return next(candidate for candidate in ZONES.values() if candidate.name != zone.name)
