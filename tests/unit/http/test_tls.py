"""Exchanges over TLS: certificates are checked, and even these can be broken off."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mode_catalog_provider.errors import ConfigurationError, ServiceUnavailableError
from tests.unit.http.conftest import RawServer, session


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


# -- each failure of a handshake says its own cause and cure ------------------------------------------------


@dataclass
class Authority:
    """A certificate authority of a test."""

    folder: Path

    def __post_init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        own = self._build(
            self.name, self.key, days=(-4000, 4000), extension=x509.BasicConstraints(True, None)
        )
        self.bundle = self.folder / "authority.pem"
        self.bundle.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def server(
        self,
        address: str,
        days: tuple[int, int],
        *,
        key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
        more: x509.ExtensionType | None = None,
    ) -> ssl.SSLContext:
        """TLS with a certificate for an address, valid between two days counted from now."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        signed = self._build(subject, key, days=days, extension=names, more=more)
        path = self.folder / "server.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + signed.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # It shows what we are to refuse.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_cert_chain(path)
        return context

    def _build(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
        *,
        days: tuple[int, int],
        extension: x509.ExtensionType,
        more: x509.ExtensionType | None = None,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=subject == self.name,
            **dict.fromkeys(
                (
                    "content_commitment",
                    "key_encipherment",
                    "data_encipherment",
                    "key_agreement",
                    "crl_sign",
                    "encipher_only",
                    "decipher_only",
                ),
                False,
            ),
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=days[0]))
            .not_valid_after(now + timedelta(days=days[1]))
            .add_extension(extension, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
            .add_extension(usage, critical=True)
        )
        if more is not None:
            builder = builder.add_extension(more, critical=True)
        return builder.sign(self.key, hashes.SHA256())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@contextmanager
def serving(context: ssl.SSLContext) -> Iterator[RawServer]:
    running = RawServer(tls=context)
    yield running
    running.close()


@pytest.mark.parametrize(
    ("address", "days", "said", "cure"),
    [
        ("127.0.0.1", (-400, -1), r"has expired on \d{4}-\d\d-\d\d", "renew"),
        ("127.0.0.1", (2, 400), r"not valid before \d{4}-\d\d-\d\d", "this machine's clock"),
        ("127.0.0.2", (-1, 400), "for another name than 127.0.0.1", "correct the host"),
    ],
    ids=["expired", "not yet valid", "another name"],
)
def test_a_refused_certificate_says_why_and_what_helps(
    authority: Authority, address: str, days: tuple[int, int], said: str, cure: str
) -> None:
    with serving(authority.server(address, days)) as server:
        asking = session(verify=str(authority.bundle))
        with pytest.raises(ConfigurationError, match=said) as caught:
            asking.exchange("GET", server.url, authorization="Basic c2VjcmV0")
        assert cure in str(caught.value)
        assert "Give the" not in str(caught.value)  # the bundle is given, and right
        assert server.received == []


OF_A_CLIENT = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
UNHEARD_OF = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")


@pytest.mark.parametrize(
    ("more", "bits", "said"),
    [
        (None, 1024, "key too weak"),
        (OF_A_CLIENT, None, "purpose"),
        (UNHEARD_OF, None, "unhandled critical extension"),
    ],
)
def test_a_certificate_that_breaks_a_rule_must_be_made_anew_and_no_bundle_helps(
    authority: Authority, more: x509.ExtensionType | None, bits: int | None, said: str
) -> None:
    key = None if bits is None else rsa.generate_private_key(65537, bits)
    with serving(authority.server("127.0.0.1", (-1, 400), key=key, more=more)) as server:
        with pytest.raises(ConfigurationError, match=f"breaks a rule .*{said}.*make it anew") as caught:
            session(verify=str(authority.bundle)).exchange("GET", server.url)
        assert "Give the" not in str(caught.value)


@pytest.mark.parametrize(
    ("alert", "said"),
    [
        ("CERTIFICATE_UNKNOWN", "wants a certificate of this machine"),
        ("UNSUPPORTED_CERTIFICATE", "wants a certificate of this machine"),
        ("UNRECOGNIZED_NAME", "does not serve that name"),
        ("ILLEGAL_PARAMETER", "speaks a TLS that this machine does not accept"),
        ("UNSUPPORTED_EXTENSION", "speaks a TLS that this machine does not accept"),
    ],
)
def test_a_handshake_that_is_refused_for_good_is_told_at_once(
    authority: Authority, alert: str, said: str
) -> None:
    context = authority.server("127.0.0.1", (-1, 400))
    context.sni_callback = lambda *_: ssl.AlertDescription[f"ALERT_DESCRIPTION_{alert}"]
    with serving(context) as server, pytest.raises(ConfigurationError, match=said):
        session().exchange("GET", server.url.replace("127.0.0.1", "localhost"))


