"""HTTP plumbing of the sandbox: threads, keep-alive, raw socket faults, streaming bodies, the request record."""

from __future__ import annotations

import gzip
import json
import os
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.sandbox.credentials import CredentialBook
from tests.sandbox.faults import HTML_PAGE, Fault, FaultPlan
from tests.sandbox.record import RecordedRequest, RequestRecord

_GZIP_FROM_BYTES = 1400
_DRAIN_BLOCK = 1 << 20


@dataclass
class Answer:
    """What is to be sent; ``headers`` win over the ones the plumbing adds."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def json_answer(payload: Any, status: int = 200, **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(
        status, json.dumps(payload).encode(), {"Content-Type": "application/json; charset=utf-8", **names}
    )


def html_answer(status: int = 200) -> Answer:
    return Answer(status, HTML_PAGE, {"Content-Type": "text/html; charset=utf-8"})


class BrokenRequestError(Exception):
    """The client went away, or its body cannot be read to its end."""


@dataclass
class Request:
    """One request, its body still on the wire.

    :param path: the decoded path without the query.
    :param label: label of the credential it carries.
    :param answer_headers: headers every answer to it gets.
    """

    method: str
    path: str
    query: str
    headers: Any
    label: str
    entry: RecordedRequest
    _blocks: Iterator[bytes]
    answer_headers: dict[str, str] = field(default_factory=dict)

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))

    def blocks(self) -> Iterator[bytes]:
        """The body in pieces; what is not taken is drained before the answer is sent."""
        return self._blocks

    def body(self) -> bytes:
        return b"".join(self._blocks)

    def json(self) -> Any:
        """The body as JSON, ``None`` when it is empty; ``ValueError`` when it is not JSON."""
        body = self.body()
        return json.loads(body) if body else None


class SandboxServer:
    """One HTTP server of the sandbox. Subclasses say how a request is admitted and answered.

    :param book: the credentials both servers know.
    :param port: 0 = any free port.
    :param time_scale: real seconds per service second; 0.01 makes ten seconds of the service last 0.1 s.
    """

    def __init__(
        self, *, book: CredentialBook, host: str = "127.0.0.1", port: int = 0, time_scale: float = 1.0
    ) -> None:
        self.book = book
        self.time_scale = time_scale
        self.record = RequestRecord()
        self.faults = FaultPlan()
        self.stopping = threading.Event()
        self._host, self._port = host, port
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

    def control(self, method: str, path: str, body: Any) -> Any:
        """Answer a control call (``/_sandbox/...``) with something JSON can hold, or raise ``LookupError``."""
        raise LookupError(path)

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

    def service_now(self) -> float:
        """Monotonic clock in service seconds."""
        return time.monotonic() / self.time_scale

    def chance(self) -> float:
        """The next number of the server's own repeatable random sequence."""
        return self._chance.random()

    # -- life ----------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self.port}"

    @property
    def port(self) -> int:
        if self._http is None:
            raise RuntimeError("the sandbox is not started: use it as a context manager or call start()")
        return int(self._http.server_address[1])

    def start(self) -> None:
        self._http = _ThreadedServer((self._host, self._port), self)
        threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, name="sandbox", daemon=True
        ).start()

    def stop(self) -> None:
        self.stopping.set()
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http.drop_connections()


class _ThreadedServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], service: SandboxServer) -> None:
        self.service = service
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Exchange)

    def server_bind(self) -> None:
        # HTTPServer.server_bind asks the resolver for the host's name, which can take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

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


