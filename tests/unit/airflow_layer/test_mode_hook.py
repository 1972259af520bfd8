from __future__ import annotations

import threading

import pytest

from mode_catalog_provider.errors import ConfigurationError, ModeAuthenticationError
from mode_catalog_provider.hooks.mode import ModeHook

pytestmark = pytest.mark.usefixtures("connect")


def test_the_connection_makes_a_client_of_its_workspace(sandbox):
    with ModeHook().get_client() as client:
        assert client.verify()["workspace"] == sandbox.mode.workspace == client.workspace
        assert client.host == sandbox.mode.url


def test_making_a_hook_reads_no_connection(monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_MODE_DEFAULT")
    assert ModeHook("no_such_connection").mode_conn_id == "no_such_connection"


def test_a_rotated_key_is_read_from_the_connection_when_mode_refuses_the_old_one(connect, sandbox):
    with ModeHook().get_client() as client:
        client.verify()
        sandbox.mode.rotate()
        connect("mode_default")
        assert client.get("data_sources")
    assert [one.key for one in sandbox.mode.requests] == ["mode:key-1", "mode:key-1", "mode:key-2"]


def test_any_thread_may_ask_for_the_credentials(sandbox):
    found = []
    thread = threading.Thread(target=lambda: found.append(ModeHook().credentials()))
    thread.start()
    thread.join()
    assert found[0].token == sandbox.mode.token


@pytest.mark.parametrize(
    ("changes", "missing"), [({"login": ""}, "API token"), ({"password": None}, "API secret")]
)
def test_half_a_key_is_refused_by_the_half_that_is_missing(connect, changes, missing):
    connect("mode_default", **changes)
    with pytest.raises(ConfigurationError, match=f"'mode_default' has no {missing}"):
        ModeHook().credentials()


def test_a_connection_without_workspace_is_refused_with_an_example(connect):
    connect("mode_default", extra={"workspace": ""})
    with pytest.raises(ConfigurationError, match="names no workspace"):
        ModeHook().get_client()


def test_an_empty_host_is_modes_own(connect):
    connect("mode_default", host="")
    assert ModeHook().get_client().host == "https://modeanalytics.com"


def test_the_test_button_says_that_all_is_well(sandbox):
    ok, message = ModeHook().test_connection()
    assert ok
    assert message == (
        f"Mode at {sandbox.mode.url} accepts API token …{sandbox.mode.token[-4:]} for workspace 'acme'."
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"host": "app.mode.com"}, "scheme|https://"),
        ({"host": "http://app.mode.com"}, "https"),
        ({"password": "wrong"}, r"\(401\).*this connection"),
        ({"login": ""}, "no API token"),
        ({"extra": {"workspace": "elsewhere"}}, "'elsewhere'"),
        ({"extra": {"timeout": "soon"}}, "timeout"),
    ],
)
def test_the_test_button_says_what_is_wrong(connect, sandbox, changes, said):
    connect("mode_default", **changes)
    ok, message = ModeHook().test_connection()
    assert not ok
    import re

    assert re.search(said, message), message
    assert sandbox.mode.secret not in message
    assert sandbox.mode.token not in message


def test_the_test_button_recognises_a_host_that_is_not_mode(sandbox):
    sandbox.mode.switches.throw(not_mode="html")
    ok, message = ModeHook().test_connection()
    assert not ok
    assert sandbox.mode.url in message


def test_the_test_button_works_for_a_connection_that_is_not_stored_yet(sandbox, monkeypatch):
    """Airflow 3.3 keeps the form's connection in a context variable, which other threads do not see."""
    here, get_connection = threading.get_ident(), ModeHook.get_connection

    def only_in_this_thread(conn_id):
        assert threading.get_ident() == here
        return get_connection(conn_id)

    monkeypatch.setattr(ModeHook, "get_connection", staticmethod(only_in_this_thread))
    assert ModeHook().test_connection()[0]
    sandbox.mode.rotate()
    ok, message = ModeHook().test_connection()
    assert not ok
    assert "'mode_default'" not in message


def test_a_refused_key_that_did_not_change_is_an_error_with_the_connections_name(sandbox):
    with ModeHook().get_client() as client:
        sandbox.mode.rotate()
        with pytest.raises(ModeAuthenticationError, match="'mode_default'"):
            client.verify()


def test_the_token_is_masked_in_logs():
    """Airflow masks passwords by itself, not logins."""
    from airflow.sdk._shared.secrets_masker import redact

    token = ModeHook().credentials().token
    assert redact(f"token {token}") == "token ***"
