"""A server of the sandbox: its life, its record, its faults, its clock."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import responses
from http.server import ThreadingHTTPServer
from typing import Any

from tests.sandbox.answers import Answer, Request, json_answer
from tests.sandbox.credentials import CredentialBook
from tests.sandbox.exchange import Exchange
from tests.sandbox.faults import Fault, FaultPlan
from tests.sandbox.record import RecordedRequest, RequestRecord


class SandboxServer:
    """One HTTP server of the sandbox. Subclasses say how a request is admitted and answered.

    :param book: the credentials both servers know.
    :param port: 0 = any free port.
    :param time_scale: real seconds per service second; 0.01 makes ten seconds of the service last 0.1 s.
    """

    def __init__(
        self,
        *,
        book: CredentialBook,
        host: str = "127.0.0.1",
        port: int = 0,
        time_scale: float = 1.0,
        advertise: str | None = None,
    ) -> None:
        self.book = book
        self.time_scale = time_scale
        self.record = RequestRecord()
        self.faults = FaultPlan()
        self.stopping = threading.Event()
        self._host, self._port, self._advertised = host, port, advertise or host
        self.control: Callable[[str, str, Any], Any] = _no_control
        self._http: _ThreadedServer | None = None
        self._chance = random.Random(20261101)

    # -- for subclasses ------------------------------------------------------------------------------------

    def admit(self, request: Request) -> Answer | None:
        """Refuse a request before any scheduled fault sees it (credential, rate)."""
        return None

    def answer(self, request: Request) -> Answer:
        """Carry the request out."""
        raise NotImplementedError

    def error_answer(self, status: int) -> Answer:
        """The service's usual error body for a status."""
        return json_answer({"message": responses.get(status, "error")}, status)

    @property
    def latency(self) -> float:
        return 0.0

    @property
    def compresses(self) -> bool:
        return False

    def random_fault(self) -> Fault | None:
        return None

    # -- for tests -----------------------------------------------------------------------------------------

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far, in order of arrival (those in flight included)."""
        return self.record.all()

    def requests_to(self, path_glob: str, method: str | None = None) -> list[RecordedRequest]:
        return [entry for entry in self.record.all() if entry.matches(path_glob, method)]

    def fault(self, path_glob: str, **options: Any) -> Fault:
        """Schedule a fault, see :meth:`tests.sandbox.faults.FaultPlan.add`."""
        return self.faults.add(path_glob, **options)

    def when(self, path_glob: str, do: Callable[[], Any], **options: Any) -> Fault:
        """Run ``do`` just before the nth matching call is carried out (rotate a key, move a report, ...)."""
        return self.faults.add(path_glob, do=do, **options)

    def alter(self, path_glob: str, change: Callable[[Any], Any], **options: Any) -> Fault:
        """Change the JSON of an answer in place before it is sent."""
        return self.faults.add(path_glob, alter=change, **options)

    def service_now(self) -> float:
        """Monotonic clock in service seconds."""
        return time.monotonic() / self.time_scale

    def chance(self) -> float:
        """The next number of the server's own repeatable random sequence."""
        return self._chance.random()

    # -- life ----------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://{self._advertised}:{self.port}"

    @property
    def loopback(self) -> bool:
        return self._advertised in ("localhost", "127.0.0.1", "::1")

    @property
    def port(self) -> int:
        if self._http is None:
            raise RuntimeError("the sandbox is not started: use it as a context manager or call start()")
        return int(self._http.server_address[1])

    def start(self) -> None:
        self._http = _ThreadedServer((self._host, self._port), self)
        threading.Thread(target=self._http.serve, name="sandbox", daemon=True).start()

    def stop(self) -> None:
        self.stopping.set()
        if self._http is not None:
            self._http.end()
            self._http.server_close()
            self._http.drop_connections()


def _no_control(method: str, path: str, body: Any) -> Any:
    raise LookupError(path)


class _ThreadedServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], service: SandboxServer) -> None:
        self.service = service
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self._ended = threading.Event()
        super().__init__(address, Exchange)

    def server_bind(self) -> None:
        # HTTPServer.server_bind asks the resolver for the host's name, which can take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def serve(self) -> None:
        """Wait for connections until the end; serve_forever would look 200 times a second, to end as soon."""
        try:
            while not self.service.stopping.is_set():
                self._handle_request_noblock()
        finally:
            self._ended.set()

    def end(self) -> None:
        """Wake :meth:`serve`, which sees that it is the end."""
        while not self._ended.is_set():
            with suppress(OSError), socket.create_connection(self.server_address[:2], timeout=1):
                self._ended.wait(1)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return not self.service.stopping.is_set()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not self.service.stopping.is_set():
            super().handle_error(request, client_address)

    def drop_connections(self) -> None:
        with self._open_lock:
            still_open = list(self._open)
        for connection in still_open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
