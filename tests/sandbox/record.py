"""What was asked of a server: who, when, in which order, side by side with what."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qsl


@dataclass(slots=True)
class RecordedRequest:
    """One request as the server saw it.

    :param number: 1 for the first request of this server.
    :param at: wall clock (epoch seconds) of its arrival.
    :param query: the query string as sent; :attr:`params` has it parsed.
    :param key: label of the credential that was sent (``mode:key-1``, ``mode:batch-1``, ``catalog:rw``,
        ``catalog:ro``, ``none``, ``unknown``), never the credential itself. Labels are shared by both
        servers, so a Mode key sent to Catalog shows as what it is.
    :param started: monotonic clock when the request had been read up to its body.
    :param ended: monotonic clock just before the last byte of the answer left; ``None`` while in flight.
    :param status: what was answered; ``None`` while in flight or when no answer was given (reset, hang).
    :param fault: the scheduled fault it met, in words.
    """

    number: int
    at: float
    method: str
    path: str
    query: str
    key: str
    agent: str
    started: float
    ended: float | None = None
    status: int | None = None
    bytes_received: int = 0
    bytes_sent: int = 0
    fault: str | None = None

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    def matches(self, path_glob: str, method: str | None = None) -> bool:
        return path_matches(path_glob, self.path, self.query) and method in (None, self.method)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def path_matches(path_glob: str, path: str, query: str = "") -> bool:
    """Shell-style match (``*`` crosses slashes) of a path, or path and query; ``spaces`` = ``*/spaces``."""
    glob = path_glob if path_glob.startswith(("/", "*")) else f"*/{path_glob}"
    return fnmatchcase(path, glob) or (bool(query) and fnmatchcase(f"{path}?{query}", glob))


class RequestRecord:
    """The newest ``limit`` requests in order of arrival, and how many there were altogether."""

    def __init__(self, *, limit: int = 200_000) -> None:
        self._entries: deque[RecordedRequest] = deque(maxlen=limit)
        self._lock = threading.Lock()
        self.total = 0

    def begin(self, *, method: str, path: str, query: str, key: str, agent: str) -> RecordedRequest:
        with self._lock:
            self.total += 1
            entry = RecordedRequest(
                self.total, time.time(), method, path, query, key, agent, time.monotonic()
            )
            self._entries.append(entry)
        return entry

    def all(self) -> list[RecordedRequest]:
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self.total = 0


def peak_rate(requests: Iterable[RecordedRequest], window: float) -> int:
    """Most requests that arrived within any ``window`` (real seconds)."""
    arrivals: deque[float] = deque()
    peak = 0
    for request in sorted(requests, key=lambda one: one.started):
        arrivals.append(request.started)
        while arrivals[0] <= request.started - window:
            arrivals.popleft()
        peak = max(peak, len(arrivals))
    return peak


def peak_in_flight(requests: Iterable[RecordedRequest]) -> int:
    """Most requests that were being answered at the same moment."""
    edges = []
    for request in requests:
        edges.append((request.started, 1))
        edges.append((request.ended if request.ended is not None else float("inf"), -1))
    flying = peak = 0
    for _, step in sorted(edges):
        flying += step
        peak = max(peak, flying)
    return peak


def span(requests: Iterable[RecordedRequest]) -> tuple[float, float]:
    """First arrival and last end (monotonic): two spans that do not overlap were one after the other."""
    known = list(requests)
    return min(one.started for one in known), max(one.ended or one.started for one in known)
