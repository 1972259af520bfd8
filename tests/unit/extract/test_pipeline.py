"""The pool of request threads: order, bounds, errors, and that nothing of it outlives its consumer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mode_catalog_provider.errors import (
    CancelledError,
    ForbiddenError,
    MalformedResponseError,
    NotFoundError,
    RequestRefusedError,
    ServiceUnavailableError,
)
from mode_catalog_provider.extract import pipeline as pipeline_module
from mode_catalog_provider.extract.pipeline import Call, Lane, Pipeline, Row

PATIENCE = 5.0


def row(token: object) -> tuple[str, dict[str, Any]]:
    return ("query", {"token": token})


def pool_of(in_flight: int, cancel: Callable[[], None] = lambda: None) -> Pipeline:
    return Pipeline(max_in_flight=in_flight, cancel=cancel)


def answering(answer: object, lane: Lane = Lane.QUERIES, **kwargs: Any) -> Call:
    return Call(lane, lambda: answer, kwargs.pop("then", lambda value: [row(value)]), **kwargs)


def failing(error: BaseException, **kwargs: Any) -> Call:
    def request() -> None:
        raise error

    return Call(Lane.QUERIES, request, lambda _: [], **kwargs)


def tokens(pool: Pipeline) -> list[Any]:
    return [item["token"] for _, item in pool.rows()]


def request_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("mode-request")]


class Blocked:
    """A request that is under way until it is cancelled."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.cancelled = threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        assert self.cancelled.wait(PATIENCE)
        raise CancelledError("stopped")


def test_without_calls_there_are_no_rows_and_no_threads() -> None:
    assert tokens(pool_of(4)) == []
    assert request_threads() == []


def test_a_call_found_in_an_answer_is_made_as_well() -> None:
    pool = pool_of(4)

    def page(number: int) -> list[Any]:
        if number < 5:
            pool.add(answering(number + 1, Lane.PAGES, then=page))
        return [row(number)]

    pool.add(answering(1, Lane.PAGES, then=page))
    assert tokens(pool) == [1, 2, 3, 4, 5]


def test_work_that_was_found_is_done_before_more_is_looked_for_and_members_come_last() -> None:
    pool = pool_of(1)
    for name in ("MEMBERS", "COLLECTIONS", "PAGES", "QUERIES", "QUERIES", "NEXT_PAGES", "BATCH"):
        pool.add(answering(name, Lane[name]))
    assert tokens(pool) == ["BATCH", "QUERIES", "QUERIES", "NEXT_PAGES", "PAGES", "COLLECTIONS", "MEMBERS"]


def test_collections_are_looked_for_while_others_are_read_but_not_far_ahead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline_module, "_COLLECTIONS_AHEAD", 3)
    pool, begun = pool_of(2), []

    def reading(name: str, lane: Lane, then: Callable[[Any], Any] = lambda _: []) -> None:
        pool.add(Call(lane, lambda: begun.append(name), then))

    def found(number: int) -> list[Any]:
        for page in range(4):
            reading(f"page {page} of {number}", Lane.PAGES)
        if number < 3:
            reading(f"collection {number + 1}", Lane.COLLECTIONS, lambda _: found(number + 1))
        return []

    reading("collection 1", Lane.COLLECTIONS, lambda _: found(1))
    assert tokens(pool) == []
    # While more than two wait the listing rests.
    assert begun.index("collection 2") > begun.index("page 1 of 1")
    # Begun only when none waits, it would be alone in the end.
    assert begun.index("collection 2") < begun.index("page 3 of 1")
    assert begun.index("collection 3") < begun.index("page 3 of 2")


def test_a_page_is_read_ahead_before_the_last_queries_are_under_way() -> None:
    pool, page_begun = pool_of(2), threading.Event()
    waiting = Call(Lane.QUERIES, lambda: page_begun.wait(PATIENCE), lambda begun: [row(begun)])
    # Were the page not read ahead, the two that wait for it would take both threads.
    for query in (answering("quick"), waiting, waiting):
        pool.add(query)
    pool.add(Call(Lane.PAGES, page_begun.set, lambda _: []))
    assert tokens(pool) == ["quick", True, True]


