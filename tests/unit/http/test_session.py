"""One exchange over a real socket: what is sent, how much is read, and how it ends when it must."""

from __future__ import annotations

import gc
import gzip
import logging
import os
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path

import pytest

from mode_catalog_provider.errors import (
    CancelledError,
    ConfigurationError,
    MalformedResponseError,
    ModeCatalogError,
    ResponseGarbledError,
    ResponseTooLargeError,
    ResponseTruncatedError,
    ServiceUnavailableError,
    UnreachableError,
)
from mode_catalog_provider.http.connection import Exchange
from mode_catalog_provider.http.session import USER_AGENT
from mode_catalog_provider.http.stop import StopSignal
from tests.unit.http.conftest import RawServer, session

SECRET = "Token very-secret-value"


def whole(body: bytes, *headers: bytes) -> bytes:
    # The server closes after each answer, and must say so: else a client that keeps connections may write
    # its next request into one that is just being closed.
    lines = [b"HTTP/1.1 200 OK", b"Connection: close", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def test_an_answer_is_returned_whatever_its_status(server: RawServer) -> None:
    server.answers(b"HTTP/1.1 418 Teapot\r\nContent-Length: 2\r\nX-Kind: tea\r\n\r\n{}")
    answer = session().exchange("GET", f"{server.url}/api/verify", params={"page": 2})
    assert (answer.status, answer.body, answer.headers["x-kind"]) == (418, b"{}", "tea")
    assert answer.asked == "Mode GET /api/verify"
    assert server.received[0].startswith(b"GET /api/verify?page=2 HTTP/1.1\r\n")


def test_it_says_who_is_asking(server: RawServer) -> None:
    server.answers(whole(b"{}"))
    session().exchange("GET", server.url)
    assert f"User-Agent: {USER_AGENT}\r\n".encode() in server.received[0]


def test_a_connection_that_is_kept_costs_one_socket(server: RawServer) -> None:
    server.hangs_after(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    kept = session()
    kept.exchange("GET", server.url)
    port = int(server.url.rpartition(":")[2])
    sockets = [one for one in gc.get_objects() if issubclass(type(one), socket.socket) and one.fileno() >= 0]
    assert len([one for one in sockets if _peer_port(one) == port]) == 1
    kept.close()


def _peer_port(one: socket.socket) -> int | None:
    try:
        return int(one.getpeername()[1])
    except (OSError, IndexError):  # it listens, is closed by now, or is none of the Internet's
        return None


@pytest.mark.parametrize("authorization", [SECRET, None])
def test_a_netrc_never_replaces_or_adds_a_credential(
    server: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authorization: str | None
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login intruder password wrong\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server.answers(whole(b"{}"))
    session().exchange("GET", server.url, authorization=authorization)
    sent = [line for line in server.received[0].split(b"\r\n") if line.startswith(b"Authorization")]
    assert sent == ([f"Authorization: {authorization}".encode()] if authorization else [])


def test_a_redirect_is_not_followed(server: RawServer) -> None:
    server.answers(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
    assert session().exchange("GET", server.url, authorization=SECRET).status == 302


def test_cookies_are_not_kept(server: RawServer) -> None:
    server.answers(whole(b"{}", b"Set-Cookie: session=abc"))
    asking = session()
    asking.exchange("GET", server.url)
    asking.exchange("GET", server.url)
    assert b"Cookie" not in server.received[1]


@pytest.mark.parametrize("value", ["Token abc\n", "Token abc\r\nX-Other: 1", " Token", "Tokén", ""])
def test_a_credential_that_cannot_be_sent_is_not_repeated_in_the_message(
    server: RawServer, value: str
) -> None:
    with pytest.raises(ConfigurationError, match="cannot be sent") as caught:
        session().exchange("GET", server.url, authorization=value)
    assert not value or value not in str(caught.value)
    assert server.received == []


def test_a_compressed_answer_is_unpacked(server: RawServer) -> None:
    packed = gzip.compress(b'{"rows": []}')
    server.answers(whole(packed, b"Content-Encoding: gzip"))
    assert session().exchange("GET", server.url).body == b'{"rows": []}'


def test_broken_compression_is_a_malformed_answer(server: RawServer) -> None:
    server.answers(whole(b"this is not gzip", b"Content-Encoding: gzip"))
    with pytest.raises(MalformedResponseError, match="cannot be unpacked"):
        session().exchange("GET", server.url)


def test_an_answer_that_announces_too_much_is_not_read(server: RawServer) -> None:
    server.hangs_after(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
    with pytest.raises(ResponseTooLargeError, match="larger than the limit"):
        session(max_bytes=1000).exchange("GET", server.url)


def test_a_small_answer_that_unpacks_to_much_is_not_kept(server: RawServer) -> None:
    packed = gzip.compress(b"0" * 10_000_000)
    server.answers(whole(packed, b"Content-Encoding: gzip"))
    with pytest.raises(ResponseTooLargeError):
        session(max_bytes=1_000_000).exchange("GET", server.url)


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"rows"',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
    ],
    ids=["announced length", "chunks"],
)
def test_an_answer_that_breaks_off_is_truncated(server: RawServer, answer: bytes) -> None:
    server.answers(answer)
    with pytest.raises(ResponseTruncatedError, match="in the middle of the answer"):
        session().exchange("GET", server.url)


def test_a_connection_that_closes_without_an_answer_is_unavailable(server: RawServer) -> None:
    server.answers()
    with pytest.raises(ServiceUnavailableError, match="the connection broke") as caught:
        session().exchange("GET", server.url)
    assert not isinstance(caught.value, UnreachableError)


@pytest.mark.parametrize(
    "begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"], ids=["at once", "in the body"]
)
def test_silence_is_given_up_after_the_timeout(server: RawServer, begun: bytes) -> None:
    server.hangs_after(begun)
    with pytest.raises(ServiceUnavailableError, match=r"no answer within 0\.1 s"):
        session(timeout=0.1).exchange("GET", server.url)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Endless: ",
    ],
    ids=["announced length", "until close", "in the headers"],
)
def test_an_answer_that_drips_is_cut_off_at_the_deadline(server: RawServer, head: bytes) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        while not server.released.wait(0.02):
            connection.sendall(b"x")

    server.script = drip
    with pytest.raises(ServiceUnavailableError, match=r"not complete after 0\.2 s"):
        session().exchange("GET", server.url, deadline=0.2)


