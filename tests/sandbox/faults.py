"""Scheduled faults: what goes wrong, on which call, and whether the call was carried out all the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.sandbox.record import path_matches

HTML_PAGE = (
    b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Single sign-on</h1></body></html>"
)


@dataclass
class Fault:
    """One scheduled fault. See :meth:`FaultPlan.add` for the meaning of the fields."""

    path_glob: str
    method: str | None = None
    nth: int = 1
    times: int | None = 1
    status: int | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    reset: bool = False
    close: bool = False
    truncate: bool = False
    html: bool = False
    hang: float | None = None
    drip: float | None = None
    after: bool = False
    do: Callable[[], Any] | None = None
    alter: Callable[[Any], Any] | None = None
    met: int = 0
    fired: int = 0

    def describe(self) -> str:
        kinds = ("reset", "close", "truncate", "html", "hang", "drip", "status", "body", "alter")
        shown = [
            f"{kind}={getattr(self, kind)!r}" for kind in kinds if getattr(self, kind) not in (None, False)
        ]
        return ", ".join([*shown, "after carrying it out"] if self.after else shown)

    @property
    def lets_through(self) -> bool:
        """Whether the call is carried out at all (a truncated or dripping answer has to be made first)."""
        return self.after or self.truncate or self.drip is not None or self.alter is not None


class FaultPlan:
    """The faults still to come, counted per fault from the moment it was scheduled."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, path_glob: str, **options: Any) -> Fault:
        """Schedule a fault for calls whose path (or path and query) matches ``path_glob``.

        :param path_glob: as in :func:`tests.sandbox.record.path_matches`.
        :param method: only calls of this method.
        :param nth: the first matching call that meets the fault, counted from now, default 1.
        :param times: how many consecutive matching calls meet it, default 1; ``None`` = all from then on.
        :param status: answer this status (body: the service's usual error body, or ``body``).
        :param body: answer these bytes (status 200 unless ``status`` is given).
        :param headers: headers of that answer, e.g. ``{"Retry-After": "2"}``.
        :param reset: break the connection with RST, no answer.
        :param close: close the connection in an orderly way, no answer.
        :param truncate: send half of the body with the ``Content-Length`` of the whole.
        :param html: answer 200 with an HTML page.
        :param hang: say nothing for so many (real) seconds, then close.
        :param drip: send the body one byte at a time with this pause (real seconds).
        :param after: carry the call out first (store the file, start the run) and spoil only the answer.
        :param alter: gets the JSON of the answer and changes it in place.
        :param do: called when the fault fires; with nothing else given, the call then goes on normally.
        """
        fault = Fault(path_glob, **options)
        if not (fault.describe() or fault.do):
            raise ValueError(
                "a fault needs one of status, body, reset, close, truncate, html, hang, drip, alter, do"
            )
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def meet(self, method: str, path: str, query: str) -> Fault | None:
        """Count this call against all faults and return the first one that fires now."""
        chosen: Fault | None = None
        with self._lock:
            for fault in self._faults:
                if fault.method not in (None, method) or not path_matches(fault.path_glob, path, query):
                    continue
                fault.met += 1
                if (
                    chosen is None
                    and fault.met >= fault.nth
                    and (fault.times is None or fault.met < fault.nth + fault.times)
                ):
                    fault.fired += 1
                    chosen = fault
        return chosen
