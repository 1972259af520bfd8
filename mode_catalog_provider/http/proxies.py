"""Which proxy a request takes: the connection's before the environment's; a wrong one is told at once."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, prepend_scheme_if_needed, select_proxy

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.http.endpoint import Endpoint
from mode_catalog_provider.text import visible

_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


@dataclass(frozen=True)
class Proxy:
    """A proxy that a request goes through.

    :param url: as given, with its password if it has one; never shown.
    :param origin: where it is set, as part of a sentence.
    """

    url: str = field(repr=False)
    origin: str

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return f"the proxy {parts.scheme}://{visible(parts.netloc.rpartition('@')[2])} ({self.origin})"

    @property
    def for_requests(self) -> dict[str, str]:
        """The proxy as ``requests`` takes it, for whatever scheme is asked."""
        return {"all": self.url}


def proxy_for(url: str, endpoint: Endpoint) -> Proxy | None:
    """Return the proxy that a request goes through, ``None`` for none.

    :param url: what is asked for.
    :param endpoint: its ``proxies`` are all there are, where given (``""`` for none); else the environment's.
    :raises ConfigurationError: that proxy cannot be used.
    """
    if endpoint.proxies is not None:
        chosen = select_proxy(url, dict(endpoint.proxies))
        origin = f"`proxies` of {endpoint.place}"
    else:
        found = get_environ_proxies(url)
        chosen = select_proxy(url, found)
        origin = _variable(found, chosen)
    return _checked(chosen, origin) if chosen else None


def _variable(found: Mapping[str, str], chosen: str | None) -> str:
    key = next((key for key, value in found.items() if value == chosen), "all")
    name = f"{key}_proxy"
    return next((one for one in (name, name.upper()) if os.environ.get(one)), "this machine's settings")


def _checked(url: str, origin: str) -> Proxy:
    try:
        whole: str = prepend_scheme_if_needed(url.strip(), "http")  # type: ignore[no-untyped-call]
        parts = urlsplit(whole)
        usable = bool(parts.hostname) and parts.scheme in _SCHEMES and parts.port != 0
    except (ValueError, TypeError):  # the latter of `requests`, over a user name without a host
        usable = False
    if not usable:
        # The text is not repeated: a password may stand in it.
        raise ConfigurationError(
            f"The proxy in {origin} cannot be used: its address looks like http://proxy.example.com:3128."
        )
    if parts.scheme.startswith("socks") and importlib.util.find_spec("socks") is None:
        raise ConfigurationError(
            f"The proxy in {origin} speaks SOCKS, which needs another package on this machine: "
            "pip install 'requests[socks]'."
        )
    return Proxy(whole, origin)
