"""Who the Mode client says it is: the check before all else, rotation, and secrets that stay in."""

from __future__ import annotations

import logging
import socket
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mode_catalog_provider.errors import (
    ConfigurationError,
    ForbiddenError,
    ModeAuthenticationError,
    ModeCatalogError,
    ServiceUnavailableError,
    WrongHostError,
)
from mode_catalog_provider.mode.client import ModeCredentials
from tests.sandbox import Sandbox
from tests.unit.mode.conftest import Connect, credentials_of

# -- verify ----------------------------------------------------------------------------------------------


def test_verify_tells_which_workspace_the_key_is_of(connect: Connect) -> None:
    body = connect(workspace="ACME").verify()
    assert body["workspace"] == "acme"


def test_a_host_that_answers_with_web_pages_is_not_mode(sandbox: Sandbox, connect: Connect) -> None:
    sandbox.mode.switches.not_mode = "html"
    with pytest.raises(WrongHostError, match="answers but is not Mode") as caught:
        connect().verify()
    assert sandbox.mode.url in str(caught.value)


def test_a_host_that_does_not_know_the_route_is_not_mode(sandbox: Sandbox, connect: Connect) -> None:
    sandbox.mode.switches.not_mode = "404"
    with pytest.raises(WrongHostError, match="answers but is not Mode"):
        connect().verify()
    assert len(sandbox.mode.requests) == 1


def test_json_of_another_service_is_not_mode(sandbox: Sandbox, connect: Connect) -> None:
    sandbox.mode.fault("/api/verify", body=b'{"status": "ok"}')
    with pytest.raises(WrongHostError, match="answers but is not Mode"):
        connect().verify()


def test_a_key_of_another_workspace_is_told_with_both_names(sandbox: Sandbox, connect: Connect) -> None:
    sandbox.mode.fault("/api/verify", body=b'{"workspace": "globex", "workspace_token": "t"}')
    with pytest.raises(ConfigurationError, match="'globex', but 'acme' is configured"):
        connect().verify()


def test_a_host_that_is_down_is_named_without_waiting_for_the_whole_budget(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = connect(host=f"http://127.0.0.1:{port}")
    with pytest.raises(ServiceUnavailableError, match=f"http://127.0.0.1:{port} cannot be reached"):
        client.verify()
    assert client.statistics.requests == 3


# -- credentials -----------------------------------------------------------------------------------------


def test_a_refused_key_says_which_one_where_it_is_kept_and_what_to_do(
    sandbox: Sandbox, connect: Connect
) -> None:
    token = sandbox.mode.token
    sandbox.mode.revoke_after(0)
    with pytest.raises(ModeAuthenticationError) as caught:
        connect().verify()
    assert str(caught.value) == (
        f"Mode refused API token …{token[-4:]} (401). It was mistyped, rotated or has expired; put the new "
        "token into connection 'mode_default' and clear this task."
    )
    assert len(sandbox.mode.requests) == 1


def test_on_the_command_line_nobody_is_told_to_clear_a_task(sandbox: Sandbox, connect: Connect) -> None:
    sandbox.mode.revoke_after(0)
    with pytest.raises(ModeAuthenticationError, match="give the new token and its secret, and run it again"):
        connect(connection="the command line").verify()


def test_a_key_rotated_under_eight_threads_is_read_once_more_and_no_call_fails(
    sandbox: Sandbox, connect: Connect
) -> None:
    asked: list[str] = []

    def source() -> ModeCredentials:
        found = credentials_of(sandbox)()
        asked.append(found.suffix)
        return found

    client = connect(credentials=source)
    sandbox.mode.when("spaces", do=sandbox.mode.rotate, nth=60)

    def work() -> list[dict[str, Any]]:
        return [client.get("spaces") for _ in range(20)]

    with ThreadPoolExecutor(8) as pool:
        answers = [future.result() for future in [pool.submit(work) for _ in range(8)]]
    assert sum(map(len, answers)) == 160
    assert len(asked) == 2
    assert asked[0] != asked[1]


def test_a_key_that_stays_refused_stops_all_threads(sandbox: Sandbox, connect: Connect) -> None:
    asked: list[int] = []

    def source() -> ModeCredentials:
        asked.append(1)
        return credentials_of(sandbox)()

    client = connect(credentials=source)
    sandbox.mode.revoke_after(20)

    def work() -> None:
        while True:
            client.get("spaces")

    with ThreadPoolExecutor(8) as pool:
        failures = [future.exception() for future in [pool.submit(work) for _ in range(8)]]
    assert [type(failure) for failure in failures] == [ModeAuthenticationError] * 8
    assert len(asked) == 2
    # At most one refused request for each thread that was under way.
    assert len(sandbox.mode.requests) <= 20 + 8


# -- secrets ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 401},
        {"status": 403},
        {"status": 404},
        {"status": 429, "headers": {"Retry-After": "900"}},
        {"status": 503},
        {"reset": True},
        {"truncate": True},
        {"html": True},
        {"hang": 1.0},
    ],
    ids=str,
)
def test_no_failure_and_no_log_shows_token_or_secret(
    sandbox: Sandbox, connect: Connect, caplog: pytest.LogCaptureFixture, fault: dict[str, Any]
) -> None:
    caplog.set_level(logging.DEBUG)
    credentials = credentials_of(sandbox)()
    sandbox.mode.fault("spaces", times=None, **fault)
    with pytest.raises(ModeCatalogError) as caught:
        connect(retry_budget=0, timeout=0.2).get("spaces")
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    for hidden in credentials.hidden:
        assert hidden not in shown


