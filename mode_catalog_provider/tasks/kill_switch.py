"""Stop a task that starts remote runs, and cancel what it started, from a signal handler."""

from __future__ import annotations

import _thread
import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from mode_catalog_provider.errors import CancelledError
from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.refresh.cancel import cancel_quietly
from mode_catalog_provider.tasks.request_meter import metered

# Airflow kills a task five seconds after it told it to stop.
_SECONDS = 4.0
# Cancelling one run takes two requests, one after the other.
_AT_ONCE = 8


class KillSwitch:
    """Ends the work of an operator's ``execute``, without blocking it and without losing a run.

    ``on_kill`` interrupts the main thread anywhere, so it must take no lock: the cancelling is done by a
    thread of its own with a client of its own, while the main thread goes on to its next :meth:`check`. A
    request that starts a run is given time to come back, since only its answer says what to cancel.

    It can be pulled before there is anything to stop; then the first :meth:`check` stops.

    :param started: the runs to cancel, as far as they are known when it is called. This and the next two may
        be set later as attributes.
    :param cancel: cancels one of them and says whether it could; called by several threads at once; must not
        raise what only says that it could not.
    :param abort: breaks off whatever the main thread still waits for in the end.
    """

    def __init__(
        self,
        *,
        started: Callable[[], Iterable[str]] = tuple,
        cancel: Callable[[str], bool] = lambda run: False,
        abort: Callable[[], None] = lambda: None,
    ) -> None:
        self.started = started
        self.cancel = cancel
        self.abort = abort
        self._asked: set[str] = set()
        self._told = False
        self._pulled = threading.Event()
        self._cancelled = threading.Event()
        self._working = False

    def __enter__(self) -> KillSwitch:
        self._working = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._working = False
        if self._told:
            self._cancelled.wait(_SECONDS)
            # A run whose start was under way when the kill came is known only now.
            self._cancel_all()

    def pull(self) -> None:
        """Stop; may be called from a signal handler, and more than once."""
        self._told = True
        # Not threading.Thread: its locks may be the ones that the interrupted thread holds.
        _thread.start_new_thread(self._stop, ())
        if not self._working:
            # Nobody is interrupted and nobody else waits (`execution_timeout` has ended the work already).
            self._cancelled.wait(_SECONDS)

    def check(self) -> None:
        """Raise :class:`CancelledError` when the switch was pulled."""
        if self._told:
            raise CancelledError("The task was told to stop.")

    def sleep(self, seconds: float) -> None:
        """Wait some seconds, or raise :class:`CancelledError` as soon as the switch is pulled."""
        self._pulled.wait(seconds)
        self.check()

    def _stop(self) -> None:
        self._pulled.set()
        self._cancel_all()
        self._cancelled.set()
        time.sleep(_SECONDS)
        self.abort()

    def _cancel_all(self) -> None:
        runs = [run for run in self.started() if run not in self._asked]
        self._asked.update(runs)
        with contextlib.suppress(Exception), ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self.cancel, runs))


@contextlib.contextmanager
def killable_client(hook: ModeHook, switch: KillSwitch, *, cancel: bool) -> Iterator[ModeClient]:
    """Open a client that is verified, and let the switch end the block.

    :param cancel: whether the switch cancels the runs that were started.
    :raises CancelledError: the switch was pulled already.
    """
    with metered(hook.get_client()) as client:
        switch.abort = client.cancel
        if cancel:
            switch.cancel = partial(cancel_quietly, _client_in_a_hurry(hook))
        with switch:
            switch.check()
            # First of all: a POST must not be what finds out that Mode has moved to another of its hosts.
            client.verify()
            yield client


def _client_in_a_hurry(hook: ModeHook) -> ModeClient:
    """Make a client with nothing to ask of Airflow any more.

    It is not closed with the other: `on_kill` comes after the end of `execute` when that took too long.
    """
    credentials = hook.credentials()
    return hook.get_client(
        credentials=lambda: credentials, timeout=3.0, retry_budget=3.0, requests_per_second=20.0
    )
