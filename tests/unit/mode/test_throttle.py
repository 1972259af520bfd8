"""The pace in simulated time, where every window can be checked, and the throttle with real threads."""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mode_catalog_provider.errors import CancelledError, ConfigurationError
from mode_catalog_provider.http.stop import StopSignal
from mode_catalog_provider.mode.throttle import LONG_WAY, LONGEST_WAY, WAY, Pace, Throttle


def simulate(
    pace: Pace,
    *,
    requests: int,
    threads: int,
    trip: Callable[[], tuple[float, float, float]],
    idle: Callable[[], float],
) -> list[float]:
    """Let ``threads`` make ``requests``; returns the times of arrival at the server.

    :param trip: seconds until a connection takes a request, of its way to the server, and from there until
        its answer is read.
    :param idle: seconds of other work of a thread before its next request.
    """
    now, arrivals, left = 0.0, [], 0
    ready = [0.0] * threads
    in_flight: list[tuple[float, float, float]] = []
    while left < requests:
        heapq.heapify(ready)
        events = [answered for answered, _, _ in in_flight[:1]]
        if ready and ready[0] <= now:
            wait = pace.wait(now)
            if wait == 0:
                heapq.heappop(ready)
                departure = pace.leave(now)
                connecting, way, back = trip()
                arrivals.append(now + connecting + way)
                heapq.heappush(in_flight, (now + connecting + way + back, departure, now + connecting))
                left += 1
                continue
            events.append(now + wait)
        elif ready:
            events.append(ready[0])
        now = min(events)
        while in_flight and in_flight[0][0] <= now:
            answered, departure, sent = heapq.heappop(in_flight)
            pace.answered(departure, answered, sent=sent)
            ready.append(now + idle())
    return sorted(arrivals)


def most_in_a_window(arrivals: list[float], window: float) -> int:
    most = start = 0
    for end, arrival in enumerate(arrivals):
        # A request exactly one window later is in the next one; rounding is not a request.
        while arrivals[start] <= arrival - window + 1e-9:
            start += 1
        most = max(most, end - start + 1)
    return most


def cycle(values: list[float]) -> Callable[[], float]:
    endless: Iterator[float] = itertools.cycle(values)
    return lambda: next(endless)


