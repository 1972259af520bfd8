"""What Mode's answers mean: a JSON object, a refusal of some kind, and how much of the rate limit is left."""

from __future__ import annotations

from typing import Any

from mode_catalog_provider.errors import (
    ForbiddenError,
    MalformedResponseError,
    NotFoundError,
    RateLimitedError,
    RequestRefusedError,
    ServiceError,
    ServiceUnavailableError,
)
from mode_catalog_provider.http.response import Answer, excerpt, read_json
from mode_catalog_provider.http.retry import parse_http_date, parse_retry_after
from mode_catalog_provider.mode.credentials import Authority


def json_object(answer: Answer, *, may_be_empty: bool = False) -> dict[str, Any]:
    """Return the JSON object of a good answer, ``{}`` for one without body (204).

    :param may_be_empty: accept an empty body whatever the status, as runs may be answered.
    :raises MalformedResponseError: anything else.
    """
    body = read_json(answer)
    if body is None and (may_be_empty or answer.status == 204):
        return {}
    if not isinstance(body, dict):
        raise MalformedResponseError(
            f"{answer.asked} answered {answer.status} without a JSON object.", status=answer.status
        )
    return body


def refusal(answer: Answer, authority: Authority) -> ServiceError:
    """Return the error that an answer other than 2xx stands for, and but for a 401 on the API key."""
    status, asked = answer.status, answer.asked
    said = excerpt(answer, hide=authority.hidden)
    quoted = f" ({said})" if said else ""
    if status == 429:
        # Judged by Mode's own clock, so that a date does not suffer from ours.
        now = parse_http_date(answer.headers.get("Date"))
        return RateLimitedError(
            f"{asked} was refused: too many requests (429).",
            status=status,
            retry_after=parse_retry_after(answer.headers.get("Retry-After"), now),
        )
    if status >= 500 or status == 408:
        return ServiceUnavailableError(f"{asked} failed with {status}{quoted}.", status=status)
    if status == 403:
        return ForbiddenError(
            f"{asked} is forbidden for API token {authority.suffix} (403){quoted}.", status=status
        )
    if status == 404:
        return NotFoundError(f"{asked} was not found, or is invisible (404){quoted}.", status=status)
    if status >= 400:
        return RequestRefusedError(f"{asked} was refused with {status}{quoted}.", status=status)
    return MalformedResponseError(f"{asked} answered {status}, which means nothing here.", status=status)


def rate_headers(answer: Answer) -> tuple[int | None, int | None]:
    """Return ``X-RateLimit-Limit`` and ``X-RateLimit-Remaining``, each where it was sent and is a number."""
    limit, remaining = (answer.headers.get(f"X-RateLimit-{name}", "") for name in ("Limit", "Remaining"))
    return _number(limit), _number(remaining)


def _number(text: str) -> int | None:
    return int(text) if text.strip().isdecimal() else None
