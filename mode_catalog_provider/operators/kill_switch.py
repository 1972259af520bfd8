"""Stop a task that starts remote runs, and cancel what it started, from a signal handler."""

from __future__ import annotations

import _thread
import contextlib
import threading
import time
from collections.abc import Callable, Iterable

from mode_catalog_provider.errors import CancelledError

# Airflow kills a task five seconds after it told it to stop.
_SECONDS = 4.0


class KillSwitch:
    """Ends the work of an operator's ``execute``, without blocking it and without losing a run.

    ``on_kill`` interrupts the main thread anywhere, so it must take no lock: the cancelling is done by a
    thread of its own with a client of its own, while the main thread goes on to its next :meth:`check`. A
    request that starts a run is given time to come back, since only its answer says what to cancel.

    :param started: the runs to cancel, as far as they are known when it is called.
    :param cancel: cancels one of them; must not raise what only says that it could not.
    :param abort: breaks off whatever the main thread still waits for in the end.
    """

    def __init__(
        self,
        *,
        started: Callable[[], Iterable[str]],
        cancel: Callable[[str], object],
        abort: Callable[[], None],
    ) -> None:
        self._started = started
        self._cancel = cancel
        self._abort = abort
        self._asked: set[str] = set()
        self._pulled = threading.Event()
        self._cancelled = threading.Event()
        self._working = False

    def __enter__(self) -> KillSwitch:
        self._working = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._working = False
        if isinstance(error, CancelledError) and self._pulled.is_set():
            self._cancelled.wait(_SECONDS)
            # A run whose start was under way when the kill came is known only now.
            self._cancel_all()

    def pull(self) -> None:
        """Stop; may be called from a signal handler, and more than once."""
        # Not threading.Thread: its locks may be the ones that the interrupted thread holds.
        _thread.start_new_thread(self._stop, ())
        if not self._working:
            # Nobody is interrupted and nobody else waits (`execution_timeout` has ended the work already).
            self._cancelled.wait(_SECONDS)

    def check(self) -> None:
        """Raise :class:`CancelledError` when the switch was pulled."""
        if self._pulled.is_set():
            raise CancelledError("The task was told to stop.")

    def sleep(self, seconds: float) -> None:
        """Wait some seconds, or raise :class:`CancelledError` as soon as the switch is pulled."""
        self._pulled.wait(seconds)
        self.check()

    def _stop(self) -> None:
        self._pulled.set()
        with contextlib.suppress(Exception):
            self._cancel_all()
        self._cancelled.set()
        time.sleep(_SECONDS)
        self._abort()

    def _cancel_all(self) -> None:
        for run in self._started():
            if run not in self._asked:
                self._asked.add(run)
                self._cancel(run)
