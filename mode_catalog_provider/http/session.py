"""The one place that sends: safe defaults of ``requests``, failures of the wire in the package's words."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from http.cookiejar import Cookie, DefaultCookiePolicy
from time import monotonic
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from mode_catalog_provider import __version__
from mode_catalog_provider.errors import (
    CancelledError,
    ConfigurationError,
    MalformedResponseError,
    ResponseTruncatedError,
    TimedOutError,
    UnknownHostError,
    UnreachableError,
)
from mode_catalog_provider.http.certificates import bundle_for
from mode_catalog_provider.http.connection import BreakableAdapter, Exchanges
from mode_catalog_provider.http.endpoint import Endpoint
from mode_catalog_provider.http.failures import Attempt
from mode_catalog_provider.http.host_name import is_host_name
from mode_catalog_provider.http.proxies import Proxy, proxy_for
from mode_catalog_provider.http.response import DEFAULT_MAX_BYTES, Answer, read_body
from mode_catalog_provider.http.statistics import OTHER, RequestStatistics, outcome_of
from mode_catalog_provider.http.stop import StopSignal
from mode_catalog_provider.text import visible

log = logging.getLogger(__name__)

USER_AGENT = f"mode-catalog-provider/{__version__}"

_HEADERS = {
    "User-Agent": USER_AGENT,
    "Accept-Encoding": "gzip, deflate",
    "Accept": "*/*",
    "Connection": "keep-alive",
}

#: Characters of a path that a message shows; a redirect may lead anywhere.
_LONGEST_PATH = 300

#: What the libraries below raise for what goes wrong on the wire.
_FAILURES = (requests.RequestException, HTTPError, HTTPException, OSError, ValueError)


def base_url(url: str, *, what: str, allow_http: bool = False, example: str = "https://example.com") -> str:
    """Check the address of a service and bring it into one form.

    :param url: as configured, scheme required.
    :param what: what it is in a message, such as ``"Mode host"``.
    :param allow_http: accept plain http to any host; without it only to this machine.
    :param example: an address of this service, for messages.
    :return: scheme and host (port, path) in lower case where case does not matter, no trailing slash, no port
        that the scheme implies.
    :raises ConfigurationError: when it cannot be right. The message never repeats user name or password.
    """
    text = url.strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ConfigurationError(f"{what}: this is not a URL; it looks like {example}.") from None
    try:
        port = parts.port
    except ValueError:
        raise ConfigurationError(
            f"{what}: this is not a URL, for its port is no number from 1 to 65535; it looks like {example}."
        ) from None
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(
            f"{what}: the URL carries a user name or password; credentials have fields of their own."
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(f"{what} '{visible(text)}' needs a scheme and a host, such as {example}.")
    if " " in text or not text.isprintable():
        raise ConfigurationError(
            f"{what} '{visible(text)}' has a space or an invisible character in it. Type it again, "
            f"such as {example}."
        )
    if not is_host_name(parts.hostname):
        raise ConfigurationError(
            f"{what} '{visible(text)}' names no host that there can be. Type it again, such as {example}."
        )
    if port == 0:
        raise ConfigurationError(f"{what} '{visible(text)}' has the port 0, which is none. Leave it out.")
    if parts.query or parts.fragment:
        raise ConfigurationError(f"{what}: the URL must not have a query or a fragment.")
    if parts.scheme == "http" and not allow_http and not is_loopback(parts.hostname):
        raise ConfigurationError(
            f"{what} '{visible(text)}' is plain http: the credential would travel unencrypted. Use https, or "
            "allow it: --allow-http on the command line, 'allow_http' in a connection of Airflow."
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    own = port is not None and port != {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}{f':{port}' if own else ''}{parts.path.rstrip('/')}"


def is_loopback(hostname: str) -> bool:
    """Whether a host name means this machine."""
    if hostname == "localhost" or hostname.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(hostname).is_loopback
    except ValueError:
        return False


class HeaderAuth(AuthBase):
    """Sets the ``Authorization`` header, or none; being a callable, it keeps ``~/.netrc`` out of play.

    :param value: the whole header value.
    :raises ConfigurationError: when the value cannot be sent; a library's own message would repeat it.
    """

    def __init__(self, value: str | None = None) -> None:
        if value is not None and not re.fullmatch(r"[\x21-\x7e][\x20-\x7e]*", value):
            raise ConfigurationError(
                "The credential holds characters that cannot be sent in a header (a line break at its end?)."
            )
        self._value = value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header to a request that is about to be sent."""
        if self._value is not None:
            request.headers["Authorization"] = self._value
        return request


