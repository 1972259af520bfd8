from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import pytest

from tests.sandbox import ModeSwitches
from tests.sandbox.limiter import Limiter


def _allowed(limiter, times, key="mode:key-1"):
    return [limiter.admit(key, at).allowed for at in times]


def test_no_window_of_ten_seconds_ever_holds_more_than_forty():
    limiter = Limiter(ModeSwitches())
    assert _allowed(limiter, [0.0] * 41) == [True] * 40 + [False]
    assert _allowed(limiter, [9.99, 10.0]) == [False, True]


def test_a_fixed_window_starts_anew_on_the_clock():
    limiter = Limiter(ModeSwitches(limiter="fixed"))
    assert all(_allowed(limiter, [9.9] * 40))
    assert _allowed(limiter, [9.99, 10.0]) == [False, True]


def test_a_leaky_bucket_takes_a_quarter_at_once_and_then_four_a_second():
    limiter = Limiter(ModeSwitches(limiter="leaky"))
    assert _allowed(limiter, [0.0] * 11) == [True] * 10 + [False]
    assert _allowed(limiter, [0.24, 0.25, 0.26, 0.5]) == [False, True, False, True]


def test_each_key_has_a_budget_of_its_own():
    limiter = Limiter(ModeSwitches(rate_limit=1))
    assert _allowed(limiter, [0.0, 0.0]) == [True, False]
    assert _allowed(limiter, [0.0], key="mode:key-2") == [True]


def test_a_refused_request_says_how_long_to_wait():
    limiter = Limiter(ModeSwitches(rate_limit=1))
    limiter.admit("key", 3.0)
    assert limiter.admit("key", 5.0).wait == pytest.approx(8.0)


def test_the_forty_first_request_is_answered_with_429(start):
    caller = start(limiter="window")
    statuses = [caller.mode("/api/verify").status_code for _ in range(41)]
    assert statuses == [200] * 40 + [429]


def test_time_scale_compresses_the_window(start):
    caller = start(limiter="window", time_scale=0.001)
    for _ in range(120):
        caller.mode("/api/verify")
    served = [one for one in caller.sandbox.mode.requests if one.status == 200]
    assert len(served) > 41


def test_retry_after_counts_seconds_until_there_is_room(start):
    caller = start(limiter="window", rate_limit=1)
    caller.mode("/api/verify")
    assert caller.mode("/api/verify").headers["Retry-After"] == "10"


def test_retry_after_can_be_a_date(start):
    caller = start(limiter="window", rate_limit=1, retry_after="date")
    caller.mode("/api/verify")
    moment = parsedate_to_datetime(caller.mode("/api/verify").headers["Retry-After"])
    assert 8 < moment.timestamp() - time.time() <= 11


def test_retry_after_can_be_absent(start):
    caller = start(limiter="window", rate_limit=1, retry_after="absent")
    caller.mode("/api/verify")
    answer = caller.mode("/api/verify")
    assert answer.status_code == 429
    assert "Retry-After" not in answer.headers


def test_rate_headers_count_down_and_can_be_switched_off(start):
    caller = start(limiter="window")
    seen = [caller.mode("/api/verify").headers["X-RateLimit-Remaining"] for _ in range(3)]
    assert seen == ["39", "38", "37"]
    caller.sandbox.mode.switches.throw(rate_headers=False)
    assert "X-RateLimit-Limit" not in caller.mode("/api/verify").headers


def test_the_sandbox_says_which_rate_it_really_allows(start):
    assert start(limiter="window", time_scale=0.5).sandbox.requests_per_second == 8
