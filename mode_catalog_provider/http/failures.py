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
            return self._proxy_failed(inner)
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
                return self._wants_https()
            return ResponseGarbledError(f"{self.asked}: {self.where} answers, but not in HTTP.")
        reset = any(isinstance(one, ConnectionError | RemoteDisconnected) for one in inner)
        if reset and not self.is_known and self.proxy is None and self._is_plain and speaks_tls(self.url):
            return self._wants_https()
        if reset or isinstance(error, OSError | requests.exceptions.ConnectionError):
            return ServiceUnavailableError(f"{self.asked}: the connection broke ({type(error).__name__}).")
        return ResponseGarbledError(f"{self.asked}: the head of the answer cannot be read.")

    @property
    def _is_plain(self) -> bool:
        return self.url.lower().startswith("http:")

    def _wants_https(self) -> ConfigurationError:
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
            error, where=self.where, url=self.url, endpoint=self.endpoint, direct=self.proxy is None
        )

    def _proxy_failed(self, inner: list[BaseException]) -> ModeCatalogError:
        status = next((found.group(1) for one in inner if (found := _TUNNEL.search(str(one)))), None)
        through = self._through
        if status in ("401", "407"):
            return self.proxy_wants_password(status)
        if status == "403":
            return ConfigurationError(f"{through}: it does not let this machine through to it ({status}).")
        if status is not None:
            return UnreachableError(f"{through}: it answers {status}.")
        if any(isinstance(one, NameResolutionError) for one in inner):
            kind = UnreachableError if self.is_known else UnknownHostError
            return kind(f"{through}: the proxy's name cannot be resolved. Check its address.")
        if any(isinstance(one, NewConnectionError | ConnectTimeoutError) for one in inner):
            return UnreachableError(f"{through}: the proxy takes no connection. Check its address and port.")
        return UnreachableError(f"{through} (check the proxy's address and rights).")