def test_a_credential_that_mode_echoes_is_not_repeated(sandbox: Sandbox, connect: Connect) -> None:
    credentials = credentials_of(sandbox)()
    echo = f'{{"message": "bad key {credentials.token}:{credentials.secret}"}}'
    sandbox.mode.fault("spaces", status=403, body=echo.encode())
    with pytest.raises(ForbiddenError, match="bad key …:…") as caught:
        connect().get("spaces")
    assert credentials.secret not in str(caught.value)


def test_credentials_show_no_more_than_four_characters_of_the_token() -> None:
    credentials = ModeCredentials(token="0123456789abcdef", secret="hush-hush")
    assert repr(credentials) == "ModeCredentials()"
    assert str(credentials) == credentials.suffix == "…cdef"
    assert ModeCredentials(token="short", secret="x").suffix == "…"


def test_half_a_credential_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="its secret is empty"):
        ModeCredentials(token="abc", secret="")


def test_the_credential_goes_only_into_the_header(sandbox: Sandbox, connect: Connect) -> None:
    client = connect()
    client.verify()
    client.get("spaces", params={"filter": "all"})
    assert [(one.target, one.key) for one in sandbox.mode.requests] == [
        ("/api/verify", "mode:key-1"),
        ("/api/acme/spaces?filter=all", "mode:key-1"),
    ]


@pytest.mark.parametrize(
    "options", [{"timeout": 0}, {"requests_per_second": 0}, {"host": "mode"}, {"workspace": "a/b"}]
)
def test_what_cannot_be_right_is_refused_before_anything_is_sent(
    connect: Connect, options: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError):
        connect(**options)


# -- a rotation that was prepared -------------------------------------------------------------------------


def test_the_next_key_takes_over_when_the_present_one_is_refused(
    sandbox: Sandbox, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    present, following = credentials_of(sandbox)(), sandbox.mode.add_key().credentials
    successor = ModeCredentials(token=following.token, secret=following.secret)
    client = connect(
        credentials=lambda: ModeCredentials(token=present.token, secret=present.secret, successor=successor)
    )
    client.verify()
    assert client.key == present
    sandbox.mode.revoke_after(0)
    client.verify()
    assert client.key == successor
    assert f"going on with {successor.suffix}" in caplog.text
    assert successor.token not in caplog.text


def test_when_the_next_key_is_refused_as_well_both_are_named(sandbox: Sandbox, connect: Connect) -> None:
    sandbox.mode.revoke_after(0)
    present = credentials_of(sandbox)()
    successor = ModeCredentials(token="0123456789ab", secret="unknown to Mode")
    client = connect(
        credentials=lambda: ModeCredentials(token=present.token, secret=present.secret, successor=successor)
    )
    with pytest.raises(ModeAuthenticationError, match=f"{present.suffix} and …89ab"):
        client.verify()
    assert len(sandbox.mode.requests) == 2
    with pytest.raises(ModeAuthenticationError):
        client.verify()
    assert len(sandbox.mode.requests) == 2
