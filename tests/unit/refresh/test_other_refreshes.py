"""Schema updates, and the cache endpoint that private installations may have."""

from __future__ import annotations

from typing import Any

import pytest

from mode_catalog_provider.errors import AmbiguousRequestError, ConfigurationError, RateLimitedError
from mode_catalog_provider.refresh.endpoint import DEFAULT_PATH, checked_path, invalidate_cache
from mode_catalog_provider.refresh.schema_updates import update_schemas


@pytest.fixture
def sources(sandbox):
    return [{"token": one.token, "name": one.name} for one in sandbox.mode.world.data_sources]


def test_each_connection_is_asked_for_once(connect, sandbox, sources):
    result = update_schemas(connect(), sources)
    tokens = [source["token"] for source in sources]
    assert sandbox.mode.runs.schema_updates == tokens
    assert result == {
        "runs": [
            {"report": token, "run": None, "state": "accepted", "seconds": None, "error": None}
            for token in tokens
        ],
        "started": 3,
        "joined": 0,
        "skipped": 0,
        "failed": 0,
    }


def test_before_each_connection_the_caller_may_stop_and_its_intention_is_remembered(
    connect, sandbox, sources
):
    first, second, third = (source["token"] for source in sources)
    kept: list[dict[str, Any]] = []
    asked_before: list[int] = []

    def check() -> None:
        asked_before.append(len(sandbox.mode.runs.schema_updates))
        if len(asked_before) == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        update_schemas(connect(), sources, remember=lambda memory: kept.append(dict(memory)), check=check)
    assert asked_before == [0, 1, 2]
    assert third not in sandbox.mode.runs.schema_updates
    assert kept == [
        {first: "asked"},
        {first: "accepted"},
        {first: "accepted", second: "asked"},
        {first: "accepted", second: "accepted"},
    ]


def test_a_connections_name_in_the_log_is_one_line_in_which_nothing_is_clickable(connect, sources, caplog):
    caplog.set_level("INFO")
    update_schemas(connect(), [{**sources[0], "name": "https://evil.example\n" + "x" * 5000}])
    (line,) = (one.getMessage() for one in caplog.records if "Schema update" in one.getMessage())
    assert "https[:]//evil" in line
    assert len(line) < 300


def test_a_repeated_try_asks_for_nothing_that_was_accepted_or_unclear(connect, sandbox, sources):
    sandbox.mode.fault("*/schema_updates", method="POST", nth=2, reset=True, after=True)
    kept: dict[str, Any] = {}
    first = update_schemas(connect(retry_budget=1), sources, remember=kept.update)
    again = update_schemas(connect(), sources, memory=dict(kept))
    assert len(sandbox.mode.runs.schema_updates) == len(sources)
    for result in (first, again):
        assert [row["state"] for row in result["runs"]] == ["accepted", "asked", "accepted"]
        assert "nobody can tell" in result["runs"][1]["error"]


def test_a_refused_connection_fails_alone_and_may_be_asked_for_again(connect, sandbox, sources):
    sandbox.mode.fault("*/schema_updates", method="POST", status=403)
    kept: list[dict[str, Any]] = []
    result = update_schemas(connect(), sources, remember=lambda memory: kept.append(dict(memory)))
    assert [row["state"] for row in result["runs"]] == ["refused", "accepted", "accepted"]
    assert "403" in result["runs"][0]["error"]
    assert (result["started"], result["failed"]) == (2, 1)
    assert sources[0]["token"] not in kept[-1]


def test_a_request_that_was_surely_not_carried_out_is_not_remembered(connect, sandbox, sources):
    sandbox.mode.fault("*/schema_updates", method="POST", status=429, times=None)
    kept: list[dict[str, Any]] = []
    with pytest.raises(RateLimitedError):
        update_schemas(connect(retry_budget=0.2), sources, remember=lambda memory: kept.append(dict(memory)))
    assert kept[-1] == {}


def test_the_cloud_has_no_cache_endpoint_and_the_sentence_says_what_to_do(connect):
    with pytest.raises(
        ConfigurationError, match=r"has no call /api/cache_invalidate \(404\).*refresh='results'"
    ):
        invalidate_cache(connect(), DEFAULT_PATH)


def test_a_private_cache_endpoint_is_called_once_at_its_own_path(connect, sandbox):
    sandbox.mode.fault("/api/acme/caches", method="POST", body=b"{}")
    invalidate_cache(connect(), "/api/acme/caches", {"scope": "all"})
    assert [one.method for one in sandbox.mode.requests] == ["POST"]


def test_an_ambiguous_call_is_not_repeated(connect, sandbox):
    sandbox.mode.fault(DEFAULT_PATH, method="POST", reset=True, times=None)
    with pytest.raises(AmbiguousRequestError):
        invalidate_cache(connect(retry_budget=1), DEFAULT_PATH)
    assert len(sandbox.mode.requests) == 1


@pytest.mark.parametrize(
    "path",
    [
        "cache",
        "https://elsewhere.example/api/x",
        "//elsewhere/api/",
        "/api/../x",
        "/api/%2e%2e/x",
        "/api/x?y=1",
        "",
    ],
)
def test_a_path_that_is_not_below_the_api_is_refused(path):
    with pytest.raises(ConfigurationError, match="below /api/"):
        checked_path(path)


@pytest.mark.parametrize("path", [DEFAULT_PATH, "/api/acme/caches/a.b/%20", "/api/acme/purged"])
def test_a_path_below_the_api_is_taken_as_it_was_given(path):
    assert checked_path(path) == path


@pytest.mark.parametrize("path", ["/api/acme/reports/purge", "/api/acme/data_sources/0a1b2c3d4e5f/purge"])
def test_a_purge_is_not_offered_as_a_refresh(path):
    with pytest.raises(ConfigurationError, match="deletes results"):
        checked_path(path)
