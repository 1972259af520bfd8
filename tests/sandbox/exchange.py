"""One connection of a sandbox server: keep-alive, streamed bodies, and faults down to the raw socket."""

from __future__ import annotations

import gzip
import json
import os
import socket
import struct
import time
from collections.abc import Iterator
from http.client import responses
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from tests.sandbox.answers import Answer, BrokenRequestError, Request, html_answer, json_answer
from tests.sandbox.faults import Fault
from tests.sandbox.record import RecordedRequest

if TYPE_CHECKING:
    from tests.sandbox.server import SandboxServer

_GZIP_FROM_BYTES = 1400
_DRAIN_BLOCK = 1 << 18


class Exchange(BaseHTTPRequestHandler):
    """One connection. Every method ends in :meth:`_serve`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    rbufsize = 1 << 16
    server: Any

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
        return bool(self.connection.fileno() == -1)

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET  # noqa: N815

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
        carried_out = fault is None or fault.lets_through
        answer = service.answer(request) if carried_out else Answer()
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
            control = self.server.service.control
            payload = control(self.command, path.removeprefix("/_sandbox/"), json.loads(body or b"null"))
            answer = payload if isinstance(payload, Answer) else json_answer(payload)
        except LookupError as error:
            answer = json_answer({"error": f"no such control: {error}"}, 404)
        except (TypeError, ValueError) as error:
            answer = json_answer({"error": str(error)}, 400)
        head = f"HTTP/1.1 {answer.status} \r\nContent-Length: {len(answer.body)}\r\n\r\n"
        self.connection.sendall(head.encode() + answer.body)

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
    if fault.alter is not None:
        document = json.loads(answer.body)
        fault.alter(document)
        return Answer(answer.status, json.dumps(document).encode(), answer.headers)
    if fault.body is not None:
        return Answer(fault.status or 200, fault.body, {"Content-Type": "application/json", **fault.headers})
    if fault.status is not None:
        spoiled = service.error_answer(fault.status)
        spoiled.headers.update(fault.headers)
        return spoiled
    return answer
