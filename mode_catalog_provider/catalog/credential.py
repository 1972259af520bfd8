"""The Catalog API token: read late, read again when refused, never shown."""

from __future__ import annotations

from collections.abc import Callable

from mode_catalog_provider.errors import CatalogAuthenticationError, ConfigurationError
from mode_catalog_provider.http.credential_text import credential_text
from mode_catalog_provider.http.endpoint import place, put_into

TokenSource = Callable[[], str]
DEFAULT_CONNECTION = "coalesce_catalog_default"


class CatalogCredential:
    """The token that requests carry, and the place to ask again when Catalog refuses it.

    :param token: returns the token as it is stored now; called before the first request and once more per
        refused request, so that a rotated token is picked up in the middle of a run.
    :param connection: how messages name the place where the token is kept.
    """

    def __init__(self, token: TokenSource, *, connection: str = DEFAULT_CONNECTION) -> None:
        self._source = token
        self._token: str | None = None
        self.connection = connection

    def __repr__(self) -> str:
        return f"{type(self).__name__}(connection={self.connection!r})"

    def authorization(self) -> str:
        """Return the value of the ``Authorization`` header."""
        if self._token is None:
            self._token = self._read()
        return f"Token {self._token}"

    def secrets(self) -> tuple[str, ...]:
        """Return what must not be repeated when the service echoes it."""
        return (self._token,) if self._token else ()

    def renew(self) -> bool:
        """Read the token again, and say whether it is another one now."""
        refused, self._token = self._token, self._read()
        return self._token != refused

    def refused(self, doing: str) -> CatalogAuthenticationError:
        """Return the error for a token that Catalog answers with 401.

        :param doing: what was attempted, as in "to upload x.json".
        """
        return CatalogAuthenticationError(
            f"Catalog refused the API token of {place(self.connection)} {doing} (401). It was "
            f"mistyped, revoked or has expired: make a Read & Write token in Catalog under Settings > API, "
            f"{put_into(self.connection)}, and run this again."
        )

    def _read(self) -> str:
        # `requests` would quote an impossible header, token and all, in its own error.
        token = credential_text(self._source(), what=f"The Catalog API token in {place(self.connection)}")
        if not token:
            raise ConfigurationError(
                f"There is no Catalog API token in {place(self.connection)}. Make one in Catalog under "
                f"Settings > API (Read & Write for uploads), and "
                f"{put_into(self.connection, field='the password of ')}."
            )
        return token