class _Exchange(BaseHTTPRequestHandler):
    """One connection. Every method ends in :meth:`_serve`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    rbufsize = 1 << 16
    server: _ThreadedServer

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, BrokenRequestError, ValueError, OSError):
            # The client went away, or a fault closed the socket under our hands: both are everyday here.
            if self.server.service.stopping.is_set() or self._gone():
                return
            self.close_connection = True

    def _gone(self) -> bool:
        return self.connection.fileno() == -1

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET

    def _serve(self) -> None:
        service = self.server.service
        split = urlsplit(self.path)
        path = unquote(split.path)
        blocks = self._body_blocks()
        if path.startswith("/_sandbox/"):
            self._control(path, b"".join(blocks))
            return
        label = service.book.label(self.headers.get("Authorization"))
        entry = service.record.begin(
            method=self.command,
            path=path,
            query=split.query,
            key=label,
            agent=self.headers.get("User-Agent", ""),
        )
        request = Request(
            self.command, path, split.query, self.headers, label, entry, self._counted(blocks, entry)
        )
        try:
            self._answer(service, request)
        finally:
            if entry.ended is None:
                entry.ended = time.monotonic()

    def _answer(self, service: SandboxServer, request: Request) -> None:
        refusal = service.admit(request)
        if refusal is not None:
            self._finish(service, request, refusal, None)
            return
        fault = service.faults.meet(request.method, request.path, request.query) or service.random_fault()
        if fault is not None:
            request.entry.fault = fault.describe() or None
            if fault.do is not None:
                fault.do()
            if not fault.describe():
                fault = None
        if fault is None or fault.lets_through:
            answer = service.answer(request)
        else:
            answer = Answer()
        self._finish(service, request, answer, fault)

    def _finish(self, service: SandboxServer, request: Request, answer: Answer, fault: Fault | None) -> None:
        for _ in request.blocks():
            pass
        if service.latency:
            service.stopping.wait(service.latency * service.time_scale)
        if fault is not None:
            if fault.reset or fault.close or fault.hang is not None:
                self._give_no_answer(service, fault)
                return
            answer = _spoil(service, answer, fault)
        self._send(service, request, answer, fault)

    def _give_no_answer(self, service: SandboxServer, fault: Fault) -> None:
        if fault.hang is not None:
            service.stopping.wait(fault.hang)
        self.close_connection = True
        if fault.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())

    def _send(self, service: SandboxServer, request: Request, answer: Answer, fault: Fault | None) -> None:
        body = b"" if answer.status in (204, 304) else answer.body
        headers = {**request.answer_headers, **answer.headers}
        accepted = self.headers.get("Accept-Encoding", "")
        if service.compresses and "gzip" in accepted and len(body) >= _GZIP_FROM_BYTES:
            body = gzip.compress(body, compresslevel=1, mtime=0)
            headers["Content-Encoding"] = "gzip"
        if answer.status != 204:
            headers["Content-Length"] = str(len(body))
        if fault is not None and fault.truncate:
            body = body[: len(body) // 2]
            self.close_connection = True
        if self.close_connection:
            headers["Connection"] = "close"
        reason = responses.get(answer.status, "")
        lines = [f"HTTP/1.1 {answer.status} {reason}", f"Date: {self.date_time_string()}", "Server: sandbox"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if request.method == "HEAD":
            body = b""
        request.entry.status = answer.status
        request.entry.bytes_sent = len(body)
        if fault is not None and fault.drip is not None:
            self._drip(service, head, body, fault.drip)
            return
        # Before the last byte leaves: a client that has its answer must find the entry closed.
        request.entry.ended = time.monotonic()
        self.connection.sendall(head + body)

    def _drip(self, service: SandboxServer, head: bytes, body: bytes, pause: float) -> None:
        self.connection.sendall(head)
        for index in range(len(body)):
            if service.stopping.wait(pause):
                return
            self.connection.sendall(body[index : index + 1])

    def _control(self, path: str, body: bytes) -> None:
        try:
            payload = self.server.service.control(
                self.command, path.removeprefix("/_sandbox/"), json.loads(body or b"null")
            )
            answer = payload if isinstance(payload, Answer) else json_answer(payload)
        except LookupError as error:
            answer = json_answer({"error": f"no such control: {error}"}, 404)
        except (TypeError, ValueError) as error:
            answer = json_answer({"error": str(error)}, 400)
        head = f"HTTP/1.1 {answer.status} {responses.get(answer.status, '')}\r\nContent-Length: {len(answer.body)}\r\n"
        self.connection.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode() + answer.body)

    # -- request bodies ------------------------------------------------------------------------------------

    def _counted(self, blocks: Iterator[bytes], entry: RecordedRequest) -> Iterator[bytes]:
        for block in blocks:
            entry.bytes_received += len(block)
            yield block

    def _body_blocks(self) -> Iterator[bytes]:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            yield from self._chunks()
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left:
            block = self.rfile.read(min(left, _DRAIN_BLOCK))
            if not block:
                self.close_connection = True
                raise BrokenRequestError("the body ended early")
            left -= len(block)
            yield block

    def _chunks(self) -> Iterator[bytes]:
        while True:
            size = int(self.rfile.readline(64).split(b";")[0], 16)
            chunk = self.rfile.read(size)
            if len(chunk) != size or self.rfile.readline(3) != b"\r\n":
                self.close_connection = True
                raise BrokenRequestError("a chunk ended early")
            if not size:
                return
            yield chunk


def _spoil(service: SandboxServer, answer: Answer, fault: Fault) -> Answer:
    if fault.html:
        return html_answer(fault.status or 200)
    if fault.body is not None:
        return Answer(fault.status or 200, fault.body, {"Content-Type": "application/json", **fault.headers})
    if fault.status is not None:
        spoiled = service.error_answer(fault.status)
        spoiled.headers.update(fault.headers)
        return spoiled
    return answer
