"""Certificates: the bundle they are checked against, and why a TLS handshake failed, with the cure."""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.http.endpoint import Endpoint

#: What OpenSSL says when the other side does not speak TLS at all.
_NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST")

#: What it says when both speak TLS, but no version, cipher or signature that both accept.
_TOO_DIFFERENT = (
    "PROTOCOL_VERSION",
    "UNSUPPORTED_PROTOCOL",
    "NO_PROTOCOLS_AVAILABLE",
    "VERSION_TOO_LOW",
    "NO_SHARED_CIPHER",
    "NO_CIPHERS_AVAILABLE",
    "HANDSHAKE_FAILURE",
    "INSUFFICIENT_SECURITY",
    "KEY_TOO_SMALL",
    "MD_TOO_WEAK",
    "UNSAFE_LEGACY_RENEGOTIATION",
    "LEGACY_SIGALG",
    "WRONG_SIGNATURE_TYPE",
    "ALERT_ILLEGAL_PARAMETER",
    "UNSUPPORTED_EXTENSION",
    "MISSING_EXTENSION",
    "NO_APPLICATION_PROTOCOL",
)

#: What it says when the server wants to see a certificate of ours.
_CLIENT_CERTIFICATE = (
    "CERTIFICATE_REQUIRED",
    "BAD_CERTIFICATE",
    "UNSUPPORTED_CERTIFICATE",
    "ALERT_CERTIFICATE",
    "ALERT_UNKNOWN_CA",
    "ACCESS_DENIED",
)

_OTHER_NAME = ("UNRECOGNIZED_NAME",)

# OpenSSL's numbers for why a certificate is refused.
_NOT_YET_VALID, _EXPIRED, _REVOKED = 9, 10, 23
_FOR_ANOTHER_NAME = (62, 63, 64)
#: The issuer is not known, or not trusted. Every other number is of a rule that the certificate, or one in
#: its chain, breaks: a weak key, another purpose, what RFC 5280 asks and Python checks in strict mode.
_UNKNOWN_ISSUER = (1, 2, 18, 19, 20, 21, 27, 28, 33)

_PROBE_SECONDS = 3.0

#: The two times of a certificate, as they stand in its bytes (UTCTime or GeneralizedTime, in UTC).
_VALIDITY = re.compile(rb"\x30.(?:\x17\x0d|\x18\x0f)(\d{12,14})Z(?:\x17\x0d|\x18\x0f)(\d{12,14})Z", re.DOTALL)


def bundle_for(url: str, endpoint: Endpoint) -> bool | str:
    """Return what certificates are checked against: ``True`` for what the machine trusts, or a path.

    :param url: what is asked for; over plain http nothing is checked.
    :param endpoint: its ``verify`` wins over ``REQUESTS_CA_BUNDLE`` and ``CURL_CA_BUNDLE``.
    :raises ConfigurationError: the bundle cannot be used; says which, and where it is set.
    """
    if endpoint.verify is False or not url.lower().startswith("https:"):
        return endpoint.verify
    if isinstance(endpoint.verify, str):
        path, origin = endpoint.verify, f"`verify` of {endpoint.place}"
    else:
        origin = next((name for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if os.environ.get(name)), "")
        if not origin:
            return True
        path = os.environ[origin]
    return _usable(path, origin)


def _usable(text: str, origin: str) -> str:
    named = f"The certificate bundle {text} ({origin})"
    try:
        path = Path(text).expanduser()
        if path.is_dir():
            # OpenSSL finds certificates in a folder by the hash in their names, and says nothing of others.
            if not any(re.fullmatch(r"[0-9a-f]{8}\.\d+", entry.name) for entry in path.iterdir()):
                raise ConfigurationError(
                    f"{named} is a folder without certificates that OpenSSL finds; name a file, or run "
                    "`openssl rehash` on the folder. Nothing was sent."
                )
            return str(path)
        if not path.exists():
            raise ConfigurationError(
                f"{named} does not exist on this machine. Put it there, on each worker and the triggerer, or "
                "correct the path. Nothing was sent."
            )
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise ConfigurationError(
            f"{named} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----). Nothing was sent."
        ) from None
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ConfigurationError(f"{named} cannot be read: {reason}. Nothing was sent.") from None
    return str(path)


