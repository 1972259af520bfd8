"""Which failures are worth another attempt, how long to wait for it, and when to give up."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from mode_catalog_provider.errors import (
    MalformedResponseError,
    RateLimitedError,
    ResponseGarbledError,
    ResponseTruncatedError,
    ServiceError,
    ServiceUnavailableError,
    UnknownHostError,
)
from mode_catalog_provider.http.statistics import RequestStatistics
from mode_catalog_provider.http.stop import StopSignal

log = logging.getLogger(__name__)

T = TypeVar("T")

PASSING: tuple[type[ServiceError], ...] = (RateLimitedError, ServiceUnavailableError, ResponseTruncatedError)
"""Failures that pass by themselves: retried as long as the budget lasts."""

RARELY_PASSING: tuple[type[ServiceError], ...] = (
    MalformedResponseError,
    ResponseGarbledError,
    UnknownHostError,
)
"""Failures (exact types) that mostly do not pass: an answer that is not the documented one, such as a sign-in
page, and a name that nobody knows. A few attempts tell."""

#: Share of a ``Retry-After`` that is waited beyond it at most.
_SPREAD = 0.1

LONGEST_RETRY_AFTER = 366 * 86_400.0
"""Seconds; who asks callers to come back later than this is taken to have asked for this."""


def parse_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Read a ``Retry-After`` header.

    :param value: the header, seconds or an HTTP date; ``None`` when it was not sent.
    :param now: what the service's clock said when it answered (its ``Date`` header), so that two clocks that
        disagree do no harm; this machine's clock when ``None``.
    :return: seconds to wait, never negative; ``None`` when the header is missing or unreadable.
    """
    if value is None:
        return None
    text = value.strip()
    try:
        seconds = float(text)
    except ValueError:
        moment = parse_http_date(text)
        if moment is None:
            return None
        seconds = max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
    # float() also reads "inf" and "nan".
    return min(seconds, LONGEST_RETRY_AFTER) if 0 <= seconds < float("inf") else None


def parse_http_date(value: str | None) -> datetime | None:
    """Read an HTTP date (the ``Date`` header, for one) as an aware UTC time; ``None`` when unreadable."""
    if not value:
        return None
    try:
        moment = parsedate_to_datetime(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


@dataclass(frozen=True)
class RetryPolicy:
    """Back-off for one request: ``Retry-After`` where the service said so, else exponential with full jitter.

    What a service asks for is exceeded by up to a tenth, so that all whom it turned away do not come back at
    the same moment.

    :param budget: seconds for all attempts of one request together; no attempt starts later than that, and a
        service that asks for a longer wait than is left is not waited for.
    :param first_wait: ceiling in seconds of the first wait; it doubles with each attempt.
    :param longest_wait: ceiling in seconds of any wait that the service did not ask for.
    :param few_for: failures (exact types) that are given up after ``few`` attempts.
    :param few: attempts for those.
    """

    budget: float = 300.0
    first_wait: float = 0.5
    longest_wait: float = 30.0
    few_for: tuple[type[ServiceError], ...] = RARELY_PASSING
    few: int = 4

    def call(
        self,
        attempt: Callable[[], T],
        *,
        stop: StopSignal,
        statistics: RequestStatistics | None = None,
        on_wait: Callable[[ServiceError, float], None] | None = None,
        jitter: Callable[[float, float], float] = random.uniform,
        passing: tuple[type[ServiceError], ...] = PASSING,
        operation: str | None = None,
    ) -> T:
        """Run ``attempt`` until it returns, fails for good, or the budget is spent.

        :param attempt: makes one request; says what went wrong by the type of the :class:`ServiceError` it
            raises, and by ``retry_after`` on it how long the service asks to wait.
        :param stop: ends the waits early.
        :param statistics: where retries and throttled seconds are counted.
        :param on_wait: told the failure and the seconds, before each wait.
        :param jitter: ``uniform(low, high)``, replaceable in tests.
        :param passing: the failures that are retried at all, besides ``few_for``.
        :param operation: the word under which the retries are counted.
        :raises ServiceError: the last failure, its message extended by what was tried.
        """
        started = stop.now()
        counted = statistics or RequestStatistics()
        attempts = 0
        while True:
            attempts += 1
            try:
                return attempt()
            except (*passing, *self.few_for) as error:
                seconds = self._wait(error, attempts, passing, jitter)
                left = self.budget - (stop.now() - started)
                if seconds is None or (error.retry_after or seconds) > left:
                    raise _given_up(error, attempts, stop.now() - started) from error
                seconds = min(seconds, left)
                # A refusal by the rate limit is daily business; all else somebody may want to know.
                level = logging.INFO if isinstance(error, RateLimitedError) else logging.WARNING
                log.log(level, "%s Trying again in %.1f s.", error, seconds)
                counted.count(
                    operation=operation,
                    retries=1,
                    retry_after_seconds=seconds if error.retry_after else 0.0,
                )
                if isinstance(error, RateLimitedError):
                    counted.count(throttled_seconds=seconds)
                if on_wait is not None:
                    on_wait(error, seconds)
            # Out of the handler: what the wait raises is no consequence of the failure.
            stop.sleep(seconds)

    def _wait(
        self,
        error: ServiceError,
        attempts: int,
        passing: tuple[type[ServiceError], ...],
        jitter: Callable[[float, float], float],
    ) -> float | None:
        """Return the seconds until another attempt is worth while, ``None`` if none is."""
        # The exact type decides: a truncated body is malformed too, but passes like a reset does.
        if type(error) in self.few_for:
            if attempts >= self.few:
                return None
        elif not isinstance(error, passing):
            return None
        # "Come back at once" from a service that refuses would make a hot loop.
        if error.retry_after:
            return error.retry_after + jitter(0.0, min(self.longest_wait, _SPREAD * error.retry_after))
        doubled: float = self.first_wait * 2 ** min(attempts - 1, 32)
        return jitter(0.0, min(self.longest_wait, doubled))


def _given_up(error: ServiceError, attempts: int, seconds: float) -> ServiceError:
    """Return the same failure with what was tried added to its message."""
    if attempts < 2 and error.retry_after is None:
        return error
    tried = f"{attempts} attempt{'s' if attempts > 1 else ''} in {seconds:.0f} s"
    later = "" if error.retry_after is None else f"; it asks to come back in {error.retry_after:.0f} s"
    return type(error)(
        f"{error} Gave up after {tried}{later}.", status=error.status, retry_after=error.retry_after
    )