def test_only_one_page_is_read_ahead_while_queries_wait() -> None:
    pool, order, queries_done = pool_of(2), [], threading.Event()

    def settle(name: str) -> list[Any]:
        order.append(name)
        if {"query 1", "query 2", "query 3"} <= set(order):
            queries_done.set()
        return []

    for name in ("query 1", "query 2", "query 3"):
        pool.add(answering(name, then=settle))
    pool.add(Call(Lane.PAGES, lambda: queries_done.wait(PATIENCE), lambda _: settle("page 1")))
    pool.add(Call(Lane.PAGES, lambda: None, lambda _: settle("page 2")))
    assert tokens(pool) == []
    assert queries_done.is_set()
    assert order.index("page 2") > order.index("query 3")


def test_bulk_pages_that_come_one_after_another_are_read_by_one_thread() -> None:
    pool = pool_of(8)
    readers: set[str] = set()

    def page(number: int) -> int:
        readers.add(threading.current_thread().name)
        return number

    def queue_next(number: int) -> list[Row]:
        if number < 20:
            pool.add(Call(Lane.BATCH, partial(page, number + 1), queue_next))
        for _ in range(4):
            pool.add(Call(Lane.QUERIES, lambda: None, lambda _: []))
        return []

    pool.add(Call(Lane.BATCH, partial(page, 1), queue_next))
    assert tokens(pool) == []
    assert len(readers) == 1


@pytest.mark.parametrize("in_flight", [1, 2, 8])
def test_all_threads_are_used_and_never_more(in_flight: int) -> None:
    pool = pool_of(in_flight)
    lock, all_at_once = threading.Lock(), threading.Barrier(in_flight, timeout=PATIENCE)
    running = most = 0

    def request(wait: bool) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        if wait:
            all_at_once.wait()
        with lock:
            running -= 1

    for number in range(in_flight * 10):
        pool.add(Call(Lane.QUERIES, partial(request, number < in_flight), lambda _: []))
    assert tokens(pool) == []
    assert most == in_flight


def test_answers_are_settled_in_the_thread_of_the_consumer() -> None:
    pool = pool_of(4)
    for _ in range(20):
        pool.add(Call(Lane.QUERIES, threading.get_ident, lambda asked: [row(asked)]))
        pool.add(answering(None, then=lambda _: [row(threading.get_ident())]))
    seen = tokens(pool)
    assert seen.count(threading.get_ident()) == 20


def test_the_next_request_is_under_way_while_the_consumer_is_busy_with_a_row() -> None:
    pool, begun = pool_of(1), threading.Event()
    pool.add(answering(None, then=lambda _: [row(1), row(2)]))
    pool.add(Call(Lane.QUERIES, begun.set, lambda _: []))
    rows = pool.rows()
    next(rows)
    assert begun.wait(PATIENCE)
    assert list(rows) == [row(2)]


@pytest.mark.parametrize("error", [ForbiddenError("403", status=403), NotFoundError("404", status=404)])
def test_a_refusal_that_is_expected_goes_to_its_handler(error: RequestRefusedError) -> None:
    pool = pool_of(2)
    pool.add(failing(error, refused=lambda refusal: [row(refusal)]))
    assert tokens(pool) == [error]


@pytest.mark.parametrize(
    "error",
    [
        RequestRefusedError("400", status=400),
        ServiceUnavailableError("503", status=503),
        MalformedResponseError("HTML"),
        ZeroDivisionError("a bug"),
    ],
)
def test_any_other_error_is_raised_as_it_came(error: Exception) -> None:
    pool = pool_of(2)
    pool.add(failing(error, refused=lambda _: []))
    with pytest.raises(type(error)) as raised:
        tokens(pool)
    assert raised.value is error
    assert request_threads() == []


def test_a_refusal_that_nobody_expects_is_an_error() -> None:
    pool = pool_of(2)
    pool.add(failing(NotFoundError("404")))
    with pytest.raises(NotFoundError):
        tokens(pool)


