"""One request to Mode: with the key of the moment, at the pace all threads share, where Mode wants it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from mode_catalog_provider.errors import MalformedResponseError
from mode_catalog_provider.http.response import Answer
from mode_catalog_provider.http.session import HttpSession
from mode_catalog_provider.http.statistics import RequestStatistics
from mode_catalog_provider.http.stop import StopSignal
from mode_catalog_provider.mode.answers import rate_headers, refusal
from mode_catalog_provider.mode.credentials import Authority, CredentialKeeper
from mode_catalog_provider.mode.hosts import Address
from mode_catalog_provider.mode.throttle import Throttle

ACCEPT = "application/hal+json"
MOST_HOPS = 5
DEADLINE_IN_TIMEOUTS = 5
FAREWELL_SECONDS = 5.0


class ModeExchange:
    """Sends a request once, but for another credential or address. Thread-safe.

    :param address: where Mode is.
    :param credentials: the API key.
    :param throttle: gives each request its turn.
    :param stop: breaks off what is under way.
    :param statistics: counts.
    :param timeout: seconds of silence, or ``(connect, read)``; a whole answer may take five times the latter.
    :param pool_size: connections kept open.
    :param session: further arguments of :class:`HttpSession`.
    """

    def __init__(
        self,
        *,
        address: Address,
        credentials: CredentialKeeper,
        throttle: Throttle,
        stop: StopSignal,
        statistics: RequestStatistics,
        timeout: float | tuple[float, float],
        pool_size: int,
        **session: Any,
    ) -> None:
        self._address = address
        self._credentials = credentials
        self._throttle = throttle
        self._stop = stop
        self._statistics = statistics
        read_timeout = timeout[1] if isinstance(timeout, tuple) else timeout
        self._deadline = read_timeout * DEADLINE_IN_TIMEOUTS
        connect = partial(HttpSession, service="Mode", statistics=statistics, **session)
        self._http = connect(timeout=timeout, pool_size=pool_size, stop=stop)
        self._last_session = partial(connect, timeout=FAREWELL_SECONDS, pool_size=1)

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
        url = self._address.url(path)
        for _ in range(MOST_HOPS):
            credentials = self._credentials.current()
            answer = self._send(method, url, authority or credentials, params, json)
            if answer.status == 401 and authority is None:
                self._credentials.replace(credentials)
            elif answer.status in (301, 302, 307, 308) and "Location" in answer.headers:
                url = self._address.follow(url, answer.headers["Location"])
                # The location repeats the query.
                params = None
            elif 200 <= answer.status < 300:
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
                deadline=self._deadline,
            )
            turn.sent = answer.sent_at
            limit, remaining = rate_headers(answer)
            self._throttle.learn(limit=limit, remaining=remaining)
        return answer
