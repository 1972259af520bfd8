"""What the Mode client makes of refusals and failures, and how it keeps to the rate."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mode_catalog_provider.errors import (
    AmbiguousRequestError,
    ForbiddenError,
    MalformedResponseError,
    NotFoundError,
    RateLimitedError,
    RequestRefusedError,
    ResponseTooLargeError,
    ServiceError,
    ServiceUnavailableError,
)
from mode_catalog_provider.mode.client import ModeClient, ModeEndpoint
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.unit.mode.conftest import Connect, credentials_of

# -- refusals and retries --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *[(403, ForbiddenError), (404, NotFoundError), (410, NotFoundError)],
        *[(400, RequestRefusedError), (422, RequestRefusedError)],
    ],
)
def test_a_refusal_is_raised_at_once_with_what_mode_said(
    sandbox: Sandbox, connect: Connect, status: int, kind: type[RequestRefusedError]
) -> None:
    body = b'{"id": "x", "message": {"report": ["cannot be seen"]}}'
    sandbox.mode.fault("reports/r1", status=status, body=body)
    with pytest.raises(kind, match="cannot be seen") as caught:
        connect().get("reports/r1")
    assert type(caught.value) is kind
    assert caught.value.status == status
    assert "GET /api/acme/reports/r1" in str(caught.value)
    assert len(sandbox.mode.requests) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 503},
        {"status": 504},
        {"status": 408},
        {"status": 429},
        {"reset": True},
        {"close": True},
        {"truncate": True},
        {"html": True},
        {"body": b"not json"},
        {"body": b'["a list"]'},
        {"hang": 5.0},
    ],
    ids=str,
)
def test_what_passes_is_tried_again(sandbox: Sandbox, connect: Connect, fault: dict[str, Any]) -> None:
    sandbox.mode.fault("spaces", **fault)
    client = connect(timeout=0.3)
    assert client.get("spaces")["_embedded"]["spaces"]
    assert (client.statistics.requests, client.statistics.retries) == (2, 1)


def test_a_service_that_stays_down_is_given_up_after_the_budget(sandbox: Sandbox, connect: Connect) -> None:
    sandbox.mode.fault("spaces", status=503, times=None)
    with pytest.raises(ServiceUnavailableError, match="failed with 503") as caught:
        connect(retry_budget=0.3).get("spaces")
    assert caught.value.status == 503


def test_a_sign_in_page_in_front_is_given_up_soon(sandbox: Sandbox, connect: Connect) -> None:
    sandbox.mode.fault("spaces", html=True, times=None)
    with pytest.raises(MalformedResponseError, match="a web page instead of JSON"):
        connect().get("spaces")
    assert len(sandbox.mode.requests) == 4


def test_an_answer_that_drips_does_not_hold_a_worker(sandbox: Sandbox, connect: Connect) -> None:
    sandbox.mode.fault("spaces", drip=0.01)
    began = time.monotonic()
    with pytest.raises(ServiceUnavailableError, match=r"not complete after 0\.5 s"):
        connect(timeout=0.1, retry_budget=0).get("spaces")
    assert time.monotonic() - began < 5


def test_an_answer_larger_than_the_limit_is_refused_once(sandbox: Sandbox, connect: Connect) -> None:
    with pytest.raises(ResponseTooLargeError):
        connect(max_response_bytes=100).get("spaces")
    assert len(sandbox.mode.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, RateLimitedError), (503, ServiceUnavailableError), (408, ServiceUnavailableError)],
)
def test_a_wait_that_mode_asks_for_beyond_the_budget_is_told_instead_of_waited(
    sandbox: Sandbox, connect: Connect, status: int, kind: type[ServiceError]
) -> None:
    sandbox.mode.fault("spaces", status=status, headers={"Retry-After": "3600"})
    with pytest.raises(kind, match="asks to come back in 3600 s") as caught:
        connect().get("spaces")
    assert caught.value.retry_after == 3600
    assert len(sandbox.mode.requests) == 1


def test_maintenance_is_waited_for_as_long_as_mode_says(sandbox: Sandbox, connect: Connect) -> None:
    client = connect()
    sandbox.mode.fault("spaces", status=503, headers={"Retry-After": "1"})
    client.get("spaces")
    refused, answered = sandbox.mode.requests
    assert refused.ended is not None
    assert answered.started - refused.ended > 0.95
    assert client.statistics.throttled_seconds < 0.5


def test_a_429_holds_back_all_threads(sandbox: Sandbox, connect: Connect) -> None:
    client = connect()
    refused = threading.Event()
    sandbox.mode.fault("spaces", status=429, headers={"Retry-After": "1"})
    sandbox.mode.when("data_sources", do=refused.set)

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(client.get, "spaces")
        while not client.statistics.retries:
            time.sleep(0.001)
        others = [pool.submit(client.get, "data_sources") for _ in range(3)]
        for future in [first, *others]:
            future.result()
    held_back = sandbox.mode.requests_to("data_sources") + sandbox.mode.requests_to("spaces")[1:]
    answered = sandbox.mode.requests_to("spaces")[0].ended
    assert answered is not None
    assert len(held_back) == 4
    assert min(one.started for one in held_back) - answered > 0.95
    assert client.statistics.refused_by_limiter == 1


@pytest.mark.parametrize(
    ("limiter", "form"), [("window", "seconds"), ("leaky", "date"), ("window", "absent")]
)
def test_a_limiter_that_is_stricter_than_it_says_is_obeyed_and_everything_arrives(
    limiter: Any, form: Any
) -> None:
    switches = ModeSwitches(
        limiter=limiter, rate_limit=20, rate_window=10, retry_after=form, rate_headers=False
    )
    with Sandbox(
        shape=WorkspaceShape(collections=1, reports=1, members=1), mode=switches, time_scale=0.02
    ) as sandbox:
        client = ModeClient(
            ModeEndpoint(
                workspace="acme",
                host=sandbox.mode.url,
                credentials=credentials_of(sandbox),
                requests_per_second=130,
            )
        )
        with client, ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: client.get("spaces"), range(30)))
        assert len(answers) == 30
        assert client.statistics.refused_by_limiter == sandbox.mode.limiter.refused


def test_at_the_allowed_rate_a_strict_limiter_never_refuses() -> None:
    shape = WorkspaceShape(collections=1, reports=1, members=1)
    # Time is compressed little: the margin for a request's way shrinks with it, and a busy machine must fit.
    with Sandbox(shape=shape, mode=ModeSwitches(), time_scale=0.2) as sandbox:
        client = ModeClient(
            ModeEndpoint(
                workspace="acme",
                host=sandbox.mode.url,
                credentials=credentials_of(sandbox),
                requests_per_second=sandbox.requests_per_second,
            )
        )
        with client, ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: client.get("spaces"), range(100)))
        assert sandbox.mode.limiter.refused == 0


# -- changes are not repeated ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [{"status": 503}, {"reset": True}, {"close": True}, {"hang": 5.0}, {"truncate": True}, {"html": True}],
    ids=str,
)
def test_a_post_without_a_clear_answer_is_never_repeated(
    sandbox: Sandbox, connect: Connect, fault: dict[str, Any]
) -> None:
    report = sandbox.mode.expected()["report"][0]["token"]
    sandbox.mode.fault("reports/*/runs", method="POST", **fault)
    with pytest.raises(AmbiguousRequestError, match="look before asking again"):
        connect(timeout=0.3).post_once(f"reports/{report}/runs")
    assert len(sandbox.mode.requests_to("*/runs", "POST")) == 1


def test_a_post_that_was_surely_not_carried_out_is_repeated(sandbox: Sandbox, connect: Connect) -> None:
    report = sandbox.mode.expected()["report"][0]["token"]
    sandbox.mode.fault("reports/*/runs", method="POST", status=429)
    sandbox.mode.when("reports/*/runs", do=sandbox.mode.rotate, nth=1)
    run = connect().post_once(f"reports/{report}/runs", {"parameters": {}})
    assert run["state"] == "enqueued"


def test_a_post_that_is_refused_says_so(sandbox: Sandbox, connect: Connect) -> None:
    with pytest.raises(NotFoundError):
        connect().post_once("reports/0000/runs")
