"""Exchanges over TLS: certificates are checked, and even these can be broken off."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mode_catalog_provider.errors import ConfigurationError, ServiceUnavailableError
from tests.unit.http.conftest import RawServer, session


@pytest.fixture(scope="module")
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


def test_a_certificate_that_nobody_vouches_for_is_refused_with_the_setting_that_helps(
    secure_server: RawServer,
) -> None:
    with pytest.raises(ConfigurationError, match="certificate that this machine does not trust"):
        session().exchange("GET", secure_server.url, authorization="Basic c2VjcmV0")
    assert secure_server.received == []


def test_a_bundle_given_as_verify_is_trusted(secure_server: RawServer, certificate: Path) -> None:
    secure_server.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    asking = session(verify=str(certificate))
    assert asking.exchange("GET", secure_server.url).body == b"{}"


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"],
    ids=["announced length", "until close"],
)
def test_an_answer_that_drips_is_cut_off_at_the_deadline(
    secure_server: RawServer, certificate: Path, head: bytes
) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        while not secure_server.released.wait(0.02):
            connection.sendall(b"x")

    secure_server.script = drip
    asking = session(verify=str(certificate), timeout=5)
    with pytest.raises(ServiceUnavailableError, match=r"not complete after 0\.3 s"):
        asking.exchange("GET", secure_server.url, deadline=0.3)


def test_an_answer_that_never_comes_is_cut_off_at_the_deadline(
    secure_server: RawServer, certificate: Path
) -> None:
    secure_server.hangs_after()
    asking = session(verify=str(certificate), timeout=30)
    with pytest.raises(ServiceUnavailableError, match=r"not complete after 0\.3 s"):
        asking.exchange("GET", secure_server.url, deadline=0.3)
