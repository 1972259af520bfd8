"""Who is who: every credential of the sandbox under a label that may be written down."""

from __future__ import annotations

import base64
import binascii
import secrets
import threading
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Credentials:
    """An API token of the sandbox's Mode, shaped like the package's own ``ModeCredentials``."""

    token: str
    secret: str = field(repr=False)

    @property
    def suffix(self) -> str:
        return f"…{self.token[-4:]}"


@dataclass
class Key:
    """A Mode API key: who it is, and for how many more requests it is good (``None`` = for ever)."""

    label: str
    credentials: Credentials
    scope: str
    good_for: int | None = None


class CredentialBook:
    """All credentials of both servers; turns an ``Authorization`` header into a label."""

    def __init__(self) -> None:
        self._labels: dict[str, str] = {}
        self._lock = threading.Lock()

    def register(self, header_value: str, label: str) -> None:
        with self._lock:
            self._labels[header_value] = label

    def register_basic(self, credentials: Credentials, label: str) -> None:
        self.register(basic_header(credentials), label)

    def label(self, header_value: str | None) -> str:
        if not header_value:
            return "none"
        with self._lock:
            known = self._labels.get(header_value)
            if known is None and header_value.startswith("Basic "):
                known = self._label_of_token(header_value)
        return known or "unknown"

    def _label_of_token(self, header_value: str) -> str | None:
        # The right token with a wrong secret must still be seen as that key (it leaked half of it).
        token = decode_basic(header_value)[0]
        for header, label in self._labels.items():
            if header.startswith("Basic ") and decode_basic(header)[0] == token:
                return f"{label}:wrong-secret"
        return None


def basic_header(credentials: Credentials) -> str:
    pair = f"{credentials.token}:{credentials.secret}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def decode_basic(header_value: str) -> tuple[str, str]:
    """Token and secret of a Basic header, two empty strings when it is not one."""
    try:
        token, _, secret = (
            base64.b64decode(header_value.removeprefix("Basic "), validate=True).decode().partition(":")
        )
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return token, secret


def new_credentials() -> Credentials:
    return Credentials(token=secrets.token_hex(6), secret=secrets.token_hex(12))
