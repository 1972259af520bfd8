"""One exchange on the wire that another thread can break off: after a deadline, or when asked to stop.

A read timeout only limits the silence between two bytes: a server that sends one byte a minute holds a worker
for ever. And a thread that waits for an answer cannot look at a stop signal. Both are ended by shutting down
the socket from outside, so the connections made here tell the running exchange which socket they use.
"""

from __future__ import annotations

import contextlib
import functools
import math
import socket
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPResponse
from time import monotonic
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

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


class _FinalResponse(HTTPResponse):
    """The answer to a request, not what a server may say before it (102, 103).

    The library takes the first for the answer, and the answer for that to the next request.
    """

    def begin(self) -> None:
        super().begin()
        while HTTPStatus.SWITCHING_PROTOCOLS < self.status < HTTPStatus.OK:
            self.headers = self.msg = None  # type: ignore[assignment]
            super().begin()
        if self.status == HTTPStatus.SWITCHING_PROTOCOLS:
            self.will_close = True


class _BreakableConnection(HTTPConnection):
    """Tells the running exchange which socket it uses, and when that took the request."""

    response_class = _FinalResponse

    _twin: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        if exchange := _running():
            # A proxy may drip its answer to CONNECT, and a server its half of the handshake, which takes this
            # socket over, so that only a twin of it can still be shut down.
            self._twin = sock.dup()
            exchange.uses(self._twin)
        return sock

    def connect(self) -> None:
        self._twin = None
        try:
            super().connect()
            if exchange := _running():
                exchange.uses(self.sock)
        finally:
            if self._twin is not None:
                self._twin.close()

    def request(self, *args: Any, **kwargs: Any) -> None:
        exchange, is_kept = _running(), self.sock is not None
        if exchange and is_kept:
            exchange.uses(self.sock)
        super().request(*args, **kwargs)
        if exchange and is_kept:
            # After the sending: a thread that had to wait its turn before has not sent anything yet.
            exchange.sent_at = monotonic()


def _make_breakable(manager: Any) -> None:
    """Have a pool manager of any kind (direct, proxy, SOCKS) make connections that can be broken off."""
    manager.pool_classes_by_scheme = {
        scheme: _breakable(pool) for scheme, pool in manager.pool_classes_by_scheme.items()
    }


@functools.cache
def _breakable(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    connection = type("BreakableConnection", (_BreakableConnection, pool.ConnectionCls), {})
    return type("BreakablePool", (pool,), {"ConnectionCls": connection})


class BreakableAdapter(HTTPAdapter):
    """``requests``' adapter, without any retry of its own, whose connections can be broken off."""

    def __init__(self, *, pool_size: int) -> None:
        super().__init__(pool_connections=4, pool_maxsize=pool_size, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make direct connections breakable."""
        super().init_poolmanager(*args, **kwargs)
        _make_breakable(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make connections through a proxy breakable."""
        is_new = proxy not in self.proxy_manager
        proxy_manager = super().proxy_manager_for(proxy, **kwargs)
        if is_new:
            _make_breakable(proxy_manager)
        return proxy_manager
