"""One exchange on the wire that another thread can break off: after a deadline, or when asked to stop.

A read timeout only limits the silence between two bytes: a server that sends one byte a minute holds a worker
for ever. And a thread that waits for an answer cannot look at a stop signal. Both are ended by shutting down
the socket from outside, so the connections made here tell the running exchange which socket they use.
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
from collections.abc import Iterator
from time import monotonic
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_of_this_thread = threading.local()

#: Seconds after which the thread that keeps the deadlines looks whether it is still needed. A thread for each
#: exchange would cost more than the exchange.
_LONGEST_LOOK_AWAY = 1.0


class Exchange:
    """A request and its answer, from connecting to the last byte."""

    def __init__(self) -> None:
        self.overdue = False
        self.broken = False
        #: When it has taken too long, on the monotonic clock.
        self.expires_at = math.inf
        #: When a kept connection took the request, on the monotonic clock. ``None`` for a new one: the system
        #: accepts it long before the server looks at it.
        self.sent_at: float | None = None
        self._socket: Any = None

    def uses(self, sock: Any) -> None:
        """Say which socket carries the exchange."""
        self._socket = sock
        if self.broken:
            self.break_off()

    def break_off(self) -> None:
        """End the exchange now; its thread sees a closed connection."""
        self.broken = True
        # Not SSLSocket.shutdown(): that one clears state which the reading thread still uses.
        with contextlib.suppress(OSError, TypeError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def expire(self) -> None:
        """End the exchange because it took too long."""
        self.overdue = True
        self.break_off()


class Exchanges:
    """The exchanges under way in one session, and one thread for all that ends those which take too long."""

    def __init__(self) -> None:
        self._under_way: set[Exchange] = set()
        self._changed = threading.Condition()
        self._watchdog: threading.Thread | None = None

    @contextlib.contextmanager
    def begin(self, *, deadline: float | None) -> Iterator[Exchange]:
        """Watch the exchange that this thread makes inside the ``with`` block.

        :param deadline: seconds for the whole exchange; ``None`` for no limit.
        """
        exchange = Exchange()
        with self._changed:
            self._under_way.add(exchange)
            if deadline is not None:
                exchange.expires_at = monotonic() + deadline
                self._watch(exchange.expires_at)
        _of_this_thread.exchange = exchange
        try:
            yield exchange
        finally:
            _of_this_thread.exchange = None
            with self._changed:
                self._under_way.discard(exchange)

    def _watch(self, expires_at: float) -> None:
        if self._watchdog is None:
            self._watchdog = threading.Thread(target=self._end_overdue, name="http-deadlines", daemon=True)
            self._watchdog.start()
        elif expires_at < monotonic() + _LONGEST_LOOK_AWAY:
            self._changed.notify()

    def _end_overdue(self) -> None:
        with self._changed:
            while self._under_way:
                now = monotonic()
                overdue = [exchange for exchange in self._under_way if exchange.expires_at <= now]
                for exchange in overdue:
                    exchange.expires_at = math.inf
                    exchange.expire()
                earliest = min(exchange.expires_at for exchange in self._under_way)
                self._changed.wait(min(earliest - now, _LONGEST_LOOK_AWAY))
            self._watchdog = None

    def break_off_all(self) -> None:
        """End all exchanges under way."""
        for exchange in self._under_way.copy():
            exchange.break_off()


def _running() -> Exchange | None:
    exchange: Exchange | None = getattr(_of_this_thread, "exchange", None)
    return exchange


class _BreakableConnection(HTTPConnection):
    """Tells the running exchange which socket it uses, and when that took the request."""

    def connect(self) -> None:
        super().connect()
        if exchange := _running():
            exchange.uses(self.sock)

    def request(self, *args: Any, **kwargs: Any) -> None:
        exchange, is_kept = _running(), self.sock is not None
        if exchange and is_kept:
            exchange.uses(self.sock)
        super().request(*args, **kwargs)
        if exchange and is_kept:
            # After the sending: a thread that had to wait its turn before has not sent anything yet.
            exchange.sent_at = monotonic()


class _SecureConnection(_BreakableConnection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _BreakableConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class BreakableAdapter(HTTPAdapter):
    """``requests``' adapter, without any retry of its own, whose connections can be broken off."""

    def __init__(self, *, pool_size: int) -> None:
        super().__init__(pool_connections=4, pool_maxsize=pool_size, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make direct connections breakable."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make connections through a proxy breakable."""
        proxy_manager = super().proxy_manager_for(proxy, **kwargs)
        proxy_manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        return proxy_manager
