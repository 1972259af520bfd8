"""Whatever goes wrong on the way: the same rows, or an error that says so; never fewer rows in silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mode_catalog_provider.errors import MalformedResponseError, ModeCatalogError, ServiceUnavailableError
from mode_catalog_provider.http.retry import RetryPolicy
from mode_catalog_provider.mode.client import ModeClient
from tests.integration.extracting import Extracted, as_written, extract, request_threads
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape

ROUTES = [
    "data_sources",
    "spaces",
    "spaces/*/reports",
    "spaces/*/datasets",
    "reports/*/queries",
    "memberships/lite",
    "/api/person*",
    "*",
]
PASSING = [
    {"status": 500},
    {"status": 503},
    {"status": 504},
    {"status": 429},
    {"status": 429, "headers": {"Retry-After": "0"}},
    {"reset": True},
    {"close": True},
    {"truncate": True},
]
many = settings(
    max_examples=25,
    deadline=None,
    # Faults are cleared and the client is new in each example; the workspace does not change.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A nasty workspace whose second collection of reports has more than one page."""
    shape = WorkspaceShape(collections=4, reports=36, datasets=3, members=6)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off")) as running:
        yield running


def faults(kinds: list[dict[str, Any]], routes: list[str], times: int) -> st.SearchStrategy[list[Any]]:
    one = st.tuples(
        st.sampled_from(routes), st.integers(1, 30), st.integers(1, times), st.sampled_from(kinds)
    )
    return st.lists(one, min_size=1, max_size=8)


def spoil(sandbox: Sandbox, plan: list[Any]) -> None:
    sandbox.mode.faults.clear()
    for route, nth, times, kind in plan:
        sandbox.mode.fault(route, nth=nth, times=times, **kind)


@many
@given(plan=faults(PASSING, ROUTES, times=3))
def test_faults_that_pass_change_nothing(sandbox: Sandbox, plan: list[Any]) -> None:
    spoil(sandbox, plan)
    got = extract(sandbox)
    assert as_written(got.rows) == as_written(sandbox.mode.expected())
    assert got.left_out == sandbox.mode.expected_left_out()
    assert request_threads() == []


@many
@given(plan=faults([*PASSING, {"html": True}, {"body": b"[]"}, {"status": 400}], ROUTES, times=8))
def test_faults_that_stay_give_the_same_rows_or_an_error(sandbox: Sandbox, plan: list[Any]) -> None:
    spoil(sandbox, plan)
    try:
        got = extract(sandbox)
    except ModeCatalogError:
        pass
    else:
        assert as_written(got.rows) == as_written(sandbox.mode.expected())
        assert got.left_out == sandbox.mode.expected_left_out()
    assert request_threads() == []


@many
@given(
    plan=faults(
        [{"status": 403}, {"status": 404}],
        ["spaces/*/reports", "reports/*/queries", "/api/person*", "memberships/lite"],
        times=4,
    )
)
def test_every_row_that_is_missing_after_refusals_is_accounted_for(sandbox: Sandbox, plan: list[Any]) -> None:
    spoil(sandbox, plan)
    got = extract(sandbox)
    expected = sandbox.mode.expected()
    left_out = {(asset, token) for asset, token, _ in got.left_out}
    for asset, rows in expected.items():
        for row in rows:
            missing = row["token"] not in got.tokens(asset)
            assert missing <= explained(asset, row, expected, left_out), (asset, row["token"])
        # A report that vanished keeps its row where Mode says that it is refused, and is listed all the same.
        extra = got.tokens(asset) - {row["token"] for row in rows}
        assert {(asset, token) for token in extra} <= left_out
    assert left_nothing_half(got)


def explained(asset: str, row: dict[str, Any], expected: Any, left_out: set[tuple[str, str | None]]) -> bool:
    if asset == "query":
        (report,) = (one for one in expected["report"] if one["token"] == row["report_token"])
        return explained("report", report, expected, left_out)
    collection = ("collection", row.get("space_token"))
    return (asset, row["token"]) in left_out or (asset == "report" and collection in left_out)


def left_nothing_half(got: Extracted) -> bool:
    """No query without its report, and none of a report that was left out."""
    left_out = {token for asset, token, _ in got.left_out if asset == "report"}
    parents = {row["report_token"] for row in got.rows["query"]}
    return not left_out & parents and parents <= got.tokens("report")


@pytest.mark.parametrize("route", ROUTES[:-1])
def test_a_route_that_stays_broken_is_named_in_the_error(sandbox: Sandbox, route: str) -> None:
    sandbox.mode.faults.clear()
    sandbox.mode.fault(route, html=True, times=None)
    with pytest.raises(MalformedResponseError, match=route.strip("/*").rsplit("/", 1)[-1]):
        extract(sandbox)
    assert request_threads() == []


def test_one_hopeless_request_ends_the_extraction_while_others_hang(sandbox: Sandbox) -> None:
    sandbox.mode.faults.clear()
    sandbox.mode.fault("reports/*/queries", status=400, nth=2)
    sandbox.mode.fault("reports/*/queries", hang=60, times=None)
    with pytest.raises(ModeCatalogError, match="400"):
        extract(sandbox)
    assert request_threads() == []


def test_random_faults_all_along_change_nothing(sandbox: Sandbox) -> None:
    sandbox.mode.faults.clear()
    sandbox.mode.switches.throw(random_faults=0.2, random_fault_kinds=(500, 503, 504))
    try:
        got = extract(sandbox)
    finally:
        sandbox.mode.switches.throw(random_faults=0.0)
    assert as_written(got.rows) == as_written(sandbox.mode.expected())


def test_a_service_that_stays_down_is_an_error_with_its_status(sandbox: Sandbox) -> None:
    sandbox.mode.faults.clear()
    sandbox.mode.fault("reports/*/queries", status=503, nth=20, times=None)
    impatient = RetryPolicy(budget=0.2, first_wait=0.001, longest_wait=0.01)

    def give_up_soon(client: ModeClient) -> None:
        client._retries = impatient

    with pytest.raises(ServiceUnavailableError) as raised:
        extract(sandbox, before=give_up_soon)
    assert raised.value.status == 503
    assert request_threads() == []