def test_after_an_error_no_waiting_call_is_made() -> None:
    pool, made = pool_of(1), []
    pool.add(failing(ServiceUnavailableError("503")))
    for _ in range(50):
        pool.add(Call(Lane.QUERIES, lambda: made.append(1), lambda _: []))
    with pytest.raises(ServiceUnavailableError):
        tokens(pool)
    assert made == []


def test_an_error_cancels_what_is_in_flight_and_is_not_hidden_by_the_cancellation() -> None:
    blocked = Blocked()
    pool = pool_of(2, blocked.cancelled.set)

    def fail() -> None:
        assert blocked.begun.wait(PATIENCE)
        raise ServiceUnavailableError("the cause")

    pool.add(Call(Lane.QUERIES, blocked, lambda _: []))
    pool.add(Call(Lane.QUERIES, fail, lambda _: []))
    with pytest.raises(ServiceUnavailableError, match="the cause"):
        tokens(pool)
    assert blocked.cancelled.is_set()
    assert request_threads() == []


def test_an_error_while_settling_an_answer_cancels_too() -> None:
    blocked = Blocked()
    pool = pool_of(2, blocked.cancelled.set)

    def settle(_: object) -> list[Any]:
        raise MalformedResponseError("a row without a token")

    pool.add(Call(Lane.QUERIES, blocked, lambda _: []))
    pool.add(Call(Lane.QUERIES, lambda: blocked.begun.wait(PATIENCE), settle))
    with pytest.raises(MalformedResponseError):
        tokens(pool)
    assert blocked.cancelled.is_set()
    assert request_threads() == []


def test_closing_the_rows_cancels_and_leaves_no_thread() -> None:
    blocked = Blocked()
    pool = pool_of(2, blocked.cancelled.set)
    pool.add(Call(Lane.QUERIES, blocked, lambda _: []))
    pool.add(Call(Lane.QUERIES, lambda: blocked.begun.wait(PATIENCE), lambda _: [row(1), row(2)]))
    rows = pool.rows()
    assert next(rows) == row(1)
    rows.close()
    assert blocked.cancelled.is_set()
    assert request_threads() == []


def test_a_finished_run_cancels_nothing() -> None:
    cancelled = threading.Event()
    pool = pool_of(2, cancelled.set)
    pool.add(answering(1))
    assert tokens(pool) == [1]
    assert not cancelled.is_set()
    assert request_threads() == []


def test_a_request_that_cannot_be_cancelled_does_not_hold_up_its_consumer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline_module, "_STOP_SECONDS", 0.05)
    blocked = Blocked()
    pool = pool_of(2)
    pool.add(Call(Lane.QUERIES, blocked, lambda _: []))
    pool.add(Call(Lane.QUERIES, lambda: blocked.begun.wait(PATIENCE), lambda _: [row(1)]))
    rows = pool.rows()
    next(rows)
    rows.close()
    (stuck,) = (thread for thread in threading.enumerate() if thread.name.startswith("mode-request"))
    assert stuck.daemon
    blocked.cancelled.set()
    stuck.join(PATIENCE)
    assert request_threads() == []


def test_the_backlog_is_one_round_of_pages_however_long_the_walks_are() -> None:
    in_flight, page_rows, walks, pages = 4, 30, 10, 20
    pool, queries = pool_of(in_flight), 0

    def page(walk: int, number: int) -> list[Any]:
        for _ in range(page_rows):
            pool.add(answering(None, then=lambda _: [row(0)]))
        if number < pages:
            pool.add(answering(None, Lane.PAGES, then=lambda _: page(walk, number + 1)))
        return []

    for walk in range(walks):
        pool.add(answering(None, Lane.PAGES, then=lambda _, walk=walk: page(walk, 1)))
    queries = sum(1 for _ in pool.rows())
    assert queries == walks * pages * page_rows
    # Every thread may come back with a page at once; the walks themselves wait with one call each.
    assert pool.peak_backlog <= in_flight * page_rows + in_flight + walks


tree = st.recursive(
    st.tuples(st.sampled_from(Lane), st.just(())),
    lambda children: st.tuples(st.sampled_from(Lane), st.lists(children, max_size=4).map(tuple)),
    max_leaves=25,
)


