"""Where a Catalog tenant is and with what it is asked, as one value."""

from __future__ import annotations

from dataclasses import dataclass

from mode_catalog_provider.catalog.credential import DEFAULT_CONNECTION, TokenSource
from mode_catalog_provider.http.endpoint import Endpoint
from mode_catalog_provider.http.stop import StopSignal


@dataclass(frozen=True, kw_only=True)
class CatalogEndpoint(Endpoint):
    """What both clients of Catalog are built from; the rest is in :class:`Endpoint`.

    :param token: returns the API token as it is stored now (Read & Write for uploads,
        Read Only is enough for the rest).
    :param zone: ``EU`` (default) or ``US``.
    :param ingest_url: root of a private upload endpoint in place of the zone's.
    :param api_url: a private GraphQL endpoint in place of the zone's.
    :param connection: as for :class:`Endpoint`, default ``coalesce_catalog_default``.
    :param stop: ends waits and requests early; default: one of the client's own.
    """

    token: TokenSource
    zone: str | None = None
    ingest_url: str | None = None
    api_url: str | None = None
    connection: str = DEFAULT_CONNECTION
    stop: StopSignal | None = None
