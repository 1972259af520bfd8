"""The call that empties a cache, for private installations that have one. Mode's cloud has none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from mode_catalog_provider.errors import ConfigurationError, NotFoundError

if TYPE_CHECKING:
    from mode_catalog_provider.mode.client import ModeClient

#: The path that older guides name.
DEFAULT_PATH = "/api/cache_invalidate"


def checked_path(path: str) -> str:
    """Return the path of a cache endpoint.

    :raises ConfigurationError: it is not below ``/api/``, or it is one of Mode's calls that destroy results.
    """
    decoded = unquote(path)
    segments = decoded.split("/")
    if not decoded.startswith("/api/") or {"..", "."} & set(segments) or set("?#\\") & set(decoded):
        raise ConfigurationError(f"endpoint={path!r} must be a path below /api/, such as {DEFAULT_PATH}.")
    if "purge" in segments:
        raise ConfigurationError(
            f"endpoint={path!r} deletes results for good; a purge is no refresh and is not offered here."
        )
    return path


def invalidate_cache(client: ModeClient, path: str, body: Mapping[str, Any] | None = None) -> None:
    """Send one POST to the endpoint.

    :param path: from :func:`checked_path`.
    :param body: JSON to send with it, ``None`` for none.
    :raises ConfigurationError: there is no such call (404).
    :raises AmbiguousRequestError: there was no clear answer.
    """
    try:
        client.post_once(path, dict(body) if body else None)
    except NotFoundError as error:
        raise ConfigurationError(
            f"{client.host} has no call {path} (404). Mode's cloud has none that invalidates a cache, "
            "although older guides name one: what is stored of a report is replaced by running it. Use "
            "refresh='results' with reports, datasets, collections or data_sources, or refresh='schema' "
            "for the tables that Mode's editor shows."
        ) from error
