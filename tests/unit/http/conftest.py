"""A server whose answers a test writes byte by byte."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mode_catalog_provider.http.endpoint import Endpoint
from mode_catalog_provider.http.session import HttpSession

Script = Callable[[socket.socket], None]


def session(**options: Any) -> HttpSession:
    """A session of Mode with short timeouts; ``options`` are of the session or of its endpoint."""
    names = ("max_bytes", "stop", "statistics", "pool_size")
    own = {name: options.pop(name) for name in names if name in options}
    endpoint = Endpoint(**{"connection": "mode_default", "timeout": 5, **options})
    return HttpSession(endpoint, service="Mode", **own)


@dataclass
class RawServer:
    """Hands each connection's first request to a script; keeps what was received."""

    script: Script = lambda connection: None
    tls: ssl.SSLContext | None = None
    received: list[bytes] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def url(self) -> str:
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self._listener.getsockname()[1]}"

    def answers(self, *parts: bytes) -> None:
        """Send these bytes as they are, then close."""

        def script(connection: socket.socket) -> None:
            for part in parts:
                connection.sendall(part)

        self.script = script

    def hangs_after(self, *parts: bytes) -> None:
        """Send these bytes, then say nothing until the test is over."""

        def script(connection: socket.socket) -> None:
            for part in parts:
                connection.sendall(part)
            self.reached.set()
            self.released.wait(30)

        self.script = script

    def close(self) -> None:
        self.released.set()
        # A thread that waits for connections would go on with whatever socket has this number next.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join(10)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        if self.tls is not None:
            try:
                connection = self.tls.wrap_socket(connection, server_side=True)
            except OSError:
                return
        with connection:
            request = b""
            while b"\r\n\r\n" not in request:
                try:
                    block = connection.recv(65536)
                except OSError:  # of TLS 1.3, a refusal of our certificate arrives as late as this
                    return
                if not block:
                    return
                request += block
            self.received.append(request)
            try:
                self.script(connection)
            except OSError:
                return


@pytest.fixture
def server() -> Iterator[RawServer]:
    running = RawServer()
    yield running
    running.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signed itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def secure_server(certificate: Path) -> Iterator[RawServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    running = RawServer(tls=context)
    yield running
    running.close()