WAYS = st.lists(st.floats(0, 1), min_size=1, max_size=50)
BACKS = st.lists(st.floats(0, 3), min_size=1, max_size=50)
IDLES = st.lists(st.just(0.0) | st.floats(0, 15), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(
    ways=WAYS,
    connecting=WAYS,
    backs=BACKS,
    idles=IDLES,
    threads=st.integers(1, 16),
    rate=st.none() | st.floats(0.2, 200),
)
def test_no_window_of_the_server_ever_sees_more_than_the_limit(
    ways: list[float],
    connecting: list[float],
    backs: list[float],
    idles: list[float],
    threads: int,
    rate: float | None,
) -> None:
    pace = Pace() if rate is None else Pace.of(rate)
    limit, window = pace.requests, pace.window
    way, connect, back, idle = cycle(ways), cycle(connecting), cycle(backs), cycle(idles)
    longest = min(WAY * window, LONGEST_WAY)

    def trip() -> tuple[float, float, float]:
        return connect() * (LONGEST_WAY - longest), way() * longest, back()

    arrivals = simulate(pace, requests=200, threads=threads, trip=trip, idle=idle)
    assert most_in_a_window(arrivals, window) <= limit
    assert limit / window <= (rate or 4) + 1e-9


@settings(max_examples=30, deadline=None)
@given(latency=st.floats(0.001, 5), threads=st.integers(1, 16))
def test_the_limit_is_fully_used_while_work_remains(latency: float, threads: int) -> None:
    requests = 800
    arrivals = simulate(
        Pace(),
        requests=requests,
        threads=threads,
        trip=lambda: (0.0, latency / 2, latency / 2),
        idle=lambda: 0.0,
    )
    # What either the limit or the threads alone would need, and a little for the start.
    by_limit = (math.ceil(requests / 40) - 1) * 10 * (1 + WAY)
    assert arrivals[-1] <= max(by_limit, requests * latency / threads) + 12 + latency


@pytest.mark.parametrize("latency", [0.02, 0.3, 1.5])
def test_it_comes_close_to_four_a_second_however_slow_the_answers_are(latency: float) -> None:
    trip = (0.0, 0.02, latency)
    arrivals = simulate(Pace(), requests=4000, threads=8, trip=lambda: trip, idle=lambda: 0.0)
    assert 4000 / arrivals[-1] > 0.975 * 4


def test_a_refusal_in_spite_of_the_pace_makes_it_allow_for_longer_ways_for_a_while() -> None:
    throttle = SimulatedThrottle()
    pace = throttle._pace
    for number, minutes in enumerate((5, 10, 20)):
        began = throttle.clock.time = 10_000.0 * number
        for _ in range(3):  # answers that were on their way together are one refusal
            throttle.back_off(10.0)
        assert pace.way(began + 60 * minutes - 1) == LONG_WAY
        assert pace.way(began + 60 * minutes) == WAY


@pytest.mark.parametrize(("latency", "wanted"), [(0.0, 4), (0.3, 6), (5.0, 24)])
def test_the_slower_the_answers_the_more_requests_must_be_under_way(latency: float, wanted: int) -> None:
    throttle = SimulatedThrottle()
    with throttle.turn():
        throttle.clock.time += latency
    assert throttle.in_flight_wanted() == wanted


def test_requests_are_spread_so_that_a_leaky_bucket_does_not_overflow() -> None:
    arrivals = simulate(Pace(), requests=200, threads=8, trip=lambda: (0.0, 0.05, 0.05), idle=lambda: 0.0)
    assert most_in_a_window(arrivals, 1.0) <= 8


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_rate_that_is_not_above_zero_is_a_configuration_error(rate: float) -> None:
    with pytest.raises(ConfigurationError, match="above 0"):
        Pace.of(rate)


@pytest.mark.parametrize(
    ("rate", "requests", "window"),
    [
        (4, 40, 10.0),
        (400, 40, 0.1),
        (40, 40, 1.0),
        (1, 10, 10.0),
        (0.5, 5, 10.0),
        (0.1, 1, 10.0),
        (0.05, 1, 20.0),
    ],
)
def test_a_rate_is_kept_in_windows_like_modes_or_shorter_ones_with_as_many_requests(
    rate: float, requests: int, window: float
) -> None:
    pace = Pace.of(rate)
    assert (pace.requests, pace.window) == (requests, pytest.approx(window))


class SimulatedThrottle(Throttle):
    """A throttle used by one thread, whose waits pass at once."""

    def __init__(self, *, requests_per_second: float | None = None) -> None:
        self.clock = SimulatedClock()
        super().__init__(requests_per_second=requests_per_second, stop=self.clock)

    def _wait(self, place: threading.Condition, seconds: float | None) -> None:
        assert seconds is not None, "this would wait for ever"
        self.clock.time += seconds

    def take(self, turns: int) -> float:
        """Take turns whose requests need no time; returns the seconds it took."""
        began = self.clock.time
        for _ in range(turns):
            with self.turn():
                pass
        return self.clock.time - began


class SimulatedClock(StopSignal):
    time = 1000.0

    def now(self) -> float:
        return self.time


@pytest.mark.parametrize(("limit", "seconds"), [(400, 10), (20, 200), (1, 4000)])
def test_the_limit_that_the_service_sends_is_kept_instead_of_the_published_one(
    limit: int, seconds: float
) -> None:
    throttle = SimulatedThrottle()
    throttle.learn(limit=limit, remaining=limit)
    assert throttle.take(400) == pytest.approx(seconds, rel=0.08, abs=11)


@pytest.mark.parametrize("limit", [0, -3, 10**9])
def test_a_limit_that_cannot_be_one_is_ignored(limit: int) -> None:
    throttle = SimulatedThrottle()
    throttle.learn(limit=limit, remaining=None)
    assert throttle.take(400) == pytest.approx(100, rel=0.1)


def test_an_explicit_rate_is_not_changed_by_the_service() -> None:
    throttle = SimulatedThrottle(requests_per_second=2)
    throttle.learn(limit=4000, remaining=4000)
    assert throttle.take(200) == pytest.approx(100, rel=0.1)


def test_nothing_leaves_while_all_are_held_back_and_several_refusals_hold_once() -> None:
    throttle = SimulatedThrottle()
    for _ in range(8):
        throttle.back_off(7.0)
    assert throttle.take(1) == pytest.approx(7.0)
    assert throttle.take(4) < 1.1


def test_a_shorter_refusal_does_not_shorten_a_longer_one() -> None:
    throttle = SimulatedThrottle()
    throttle.back_off(9.0)
    throttle.back_off(1.0)
    assert throttle.take(1) == pytest.approx(9.0)


def test_after_a_refusal_a_limit_above_the_published_one_is_believed_by_half() -> None:
    throttle = SimulatedThrottle()
    throttle.learn(limit=400, remaining=400)
    throttle.back_off(0.0)
    throttle.learn(limit=400, remaining=400)
    assert throttle.take(400) == pytest.approx(20, rel=0.15)


def test_nothing_left_though_little_was_used_means_that_somebody_shares_the_key() -> None:
    throttle = SimulatedThrottle()
    throttle.take(1)
    throttle.learn(limit=40, remaining=0)
    assert throttle.take(1) == pytest.approx(1.0)


def test_nothing_left_at_full_use_is_our_own_doing() -> None:
    throttle = SimulatedThrottle()
    throttle.take(39)
    throttle.learn(limit=40, remaining=0)
    assert throttle.take(1) < 0.3


def test_threads_get_their_turns_in_the_order_in_which_they_came() -> None:
    throttle = Throttle(requests_per_second=400, stop=StopSignal())
    order: list[int] = []
    throttle.back_off(0.2)

    def take(number: int) -> None:
        with throttle.turn():
            order.append(number)

    threads = []
    for number in range(12):
        threads.append(threading.Thread(target=take, args=(number,)))
        threads[-1].start()
        while len(throttle._queue) < number + 1:
            time.sleep(0.001)
    for thread in threads:
        thread.join(5)
    assert order == list(range(12))


def test_only_whoever_is_next_is_woken() -> None:
    waits = []

    class CountingThrottle(Throttle):
        def _wait(self, place: threading.Condition, seconds: float | None) -> None:
            waits.append(seconds)
            super()._wait(place, seconds)

    throttle = CountingThrottle(requests_per_second=400, stop=StopSignal())
    throttle.back_off(0.2)
    with ThreadPoolExecutor(16) as pool:
        for _ in range(16):
            pool.submit(throttle.turn().__enter__)
    # Each waits until it is the first, and then for its turn; were all woken for each, there were 136.
    assert len(waits) <= 3 * 16


def test_real_threads_share_one_limit() -> None:
    throttle = Throttle(requests_per_second=400, stop=StopSignal())
    left: list[float] = []

    def work() -> None:
        for _ in range(15):
            with throttle.turn():
                left.append(time.monotonic())

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(work) for _ in range(8)]:
            future.result()
    assert most_in_a_window(sorted(left), 0.1) <= 40


def test_cancelling_ends_every_wait_at_once() -> None:
    stop = StopSignal()
    throttle = Throttle(requests_per_second=1, stop=stop)
    throttle.back_off(60.0)
    ended: list[float] = []

    def wait() -> None:
        with pytest.raises(CancelledError), throttle.turn():
            pass
        ended.append(time.monotonic())

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    while len(throttle._queue) < 8:
        time.sleep(0.001)
    asked = time.monotonic()
    stop.set()
    for thread in threads:
        thread.join(5)
    assert len(ended) == 8
    assert max(ended) - asked < 1.0


@pytest.mark.parametrize("rate", [0, -1, 1e-300, 0.0001, math.nan, math.inf])
def test_a_rate_that_no_walk_would_end_with_is_refused(rate: float) -> None:
    with pytest.raises(ConfigurationError, match="requests_per_second"):
        Pace.of(rate)
