"""The first request says whose trouble it is: the host's, the way's, or this machine's."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from email.utils import formatdate

import pytest

from mode_catalog_provider.errors import (
    ModeCatalogError,
    ResponseGarbledError,
    ResponseTooLargeError,
    ResponseTruncatedError,
    UnknownHostError,
    WrongHostError,
)
from mode_catalog_provider.mode.client import ModeClient, ModeCredentials, ModeEndpoint
from tests.unit.http.conftest import RawServer

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n"
BODY = b'{"workspace": "acme", "workspace_token": "0a1b2c3d4e5f"}'


@pytest.fixture
def server() -> Iterator[RawServer]:
    running = RawServer()
    yield running
    running.close()


def client_of(host: str, **options: object) -> ModeClient:
    key = ModeCredentials(token="0123456789ab", secret="s")
    settings: dict[str, object] = {"retry_budget": 0.0, "timeout": 5, "requests_per_second": 1000, **options}
    return ModeClient(ModeEndpoint(workspace="acme", credentials=lambda: key, host=host, **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (HEAD + b"\r\n" + BODY[:20], ResponseTruncatedError),
        (HEAD + b"Content-Length: 56\r\n\r\n" + BODY[:20], ResponseTruncatedError),
        (HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(BODY)[:-30], ResponseTruncatedError),
        (HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(BODY)[:11], ResponseTruncatedError),
        (HEAD + b"Content-Encoding: gzip\r\n\r\n" + b"no gzip at all", ResponseGarbledError),
        (b"SSH-2.0-OpenSSH_9.6\r\n", ResponseGarbledError),
    ],
    ids=["cut without an announced end", "cut", "cut gzip", "gzip cut at once", "broken gzip", "no HTTP"],
)
def test_an_answer_that_was_damaged_on_its_way_does_not_condemn_the_host(
    server: RawServer, raw: bytes, kind: type[ModeCatalogError]
) -> None:
    server.answers(raw)
    with client_of(server.url) as client, pytest.raises(kind) as caught:
        client.verify()
    assert not caught.value.permanent
    assert "not Mode" not in str(caught.value)


def test_an_answer_that_is_too_large_is_told_as_that(server: RawServer) -> None:
    server.answers(HEAD + b"\r\n" + BODY)
    with client_of(server.url, max_response_bytes=10) as client, pytest.raises(ResponseTooLargeError):
        client.verify()


@pytest.mark.parametrize("body", [b"<html>Welcome</html>", b"not json", b"[]", b"", b"[" * 100_000 + b"x]"])
def test_a_whole_answer_of_something_else_is_not_mode(server: RawServer, body: bytes) -> None:
    server.answers(HEAD + b"\r\n" + body)
    with client_of(server.url) as client, pytest.raises(WrongHostError, match="is not Mode"):
        client.verify()


def _verify(client: ModeClient) -> None:
    client.verify()


def _read(client: ModeClient) -> None:
    client.get("spaces")


def _start(client: ModeClient) -> None:
    client.post_once("reports/a/runs", {})


@pytest.mark.parametrize("ask", [_verify, _read, _start])
def test_a_host_whose_name_nobody_knows_is_given_up_after_few_attempts(
    ask: Callable[[ModeClient], None],
) -> None:
    with client_of("https://mode.invalid", retry_budget=300.0) as client:
        with pytest.raises(UnknownHostError, match="its name cannot be resolved"):
            ask(client)
        assert client.statistics.requests <= 4


def test_a_name_from_elsewhere_is_shown_short(server: RawServer) -> None:
    name = b"x\\u001b[31m" * 40_000
    server.answers(HEAD + b'\r\n{"workspace": "' + name + b'"}')
    with (
        client_of(server.url) as client,
        pytest.raises(ModeCatalogError, match="is of Mode workspace") as caught,
    ):
        client.verify()
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("date", "told"),
    [
        (b"Sat, 20 Nov 2010 05:30:00 GMT", "fast"),
        (b"Fri, 20 Nov 2099 05:30:00 GMT", "slow"),
        (formatdate(usegmt=True).encode(), None),
        (b"yesterday", None),
        (b"Fri, 31 Dec 9999 23:59:59 -2359", None),
    ],
    ids=["long ago", "years ahead", "now", "no time", "the end of times"],
)
def test_a_clock_that_is_wrong_is_told_once(
    server: RawServer, caplog: pytest.LogCaptureFixture, date: bytes, told: str | None
) -> None:
    answer = HEAD + b"Date: %s\r\nContent-Length: %d\r\n\r\n" % (date, len(BODY)) + BODY
    server.answers(answer)
    with client_of(server.url) as client:
        for _ in range(2):
            client.verify()
    lines = [line for line in caplog.messages if "This machine's clock says" in line]
    assert len(lines) == (1 if told else 0)
    assert told is None or f" {told}. Set it right" in lines[0]
