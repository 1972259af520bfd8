"""The retry policy in simulated time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mode_catalog_provider.errors import (
    CancelledError,
    ForbiddenError,
    MalformedResponseError,
    RateLimitedError,
    ResponseTooLargeError,
    ResponseTruncatedError,
    ServiceError,
    ServiceUnavailableError,
    UnreachableError,
)
from mode_catalog_provider.http.retry import RetryPolicy, parse_http_date, parse_retry_after
from mode_catalog_provider.http.statistics import RequestStatistics
from mode_catalog_provider.http.stop import StopSignal

NOW = datetime(2026, 11, 21, 8, 0, 0, tzinfo=UTC)


class SimulatedStop(StopSignal):
    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.check()
        self.waits.append(seconds)
        self.time += seconds


def failing_with(*errors: ServiceError, takes: float = 0.0, stop: SimulatedStop) -> Callable[[], str]:
    """An attempt that meets these errors, one a time, the last one for ever when repeated."""
    pending: Iterator[ServiceError] = iter(errors)

    def attempt() -> str:
        stop.time += takes
        for error in pending:
            raise error
        return "done"

    return attempt


def always(error: ServiceError) -> Callable[[], str]:
    def attempt() -> str:
        raise error

    return attempt


def longest(low: float, high: float) -> float:
    return high


PASSING = [
    RateLimitedError("too fast.", status=429),
    ServiceUnavailableError("down.", status=503),
    UnreachableError("nobody there."),
    ResponseTruncatedError("half an answer.", status=200),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_passes_by_itself_is_tried_again_until_it_works(error: ServiceError) -> None:
    stop, statistics = SimulatedStop(), RequestStatistics()
    attempt = failing_with(*[error] * 7, stop=stop)
    assert RetryPolicy().call(attempt, stop=stop, statistics=statistics) == "done"
    assert statistics.retries == 7


@pytest.mark.parametrize(
    "error",
    [ForbiddenError("no.", status=403), ResponseTooLargeError("huge.", status=200)],
    ids=lambda e: type(e).__name__,
)
def test_what_will_not_change_is_not_tried_again(error: ServiceError) -> None:
    stop = SimulatedStop()
    with pytest.raises(type(error)) as caught:
        RetryPolicy().call(always(error), stop=stop)
    assert caught.value is error
    assert stop.waits == []


def test_a_malformed_answer_is_tried_a_few_times_only() -> None:
    stop, statistics = SimulatedStop(), RequestStatistics()
    with pytest.raises(MalformedResponseError, match="Gave up after 4 attempts"):
        RetryPolicy().call(
            always(MalformedResponseError("a page.", status=200)), stop=stop, statistics=statistics
        )
    assert statistics.retries == 3


def test_waits_double_up_to_a_ceiling_with_full_jitter() -> None:
    stop = SimulatedStop()
    with pytest.raises(ServiceUnavailableError):
        RetryPolicy(budget=200).call(always(ServiceUnavailableError("down.")), stop=stop, jitter=longest)
    assert stop.waits[:8] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    bounds: list[tuple[float, float]] = []

    def spy(low: float, high: float) -> float:
        bounds.append((low, high))
        return low

    attempt = failing_with(*[ServiceUnavailableError("down.")] * 3, stop=stop)
    RetryPolicy().call(attempt, stop=stop, jitter=spy)
    assert bounds == [(0, 0.5), (0, 1), (0, 2)]


def shortest(low: float, _high: float) -> float:
    return low


def test_the_wait_that_the_service_asks_for_is_kept() -> None:
    stop, statistics = SimulatedStop(), RequestStatistics()
    attempt = failing_with(RateLimitedError("too fast.", status=429, retry_after=17.0), stop=stop)
    assert RetryPolicy().call(attempt, stop=stop, statistics=statistics, jitter=shortest) == "done"
    assert stop.waits == [17.0]
    assert statistics.throttled_seconds == 17.0


@pytest.mark.parametrize(("asked", "most"), [(17.0, 18.7), (900.0, 930.0), (1000.0, 1000.0)])
def test_all_who_were_asked_to_come_back_at_one_time_do_not_come_back_at_one_moment(
    asked: float, most: float
) -> None:
    stop = SimulatedStop()
    attempt = failing_with(ServiceUnavailableError("down.", status=503, retry_after=asked), stop=stop)
    RetryPolicy(budget=1000).call(attempt, stop=stop, jitter=longest)
    assert stop.waits == [pytest.approx(most)]


def test_a_service_that_refuses_but_asks_for_no_wait_gets_a_growing_one() -> None:
    stop = SimulatedStop()
    attempt = failing_with(*[RateLimitedError("too fast.", retry_after=0.0)] * 3, stop=stop)
    RetryPolicy().call(attempt, stop=stop, jitter=longest)
    assert stop.waits == [0.5, 1, 2]


@given(budget=st.floats(0, 100), takes=st.floats(0.01, 50))
def test_no_attempt_starts_after_the_budget_and_the_last_error_says_what_was_tried(
    budget: float, takes: float
) -> None:
    stop = SimulatedStop()
    starts: list[float] = []

    def attempt() -> str:
        starts.append(stop.time)
        stop.time += takes
        raise ServiceUnavailableError("down.", status=503)

    with pytest.raises(ServiceUnavailableError) as caught:
        RetryPolicy(budget=budget).call(attempt, stop=stop)
    assert all(start <= budget for start in starts)
    assert caught.value.status == 503
    assert len(starts) == 1 or f"Gave up after {len(starts)} attempts" in str(caught.value)


def test_a_wait_longer_than_the_budget_is_not_begun_and_is_told() -> None:
    stop = SimulatedStop()
    with pytest.raises(RateLimitedError, match="asks to come back in 900 s") as caught:
        RetryPolicy().call(always(RateLimitedError("too fast.", retry_after=900.0)), stop=stop)
    assert stop.waits == []
    assert caught.value.retry_after == 900.0


def test_the_caller_is_told_before_each_wait() -> None:
    stop = SimulatedStop()
    told: list[tuple[str, float]] = []
    attempt = failing_with(RateLimitedError("too fast.", retry_after=3.0), stop=stop)
    RetryPolicy().call(
        attempt,
        stop=stop,
        on_wait=lambda error, seconds: told.append((str(error), seconds)),
        jitter=shortest,
    )
    assert told == [("too fast.", 3.0)]


def test_only_what_the_caller_allows_is_tried_again() -> None:
    policy = RetryPolicy(few_for=())
    with pytest.raises(ServiceUnavailableError):
        policy.call(
            always(ServiceUnavailableError("down.")), stop=SimulatedStop(), passing=(RateLimitedError,)
        )


def test_a_stop_ends_the_back_off() -> None:
    stop = StopSignal()
    attempts = 0

    def attempt() -> str:
        nonlocal attempts
        attempts += 1
        stop.set()
        raise ServiceUnavailableError("down.")

    with pytest.raises(CancelledError):
        RetryPolicy(first_wait=60, longest_wait=60).call(attempt, stop=stop, jitter=longest)
    assert attempts == 1


@given(seconds=st.integers(0, 10**6))
def test_retry_after_is_read_as_seconds_and_as_a_date_of_the_services_clock(seconds: int) -> None:
    assert parse_retry_after(str(seconds)) == seconds
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert parse_retry_after(date, NOW) == seconds


def test_a_date_that_has_passed_means_now() -> None:
    assert parse_retry_after(format_datetime(NOW - timedelta(hours=1), usegmt=True), NOW) == 0


@pytest.mark.parametrize("value", [None, "", "soon", "-5", "inf", "nan", "Sat, 99 Foo 2026 08:00:00 GMT"])
def test_an_unreadable_retry_after_is_as_good_as_none(value: str | None) -> None:
    assert parse_retry_after(value, NOW) is None


def test_without_the_services_clock_this_machines_is_used() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 90 < (parse_retry_after(date) or 0) <= 100


@pytest.mark.parametrize("value", ["Sat, 21 Nov 2026 08:00:00 GMT", "Sat, 21 Nov 2026 09:00:00 +0100"])
def test_http_dates_are_times_in_utc(value: str) -> None:
    assert parse_http_date(value) == NOW
