"""Answers that break on the way: each is tried again or told, and no part of one is taken for the whole."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from mode_catalog_provider.errors import ServiceError, WrongHostError
from mode_catalog_provider.mode.client import ModeClient, ModeCredentials, ModeEndpoint
from tests.unit.http.conftest import RawServer, server

__all__ = ["server"]

SECRET = "s3cr3t-of-the-key"
ROWS = json.dumps({"_embedded": {"spaces": [{"token": f"{n:012x}"} for n in range(40)]}}).encode()
PACKED = gzip.compress(ROWS)


def head(*fields: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/hal+json", "Connection: close", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


def packed(body: bytes) -> bytes:
    return head("Content-Encoding: gzip", f"Content-Length: {len(body)}") + body


def chunked(*chunks: bytes, end: bytes = b"") -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head("Transfer-Encoding: chunked") + body + end


BROKEN = {
    "packed, cut": packed(PACKED[:-20]),
    "packed, one byte another": packed(PACKED[:30] + bytes([PACKED[30] ^ 0xFF]) + PACKED[31:]),
    "packed, another check sum": packed(PACKED[:-8] + b"\0" * 8),
    "packed, it says": packed(ROWS),
    "packed twice, it says": head("Content-Encoding: gzip, gzip", f"Content-Length: {len(PACKED)}") + PACKED,
    "shorter than announced": head(f"Content-Length: {len(ROWS) + 10}") + ROWS,
    "longer than announced": head(f"Content-Length: {len(ROWS) - 10}") + ROWS,
    "no length that is one": head("Content-Length: many") + ROWS[:-10],
    "cut between two chunks": chunked(ROWS[:100]),
    "cut within a chunk": head("Transfer-Encoding: chunked") + b"%x\r\n" % len(ROWS) + ROWS[:100],
    "cut before the last chunk": chunked(ROWS),
    "no size of a chunk": chunked(ROWS[:100], end=b"zz\r\nx\r\n0\r\n\r\n"),
    "packed and cut between two chunks": head("Transfer-Encoding: chunked", "Content-Encoding: gzip")
    + b"%x\r\n" % 60
    + PACKED[:60]
    + b"\r\n",
    "cut without a length": head() + ROWS[:-10],
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "not HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
}


@pytest.fixture
def client(server: RawServer) -> Iterator[ModeClient]:
    endpoint: dict[str, Any] = {
        "workspace": "acme",
        "host": server.url,
        "credentials": lambda: ModeCredentials(token="a" * 12, secret=SECRET),
        "requests_per_second": 2000,
        "timeout": 5,
    }
    with ModeClient(ModeEndpoint(**endpoint)) as running:
        yield running


@pytest.mark.parametrize("name", BROKEN)
def test_an_answer_that_broke_on_the_way_is_told(server: RawServer, client: ModeClient, name: str) -> None:
    server.answers(BROKEN[name])
    with pytest.raises(ServiceError) as caught:
        client.get("spaces", retry_budget=0)
    assert SECRET not in str(caught.value)
    assert caught.value.permanent is False


@pytest.mark.parametrize("name", ["packed, cut", "shorter than announced", "cut within a chunk", "not HTTP"])
def test_an_answer_that_broke_on_the_way_is_asked_for_again(
    server: RawServer, client: ModeClient, name: str
) -> None:
    answers = [BROKEN[name], packed(PACKED)]

    def script(connection: socket.socket) -> None:
        connection.sendall(answers.pop(0))

    server.script = script
    assert len(client.get("spaces")["_embedded"]["spaces"]) == 40


@pytest.mark.parametrize("cut", [4, 8])
def test_an_answer_that_lacks_nothing_but_its_check_sum_has_all_its_rows(
    server: RawServer, client: ModeClient, cut: int
) -> None:
    server.answers(packed(PACKED[:-cut]))
    assert len(client.get("spaces", retry_budget=0)["_embedded"]["spaces"]) == 40


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
@pytest.mark.parametrize("to", ["http://127.0.0.2:{port}", "http://localhost:{port}", "//127.0.0.1:{other}"])
def test_a_redirect_to_another_place_is_told_and_nothing_is_sent_there(
    server: RawServer, client: ModeClient, status: str, to: str
) -> None:
    other = RawServer()
    other.answers(packed(PACKED))
    place = to.format(port=other.url.rpartition(":")[2], other=other.url.rpartition(":")[2])
    server.answers(head(f"Location: {place}/api/acme/spaces", "Content-Length: 0", status=status))
    try:
        with pytest.raises((WrongHostError, ServiceError)):
            client.get("spaces", retry_budget=0)
    finally:
        other.close()
    assert other.received == []
