"""What the demo says while it waits, and what the seconds went into."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds after which a person wonders whether anything happens at all.
SILENCE = 10.0


class Told:
    """Prints lines, and one by itself when nothing was printed for ten seconds.

    :param say: prints a line.
    :param silence: seconds without a line after which one says what is waited for.
    """

    def __init__(self, say: Callable[[str], None], *, silence: float = SILENCE) -> None:
        self._say = say
        self._silence = silence
        self._lock = threading.Lock()
        self._last = time.monotonic()
        self.account: dict[str, float] = {}

    def say(self, line: str) -> None:
        with self._lock:
            self._last = time.monotonic()
            self._say(line)

    @contextmanager
    def waiting_for(self, what: Callable[[], str], *, account: str) -> Iterator[None]:
        """Say what is waited for, at least every ten seconds, and count the seconds for the account."""
        begun = time.monotonic()
        over = threading.Event()
        thread = threading.Thread(target=self._remind, args=(what, begun, over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.account[account] = self.account.get(account, 0) + time.monotonic() - begun

    def _remind(self, what: Callable[[], str], begun: float, over: threading.Event) -> None:
        while not over.wait(max(0.01, self._last + self._silence - time.monotonic())):
            if time.monotonic() - self._last >= self._silence:
                self.say(f"  waiting for {what()} ({time.monotonic() - begun:.0f} s) ...")
