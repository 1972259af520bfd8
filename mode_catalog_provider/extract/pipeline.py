"""Many requests in flight, one thread that decides: the order of an extraction's calls.

Worker threads do nothing but HTTP. Everything that is remembered (what was seen, what comes next, what was
left out) belongs to the one thread that consumes the rows, so nothing of it needs a lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from queue import SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any, TypeAlias

from mode_catalog_provider.errors import ForbiddenError, NotFoundError, ServiceError

#: An asset of the file contract and one of its rows.
Row: TypeAlias = tuple[str, dict[str, Any]]
Refusal: TypeAlias = ForbiddenError | NotFoundError

# What a stopped worker may still need to notice: it waits on an event or reads from a closed socket.
_STOP_SECONDS = 5.0


class Lane(IntEnum):
    """What a call is for; the lower the number, the sooner it is made.

    Work that was found is done before more of it is looked for, which is what bounds the backlog. Bulk
    listings come first, for everything else waits for them.
    """

    BATCH = 0
    QUERIES = 1
    NEXT_PAGES = 2
    PAGES = 3
    COLLECTIONS = 4
    MEMBERS = 5


#: Where more work is found. A walk that was begun goes on before another begins: the sooner it is over, the
#: less can change meanwhile, and the fewer walks are remembered at once.
_LISTINGS = (Lane.NEXT_PAGES, Lane.PAGES, Lane.COLLECTIONS)

#: Collections that may wait to be read while further ones are looked for. Their listing goes page by page,
#: and is long where every member has a personal one: read when all else is done, it would go on alone.
_COLLECTIONS_AHEAD = 200

#: Answers that may wait for the consumer before further requests are made. When answers come faster than rows
#: are written, more requests would only pile up answers in memory.
_MOST_UNREAD = 4

#: Keys of a listed object that nobody wants and that are large: the whole HTML of a report, what may be done
#: to it, and signed addresses.
_UNWANTED = ("layout", "_forms", "web_preview_image", "flamingo_signature")

#: Characters of such on one page from which on pages are large, and how many large ones are read at once.
_LARGE_PAGE, _MOST_LARGE_PAGES = 1_000_000, 2

#: Rows taken from a source before the network gets its turn again.
_ROWS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Call:
    """One request and what follows from it.

    :param lane: decides when the request is made.
    :param request: runs in a worker thread; HTTP only.
    :param then: gets the answer, in the consumer's thread; returns rows and may add further calls.
    :param refused: gets a 403 or 404 instead of ``then``; ``None``: a refusal is an error like any other.
    :param failed: gets any error of the service that ``refused`` does not; ``None``: it ends everything.
    """

    lane: Lane
    request: Callable[[], Any]
    then: Callable[[Any], Iterable[Row]]
    refused: Callable[[Refusal], Iterable[Row]] | None = None
    failed: Callable[[ServiceError], Iterable[Row]] | None = None


@dataclass(frozen=True, slots=True)
class _Outcome:
    call: Call
    answer: Any = None
    error: BaseException | None = None


class _Workers:
    """Threads that make calls, started as they are needed."""

    def __init__(self, name: str, outcomes: SimpleQueue[_Outcome]) -> None:
        self._name = name
        self._outcomes = outcomes
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._threads: list[Thread] = []

    def make(self, call: Call, *, in_flight: int) -> None:
        """Let a thread make a call; ``in_flight``: how many are to be made at once, with this one."""
        self._calls.put(call)
        if len(self._threads) < in_flight:
            # A daemon, so that a socket which never answers cannot keep the process from ending.
            thread = Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def end(self) -> None:
        """Let every thread end after the call that it makes; :meth:`join` waits for that."""
        for _ in self._threads:
            self._calls.put(None)

    def join(self, deadline: float) -> None:
        """Wait until all have ended, or for ``deadline`` on the monotonic clock."""
        for thread in self._threads:
            thread.join(max(0.0, deadline - monotonic()))

    def _work(self) -> None:
        while call := self._calls.get():
            try:
                outcome = _Outcome(call, answer=call.request())
            except BaseException as error:
                outcome = _Outcome(call, error=error)
            self._outcomes.put(outcome)
            # Waiting for the next call must not keep the last answer alive.
            del call, outcome


def _nothing_to_get(path: str, **_: Any) -> Any:
    raise LookupError(path)


class Pipeline:
    """Make calls on a bounded pool of threads, in an order that keeps the backlog and the idle time small.

    :param max_in_flight: most requests at once; threads are started as they are needed.
    :param get: reads a resource, as :meth:`ModeClient.get`; for
        :meth:`ask`; default: it is not used.
    :param wanted: says how many are worth having at the moment; default: as many as allowed.
    :param cancel: makes requests that are under way fail soon; called when the rows are abandoned or an
        error ends them while requests are still in flight.
    """

    def __init__(
        self,
        *,
        max_in_flight: int,
        cancel: Callable[[], None],
        get: Callable[..., Any] = _nothing_to_get,
        wanted: Callable[[], int] | None = None,
    ) -> None:
        self._most_in_flight = max_in_flight
        self._max_in_flight = max_in_flight
        self._wanted = wanted
        self._cancel = cancel
        self._get = get
        self._waiting: dict[Lane, deque[Call]] = {lane: deque() for lane in Lane}
        self._in_flight = dict.fromkeys(Lane, 0)
        self._total_in_flight = 0
        self._outcomes: SimpleQueue[_Outcome] = SimpleQueue()
        self._workers = _Workers("mode-request", self._outcomes)
        # Of what a thread has read, the allocator keeps the space for that thread. A bulk page is megabytes,
        # and so may be a page of reports with their layouts: few threads may ever see one.
        self._bulk_workers = _Workers("mode-request-bulk", self._outcomes)
        self._page_workers = _Workers("mode-request-page", self._outcomes)
        self._large_pages = False
        self._sources: deque[Iterator[Iterable[Row]]] = deque()
        #: Most calls that ever waited or were in flight at once: what the backlog cost at its worst.
        self.peak_backlog = 0

    def ask(
        self,
        lane: Lane,
        path: str,
        then: Callable[[Any], Iterable[Row]],
        refused: Callable[[Refusal], Iterable[Row]] | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        failed: Callable[[ServiceError], Iterable[Row]] | None = None,
    ) -> None:
        """Queue the reading of one resource, or of one page.

        :param lane: decides when it is read.
        :param path: as for :meth:`ModeClient.get`, as are ``params``.
        :param then: gets the answer.
        :param refused: gets a 403 or 404; default: that ends everything.
        :param failed: gets any other error of the service; default: that ends everything.
        """
        self.add(Call(lane, partial(self._read, path, params), then, refused, failed))

    def _read(self, path: str, params: Mapping[str, Any] | None) -> Any:
        """Read a resource, in a worker's thread, and let go of what is large and not wanted."""
        answer = self._get(path, params=params)
        embedded = answer.get("_embedded") if isinstance(answer, dict) else None
        size = 0
        for rows in embedded.values() if isinstance(embedded, dict) else ():
            for row in rows if isinstance(rows, list) else ():
                if isinstance(row, dict):
                    for name in _UNWANTED:
                        value = row.pop(name, None)
                        size += len(value) if isinstance(value, str) else 0
        # Once true it stays so: no lock is needed.
        self._large_pages = self._large_pages or size > _LARGE_PAGE
        return answer

    def add(self, call: Call) -> None:
        """Queue a call, in the consumer's thread: before :meth:`rows`, or from ``then`` or ``refused``."""
        self._waiting[call.lane].append(call)

    def add_source(self, source: Iterator[Iterable[Row]]) -> None:
        """Take rows from an iterator, and the calls it adds, while few queries wait to be read.

        For what may be as long as the workspace is large, where ``then`` would give all of it at once.

        :param source: one step at a time; each gives rows, and adds a few calls at most.
        """
        self._sources.append(source)

    def rows(self) -> Generator[Row, None, None]:
        """Make all calls, those included that answers lead to, and yield their rows as answers arrive.

        The first error that no call expects ends it: calls that wait are forgotten, requests in flight are
        cancelled, and the error is raised as it came from its thread. Closing the iterator does the same.
        """
        try:
            self._start_calls()
            while self._sources or self._total_in_flight:
                idle = self._has_room() and self._outcomes.empty()
                rows = self._from_source() if idle else self._settle(self._outcomes.get())
                # Before the rows: the network works on while the consumer writes.
                self._start_calls()
                yield from rows
        finally:
            self._stop()

    def _has_room(self) -> bool:
        return bool(self._sources) and len(self._waiting[Lane.QUERIES]) < self._most_in_flight

    def _from_source(self) -> list[Row]:
        rows: list[Row] = []
        for step in self._sources[0]:
            rows += step
            calls = self._may_start() and any(self._waiting.values())
            if calls or len(rows) >= _ROWS_AT_ONCE or not self._has_room() or not self._outcomes.empty():
                return rows
        self._sources.popleft()
        return rows

    def _settle(self, outcome: _Outcome) -> list[Row]:
        call, error = outcome.call, outcome.error
        self._in_flight[call.lane] -= 1
        self._total_in_flight -= 1
        if error is None:
            return list(call.then(outcome.answer))
        if call.refused is not None and isinstance(error, Refusal):
            return list(call.refused(error))
        if call.failed is not None and isinstance(error, ServiceError):
            return list(call.failed(error))
        raise error

    def _start_calls(self) -> None:
        backlog = self._total_in_flight + sum(map(len, self._waiting.values()))
        self.peak_backlog = max(self.peak_backlog, backlog)
        if self._wanted is not None:
            self._max_in_flight = min(self._most_in_flight, self._wanted())
        while self._may_start() and (call := self._next_call()):
            self._in_flight[call.lane] += 1
            self._total_in_flight += 1
            bulk, pages = self._in_flight[Lane.BATCH], self._pages_in_flight()
            if call.lane is Lane.BATCH:
                self._bulk_workers.make(call, in_flight=bulk)
            elif call.lane in _LISTINGS:
                self._page_workers.make(call, in_flight=pages)
            else:
                self._workers.make(call, in_flight=self._total_in_flight - bulk - pages)

    def _may_start(self) -> bool:
        return self._total_in_flight < self._max_in_flight and self._outcomes.qsize() < _MOST_UNREAD

    def _next_call(self) -> Call | None:
        order: Iterable[Lane] = Lane
        # Were the next page asked for only when the last query is under way, the allowance would lie idle
        # while that page is read. So one page is read ahead as soon as the queries would no longer fill
        # the threads.
        pages_in_flight = self._pages_in_flight()
        if len(self._waiting[Lane.QUERIES]) < self._max_in_flight and not pages_in_flight:
            order = (Lane.BATCH, *_LISTINGS, Lane.QUERIES, Lane.MEMBERS)
        elif self._large_pages and pages_in_flight >= _MOST_LARGE_PAGES:
            order = (Lane.BATCH, Lane.QUERIES, Lane.MEMBERS)
        if self._looks_ahead():
            order = (Lane.BATCH, Lane.COLLECTIONS, *order)
        return next((self._waiting[lane].popleft() for lane in order if self._waiting[lane]), None)

    def _looks_ahead(self) -> bool:
        # One at a time, beside other calls.
        idle = not self._in_flight[Lane.COLLECTIONS] and self._max_in_flight > 1
        return idle and len(self._waiting[Lane.PAGES]) < _COLLECTIONS_AHEAD

    def _pages_in_flight(self) -> int:
        return sum(self._in_flight[lane] for lane in _LISTINGS)

    def _stop(self) -> None:
        if self._total_in_flight:
            self._cancel()
        self._sources.clear()
        for waiting in self._waiting.values():
            waiting.clear()
        groups = (self._workers, self._bulk_workers, self._page_workers)
        for workers in groups:
            workers.end()
        deadline = monotonic() + _STOP_SECONDS
        for workers in groups:
            workers.join(deadline)
