"""Which proxy a request takes: the connection's before the environment's; a wrong one is told at once."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, prepend_scheme_if_needed, select_proxy

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.http.endpoint import Endpoint
from mode_catalog_provider.http.host_name import is_host_name
from mode_catalog_provider.text import visible

_HOST_AND_PORT = re.compile(r"(?:\[(?P<six>[^\]]*)\]|(?P<name>[^:\[\]]+))(?::(?P<port>\d{1,5}))?")

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
    elif _excepted(url):
        return None
    else:
        found = get_environ_proxies(url)
        chosen = select_proxy(url, found)
        origin = _variable(found, chosen)
    return _checked(chosen, origin) if chosen else None


def _variable(found: Mapping[str, str], chosen: str | None) -> str:
    key = next((key for key, value in found.items() if value == chosen), "all")
    name = f"{key}_proxy"
    return next((one for one in (name, name.upper()) if os.environ.get(one)), "this machine's settings")


def _excepted(url: str) -> bool:
    """Whether ``no_proxy`` names the host of a URL, in any of the forms that are written there.

    `requests` knows names and IPv4 networks; not ``*.example.com``, a dot at the end, a port after an IP
    address, ``[::1]`` or an IPv6 network.
    """
    parts = urlsplit(url)
    host, port = (parts.hostname or "").rstrip("."), parts.port or (443 if parts.scheme == "https" else 80)
    listed = (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").replace(",", " ").split()
    return any(_covers(entry.lower(), host, port) for entry in listed)


def _covers(entry: str, host: str, port: int) -> bool:
    found = _HOST_AND_PORT.fullmatch(entry)
    name, given = (found["six"] or found["name"], found["port"]) if found else (entry, None)
    if given is not None and int(given) != port:
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        domain = name.removeprefix("*").strip(".")
        return name == "*" or (bool(domain) and f".{host}".endswith(f".{domain}"))
    try:
        return name == "*" or address in ipaddress.ip_network(name, strict=False)
    except ValueError:
        return False


def _checked(url: str, origin: str) -> Proxy:
    try:
        whole: str = prepend_scheme_if_needed(url.strip(), "http")  # type: ignore[no-untyped-call]
        parts = urlsplit(whole)
        usable = parts.scheme in _SCHEMES and is_host_name(parts.hostname or "")
        # `requests` drops the port 0 without a word.
        usable = usable and not re.search(r":0+/?$", url.strip())
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
