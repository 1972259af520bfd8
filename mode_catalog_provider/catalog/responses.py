"""What both of Catalog's endpoints say with a status alone, in this package's words."""

from __future__ import annotations

from collections.abc import Iterable

from mode_catalog_provider.errors import (
    RateLimitedError,
    ServiceUnavailableError,
    WrongHostError,
)
from mode_catalog_provider.http.endpoint import place
from mode_catalog_provider.http.response import Answer, excerpt
from mode_catalog_provider.http.retry import parse_http_date, parse_retry_after

# 408: a load balancer lost patience with a slow connection; nothing was carried out
_PASSING_REFUSAL = 408


def raise_passing(answer: Answer) -> None:
    """Raise when the answer means "not now": 429, 408 and 5xx, with the wait that the service asks for."""
    wait = parse_retry_after(answer.headers.get("Retry-After"), parse_http_date(answer.headers.get("Date")))
    if answer.status == 429:
        raise RateLimitedError(f"{answer.asked}: too many requests (429).", status=429, retry_after=wait)
    if answer.status >= 500 or answer.status == _PASSING_REFUSAL:
        raise ServiceUnavailableError(
            f"{answer.asked}: the service failed ({answer.status}).", status=answer.status, retry_after=wait
        )


def raise_redirect(answer: Answer, *, setting: str, connection: str) -> None:
    """Raise when the answer is a redirect: the token goes nowhere else than to the configured address.

    :param setting: the connection field that holds the address, such as ``ingest_url``.
    :param connection: as for :func:`~mode_catalog_provider.http.endpoint.place`.
    """
    if 300 <= answer.status < 400:
        raise WrongHostError(
            f"{answer.asked} answered with a redirect ({answer.status}). Catalog does not redirect its "
            f"callers, and the token is never sent after one: check '{setting}' and 'zone' of "
            f"{place(connection)}."
        )


def said(answer: Answer, hide: Iterable[str]) -> str:
    """Return what the service said as the end of a sentence, empty when it said nothing."""
    text = excerpt(answer, hide=hide)
    return f" Catalog says: {text}" if text else ""