def _outcome_of(error: BaseException) -> str:
    """Return how a request ended that has no answer."""
    if isinstance(error, CancelledError) or not isinstance(error, Exception):
        return "cancelled"
    if isinstance(error, UnreachableError | UnknownHostError | ConfigurationError):
        return "unreachable"
    # Cut short by the network as well: the service is not to blame for the form of its answer.
    if isinstance(error, MalformedResponseError) and not isinstance(error, ResponseTruncatedError):
        return "malformed"
    return "timeout" if isinstance(error, TimedOutError) else "reset"


class _NoCookies(DefaultCookiePolicy):
    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        return False


class _Session(requests.Session):
    """Leaves redirects alone: `requests` works out where each leads, and fails over what is no address."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return no target."""


@dataclass(frozen=True)
class _Route:
    """How requests reach one address.

    :param proxy: what they go through.
    :param verify: what certificates are checked against.
    """

    proxy: Proxy | None
    verify: bool | str


class HttpSession:
    """Sends requests of one service and returns whole answers. Thread-safe.

    Redirects are not followed, cookies not kept, ``~/.netrc`` not read, nothing is retried. Proxies and
    certificate bundles of the environment are honoured unless the endpoint has some.

    :param endpoint: timeouts, proxies and what certificates are checked against.
    :param service: name of the service in messages, such as ``"Mode"``.
    :param pool_size: connections kept open.
    :param max_bytes: largest body accepted, decompressed.
    :param stop: breaks exchanges under way; they raise ``CancelledError``.
    :param statistics: where requests and bytes are counted.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        service: str,
        pool_size: int = 8,
        max_bytes: int = DEFAULT_MAX_BYTES,
        stop: StopSignal | None = None,
        statistics: RequestStatistics | None = None,
    ) -> None:
        self.service = service
        self.stop = stop or StopSignal()
        self.statistics = statistics or RequestStatistics()
        self._endpoint = endpoint
        self._max_bytes = max_bytes
        self._exchanges = Exchanges()
        self._routes: dict[str, _Route] = {}
        self._answered: set[str] = set()
        self._session = _Session()
        # What the environment says is asked here, once per address, and may be overruled by the endpoint.
        self._session.trust_env = False
        self._session.cookies.set_policy(_NoCookies())
        adapter = BreakableAdapter(pool_size=pool_size)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self.stop.when_set(self._exchanges.break_off_all)

    def exchange(
        self,
        method: str,
        url: str,
        *,
        authorization: str | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Any = None,
        deadline: float | None = None,
        shown_as: str | None = None,
        operation: str = OTHER,
    ) -> Answer:
        """Send one request, once, and read its whole answer, whatever its status.

        :param authorization: value of the ``Authorization`` header, sent to this URL only.
        :param data: a body that ``requests`` takes: bytes, or a file-like or iterable object, streamed.
        :param deadline: seconds for the whole exchange, connecting to last byte; default: the endpoint's.
        :param shown_as: the path in messages, where the real one holds something that they must not show.
        :param operation: the word under which it is counted, one of a few of the service.
        :raises UnreachableError: no connection; nothing was sent.
        :raises ServiceUnavailableError: reset; ``TimedOutError``: silent or slow beyond the timeout.
        :raises MalformedResponseError: truncated, too large, or broken compression.
        :raises CancelledError: the stop signal was set.
        """
        self.stop.check()
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        route = self._route(origin)
        asked = f"{self.service} {method} {shown_as or visible(parts.path, _LONGEST_PATH) or '/'}"
        if route.proxy is not None and parts.scheme == "http":
            # It sees the request, and whoever reads its answer cannot tell whose that is.
            asked += f" through {route.proxy}"
        attempt = Attempt(
            asked=asked,
            where=f"{self.service} at {origin}",
            url=url,
            endpoint=self._endpoint,
            proxy=route.proxy,
            is_known=origin in self._answered,
        )
        request = {"headers": {**_HEADERS, **(headers or {})}, "params": params, "json": json, "data": data}
        self.statistics.count(requests=1)
        begun = monotonic()
        try:
            answer = self._send(
                method,
                attempt,
                route,
                deadline=self._endpoint.deadline if deadline is None else deadline,
                operation=operation,
                auth=HeaderAuth(authorization),
                **request,
            )
        except BaseException as error:
            self.statistics.ended(operation, _outcome_of(error), seconds=monotonic() - begun)
            raise
        self._answered.add(origin)
        self.statistics.ended(
            operation,
            outcome_of(answer.status),
            seconds=monotonic() - begun,
            bytes_received=len(answer.body),
        )
        return answer

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._session.close()

    def _send(
        self,
        method: str,
        attempt: Attempt,
        route: _Route,
        *,
        deadline: float,
        operation: str,
        **request: Any,
    ) -> Answer:
        asked = attempt.asked
        with self._exchanges.begin(deadline=deadline) as exchange:
            # Whoever stopped us before this one could be seen has not broken it off.
            self.stop.check()
            try:
                # Prepared here: the session has no settings that it would have to be merged with.
                prepared = requests.PreparedRequest()
                prepared.prepare(method, attempt.url, **request)
                with self._session.send(
                    prepared,
                    timeout=(self._endpoint.connect_timeout, self._endpoint.read_timeout),
                    proxies=route.proxy.for_requests if route.proxy else {},
                    verify=route.verify,
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    body = read_body(response, max_bytes=self._max_bytes, asked=asked)
            except (*_FAILURES, ResponseTruncatedError) as error:
                self.stop.check()
                if exchange.overdue:
                    raise TimedOutError(
                        f"{asked}: the answer was not complete after {deadline:g} s."
                    ) from error
                if isinstance(error, ResponseTruncatedError):
                    raise
                ours = attempt.failed(error)
                # The library's complaint about an address repeats it, with a proxy's password if it has one.
                raise ours from (None if isinstance(ours, ConfigurationError) else error)
            if response.status_code == 407 and route.proxy is not None:
                raise attempt.proxy_wants_password(407)
            if response.status_code == 400 and attempt.speaks_only_https():
                raise attempt.wants_https()
            # Without an announced end, a body that was cut looks like a whole one.
            if exchange.broken and not {"Content-Length", "Transfer-Encoding"} & set(response.headers):
                self.stop.check()
                raise TimedOutError(f"{asked}: the answer was not complete after {deadline:g} s.")
        return Answer(
            status=response.status_code,
            headers=response.headers,
            body=body,
            asked=asked,
            sent_at=exchange.sent_at,
            operation=operation,
        )

    def _route(self, origin: str) -> _Route:
        if origin not in self._routes:
            route = _Route(proxy_for(origin, self._endpoint), bundle_for(origin, self._endpoint))
            if route.verify is False and origin.startswith("https:"):
                log.warning(
                    "%s at %s is talked to without checking certificates (`verify` of %s is off): whoever is "
                    "in between can read the credential.",
                    self.service,
                    origin,
                    self._endpoint.place,
                )
            self._routes[origin] = route
        return self._routes[origin]
