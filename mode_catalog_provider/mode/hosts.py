"""Where Mode lives: its cloud hosts, and which redirects may be followed."""

from __future__ import annotations

import logging
import re
from urllib.parse import urljoin, urlsplit

from mode_catalog_provider.errors import ConfigurationError, MalformedResponseError, WrongHostError
from mode_catalog_provider.http.session import base_url
from mode_catalog_provider.text import visible
from mode_catalog_provider.web_address import CLOUD_HOSTS as CLOUD_HOSTS
from mode_catalog_provider.web_address import PAGES as PAGES
from mode_catalog_provider.web_address import path_part as path_part
from mode_catalog_provider.web_address import web_url as web_url

log = logging.getLogger(__name__)

DEFAULT_HOST = "https://modeanalytics.com"


def lineage_host(host: str) -> str:
    """Return the one name that lineage uses for a host of Mode: which of its cloud hosts answers may change.

    :param host: host, with its port where there is one.
    """
    return "app.mode.com" if host in CLOUD_HOSTS else host


def workspace_name(text: str) -> str:
    """Bring the name of a workspace into the form that routes take: lower case.

    :raises ConfigurationError: it cannot be one (an address, or empty).
    """
    name = text.strip().lower()
    if not re.fullmatch(r"[a-z0-9_][a-z0-9._-]*", name):
        raise ConfigurationError(
            f"Mode workspace '{text}' cannot be right: it is the name that follows the host in the "
            "workspace's address (acme for https://app.mode.com/acme)."
        )
    return name


class Address:
    """Base URL of the API, which may change among Mode's cloud hosts while a client works.

    :param host: as configured.
    :param workspace: name of the workspace, in its final form.
    :param allow_http: accept plain http to a host other than this machine.
    :param kept_in: where the host is configured, for messages.
    """

    def __init__(self, host: str, *, workspace: str, allow_http: bool, kept_in: str) -> None:
        self.configured = base_url(
            host, what="Mode host", allow_http=allow_http, example="https://app.mode.com"
        )
        self.current = self.configured
        self._workspace = workspace
        self._kept_in = kept_in

    def url(self, path: str) -> str:
        """Return the URL of a route, relative to the workspace unless it starts with a slash.

        :raises MalformedResponseError: the path would lead elsewhere. Its parts are tokens that Mode sent.
        """
        route = path if path.startswith("/") else f"/api/{self._workspace}/{path}"
        if re.search(r"[?#\\\s\ud800-\udfff]|//|/\.{1,2}(/|$)|/$", route):
            raise MalformedResponseError(
                f"Mode gave a token that cannot be part of a route: '{visible(path)}'."
            )
        return self.current + route

    def follow(self, asked: str, location: str) -> str:
        """Return the URL that a redirect leads to, provided that the credentials may go there.

        :param asked: the URL that was answered with the redirect.
        :param location: the ``Location`` header.
        :raises WrongHostError: it leads to another host, or from https to http.
        """
        source = urlsplit(asked)
        try:
            target = urlsplit(urljoin(asked, location))
            port = target.port
        except ValueError:
            raise MalformedResponseError(
                f"{self.current} sends its callers to an address that is none: {visible(location)}."
            ) from None
        same_host = target.netloc.lower() == source.netloc.lower()
        secure = target.scheme == "https" or target.scheme == source.scheme
        if same_host and secure:
            pass
        elif _default_https(target.scheme, port) and target.username is None and target.hostname:
            moved_by_mode = target.hostname in CLOUD_HOSTS and source.hostname in CLOUD_HOSTS
            made_secure = target.hostname == source.hostname and source.scheme == "http"
            if not (moved_by_mode or made_secure):
                raise self._elsewhere(target.scheme, target.hostname, port)
        else:
            raise self._elsewhere(target.scheme, target.hostname or "", port)
        origin = f"{target.scheme}://{target.netloc}"
        # A redirect of this one call (to a sign-in page, say) must not move all the others.
        moved = origin + urlsplit(self.current).path
        if target.path == source.path and moved != self.current:
            log.info(
                "Mode sends its callers from %s to %s; it is asked there from now on.", self.current, moved
            )
            self.current = moved
        return f"{origin}{target.path}{f'?{target.query}' if target.query else ''}"

    def _elsewhere(self, scheme: str, hostname: str, port: int | None) -> WrongHostError:
        place = (
            "the host field" if " " in self._kept_in else f"the host field of connection '{self._kept_in}'"
        )
        there = f"{scheme}://{visible(hostname)}{'' if port is None else f':{port}'}"
        return WrongHostError(
            f"{self.current} sends its callers to {there}; the credentials were not sent there. If that is "
            f"your Mode, put it into {place}; if it is a sign-in page, the API must be let past it."
        )


def _default_https(scheme: str, port: int | None) -> bool:
    return scheme == "https" and port in (None, 443)