def test_a_bundle_of_another_authority_is_told_as_such(authority: Authority, certificate: Path) -> None:
    with (
        serving(authority.server("127.0.0.1", (-1, 400))) as server,
        pytest.raises(ConfigurationError, match="bundle of the right authority as `verify`"),
    ):
        session(verify=str(certificate)).exchange("GET", server.url)


def test_https_where_http_is_spoken_is_told_at_once(server: RawServer) -> None:
    def refuse(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                refuse(connection)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ConfigurationError, match="does not speak https: correct scheme or port"):
            session().exchange("GET", f"https://127.0.0.1:{port}/api/verify")
        thread.join(10)


def test_http_where_https_is_spoken_is_told_at_once(secure_server: RawServer) -> None:
    with pytest.raises(ConfigurationError, match=r"speaks https: write https:// .*'mode_default'"):
        session().exchange("GET", secure_server.url.replace("https:", "http:"))


def test_http_where_a_server_of_https_answers_400_is_told_at_once(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection:
                    if connection.recv(1, socket.MSG_PEEK) == b"\x16":
                        context.wrap_socket(connection, server_side=True).close()
                        continue
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 6\r\n\r\n<html>")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(ConfigurationError, match="speaks https: write https://"):
            session().exchange("GET", f"http://127.0.0.1:{listener.getsockname()[1]}/api/verify")
        thread.join(10)


def test_no_common_version_of_tls_is_told_as_what_the_server_must_mend(authority: Authority) -> None:
    context = authority.server("127.0.0.1", (-1, 400))
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AECDH-NULL-SHA:@SECLEVEL=0")
    with (
        serving(context) as server,
        pytest.raises(ConfigurationError, match="speaks a TLS that this machine does not accept"),
    ):
        session(verify=str(authority.bundle)).exchange("GET", server.url)


def test_a_connection_lost_in_the_handshake_may_pass(server: RawServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(ServiceUnavailableError, match="the connection broke"):
            session().exchange("GET", f"https://127.0.0.1:{port}/")
        thread.join(10)


# -- bundles -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "does not exist"), (b"no certificate", "holds no certificate"), (b"", "holds no certificate")],
)
@pytest.mark.parametrize("origin", ["verify", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_bundle_that_cannot_be_used_is_refused_before_anything_is_sent(
    secure_server: RawServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes | None,
    said: str,
    origin: str,
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    if origin != "verify":
        monkeypatch.setenv(origin, str(path))
    asking = session(**({"verify": str(path)} if origin == "verify" else {}))
    with pytest.raises(ConfigurationError, match=said) as caught:
        asking.exchange("GET", secure_server.url)
    assert str(path) in str(caught.value)
    assert ("`verify` of connection 'mode_default'" if origin == "verify" else origin) in str(caught.value)
    assert asking.statistics.requests == 0
    assert secure_server.received == []


def test_a_folder_without_hashed_certificates_is_no_bundle(secure_server: RawServer, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x")
    with pytest.raises(ConfigurationError, match="openssl rehash"):
        session(verify=str(tmp_path)).exchange("GET", secure_server.url)


def test_a_bundle_below_the_home_folder_is_found(
    secure_server: RawServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(certificate.parent))
    secure_server.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    assert session(verify=f"~/{certificate.name}").exchange("GET", secure_server.url).body == b"{}"


def test_a_bundle_of_the_environment_is_trusted(
    secure_server: RawServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    secure_server.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    assert session().exchange("GET", secure_server.url).body == b"{}"


def test_a_session_that_checks_nothing_says_so_once(
    secure_server: RawServer, caplog: pytest.LogCaptureFixture
) -> None:
    secure_server.answers(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
    asking = session(verify=False)
    for _ in range(2):
        asking.exchange("GET", secure_server.url)
    told = [one.message for one in caplog.records if "without checking certificates" in one.message]
    assert len(told) == 1
    assert "`verify` of connection 'mode_default'" in told[0]


def test_a_handshake_that_drips_is_cut_off_at_the_deadline(server: RawServer) -> None:
    released = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def drip() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(b"\x16\x03\x03\x40\x00")  # a handshake record of 16 KiB begins
                while not released.wait(0.02):
                    connection.sendall(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            with pytest.raises(ServiceUnavailableError, match=r"not complete after 0\.3 s"):
                session(timeout=20).exchange("GET", f"https://127.0.0.1:{port}/", deadline=0.3)
        finally:
            released.set()
            thread.join(10)
