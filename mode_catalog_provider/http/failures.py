"""What went wrong on the wire, in this package's words: whose fault it is, and whether it can pass.

Only the kind of a failure is told. The libraries' own texts can hold a proxy's password, or the credential.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from http.client import BadStatusLine, RemoteDisconnected

import requests
from requests.exceptions import InvalidSchema, InvalidURL
from urllib3.exceptions import (
    ConnectTimeoutError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
)

from mode_catalog_provider.errors import (
    ConfigurationError,
    ModeCatalogError,
    ResponseGarbledError,
    ServiceUnavailableError,
    TimedOutError,
    UnknownHostError,
    UnreachableError,
)
from mode_catalog_provider.http.certificates import beneath, explain, speaks_tls
from mode_catalog_provider.http.endpoint import Endpoint
from mode_catalog_provider.http.proxies import Proxy

#: What a proxy answers 4xx to a tunnel for now, not for good.
_MAY_PASS = ("408", "425", "429")

_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")

#: First bytes of TLS where HTTP was expected: an alert, or a handshake.
_TLS_RECORD = ("\x15\x03", "\x16\x03")


@dataclass(frozen=True)
class Attempt:
    """What was tried.

    :param asked: service, method and path, for messages.
    :param where: service and address, for messages.
    :param url: what was asked for.
    :param endpoint: the settings it was asked with.
    :param proxy: what it went through, ``None`` for nothing.
    :param is_known: whether this address has answered before, so that it is not a mistyped one.
    """

    asked: str
    where: str
    url: str
    endpoint: Endpoint
    proxy: Proxy | None
    is_known: bool

    def failed(self, error: Exception) -> ModeCatalogError:
        """Return what the failure of this attempt means."""
        inner = list(beneath(error))
        if isinstance(error, requests.exceptions.ProxyError):
            return self._proxy_failed(error, inner)
        file = next((one for one in inner if isinstance(one, OSError) and one.filename is not None), None)
        if file is not None:
            return ConfigurationError(
                f"{self.asked}: {file.filename} cannot be read on this machine ({file.strerror})."
            )
        if (handshake := self._handshake_failed(error)) is not None:
            return ConfigurationError(handshake)
        if isinstance(error, requests.exceptions.InvalidProxyURL) and self.proxy is not None:
            return ConfigurationError(f"{self.where} cannot be reached: {self.proxy} cannot be used.")
        if isinstance(error, InvalidURL | InvalidSchema | UnicodeError):
            return ConfigurationError(f"{self.where}: this address cannot be used.")
        if any(isinstance(one, NameResolutionError) for one in inner):
            kind = UnreachableError if self.is_known else UnknownHostError
            return kind(
                f"{self.where} cannot be reached: its name cannot be resolved. Check the host and "
                "the network."
            )
        if any(isinstance(one, NewConnectionError | ConnectTimeoutError) for one in inner):
            return UnreachableError(
                f"{self.where} cannot be reached: no connection could be made. Check the host and "
                "the network."
            )
        # A silence in the middle of a body comes as a plain ConnectionError.
        if any(isinstance(one, requests.exceptions.Timeout | ReadTimeoutError) for one in inner):
            return TimedOutError(f"{self.asked}: no answer within {self.endpoint.read_timeout:g} s.")
        return self._broken(error, inner)

    def _broken(self, error: Exception, inner: list[BaseException]) -> ModeCatalogError:
        line = next((one for one in inner if isinstance(one, BadStatusLine)), None)
        if line is not None and not isinstance(line, RemoteDisconnected):
            if str(line.args[0] if line.args else "").lstrip("'\"").startswith(_TLS_RECORD):
                return self.wants_https() if self.proxy is None else self._proxy_wants_https()
            who = self.where if self.proxy is None else f"{self.where}, or the proxy before it,"
            return ResponseGarbledError(f"{self._asked_through}: {who} answers, but not in HTTP.")
        reset = any(isinstance(one, ConnectionError | RemoteDisconnected) for one in inner)
        if reset and self.speaks_only_https():
            return self.wants_https()
        if reset and self._proxy_speaks_only_https():
            return self._proxy_wants_https()
        readable = not isinstance(error, requests.exceptions.InvalidHeader)
        if reset or (readable and isinstance(error, OSError | requests.exceptions.ConnectionError)):
            return ServiceUnavailableError(
                f"{self._asked_through}: the connection broke ({type(error).__name__})."
            )
        return ResponseGarbledError(f"{self._asked_through}: the head of the answer cannot be read.")

    @property
    def _is_plain(self) -> bool:
        return self.url.lower().startswith("http:")

    @property
    def _asked_through(self) -> str:
        # Where the address is plain, the proxy stands there already.
        return self.asked if self.proxy is None or self._is_plain else f"{self.asked} through {self.proxy}"

    def speaks_only_https(self) -> bool:
        """Whether http was tried, and never answered well, where a handshake of TLS is answered."""
        return not self.is_known and self.proxy is None and self._is_plain and speaks_tls(self.url)

    def _proxy_speaks_only_https(self) -> bool:
        url = "" if self.proxy is None else self.proxy.url.lower()
        return not self.is_known and url.startswith("http:") and speaks_tls(url)

    def _proxy_wants_https(self) -> ConfigurationError:
        return ConfigurationError(f"{self._through}: it speaks https. Write https:// in its address.")

    def wants_https(self) -> ConfigurationError:
        """Return the error for an address of http at which https is spoken."""
        return ConfigurationError(
            f"{self.where} speaks https: write https:// in the address in {self.endpoint.place}."
        )

    def proxy_wants_password(self, status: object) -> ModeCatalogError:
        """Return the error for a proxy that does not let us pass without a name and a password."""
        return ConfigurationError(
            f"{self._through}: it wants a user name and password, or refuses those it was given ({status}). "
            "Put them into its address."
        )

    @property
    def _through(self) -> str:
        return f"{self.where} cannot be reached through {self.proxy}"

    def _handshake_failed(self, error: Exception) -> str | None:
        return explain(
            error,
            where=self.where,
            url=self.url,
            endpoint=self.endpoint,
            place=self.endpoint.place,
            direct=self.proxy is None,
        )

    def _handshake_with_proxy_failed(self, error: Exception, proxy: Proxy) -> str | None:
        return explain(
            error,
            where=f"{self._through}: it",
            url=proxy.url,
            endpoint=self.endpoint,
            place=proxy.origin,
            direct=False,
        )

    def _proxy_failed(self, error: Exception, inner: list[BaseException]) -> ModeCatalogError:
        status = next((found.group(1) for one in inner if (found := _TUNNEL.search(str(one)))), None)
        through = self._through
        if status in ("401", "407"):
            return self.proxy_wants_password(status)
        if status == "403":
            return ConfigurationError(f"{through}: it does not let this machine through to it ({status}).")
        if status is not None and status[0] in "34" and status not in _MAY_PASS and not self.is_known:
            return ConfigurationError(
                f"{through}: it answers {status}, as what is no proxy for https does. Check its address."
            )
        if status is not None:
            return UnreachableError(f"{through}: it answers {status}.")
        if self.proxy is not None and (told := self._handshake_with_proxy_failed(error, self.proxy)):
            return ConfigurationError(told)
        if self._proxy_speaks_only_https():
            return self._proxy_wants_https()
        if any(isinstance(one, NameResolutionError) for one in inner):
            kind = UnreachableError if self.is_known else UnknownHostError
            return kind(f"{through}: the proxy's name cannot be resolved. Check its address.")
        if any(isinstance(one, NewConnectionError | ConnectTimeoutError) for one in inner):
            return UnreachableError(f"{through}: the proxy takes no connection. Check its address and port.")
        return UnreachableError(f"{through} (check the proxy's address and rights).")
