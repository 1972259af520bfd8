"""Where the Mode client does not go, and how it stops."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from contextlib import suppress

import pytest
import requests_mock

from mode_catalog_provider.errors import (
    CancelledError,
    MalformedResponseError,
    WrongHostError,
)
from mode_catalog_provider.mode.client import ModeClient, ModeCredentials, ModeEndpoint
from tests.sandbox import Sandbox, WorkspaceShape
from tests.unit.mode.conftest import Connect

# -- redirects -------------------------------------------------------------------------------------------


def test_a_redirect_to_another_host_is_told_and_that_host_sees_nothing(
    sandbox: Sandbox, connect: Connect
) -> None:
    with Sandbox(shape=WorkspaceShape(collections=1, reports=1, members=1)) as other:
        sandbox.mode.switches.redirect_to = other.mode.url
        with pytest.raises(WrongHostError, match=other.mode.url):
            connect().verify()
        assert other.mode.requests == []


def test_among_modes_hosts_the_client_moves_once_and_stays() -> None:
    client = ModeClient(
        ModeEndpoint(workspace="acme", credentials=lambda: ModeCredentials(token="t" * 12, secret="s"))
    )
    with requests_mock.Mocker() as service, client:
        moved = {"Location": "https://app.mode.com/api/verify"}
        service.get("https://modeanalytics.com/api/verify", status_code=302, headers=moved)
        service.get("https://app.mode.com/api/verify", json={"workspace": "acme"})
        service.get("https://app.mode.com/api/acme/spaces", json={"_embedded": {"spaces": []}})
        client.verify()
        client.get("spaces", params={"page": 1})
        asked = [(one.hostname, one.path, "Authorization" in one.headers) for one in service.request_history]
    assert asked == [
        ("modeanalytics.com", "/api/verify", True),
        ("app.mode.com", "/api/verify", True),
        ("app.mode.com", "/api/acme/spaces", True),
    ]
    assert client.host == "https://modeanalytics.com"


def test_redirects_in_a_circle_end(sandbox: Sandbox, connect: Connect) -> None:
    sandbox.mode.switches.redirect_to = sandbox.mode.url
    with pytest.raises(MalformedResponseError, match="redirects"):
        connect(retry_budget=0).get("spaces")


# -- stopping --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["an answer that does not come", "its turn", "the next attempt"])
def test_cancelling_frees_every_thread_at_once(sandbox: Sandbox, connect: Connect, state: str) -> None:
    if state == "an answer that does not come":
        sandbox.mode.fault("spaces", hang=30.0, times=None)
        client = connect(timeout=60)
    elif state == "its turn":
        client = connect(requests_per_second=0.01)
    else:
        sandbox.mode.fault("spaces", status=429, times=None, headers={"Retry-After": "60"})
        client = connect()
    ended: list[float] = []

    def ask() -> None:
        with pytest.raises(CancelledError):
            list(map(client.get, ["spaces"] * 2))
        ended.append(time.monotonic())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    while not sandbox.mode.requests or (state == "the next attempt" and not client.statistics.retries):
        time.sleep(0.001)
    asked = time.monotonic()
    client.cancel()
    for thread in threads:
        thread.join(10)
    assert len(ended) == 4
    assert max(ended) - asked < 1.0


def test_a_signal_handler_may_cancel_while_its_own_thread_waits(connect: Connect) -> None:
    client = connect(requests_per_second=0.01)
    client.get("spaces")
    before = signal.signal(signal.SIGUSR1, lambda number, frame: client.cancel())
    try:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        with pytest.raises(CancelledError):
            client.get("spaces")
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_after_cancelling_nothing_is_asked(sandbox: Sandbox, connect: Connect) -> None:
    client = connect()
    client.cancel()
    with pytest.raises(CancelledError):
        client.get("spaces")
    assert sandbox.mode.requests == []


def test_a_closed_client_keeps_no_connection_open(connect: Connect) -> None:
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(10)
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                with suppress(TimeoutError):
                    seen.append(connection.recv(1))

        thread = threading.Thread(target=serve)
        thread.start()
        client = connect(host=f"http://127.0.0.1:{listener.getsockname()[1]}")
        client.get("x")
        client.close()
        thread.join(20)
    assert seen == [b""]
