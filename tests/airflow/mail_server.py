"""A mail server that keeps what it is given."""

from __future__ import annotations

import email
import email.policy
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any, cast


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as it takes to hand over a message, on a free port of this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        self.received: list[EmailMessage] = []
        self.arrived = threading.Condition()
        super().__init__(("127.0.0.1", 0), _Session)

    @property
    def connection(self) -> dict[str, Any]:
        """Airflow's connection to it."""
        extra = {"disable_ssl": True, "disable_tls": True}
        return {"conn_type": "smtp", "host": "127.0.0.1", "port": self.server_address[1], "extra": extra}

    def wait_for_mail(self, *, timeout: float) -> EmailMessage:
        with self.arrived:
            assert self.arrived.wait_for(lambda: self.received, timeout=timeout), "no mail came"
            return self.received[0]


class _Session(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline():
            word = line.split()[0].upper() if line.split() else b""
            if word == b"DATA":
                self._say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
                with self.server.arrived:
                    self.server.received.append(cast("EmailMessage", message))
                    self.server.arrived.notify_all()
            self._say("221 bye" if word == b"QUIT" else "250 fine")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
