"""Every request is counted once: what it was about, and how it ended."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from mode_catalog_provider.errors import ModeCatalogError
from mode_catalog_provider.http.statistics import OUTCOMES, outcome_of
from mode_catalog_provider.mode.operations import OPERATIONS, operation_of
from tests.sandbox import Sandbox
from tests.unit.mode.conftest import Connect


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        ("/api/verify", "verify"),
        ("spaces", "spaces"),
        ("spaces/abc/reports", "reports"),
        ("reports/abc", "reports"),
        ("reports/abc/queries", "queries"),
        ("/api/acme/reports/abc/runs/def/query_runs", "runs"),
        ("datasets/abc/runs", "runs"),
        ("memberships", "members"),
        ("/api/somebody", "other"),
        ("groups/abc/memberships", "members"),
        ("data_sources/abc/schema_updates", "schema_updates"),
        ("spaces/abc/permissions", "permissions"),
        ("/batch/acme/queries", "batch"),
        ("/batch/acme/signature_tokens", "keys"),
        # The workspace's name is no word of the API, whatever it is called.
        ("/api/queries/cache_invalidate", "other"),
        ("/api/batch/spaces", "spaces"),
        ("https://modeanalytics.com/api/acme/spaces?filter=all&page=2", "spaces"),
    ],
)
def test_a_path_is_told_by_its_shape_in_one_of_a_few_words(path: str, operation: str) -> None:
    assert operation_of(path) == operation
    assert operation in OPERATIONS
    assert list(OPERATIONS) == sorted(OPERATIONS)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *((200, "2xx"), (204, "2xx"), (302, "3xx"), (401, "401"), (403, "403"), (404, "404"), (429, "429")),
        *((409, "4xx"), (500, "5xx"), (503, "5xx"), (999, "malformed"), (101, "malformed")),
    ],
)
def test_a_status_has_one_outcome(status: int, outcome: str) -> None:
    assert outcome_of(status) == outcome
    assert outcome in OUTCOMES


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"status": 403}, "403"),
        ({"status": 404}, "404"),
        ({"status": 422}, "4xx"),
        ({"status": 429}, "429"),
        ({"status": 503}, "5xx"),
        ({"reset": True}, "reset"),
        ({"close": True}, "reset"),
        ({"truncate": True}, "reset"),
        ({"html": True}, "malformed"),
        ({"body": b"not json"}, "malformed"),
        ({"hang": 5.0}, "timeout"),
        ({"drip": 0.01}, "timeout"),
    ],
    ids=str,
)
def test_each_way_to_fail_is_an_outcome_of_its_own(
    sandbox: Sandbox, connect: Connect, fault: dict[str, Any], outcome: str
) -> None:
    sandbox.mode.fault("spaces", times=None, **fault)
    client = connect(timeout=0.1, retry_budget=0)
    with pytest.raises(ModeCatalogError):
        client.get("spaces")
    figures = client.statistics.to_json()
    assert figures["requests"] == 1
    assert figures["operations"]["spaces"]["outcomes"] == {outcome: 1}


def test_requests_and_outcomes_add_up_and_retries_are_told_by_operation(
    sandbox: Sandbox, connect: Connect
) -> None:
    sandbox.mode.fault("spaces", status=503, times=2)
    client = connect()
    client.get("spaces")
    client.get("data_sources")
    figures = client.statistics.to_json()
    spaces = figures["operations"]["spaces"]
    assert spaces["outcomes"] == {"2xx": 1, "5xx": 2}
    assert spaces["retries"] == 2
    assert 0 < spaces["slowest_seconds"] <= spaces["seconds"]
    assert figures["operations"]["sources"]["outcomes"] == {"2xx": 1}
    ended = [one["outcomes"] for one in figures["operations"].values()]
    assert sum(sum(outcomes.values()) for outcomes in ended) == figures["requests"] == 4


def test_the_wait_that_mode_asked_for_is_told_apart_from_the_throttle(
    sandbox: Sandbox, connect: Connect
) -> None:
    sandbox.mode.fault("spaces", status=429, headers={"Retry-After": "1"})
    client = connect()
    client.get("spaces")
    assert 1.0 <= client.statistics.retry_after_seconds <= 1.1
    assert client.statistics.throttled_seconds >= client.statistics.retry_after_seconds


def test_a_host_that_takes_no_connection_is_no_timeout(connect: Connect) -> None:
    client = connect(host="http://127.0.0.1:9", retry_budget=0)
    with pytest.raises(ModeCatalogError):
        client.get("spaces")
    assert client.statistics.to_json()["operations"]["spaces"]["outcomes"] == {"unreachable": 1}


def test_who_watches_is_told_after_each_request_outside_the_lock(sandbox: Sandbox, connect: Connect) -> None:
    client, seen = connect(), []
    # Reading takes the lock: a call under it would never come back.
    client.statistics.on_ended = lambda: seen.append(
        (threading.get_ident(), client.statistics.to_json()["requests"])
    )
    client.get("spaces")
    client.get("data_sources")
    assert seen == [(threading.get_ident(), 1), (threading.get_ident(), 2)]
