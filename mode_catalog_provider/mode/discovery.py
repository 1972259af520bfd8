"""Mode's Discovery (batch) API: a short-lived token of its own, and listings of 1,000 rows a page."""

from __future__ import annotations

import logging
import threading
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mode_catalog_provider.errors import (
    DiscoveryUnavailableError,
    MalformedResponseError,
    ModeCatalogError,
    RequestRefusedError,
)
from mode_catalog_provider.mode.client import ModeClient

log = logging.getLogger(__name__)

#: Far longer than the listings take, and short for a key that a killed process may leave behind.
TOKEN_LIFE = timedelta(minutes=30)

#: Seconds for all attempts at one page. REST can give the same rows, so a page is not worth more.
PAGE_BUDGET = 60.0

_REASONS = {
    401: "the API token is not that of an admin of the workspace (401)",
    403: "the workspace's plan does not include it (403)",
    404: "there is none for this workspace (404)",
}


@dataclass(frozen=True)
class SignatureToken:
    """What the Discovery API is asked with.

    :param token: names it, where it is deleted.
    :param access_key: one half of its secret.
    :param access_secret: the other half.
    """

    token: str = field(repr=False)
    access_key: str = field(repr=False)
    access_secret: str = field(repr=False)

    def __str__(self) -> str:
        return self.suffix

    @property
    def suffix(self) -> str:
        """What messages call it."""
        return "of the Discovery API"

    @property
    def authorization(self) -> str:
        """Value of the ``Authorization`` header."""
        return f"Bearer {self._encoded}"

    @property
    def hidden(self) -> tuple[str, ...]:
        """Texts that must not appear anywhere."""
        return self.access_secret, self.access_key, self._encoded, self.token

    @property
    def _encoded(self) -> str:
        text = f"{self.token}:{self.access_key}:{self.access_secret}"
        return b64encode(text.encode()).decode("ascii")


class Discovery:
    """The Discovery API of one workspace, for the length of one extraction. Thread-safe.

    :param client: sends, at the pace and under the limits of all its other requests.
    """

    def __init__(self, client: ModeClient) -> None:
        self._client = client
        self._tokens_route = f"/batch/{client.workspace}/signature_tokens"
        self._lock = threading.Lock()
        self._minted: list[SignatureToken] = []
        self._refused = False

    def open(self) -> None:
        """Mint the token.

        :raises DiscoveryUnavailableError: the API is not for this token or this workspace; says why.
        :raises ServiceError: it did not answer as documented.
        """
        try:
            self._mint()
        except RequestRefusedError as error:
            reason = _REASONS.get(error.status or 0)
            if reason is None:
                raise
            raise DiscoveryUnavailableError(
                f"Mode's Discovery API cannot be used: {reason}.", status=error.status
            ) from error

    def page(
        self, listing: str, number: int, *, everywhere: bool = False, per_page: int | None = None
    ) -> dict[str, Any]:
        """Read one page of a listing. A token that is refused in the middle is minted again, once.

        After :meth:`close`, another one is minted.

        :param listing: ``"queries"``, ``"reports"``, ``"report_stats"``, ``"spaces"`` or ``"members"``.
        :param number: of the page, from 1.
        :param everywhere: with what is in members' personal collections, default false.
        :param per_page: rows of a page; default ``None``: Mode's own, which is 1,000.
        :return: the answer: rows under the listing's name, counters under ``pagination``.
        :raises ServiceError: this page cannot be had.
        """
        params: dict[str, Any] = {"page": number}
        if per_page is not None:
            params["per_page"] = per_page
        if everywhere:
            params["include_spaces"] = "all"
        path = f"/batch/{self._client.workspace}/{listing}"
        token = self._token()
        try:
            return self._client.get(path, params=params, authority=token, retry_budget=PAGE_BUDGET)
        except RequestRefusedError as error:
            if error.status != 401:
                raise
            token = self._token_instead_of(token, error)
        return self._client.get(path, params=params, authority=token, retry_budget=PAGE_BUDGET)

    def close(self) -> None:
        """Delete the token, also when the client was cancelled; what fails here is logged, never raised."""
        with self._lock:
            tokens, self._minted = self._minted, []
        for token in reversed(tokens):
            try:
                self._client.send_last(
                    "DELETE", f"{self._tokens_route}/{token.token}", shown_as=f"{self._tokens_route}/…"
                )
            except ModeCatalogError as error:
                gone = isinstance(error, RequestRefusedError) and error.status == 404
                if not gone:
                    log.warning("A token of Mode's Discovery API was not deleted and will expire: %s", error)

    def _token(self) -> SignatureToken:
        with self._lock:
            if not self._minted:
                self._mint()
            return self._minted[-1]

    def _token_instead_of(self, refused: SignatureToken, error: RequestRefusedError) -> SignatureToken:
        with self._lock:
            if self._minted and self._minted[-1] is refused:
                if self._refused:
                    raise error
                self._refused = True
                log.info("Mode refused the token of its Discovery API; another one is minted.")
                self._mint()
        return self._token()

    def _mint(self) -> None:
        now = datetime.now(UTC)
        wanted = {
            "name": f"mode-catalog-provider {now:%Y-%m-%dT%H:%M:%SZ}",
            "expires_at": (now + TOKEN_LIFE).isoformat(timespec="seconds"),
            "auth_scope": {"authentication_for": "batch-api", "authorization_type": "read-only"},
        }
        # The key was verified, so a 401 here is about rights and must not be taken for an expired key.
        answer = self._client.send_once(
            "POST", self._tokens_route, {"signature_token": wanted}, authority=self._client.authority
        )
        parts = [answer.get(name) for name in ("token", "access_key", "access_secret")]
        if not all(isinstance(part, str) and part for part in parts):
            raise MalformedResponseError("Mode made a token of its Discovery API but did not tell all of it.")
        token = SignatureToken(*map(str, parts))
        for secret in token.hidden[:3]:
            self._client.on_secret(secret)
        self._minted.append(token)
