"""Where a Mode workspace is and with what it is asked, as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mode_catalog_provider.http.endpoint import Endpoint
from mode_catalog_provider.http.response import DEFAULT_MAX_BYTES
from mode_catalog_provider.mode.credentials import CredentialsSource
from mode_catalog_provider.mode.hosts import DEFAULT_HOST


@dataclass(frozen=True, kw_only=True)
class ModeEndpoint(Endpoint):
    """Everything a client of one Mode workspace is built from; the rest is in :class:`Endpoint`.

    :param workspace: name of the workspace, as in its address.
    :param credentials: called for the API key when it is needed, and again when Mode refuses it.
    :param host: base URL, default ``https://modeanalytics.com``.
    :param connection: as for :class:`Endpoint`, default ``mode_default``.
    :param requests_per_second: never go above this; default ``None``: the published 40 in any 10 s, or what
        Mode's rate limit headers say.
    :param max_response_bytes: largest answer accepted, decompressed; default 128 MiB.
    :param max_in_flight: connections kept open, default 32; as many threads can ask without waiting for one.
    :param on_secret: told of each secret that is made on the way (those of a Discovery token), so that it can
        be kept out of logs; default: nothing is done.
    """

    workspace: str
    credentials: CredentialsSource
    host: str = DEFAULT_HOST
    connection: str = "mode_default"
    requests_per_second: float | None = None
    max_response_bytes: int = DEFAULT_MAX_BYTES
    max_in_flight: int = 32
    on_secret: Callable[[str], None] = lambda _: None