def test_a_refused_connection_names_the_host_and_says_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UnreachableError, match=f"Mode at http://127.0.0.1:{port} cannot be reached"):
        session().exchange("GET", f"http://127.0.0.1:{port}/api/verify")


def test_a_name_that_does_not_exist_is_told() -> None:
    with pytest.raises(
        UnreachableError, match=r"mode\.invalid cannot be reached: its name cannot be resolved"
    ):
        session().exchange("GET", "http://mode.invalid/api/verify")


def test_a_proxy_is_used_and_its_password_never_shown(server: RawServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    proxies = {"http": f"http://user:pr0xy-secret@127.0.0.1:{port}"}
    with pytest.raises(UnreachableError, match="through the proxy") as caught:
        session(proxies=proxies).exchange("GET", server.url)
    assert "pr0xy-secret" not in "".join(traceback.format_exception(caught.value))
    assert server.received == []


def test_a_request_through_a_proxy_can_be_broken_off_too(server: RawServer) -> None:
    server.hangs_after()
    asking = session(proxies={"http": server.url}, timeout=30)
    with pytest.raises(ServiceUnavailableError, match="not complete"):
        asking.exchange("GET", "http://mode.invalid/api/verify", deadline=0.2)


def test_a_body_is_streamed(server: RawServer) -> None:
    server.answers(whole(b"{}"))
    session().exchange("POST", server.url, data=iter([b"first,", b"second"]))
    assert b"Transfer-Encoding: chunked" in server.received[0]


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n\r\n{"], ids=["no answer yet", "in the body"])
def test_a_stop_breaks_off_what_is_under_way(server: RawServer, begun: bytes) -> None:
    server.hangs_after(begun)
    stop = StopSignal()
    asking = session(stop=stop, timeout=60)
    ended: list[float] = []

    def ask() -> None:
        with pytest.raises(CancelledError):
            asking.exchange("GET", server.url)
        ended.append(time.monotonic())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(server.received) < 4:
        time.sleep(0.001)
    server.reached.wait(5)
    asked = time.monotonic()
    stop.set()
    for thread in threads:
        thread.join(10)
    assert len(ended) == 4
    assert max(ended) - asked < 1.0


def test_a_stop_that_comes_just_before_a_request_is_sent_ends_it_too(
    server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.hangs_after()
    stop = StopSignal()
    asking = session(stop=stop, timeout=60)
    begin = asking._exchanges.begin
    woken = threading.Event()
    stop.when_set(woken.set)

    def stopped_before(**options: float | None) -> AbstractContextManager[Exchange]:
        stop.set()
        assert woken.wait(10)
        return begin(**options)

    monkeypatch.setattr(asking._exchanges, "begin", stopped_before)
    with pytest.raises(CancelledError):
        asking.exchange("GET", server.url, deadline=5)
    assert server.received == []


def test_after_a_stop_nothing_is_sent(server: RawServer) -> None:
    stop = StopSignal()
    stop.set()
    with pytest.raises(CancelledError):
        session(stop=stop).exchange("GET", server.url)
    assert server.received == []


def test_a_kept_connection_tells_when_it_had_taken_the_whole_request(server: RawServer) -> None:
    kept_open = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

    def twice(connection: socket.socket) -> None:
        connection.sendall(kept_open)
        while not connection.recv(65536).endswith(b"0\r\n\r\n"):
            pass
        connection.sendall(kept_open)

    def slow_body() -> Iterator[bytes]:
        yield b"a"
        time.sleep(0.05)
        ready.append(time.monotonic())
        yield b"b"

    ready: list[float] = []
    server.script = twice
    asking = session()
    assert asking.exchange("GET", server.url).sent_at is None  # a new connection: nobody knows
    answer = asking.exchange("POST", server.url, data=slow_body())
    assert answer.sent_at is not None
    assert ready[0] <= answer.sent_at <= time.monotonic()


def test_a_kept_connection_can_be_broken_off_like_a_new_one(server: RawServer) -> None:
    def once_then_silence(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        server.released.wait(30)

    server.script = once_then_silence
    asking = session(timeout=20)
    asking.exchange("GET", server.url)
    began = time.monotonic()
    with pytest.raises(ServiceUnavailableError, match=r"not complete after 0\.2 s"):
        asking.exchange("GET", server.url, deadline=0.2)
    assert time.monotonic() - began < 10  # not by the silence of 20 s
    assert len(server.received) == 1  # no second connection


def test_requests_and_bytes_are_counted(server: RawServer) -> None:
    server.answers(whole(b'{"a": 1}'))
    asking = session()
    asking.exchange("GET", server.url)
    asking.exchange("GET", server.url)
    counted = asking.statistics.to_json()
    operations = counted.pop("operations")
    assert counted == {
        "requests": 2,
        "retries": 0,
        "refused_by_limiter": 0,
        "throttled_seconds": 0.0,
        "retry_after_seconds": 0.0,
        "bytes_received": 16,
    }
    assert operations["other"]["outcomes"] == {"2xx": 2}
    assert operations["other"]["bytes_received"] == 16


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", b"garbage\r\n\r\n"]
)
def test_no_failure_shows_the_credential(
    server: RawServer, caplog: pytest.LogCaptureFixture, answer: bytes
) -> None:
    caplog.set_level(logging.DEBUG)
    server.answers(answer)
    with pytest.raises(ModeCatalogError) as caught:
        session().exchange("GET", f"{server.url}/api/verify", authorization=SECRET)
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "very-secret-value" not in shown


def test_the_environments_certificates_do_not_override_what_was_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(os.environ, "REQUESTS_CA_BUNDLE", "/nonexistent/bundle.pem")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    # With the variable in force this would fail over the missing bundle, not over the connection.
    with pytest.raises(UnreachableError):
        session(verify=False).exchange("GET", f"https://127.0.0.1:{port}/")


def test_a_short_deadline_holds_beside_an_exchange_that_has_longer(server: RawServer) -> None:
    server.hangs_after()
    asking = session(timeout=30)
    broken: list[Exception] = []

    def ask_patiently() -> None:
        try:
            asking.exchange("GET", server.url, deadline=30)
        except ModeCatalogError as error:
            broken.append(error)

    patient = threading.Thread(target=ask_patiently)
    patient.start()
    assert server.reached.wait(10)
    with pytest.raises(ServiceUnavailableError, match=r"not complete after 0\.2 s"):
        asking.exchange("GET", server.url, deadline=0.2)
    assert broken == []
    asking.stop.set()
    patient.join(10)
    assert [type(error) for error in broken] == [CancelledError]


def test_all_exchanges_of_a_session_share_one_thread_that_keeps_their_deadlines(
    server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    start = threading.Thread.start

    def counted(thread: threading.Thread) -> None:
        started.append(thread.name)
        start(thread)

    server.answers(whole(b"{}"))
    asking = session()
    with asking._exchanges.begin(deadline=30):
        monkeypatch.setattr(threading.Thread, "start", counted)
        for _ in range(3):
            asking.exchange("GET", server.url)
    assert "http-deadlines" not in started


def test_the_environment_is_asked_once_per_host_and_session(
    server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def environ_proxies(url: str, no_proxy: str | None = None) -> dict[str, str]:
        asked.append(url)
        return {}

    monkeypatch.setattr("mode_catalog_provider.http.proxies.get_environ_proxies", environ_proxies)
    server.answers(whole(b"{}"))
    asking = session()
    for path in ("a", "b", "c"):
        asking.exchange("GET", f"{server.url}/{path}")
    assert asked == [server.url]


@pytest.mark.parametrize(
    "location", ["http://[::1", "https://x.example:99999999/", "//[", "https://\xb2.example/"]
)
def test_a_redirect_to_what_is_no_address_is_an_answer_like_any_other(
    server: RawServer, location: str
) -> None:
    head = b"HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: "
    server.answers(head + location.encode("latin-1") + b"\r\n\r\n")
    assert session().exchange("GET", server.url).status == 302


def test_a_head_with_two_lengths_is_garbled_and_no_broken_connection(server: RawServer) -> None:
    server.answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\n{}")
    with pytest.raises(ResponseGarbledError, match="the head of the answer cannot be read"):
        session().exchange("GET", server.url)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: \xb2\r\n",
        b"Content-Length: " + b"9" * 5000 + b"\r\n",
        b"Content-Length: 5, 6\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        b"X" * 70_000 + b": a\r\n",
        b"A: b\r\n" * 200,
        b"Content-Encoding: br, gzip, zstd\r\n",
        b"Retry-After: Fri, 31 Dec 9999 23:59:59 -2359\r\n",
    ],
)
def test_an_odd_head_gives_an_answer_or_an_error_of_ours(server: RawServer, head: bytes) -> None:
    server.answers(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + head + b"\r\n{}")
    with suppress(ModeCatalogError):
        session().exchange("GET", server.url, deadline=5)
    assert len(server.received) == 1


@pytest.mark.parametrize("before", [b"103 Early Hints", b"102 Processing", b"199 Odd"])
def test_what_a_server_says_before_its_answer_is_passed_over(server: RawServer, before: bytes) -> None:
    hint = b"HTTP/1.1 %b\r\nLink: </style.css>\r\n\r\n" % before
    server.answers(hint, hint, whole(b'{"page": 1}'))
    answer = session().exchange("GET", server.url)
    assert (answer.status, answer.body) == (200, b'{"page": 1}')
    assert "Link" not in answer.headers


def test_after_a_change_of_protocol_a_connection_carries_no_further_answer(server: RawServer) -> None:
    server.hangs_after(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\n\r\n")
    with closing(session()) as kept:
        assert [kept.exchange("GET", server.url).status for _ in range(2)] == [101, 101]
    assert len(server.received) == 2


def test_a_path_that_a_redirect_gave_is_cleaned_in_messages(server: RawServer) -> None:
    server.answers(whole(b"{}"))
    answer = session().exchange("GET", f"{server.url}/api/\x9b31m" + "a" * 60_000)
    assert answer.asked.isprintable()
    assert len(answer.asked) < 400