@settings(max_examples=100, deadline=None)
@given(roots=st.lists(tree, max_size=4), in_flight=st.integers(1, 6))
def test_every_call_of_any_tree_of_calls_is_made_exactly_once(roots: list[Any], in_flight: int) -> None:
    pool, added = pool_of(in_flight), 0

    def plant(node: Any) -> None:
        nonlocal added
        added += 1
        pool.add(answering(added, node[0], then=partial(settle, node)))

    def settle(node: Any, number: int) -> list[Any]:
        for child in node[1]:
            plant(child)
        return [row(number)]

    for root in roots:
        plant(root)
    assert sorted(tokens(pool)) == list(range(1, added + 1))


# -- sources -------------------------------------------------------------------------------------------------


def test_a_source_gives_its_rows_and_goes_on_only_while_few_queries_wait() -> None:
    pool = pool_of(2)
    most = 0

    def steps() -> Iterator[list[tuple[str, dict[str, Any]]]]:
        nonlocal most
        for number in range(100):
            pool.add(answering(100 + number))
            most = max(most, len(pool._waiting[Lane.QUERIES]))
            yield [row(number)]

    pool.add_source(steps())
    assert sorted(tokens(pool)) == list(range(200))
    assert most <= 2 + 1


def test_a_call_that_a_source_without_rows_adds_is_made_before_its_next_step() -> None:
    pool = pool_of(4)
    made = [threading.Event() for _ in range(3)]

    def steps() -> Iterator[list[Row]]:
        for event in made:
            pool.add(Call(Lane.PAGES, event.set, lambda _: []))
            yield []
            assert event.wait(PATIENCE)

    pool.add_source(steps())
    assert tokens(pool) == []


def test_what_runs_out_of_a_source_may_add_calls_and_sources() -> None:
    pool = pool_of(1)

    def steps() -> Iterator[list[tuple[str, dict[str, Any]]]]:
        yield []
        pool.add(answering("call"))
        pool.add_source(iter([[row("source")]]))

    pool.add_source(steps())
    assert sorted(tokens(pool)) == ["call", "source"]


# -- what answers cost while they wait ----------------------------------------------------------------------


def test_while_answers_wait_to_be_read_no_further_request_is_made() -> None:
    pool = pool_of(16)
    made: list[int] = []
    seen: list[int] = []
    together = threading.Barrier(16)

    def request() -> None:
        made.append(1)
        if len(made) <= 16:
            # All are under way before the first is answered.
            together.wait(PATIENCE)

    def then(_: None) -> list[Row]:
        while not seen and pool._outcomes.qsize() < 15:
            threading.Event().wait(0.001)
        seen.append(len(made))
        return []

    for _ in range(40):
        pool.add(Call(Lane.QUERIES, request, then))
    assert tokens(pool) == []
    assert len(seen) == 40
    # Of 15 that waited, 12 were read before another was asked for.
    assert seen[:12] == [16] * 12


def page_of(characters: int) -> dict[str, Any]:
    report = {"token": "r", "layout": "x" * characters, "_forms": {}, "web_preview_image": "signed"}
    return {"_embedded": {"reports": [report]}}


@pytest.mark.parametrize(("characters", "most"), [(2_000_000, 2), (2_000, 7)])
def test_large_pages_are_read_two_at_once(characters: int, most: int) -> None:
    taken: list[dict[str, Any]] = []
    pool = Pipeline(max_in_flight=8, cancel=lambda: None, get=lambda path, params: page_of(characters))

    def first(answer: dict[str, Any]) -> list[Row]:
        for number in range(7):
            pool.ask(Lane.PAGES, f"page {number}", then)
        return then(answer)

    def then(answer: dict[str, Any]) -> list[Row]:
        taken.extend(answer["_embedded"]["reports"])
        return []

    pool.ask(Lane.PAGES, "first", first)
    assert tokens(pool) == []
    assert len(pool._page_workers._threads) <= most
    assert taken == [{"token": "r"}] * 8
