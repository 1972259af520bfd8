"""A proxy: the connection's word before the environment's, and its trouble told as its own."""

from __future__ import annotations

import socket
import threading
import traceback
from contextlib import suppress
from typing import Any

import pytest

from mode_catalog_provider.errors import (
    CancelledError,
    ConfigurationError,
    ResponseGarbledError,
    ServiceUnavailableError,
    UnknownHostError,
    UnreachableError,
)
from mode_catalog_provider.http.endpoint import Endpoint
from mode_catalog_provider.http.proxies import proxy_for
from mode_catalog_provider.http.retry import RetryPolicy
from mode_catalog_provider.http.stop import StopSignal
from tests.unit.http.conftest import RawServer, session

OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
MODE = "http://mode.internal.example/api/verify"
NAMES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def other() -> Any:
    running = RawServer()
    running.answers(OK)
    yield running
    running.close()


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_the_connections_proxy_wins_over_the_environments(
    server: RawServer, other: RawServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    server.answers(OK)
    monkeypatch.setenv(variable, other.url)
    session(proxies={"http": server.url}).exchange("GET", MODE)
    assert len(server.received) == 1
    assert other.received == []


@pytest.mark.parametrize("proxies", [{"http": ""}, {"all": ""}, {}])
def test_the_connection_can_switch_the_environments_proxy_off(
    server: RawServer, other: RawServer, monkeypatch: pytest.MonkeyPatch, proxies: dict[str, str]
) -> None:
    server.answers(OK)
    monkeypatch.setenv("http_proxy", other.url)
    session(proxies=proxies).exchange("GET", server.url)
    assert len(server.received) == 1
    assert other.received == []


def test_without_a_word_of_the_connection_the_environment_is_asked(
    other: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", other.url)
    session().exchange("GET", MODE)
    assert other.received[0].startswith(b"GET http://mode.internal.example/api/verify ")


def test_no_proxy_of_the_environment_is_obeyed(
    server: RawServer, other: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers(OK)
    monkeypatch.setenv("http_proxy", other.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    session().exchange("GET", server.url)
    assert other.received == []


PORT = "the port"


@pytest.mark.parametrize(
    ("listed", "is_direct"),
    [
        (f"127.0.0.1:{PORT}", True),
        ("127.0.0.1:1", False),
        ("127.0.0.0/30", True),
        ("10.0.0.0/8 , 127.0.0.1", True),
        ("*", True),
        ("::1", False),
        ("127.0.0", False),
        ("[::1", False),
        (",, ", False),
    ],
)
def test_no_proxy_names_an_address_in_any_form(
    server: RawServer, other: RawServer, monkeypatch: pytest.MonkeyPatch, listed: str, is_direct: bool
) -> None:
    server.answers(OK)
    monkeypatch.setenv("http_proxy", other.url)
    monkeypatch.setenv("NO_PROXY", listed.replace(PORT, server.url.rpartition(":")[2]))
    session().exchange("GET", server.url)
    assert (len(server.received), len(other.received)) == ((1, 0) if is_direct else (0, 1))


@pytest.mark.parametrize(
    ("address", "listed", "is_direct"),
    [
        (MODE, "*.internal.example", True),
        (MODE, "Internal.Example.", True),
        (MODE, ".internal.example:80", True),
        (MODE, ".internal.example:443", False),
        (MODE, "ernal.example", False),
        (MODE, "mode.internal.example.org", False),
        (MODE.replace("example/", "example./"), "internal.example", True),
        ("http://[::1]:1/", "[::1]", True),
        ("http://[::1]:1/", "[::1]:1", True),
        ("http://[::1]:1/", "[::1]:2", False),
        ("http://[::1]:1/", "::1/128", True),
        ("http://[fd00::7]:1/", "fd00::/8", True),
        ("http://[::1]:1/", "0:0:0:0:0:0:0:1", True),
        ("http://[::1]:1/", "127.0.0.1", False),
    ],
)
def test_no_proxy_names_a_host_in_any_form(
    monkeypatch: pytest.MonkeyPatch, address: str, listed: str, is_direct: bool
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", listed)
    assert (proxy_for(address, Endpoint(connection="mode_default")) is None) == is_direct


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("http://user:pr0xy-secret@proxy.example.com:99999", "cannot be used"),
        ("ftp://user:pr0xy-secret@proxy.example.com", "cannot be used"),
        ("http://user:pr0xy-secret@:3128", "cannot be used"),
        ("http://[::1", "cannot be used"),
        ("http://pr0xy-secret@", "cannot be used"),
        ("http://user:pr0xy-secret@proxy.example.com:0", "cannot be used"),
        ("http://user:pr0xy-secret@proxy..example.com:3128", "cannot be used"),
        ("http://user:pr0xy-secret@pro xy.example.com:3128", "cannot be used"),
        (f"http://user:pr0xy-secret@{'a' * 64}.example.com:3128", "cannot be used"),
        ("socks5h://user:pr0xy-secret@proxy.example.com", r"pip install 'requests\[socks\]'"),
    ],
)
@pytest.mark.parametrize("origin", ["connection", "environment"])
def test_a_proxy_that_cannot_be_used_is_told_as_the_proxy_and_by_its_place(
    monkeypatch: pytest.MonkeyPatch, proxy: str, said: str, origin: str
) -> None:
    monkeypatch.setattr("mode_catalog_provider.http.proxies.importlib.util.find_spec", lambda name: None)
    if origin == "environment":
        monkeypatch.setenv("HTTP_PROXY", proxy)
        asking, place = session(), "in HTTP_PROXY"
    else:
        asking, place = session(proxies={"http": proxy}), "`proxies` of connection 'mode_default'"
    with pytest.raises(ConfigurationError, match=said) as caught:
        asking.exchange("GET", MODE)
    assert place in str(caught.value)
    assert "pr0xy-secret" not in "".join(traceback.format_exception(caught.value))
    assert asking.statistics.requests == 0


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ("407 Proxy Authentication Required", ConfigurationError, "user name and password"),
        ("403 Forbidden", ConfigurationError, "does not let this machine through"),
        ("502 Bad Gateway", UnreachableError, "it answers 502"),
        ("429 Too Many Requests", UnreachableError, "it answers 429"),
        ("404 Not Found", ConfigurationError, "it answers 404, as what is no proxy for https does"),
        ("405 Method Not Allowed", ConfigurationError, "it answers 405, as what is no proxy for https does"),
        ("302 Found", ConfigurationError, "it answers 302, as what is no proxy for https does"),
    ],
)
def test_a_proxy_that_refuses_the_tunnel_is_told_with_its_reason(
    server: RawServer, answer: str, kind: type[Exception], said: str
) -> None:
    server.answers(f"HTTP/1.1 {answer}\r\n\r\n".encode())
    asking = session(proxies={"https": server.url})
    with pytest.raises(kind, match=said) as caught:
        asking.exchange("GET", "https://mode.internal.example/api/verify")
    assert server.url in str(caught.value)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_a_proxy_that_answers_for_a_plain_address_is_named_with_its_variable(
    server: RawServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for other in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, server.url.replace("//", "//user:pr0xy-secret@"))
    server.answers(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(ConfigurationError, match="user name and password") as caught:
        session().exchange("GET", MODE)
    assert f"the proxy {server.url} ({name})" in str(caught.value)
    server.answers(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
    answer = session().exchange("GET", MODE)
    assert f"the proxy {server.url} ({name})" in answer.asked
    assert "pr0xy-secret" not in f"{caught.value}{answer.asked}"


ANY = "https://mode.internal.example/api/verify"


@pytest.mark.parametrize("asked", [MODE, ANY])
def test_an_https_proxy_that_speaks_only_http_is_told_at_once(server: RawServer, asked: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        proxy = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(
            ConfigurationError, match=r"does not speak https.*`proxies` of connection"
        ) as caught:
            session(proxies={"all": proxy}).exchange("GET", asked)
        assert f"through the proxy {proxy}" in str(caught.value)
        thread.join(10)


@pytest.mark.parametrize("asked", [MODE, ANY])
def test_a_proxy_that_speaks_only_https_is_told_at_once(secure_server: RawServer, asked: str) -> None:
    proxy = secure_server.url.replace("https:", "http:")
    with pytest.raises(ConfigurationError, match=r"proxy http://127.* it speaks https. Write https://"):
        session(proxies={"all": proxy}).exchange("GET", asked)


def test_the_certificate_of_a_proxy_is_told_as_the_proxys(secure_server: RawServer) -> None:
    with pytest.raises(ConfigurationError, match=r"through the proxy https://.*it shows a certificate that"):
        session(proxies={"all": secure_server.url}).exchange("GET", ANY)


def test_a_proxy_that_does_not_answer_in_http_is_named(server: RawServer) -> None:
    server.answers(b"SSH-2.0-OpenSSH_9.0\r\n")
    with pytest.raises(ResponseGarbledError, match=f"through the proxy {server.url}"):
        session(proxies={"https": server.url}).exchange("GET", ANY)


def test_a_proxy_that_is_not_there_is_told_as_the_proxy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UnreachableError, match=f"proxy http://127.0.0.1:{port} .*takes no connection"):
        session(proxies={"https": f"http://127.0.0.1:{port}"}).exchange("GET", "https://mode.example/")


def test_a_proxy_whose_name_nobody_knows_is_given_up_after_few_attempts() -> None:
    asking = session(proxies={"http": "http://proxy.invalid:3128"})
    with pytest.raises(UnknownHostError, match="the proxy's name cannot be resolved"):
        RetryPolicy(first_wait=0.001).call(lambda: asking.exchange("GET", MODE), stop=StopSignal())
    assert asking.statistics.requests <= 4


def _dripping_tunnel(server: RawServer) -> None:
    def drip(connection: socket.socket) -> None:
        with suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: a")
            server.reached.set()
            while not server.released.wait(0.02):
                connection.sendall(b"x")

    server.script = drip


def test_a_tunnel_that_drips_ends_at_the_deadline(server: RawServer) -> None:
    _dripping_tunnel(server)
    asking = session(proxies={"https": server.url}, timeout=20)
    with pytest.raises(ServiceUnavailableError, match=r"not complete after 0\.3 s"):
        asking.exchange("GET", "https://mode.internal.example/", deadline=0.3)


def test_a_tunnel_that_drips_ends_when_somebody_cancels(server: RawServer) -> None:
    _dripping_tunnel(server)
    stop = StopSignal()
    asking = session(proxies={"https": server.url}, timeout=20, stop=stop)
    ended: list[type[BaseException]] = []

    def ask() -> None:
        try:
            asking.exchange("GET", "https://mode.internal.example/", deadline=60)
        except CancelledError as error:
            ended.append(type(error))

    thread = threading.Thread(target=ask)
    thread.start()
    assert server.reached.wait(10)
    stop.set()
    thread.join(10)
    assert ended == [CancelledError]
