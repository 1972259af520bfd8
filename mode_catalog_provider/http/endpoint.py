"""How a service is talked to, as one value: what a connection or a command line says about the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.text import visible

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 60.0
RETRY_BUDGET = 300.0

#: A whole answer may take so many times the silence that is allowed between two bytes of it.
DEADLINE_IN_TIMEOUTS = 5

#: What `requests` looks a proxy up by: a scheme, or a scheme and a host without port.
_PROXY_KEY = re.compile(r"(https?|all)(://[^/:@\s]+)?")

#: Longest duration that is taken for one, in seconds: a day. Clocks of some platforms cannot hold much more.
LONGEST_TIMEOUT = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Settings that the clients of both services share.

    :param connection: name of the Airflow connection that keeps the credential (or a phrase such as "the
        command line"), for messages.
    :param timeout: seconds of silence after which a request is given up, or ``(connect, read)``; default 60.
        A whole answer may take five times as long.
    :param retry_budget: seconds for all attempts of one request, default 300.
    :param verify: check certificates: ``True``, ``False``, or the path of a bundle.
    :param proxies: scheme (``http``, ``https``, ``all``; or with a host, ``https://app.mode.com``) to proxy
        URL, where ``""`` means none; given, the environment is not asked. Default: the proxies of the
        environment.
    :param allow_http: accept plain http to a host other than this machine, default false.
    :raises ConfigurationError: a duration, or a name among the proxies, cannot be right.
    """

    connection: str
    timeout: float | tuple[float, float] = READ_TIMEOUT
    retry_budget: float = RETRY_BUDGET
    verify: bool | str = True
    proxies: Mapping[str, str] | None = None
    allow_http: bool = False

    def __post_init__(self) -> None:
        for key in self.proxies or ():
            if not _PROXY_KEY.fullmatch(key):
                raise ConfigurationError(
                    f"The `proxies` of {self.place} name '{visible(key)}', for which no proxy is looked up. "
                    "It can be http, https or all; or one of them with a host, as in https://app.mode.com, "
                    'and "" as its proxy for none.'
                )
        for seconds in (self.connect_timeout, self.read_timeout):
            if not 0 < seconds <= LONGEST_TIMEOUT:
                raise ConfigurationError(
                    f"The timeout of {self.place} is {seconds:g} seconds; it must be above 0 seconds and at "
                    f"most {LONGEST_TIMEOUT:.0f} (a day)."
                )

    @property
    def place(self) -> str:
        """Where a person finds these settings, as part of a sentence."""
        return place(self.connection)

    @property
    def connect_timeout(self) -> float:
        """Seconds to wait for a connection."""
        return self.timeout[0] if isinstance(self.timeout, tuple) else min(CONNECT_TIMEOUT, self.timeout)

    @property
    def read_timeout(self) -> float:
        """Seconds to wait for the next byte."""
        return self.timeout[1] if isinstance(self.timeout, tuple) else self.timeout

    @property
    def deadline(self) -> float:
        """Seconds for one whole exchange, connecting to last byte."""
        return self.read_timeout * DEADLINE_IN_TIMEOUTS


def place(connection: str) -> str:
    """Return where settings are kept, as part of a sentence: an Airflow connection, or a phrase as it is.

    :param connection: a connection id, which has no spaces, or a phrase such as "the command line".
    """
    return connection if " " in connection else f"connection '{connection}'"


def put_into(connection: str, *, field: str = "") -> str:
    """Return what to do with a new credential, as part of a sentence.

    :param connection: as for :func:`place`. Where it is a phrase, its owner says how a credential is given.
    :param field: the field of the connection, as in "the password of ".
    """
    return "give it" if " " in connection else f"put it into {field}{place(connection)}"