def explain(
    error: BaseException, *, where: str, url: str, endpoint: Endpoint, place: str, direct: bool
) -> str | None:
    """Return why a handshake failed that will fail again, and the cure; ``None`` for what may pass.

    :param error: what was raised.
    :param where: service and address, the beginning of the sentence.
    :param url: what was asked for.
    :param endpoint: where `verify` is kept.
    :param place: where the address is kept, as part of a sentence.
    :param direct: whether no proxy is in between.
    """
    failure = next((one for one in beneath(error) if isinstance(one, ssl.SSLError)), None)
    if failure is None:
        return None
    if isinstance(failure, ssl.SSLCertVerificationError):
        return _refused_certificate(
            failure, where=where, url=url, endpoint=endpoint, place=place, direct=direct
        )
    reason = f"{failure.reason or ''} {failure}".upper().replace(" ", "_")
    if any(word in reason for word in _NOT_TLS):
        return f"{where} answers, but does not speak https: correct scheme or port of the address in {place}."
    if any(word in reason for word in _CLIENT_CERTIFICATE):
        return (
            f"{where} wants a certificate of this machine, which cannot be given here. Let the API be "
            "reached without one."
        )
    if any(word in reason for word in _OTHER_NAME):
        return f"{where} does not serve that name: correct the host in {place}."
    if any(word in reason for word in _TOO_DIFFERENT):
        return (
            f"{where} speaks a TLS that this machine does not accept ({failure.reason or '?'}), "
            "as old servers and proxies do. It must be brought up to date; `verify` does not help."
        )
    return None


def speaks_tls(url: str) -> bool:
    """Whether the place that an http address names answers a TLS handshake; sends nothing else."""
    return _certificate(url) is not None


def _refused_certificate(
    failure: ssl.SSLCertVerificationError,
    *,
    where: str,
    url: str,
    endpoint: Endpoint,
    place: str,
    direct: bool,
) -> str:
    code = failure.verify_code
    if code in _FOR_ANOTHER_NAME:
        host = urlsplit(url).hostname
        return (
            f"{where} shows a certificate that is for another name than {host}: correct the host in {place}. "
            "A bundle does not help."
        )
    if code in (_EXPIRED, _NOT_YET_VALID):
        begins, ends = _validity(url) if direct else (None, None)
        if code == _EXPIRED:
            when = f"on {ends:%Y-%m-%d}" if ends and ends < datetime.now(UTC) else "(or one in its chain)"
            return (
                f"{where} shows a certificate that has expired {when}. Who runs it must renew it; if the "
                "date is not over, set this machine's clock right."
            )
        when = f"before {begins:%Y-%m-%d}" if begins and begins > datetime.now(UTC) else "yet"
        return (
            f"{where} shows a certificate that is not valid {when}. Look at this machine's clock; it says "
            f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC."
        )
    if code == _REVOKED:
        return f"{where} shows a certificate that was revoked. Who runs it must replace it."
    if code not in _UNKNOWN_ISSUER:
        return (
            f"{where} shows a certificate that breaks a rule which this Python enforces "
            f"({failure.verify_message}). Who made it must make it anew; a bundle does not help."
        )
    given = isinstance(endpoint.verify, str)
    more = f", and so does not the bundle that is `verify` of {endpoint.place}" if given else ""
    cure = (
        "Give the bundle of the right authority as `verify`"
        if given
        else ("Give the authority's bundle as `verify`")
    )
    return (
        f"{where} shows a certificate that this machine does not trust{more} "
        f"({failure.verify_message or 'unknown issuer'}). {cure}."
    )


def _validity(url: str) -> tuple[datetime | None, datetime | None]:
    found = _VALIDITY.search(_certificate(url) or b"")
    begins, ends = (None, None) if found is None else map(_moment, found.groups())
    return begins, ends


def _moment(digits: bytes) -> datetime | None:
    text = digits.decode("ascii")
    if len(text) == 12:
        # Two digits of the year mean 1950 to 2049.
        text = f"{'19' if text[:2] >= '50' else '20'}{text}"
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _certificate(url: str) -> bytes | None:
    """Shake hands without checking anything, send nothing, and return the certificate that was shown."""
    parts = urlsplit(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        address = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
        with (
            socket.create_connection(address, timeout=_PROBE_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname) as secure,
        ):
            return secure.getpeercert(binary_form=True) or b""
    except (OSError, ValueError):
        return None


def beneath(error: BaseException, depth: int = 8) -> Iterator[BaseException]:
    """Yield an error and those inside it, in whichever of the ways libraries wrap them."""
    yield error
    if not depth:
        return
    inner = [getattr(error, "reason", None), error.__cause__, error.__context__, *error.args]
    for one in inner:
        if isinstance(one, BaseException):
            yield from beneath(one, depth - 1)
