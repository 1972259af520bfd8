"""The API token of one client: asked for when needed, and once more when Mode refuses it."""

from __future__ import annotations

import logging
import threading
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from mode_catalog_provider.errors import ConfigurationError, ModeAuthenticationError
from mode_catalog_provider.http.credential_text import credential_text

log = logging.getLogger(__name__)


class Authority(Protocol):
    """What a request is sent with: the API key, or a token that was minted with it."""

    @property
    def authorization(self) -> str:
        """Value of the ``Authorization`` header."""

    @property
    def suffix(self) -> str:
        """Enough to tell authorities apart in a message."""

    @property
    def hidden(self) -> tuple[str, ...]:
        """Texts that must not appear in a message, should the service echo them."""


@dataclass(frozen=True)
class ModeCredentials:
    """An API key of Mode.

    :param token: "Key ID"; only its last four characters are ever shown.
    :param secret: never shown.
    :param successor: the key that takes over once this one is refused, so that a rotation can be prepared;
        default ``None``.
    :raises ConfigurationError: when one of them is empty, or holds a character that none has.
    """

    token: str = field(repr=False)
    secret: str = field(repr=False)
    successor: ModeCredentials | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("token", "secret"):
            if not getattr(self, name):
                raise ConfigurationError(f"Mode's API key is not complete: its {name} is empty.")
            # A colon ends the token where both are sent.
            text = credential_text(
                getattr(self, name), what=f"Mode's API {name}", refuse=":" if name == "token" else ""
            )
            object.__setattr__(self, name, text)

    def __str__(self) -> str:
        return self.suffix

    @property
    def suffix(self) -> str:
        """The end of the token, enough to tell keys apart in a message: ``…4f2a``."""
        return f"…{self.token[-4:]}" if len(self.token) >= 8 else "…"

    @property
    def authorization(self) -> str:
        """Value of the ``Authorization`` header."""
        return "Basic " + b64encode(f"{self.token}:{self.secret}".encode()).decode("ascii")

    @property
    def hidden(self) -> tuple[str, ...]:
        """Texts that must not appear in a message, should the service echo them."""
        return self.token, self.secret, self.authorization.removeprefix("Basic ")


CredentialsSource: TypeAlias = Callable[[], ModeCredentials]


class CredentialKeeper:
    """What all threads of a client authenticate with.

    :param source: reads the credential where it is kept; called again after a 401, never by two threads at
        once.
    :param kept_in: name of the Airflow connection, or a phrase such as "the command line", for messages.
    """

    def __init__(self, source: CredentialsSource, *, kept_in: str) -> None:
        self._source = source
        self._kept_in = kept_in
        self._lock = threading.Lock()
        self._current: ModeCredentials | None = None
        self._refused: list[ModeCredentials] = []

    def current(self) -> ModeCredentials:
        """Return the credential to send.

        :raises ModeAuthenticationError: Mode refused it, and there was no other.
        """
        with self._lock:
            if self._current is None:
                if self._refused:
                    raise self._error()
                self._current = self._source()
            return self._current

    def replace(self, refused: ModeCredentials) -> None:
        """React to a 401: one thread asks for the credential again, the others wait for what it finds.

        What the source gives now is taken if it is another one, else its successor.

        :param refused: what was sent; nothing is asked if another thread has found a different one meanwhile.
        :raises ModeAuthenticationError: the credential is still the same, so nobody rotated it.
        """
        with self._lock:
            if self._current == refused:
                self._refused.append(refused)
                found = self._source()
                candidates = (found, found.successor)
                self._current = next((one for one in candidates if one and one not in self._refused), None)
                if self._current is not None:
                    log.warning(
                        "Mode refused API token %s (401); going on with %s, which %s holds%s.",
                        refused,
                        self._current,
                        self._kept_in,
                        " as the next one" if self._current is found.successor else " by now",
                    )
            if self._current is None:
                raise self._error()

    def _error(self) -> ModeAuthenticationError:
        # An Airflow connection id has no spaces; anything else is a phrase that names another place.
        if " " in self._kept_in:
            cure = "give the new token and its secret, and run it again."
        else:
            cure = f"put the new token into connection '{self._kept_in}' and clear this task."
        refused = " and ".join(one.suffix for one in self._refused)
        return ModeAuthenticationError(
            f"Mode refused API token {refused} (401). It was mistyped, rotated or has expired; {cure}"
        )
