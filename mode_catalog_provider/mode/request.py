"""One request to Mode, with the key of the moment and at the pace all threads share, and what came back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from mode_catalog_provider.errors import (
    ForbiddenError,
    MalformedResponseError,
    NotFoundError,
    RateLimitedError,
    RequestRefusedError,
    ResponseTruncatedError,
    ServiceError,
    ServiceUnavailableError,
)
from mode_catalog_provider.http.response import Answer, excerpt, read_json, whole_number
from mode_catalog_provider.http.retry import parse_http_date, parse_retry_after
from mode_catalog_provider.http.session import HttpSession
from mode_catalog_provider.http.statistics import RequestStatistics
from mode_catalog_provider.http.stop import StopSignal
from mode_catalog_provider.mode.clocks import ClockCheck
from mode_catalog_provider.mode.credentials import Authority, CredentialKeeper
from mode_catalog_provider.mode.endpoint import ModeEndpoint
from mode_catalog_provider.mode.hosts import Address
from mode_catalog_provider.mode.operations import operation_of
from mode_catalog_provider.mode.throttle import Throttle

ACCEPT = "application/hal+json"
MOST_HOPS = 5
FAREWELL_SECONDS = 5.0


class ModeRequests:
    """Sends a request once, but for another credential or address. Thread-safe.

    :param endpoint: how Mode is talked to.
    :param address: where Mode is by now.
    :param credentials: the API key.
    :param throttle: gives each request its turn.
    :param stop: breaks off what is under way.
    :param statistics: counts.
    """

    def __init__(
        self,
        endpoint: ModeEndpoint,
        *,
        address: Address,
        credentials: CredentialKeeper,
        throttle: Throttle,
        stop: StopSignal,
        statistics: RequestStatistics,
    ) -> None:
        self._address = address
        self._credentials = credentials
        self._throttle = throttle
        self._stop = stop
        self._statistics = statistics
        self._clocks = ClockCheck()
        connect = partial(
            HttpSession, service="Mode", statistics=statistics, max_bytes=endpoint.max_response_bytes
        )
        self._http = connect(endpoint, pool_size=endpoint.max_in_flight, stop=stop)
        self._last_session = partial(connect, replace(endpoint, timeout=FAREWELL_SECONDS), pool_size=1)

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        authority: Authority | None = None,
    ) -> Answer:
        """Send one request, again where Mode wants another credential or address; return a good answer.

        :param path: below ``/api/{workspace}/``, or from the host's root when it starts with a slash.
        :param authority: what to ask with instead of the API key.
        :raises ServiceError: what :func:`refusal` makes of any other answer.
        """
        url, operation = self._address.url(path), operation_of(path)
        for _ in range(MOST_HOPS):
            credentials = self._credentials.current()
            answer = self._send(method, url, authority or credentials, params, json, operation)
            if answer.status == 401 and authority is None:
                self._credentials.replace(credentials)
            elif answer.status in (301, 302, 307, 308) and "Location" in answer.headers:
                url = self._address.follow(url, answer.headers["Location"])
                params = _not_repeated(params, url)
            elif 200 <= answer.status < 300:
                self._clocks.look(answer.headers.get("Date"))
                return answer
            else:
                self._statistics.count(refused_by_limiter=int(answer.status == 429))
                raise refusal(answer, authority or credentials)
        raise MalformedResponseError(f"Mode {method} {path}: more than {MOST_HOPS} redirects and refusals.")

    def ask_last(self, method: str, path: str, *, shown_as: str, stop: StopSignal) -> None:
        """Send a request that tidies up, on a connection of its own, also when everything else was stopped.

        :param shown_as: the path in messages.
        :param stop: breaks off this request alone.
        :raises ServiceError: it was not carried out, as far as one can tell.
        """
        authority, url = self._credentials.current(), self._address.url(path)
        http = self._last_session(stop=stop)

        def send() -> Answer:
            return http.exchange(
                method,
                url,
                authorization=authority.authorization,
                headers={"Accept": ACCEPT},
                deadline=FAREWELL_SECONDS,
                shown_as=shown_as,
                operation=operation_of(path),
            )

        try:
            if self._stop.is_set:
                answer = send()
            else:
                with self._throttle.turn():
                    answer = send()
        finally:
            http.close()
        if not 200 <= answer.status < 300:
            raise refusal(answer, authority)

    def read_object(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        authority: Authority | None = None,
        may_be_empty: bool = False,
    ) -> dict[str, Any]:
        """Send one request as :meth:`ask` does, and return the JSON object of its answer.

        :raises MalformedResponseError: the answer has none; it is counted as such.
        """
        answer = self.ask(method, path, params=params, json=json, authority=authority)
        try:
            return json_object(answer, may_be_empty=may_be_empty)
        except MalformedResponseError:
            self._statistics.spoiled(answer.operation, answer.status)
            raise

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _send(
        self,
        method: str,
        url: str,
        authority: Authority,
        params: Mapping[str, Any] | None,
        json: Any,
        operation: str,
    ) -> Answer:
        with self._throttle.turn() as turn:
            self._statistics.count(throttled_seconds=turn.waited)
            answer = self._http.exchange(
                method,
                url,
                authorization=authority.authorization,
                headers={"Accept": ACCEPT},
                params=params,
                json=json,
                operation=operation,
            )
            turn.sent = answer.sent_at
            limit, remaining = rate_headers(answer)
            self._throttle.learn(limit=limit, remaining=remaining)
        return answer


def _not_repeated(params: Mapping[str, Any] | None, url: str) -> dict[str, Any]:
    """Return the parameters that a redirect has forgotten: without them, each page would be the first."""
    repeated = {name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
    return {name: value for name, value in (params or {}).items() if name not in repeated}


def json_object(answer: Answer, *, may_be_empty: bool = False) -> dict[str, Any]:
    """Return the JSON object of a good answer, ``{}`` for one without body (204).

    :param may_be_empty: accept an empty body whatever the status, as runs may be answered.
    :raises MalformedResponseError: anything else.
    """
    body = read_json(answer, let_go=True)
    if body is None and (may_be_empty or answer.status == 204):
        return {}
    if body is None and answer.headers.get("Content-Encoding"):
        # A compressed answer that was cut off early unpacks to nothing, without a complaint.
        raise ResponseTruncatedError(
            f"{answer.asked}: the compressed answer breaks off at its beginning.", status=answer.status
        )
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
    # Judged by Mode's own clock, so that a date does not suffer from ours.
    wait = parse_retry_after(answer.headers.get("Retry-After"), parse_http_date(answer.headers.get("Date")))
    if status == 429:
        return RateLimitedError(
            f"{asked} was refused: too many requests (429).", status=status, retry_after=wait
        )
    if status >= 500 or status == 408:
        return ServiceUnavailableError(
            f"{asked} failed with {status}{quoted}.", status=status, retry_after=wait
        )
    if status == 403:
        return ForbiddenError(
            f"{asked} is forbidden for API token {authority.suffix} (403){quoted}.", status=status
        )
    if status in (404, 410):
        return NotFoundError(f"{asked} was not found, or is invisible ({status}){quoted}.", status=status)
    if status >= 400:
        return RequestRefusedError(f"{asked} was refused with {status}{quoted}.", status=status)
    return MalformedResponseError(f"{asked} answered {status}, which means nothing here.", status=status)


def rate_headers(answer: Answer) -> tuple[int | None, int | None]:
    """Return ``X-RateLimit-Limit`` and ``X-RateLimit-Remaining``, each where it was sent and is a number."""
    limit, remaining = (answer.headers.get(f"X-RateLimit-{name}", "") for name in ("Limit", "Remaining"))
    return whole_number(limit), whole_number(remaining)
