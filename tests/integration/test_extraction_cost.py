"""What an extraction costs: requests, how many at once, how much is held, and that it stops when told to."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from mode_catalog_provider.errors import CancelledError
from mode_catalog_provider.extract.extraction import Extraction, ExtractionOptions
from tests.integration.extracting import client_of, extract, predicted_requests, request_threads
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape, peak_in_flight

SHAPES = [
    WorkspaceShape(collections=0, reports=0, members=0, nasty=False),
    WorkspaceShape(collections=1, reports=1, members=1, datasets=0, nasty=False),
    WorkspaceShape(collections=3, reports=29, members=4, datasets=1, nasty=False),
    WorkspaceShape(collections=1, reports=30, members=0, datasets=30, nasty=False),
    WorkspaceShape(collections=5, reports=200, members=40, datasets=31, queries=200, nasty=False),
]


def running(shape: WorkspaceShape, **switches: Any) -> Sandbox:
    return Sandbox(shape=shape, mode=ModeSwitches(limiter="off", **switches), time_scale=0.01)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    shape = WorkspaceShape(collections=5, reports=120, members=20, queries=120, nasty=False)
    with running(shape, latency=0.5) as sandbox:
        yield sandbox


@pytest.mark.parametrize("members", ["full", "lite"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_clean_workspace_costs_exactly_the_predicted_requests(shape: WorkspaceShape, members: str) -> None:
    with running(shape) as sandbox:
        extract(sandbox, members=members)
        assert len(sandbox.mode.requests) == predicted_requests(sandbox, members=members)


@pytest.mark.parametrize(("max_in_flight", "latency"), [(1, 0.0), (3, 1.0), (8, 3.0)])
def test_as_many_requests_are_in_flight_as_allowed_and_never_more(
    sandbox: Sandbox, max_in_flight: int, latency: float
) -> None:
    sandbox.mode.switches.latency = latency
    extract(sandbox, max_in_flight=max_in_flight)
    assert peak_in_flight(sandbox.mode.requests) == max_in_flight


def test_who_the_members_are_is_asked_before_any_walk_so_that_their_records_fill_the_end_of_it(
    sandbox: Sandbox,
) -> None:
    sandbox.mode.switches.latency = 0.0
    extract(sandbox, max_in_flight=1)
    paths = [request.path.removeprefix("/api/acme/") for request in sandbox.mode.requests]
    first_walk = next(place for place, path in enumerate(paths) if path.endswith("/reports"))
    assert paths.index("memberships/lite") < first_walk
    assert paths.index("memberships") < len(paths) - 20


def test_members_are_read_while_the_list_of_collections_is_still_awaited(sandbox: Sandbox) -> None:
    profile_asked = threading.Event()
    sandbox.mode.when("/api/person*", do=profile_asked.set)
    sandbox.mode.when("spaces", nth=2, do=lambda: profile_asked.wait(10))
    extract(sandbox)
    profiles = sandbox.mode.requests_to("/api/person*")
    list_ended = sandbox.mode.requests_to("spaces")[-1].ended
    assert len(profiles) == 20
    assert list_ended is not None
    assert profiles[0].started < list_ended


def test_queries_of_a_page_are_read_before_the_page_after_the_next(sandbox: Sandbox) -> None:
    extract(sandbox, max_in_flight=2, include_collections=[sandbox.mode.world.collections[0].token])
    order = [request for request in sandbox.mode.requests if request.path.endswith(("/queries", "/reports"))]
    queries_before_page_3 = 0
    for request in order:
        if request.params.get("page") == "3":
            break
        queries_before_page_3 += request.path.endswith("/queries")
    assert queries_before_page_3 >= 28


def test_what_is_held_does_not_grow_with_the_workspace() -> None:
    peaks = []
    for reports in (150, 600):
        shape = WorkspaceShape(collections=8, reports=reports, members=5, queries=reports, nasty=False)
        with running(shape) as sandbox:
            got = extract(sandbox, max_in_flight=4)
        assert len(got.rows["report"]) > reports
        peaks.append(got.extraction.peak_backlog)
    # At worst each thread comes back with a full page at the same time; a walk or two per collection waits.
    assert max(peaks) <= 4 * 30 + 4 + 2 * 8


def test_members_wait_in_a_queue_of_their_own_not_as_calls() -> None:
    shape = WorkspaceShape(collections=0, reports=0, members=300, nasty=False)
    with running(shape) as sandbox:
        got = extract(sandbox, max_in_flight=4)
    assert len(got.rows["member"]) == 300
    # Two lists of members may be under way beside the four; 300 calls would be the fault.
    assert got.extraction.peak_backlog <= 4 + 4


def test_closing_the_rows_stops_all_requests_and_threads(sandbox: Sandbox) -> None:
    with client_of(sandbox) as client:
        rows = Extraction(client=client, options=ExtractionOptions()).rows()
        for _ in range(30):
            next(rows)
        rows.close()
        assert request_threads() == []
        made = len(sandbox.mode.requests)
        with pytest.raises(CancelledError):
            client.get("spaces")
        assert len(sandbox.mode.requests) == made


def test_closing_the_rows_does_not_wait_for_requests_that_hang(sandbox: Sandbox) -> None:
    sandbox.mode.fault("reports/*/queries", hang=60, times=None, nth=5)
    with client_of(sandbox) as client:
        rows = Extraction(client=client, options=ExtractionOptions(members="lite")).rows()
        assert next(asset for asset, _ in rows if asset == "query")
        rows.close()
        assert request_threads() == []


def test_cancelling_the_client_from_another_thread_ends_the_rows(sandbox: Sandbox) -> None:
    sandbox.mode.fault("reports/*/queries", hang=60, times=None, nth=5)
    with client_of(sandbox) as client:
        sandbox.mode.when("spaces/*/reports", nth=2, do=client.cancel)
        with pytest.raises(CancelledError):
            list(Extraction(client=client, options=ExtractionOptions()).rows())
    assert request_threads() == []


def test_an_error_of_the_consumer_stops_everything_too(sandbox: Sandbox) -> None:
    def full_disk(asset: str, _: int) -> None:
        if asset == "report":
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        extract(sandbox, progress=full_disk)
    assert request_threads() == []


class TaskTimeoutError(Exception):
    """Stands in for what Airflow raises from a signal handler."""


def test_an_exception_out_of_a_signal_handler_ends_the_rows(sandbox: Sandbox) -> None:
    def ring(_: int, __: object) -> None:
        raise TaskTimeoutError

    sandbox.mode.fault("reports/*/queries", hang=60, times=None)
    before = signal.signal(signal.SIGALRM, ring)
    try:
        with client_of(sandbox) as client:
            options = ExtractionOptions(members="lite", strategy="rest")
            rows = Extraction(client=client, options=options).rows()
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            with pytest.raises(TaskTimeoutError):
                list(rows)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert request_threads() == []


def test_the_rows_can_be_read_again_from_the_start(sandbox: Sandbox) -> None:
    with client_of(sandbox) as client:
        extraction = Extraction(client=client, options=ExtractionOptions())
        first = sorted(row["token"] for _, row in extraction.rows())
        filtered = extraction.filtered
        assert sorted(row["token"] for _, row in extraction.rows()) == first
        assert extraction.filtered == filtered
