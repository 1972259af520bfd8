"""One switch that ends every wait of a client: pacing, back-off, and exchanges under way."""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Callable

from mode_catalog_provider.errors import CancelledError


class StopSignal:
    """Set once, from any thread or from a signal handler; every waiting thread raises ``CancelledError``."""

    def __init__(self) -> None:
        self._stopped = False
        self._event = threading.Event()
        self._wake_ups: list[Callable[[], None]] = []

    def now(self) -> float:
        """Seconds on the clock that all waits of this client are measured with."""
        return time.monotonic()

    @property
    def is_set(self) -> bool:
        """Whether somebody asked to stop."""
        return self._stopped

    def when_set(self, wake_up: Callable[[], None]) -> None:
        """Have ``wake_up`` called, from a thread of its own, when the signal is set."""
        self._wake_ups.append(wake_up)

    def set(self) -> None:
        """Ask everything that watches this signal to stop. Returns at once."""
        self._stopped = True
        # A signal handler may have interrupted a thread that holds one of the locks needed below, or one
        # of `threading`'s own; a bare thread needs none of them to start.
        _thread.start_new_thread(self._wake_everybody, ())

    def check(self) -> None:
        """Raise :class:`CancelledError` when the signal is set."""
        if self._stopped:
            raise CancelledError("Stopped: the caller asked to cancel.")

    def sleep(self, seconds: float) -> None:
        """Wait ``seconds``, or raise :class:`CancelledError` as soon as the signal is set."""
        self.check()
        self._event.wait(max(0.0, seconds))
        self.check()

    def _wake_everybody(self) -> None:
        self._event.set()
        for wake_up in list(self._wake_ups):
            wake_up()
