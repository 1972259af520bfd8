"""A connection's standard fields are obeyed or refused, its texts are read as people write them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.errors import ConfigurationError, ModeCatalogError
from mode_catalog_provider.hooks.catalog import CatalogHook
from mode_catalog_provider.hooks.mode import ModeHook
from tests.airflow_versions import needs_null_extras

ID = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
MODE: dict[str, Any] = {
    "conn_type": "mode",
    "host": "https://mode.corp.example",
    "login": "0123456789ab",
    "password": "s3cret",
    "extra": {"workspace": "acme"},
}
CATALOG: dict[str, Any] = {"conn_type": "coalesce_catalog", "password": "clsc_x", "extra": {"source_id": ID}}


@pytest.fixture
def mode(monkeypatch: pytest.MonkeyPatch) -> Any:
    def store(text: str | None = None, **changes: Any) -> ModeHook:
        monkeypatch.setenv("AIRFLOW_CONN_MODE_DEFAULT", text or json.dumps({**MODE, **changes}))
        return ModeHook()

    return store


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch) -> Any:
    def store(text: str | None = None, **changes: Any) -> CatalogHook:
        monkeypatch.setenv(
            "AIRFLOW_CONN_COALESCE_CATALOG_DEFAULT", text or json.dumps({**CATALOG, **changes})
        )
        return CatalogHook()

    return store


# -- host, port and schema ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "address"),
    [
        ({"port": 8443}, "https://mode.corp.example:8443"),
        ({"port": "8443"}, "https://mode.corp.example:8443"),
        ({"port": 0}, "https://mode.corp.example"),
        ({"host": "https://mode.corp.example:8443"}, "https://mode.corp.example:8443"),
        ({"host": "https://mode.corp.example:8443", "port": 8443}, "https://mode.corp.example:8443"),
        ({"host": "https://mode.corp.example/below", "port": 8443}, "https://mode.corp.example:8443/below"),
        ({"host": "https://[::1]", "port": 8443}, "https://[::1]:8443"),
        ({"host": "https://::1", "port": 8443}, "https://[::1]:8443"),
        ({"host": "fe80::1", "schema": "https"}, "https://[fe80::1]"),
        ({"host": "https://mode.corp.example:", "port": 8443}, "https://mode.corp.example:8443"),
        ({"host": "mode.corp.example", "schema": "https"}, "https://mode.corp.example"),
        ({"host": "mode.corp.example", "schema": "https", "port": 8443}, "https://mode.corp.example:8443"),
        ({"schema": "HTTPS"}, "https://mode.corp.example"),
        ({"host": None}, "https://modeanalytics.com"),
    ],
)
def test_host_port_and_schema_make_the_address(mode: Any, changes: dict[str, Any], address: str) -> None:
    assert mode(**changes).get_client().host == address


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("mode://https://T:S@mode.corp.example:8443/?workspace=acme", "https://mode.corp.example:8443"),
        ("mode://https://T:S@mode.corp.example/?workspace=acme", "https://mode.corp.example"),
        (
            "mode://T:S@https%3A%2F%2Fmode.corp.example%3A8443/?workspace=acme",
            "https://mode.corp.example:8443",
        ),
        ("mode://T:S@mode.corp.example:8443/https?workspace=acme", "https://mode.corp.example:8443"),
        ("mode://https://T:S@[::1]:8443/?workspace=acme", "https://[::1]:8443"),
    ],
)
def test_a_connection_written_as_a_url_keeps_its_port(mode: Any, uri: str, address: str) -> None:
    assert mode(uri).get_client().host == address


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"host": "https://mode.corp.example:9443", "port": 8443}, "two ports, 9443 .* and 8443"),
        ({"schema": "acme"}, "schema, 'acme', that means nothing here"),
        ({"schema": "http"}, "http as its schema and https in its host"),
        ({"host": "", "port": 8443}, "a port but no host"),
        ({"host": "mode.corp.example"}, r"needs a scheme and a host, such as https://app\.mode\.com"),
        ({"host": "https://mode.corp.example:99999"}, r"looks like https://app\.mode\.com"),
        ({"host": "https://mode.corp.example:0"}, "has the port 0"),
        ({"port": 65536}, "its port is no number from 1 to 65535"),
        ({"port": -1}, "its port is no number from 1 to 65535"),
        ({"host": "mode.corp.example", "port": 8443}, "mode://https://TOKEN:SECRET@app.mode.com"),
        (
            {"host": "https://mode.corp.example\u200b"},
            r"example\\u200b' has a space or an invisible character",
        ),
        ({"host": "https://mode corp.example"}, "has a space or an invisible character"),
        ({"host": "https://mode.corp.example/a b"}, "has a space or an invisible character"),
    ],
)
def test_what_contradicts_or_means_nothing_is_refused(mode: Any, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        mode(**changes).get_client()


@pytest.mark.parametrize(
    "changes", [{"host": "https://x.example"}, {"port": 8443}, {"schema": "https"}, {"login": "somebody"}]
)
def test_standard_fields_that_catalog_has_no_use_for_are_refused(
    catalog: Any, changes: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match=r"mean nothing here.*'ingest_url' and 'api_url'"):
        catalog(**changes).get_api()
    with pytest.raises(ConfigurationError, match="mean nothing here"):
        catalog(**changes).get_ingest()


def test_a_port_that_airflows_form_left_at_zero_is_none(catalog: Any) -> None:
    assert catalog(port=0, host="", schema="").get_api().zone.name == "EU"
    assert catalog(host=" ", login=" ").get_api().zone.name == "EU"


@pytest.mark.parametrize("value", [True, False, ["x"], [], {}, {"a": 1}, 0.5])
@pytest.mark.parametrize(
    "field", ["workspace", "next_token", "zone", "source_id", "ingest_url", "read_token"]
)
def test_what_is_no_text_where_one_belongs_is_refused_by_its_name(
    mode: Any, catalog: Any, field: str, value: Any
) -> None:
    if field in ("workspace", "next_token"):
        hook = mode(extra={"workspace": "acme", "next_secret": "s", field: value})
        asks = hook.get_client if field == "workspace" else hook.credentials
    else:
        hook = catalog(extra={"source_id": ID, field: value})
        asks = {"source_id": hook.source_id, "read_token": hook.read_token}.get(field, hook.get_ingest)
    with pytest.raises(ConfigurationError, match=f"'{field}' in the extra .* must be a text"):
        asks()


def test_a_name_of_digits_may_be_saved_as_a_number(mode: Any) -> None:
    assert mode(extra={"workspace": 2026}).get_client().workspace == "2026"


@pytest.mark.parametrize("field", ["ingest_url", "api_url"])
@pytest.mark.parametrize(
    "address", ["https://[::1", "https://api.example:x", "https://api.example\ufeff", "api"]
)
def test_an_address_of_ones_own_that_is_none_is_told(catalog: Any, field: str, address: str) -> None:
    hook = catalog(extra={"source_id": ID, field: address})
    with pytest.raises(ConfigurationError, match=r"not a URL|invisible character|needs a scheme"):
        hook.get_api() if field == "api_url" else hook.get_ingest()


def test_addresses_of_ones_own_keep_their_ports(catalog: Any) -> None:
    extra = {"source_id": ID, "ingest_url": "https://in.example:8443", "api_url": "https://api.example:9443"}
    assert catalog(extra=extra).get_ingest()._root == "https://in.example:8443"
    assert catalog(extra=extra).get_api()._url == "https://api.example:9443/public/graphql"


# -- a connection that is not there ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hook", "type_", "variable"),
    [
        (ModeHook("mode_eu"), r"Mode \(mode\)", "AIRFLOW_CONN_MODE_EU"),
        (CatalogHook("cat_eu"), r"Coalesce Catalog \(coalesce_catalog\)", "AIRFLOW_CONN_CAT_EU"),
    ],
)
def test_a_missing_connection_is_told_with_its_type_and_the_ways_to_make_it(
    hook: Any, type_: str, variable: str
) -> None:
    ways = [hook.get_conn, hook.test_connection]
    ways += (
        [hook.credentials] if isinstance(hook, ModeHook) else [hook.token, hook.read_token, hook.get_ingest]
    )
    for way in ways:
        try:
            ok, said = way()
        except ConfigurationError as error:
            ok, said = False, str(error)
        assert not ok
        assert "Admin > Connections" in said
        assert variable in said
        assert re.search(f"type {type_}", said)


def test_a_connection_that_cannot_be_read_is_told_without_its_text(mode: Any) -> None:
    with pytest.raises(ModeCatalogError, match="neither a URL nor JSON") as caught:
        mode('{"conn_type": "mode", "password": "s3cret"').get_client()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"workspace": "s3cret"}, r"has a field 'workspace' that no connection has.*belongs into its extra"),
        ({"pasword": "s3cret", "a": 1}, r"has fields 'pasword', 'a' that no connection has"),
        ({"port": "s3cret"}, r"has a field of another kind, such as a port that is no number"),
        ({"login": 5}, r"has a field of another kind"),
    ],
)
def test_a_connection_in_json_says_what_is_wrong_with_it(
    mode: Any, changes: dict[str, Any], said: str
) -> None:
    hook = mode(**changes)
    with pytest.raises(
        ConfigurationError, match=f"cannot be read: AIRFLOW_CONN_MODE_DEFAULT {said}"
    ) as caught:
        hook.get_client()
    assert "s3cret" not in str(caught.value)


# -- credentials -------------------------------------------------------------------------------------------

ODD = {
    "a zero-width space": "abc{0}\u200b",
    "a byte order mark": "\ufeffabc{0}",
    "a line break": "abc\n{0}",
    "double quotes": '"abc{0}"',
    "single quotes": "'abc{0}'",
    "curly quotes": "\u201cabc{0}\u201d",
    "a no-break space": "abc\u00a0{0}",
    "a soft hyphen": "ab\u00adc{0}",
    "a word joiner": "\u2060abc{0}",
    "a letter of another alphabet": "\u0430bc{0}",
    "a control character": "abc\x01{0}",
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
@pytest.mark.parametrize("field", ["login", "password", "next_token", "next_secret"])
def test_a_badly_pasted_key_of_mode_is_told_as_such(mode: Any, field: str, odd: str) -> None:
    text = odd.format("123456789")
    next_key = {"next_token": "abcdef012345", "next_secret": "s"}
    extra = {"workspace": "acme", **({**next_key, field: text} if field in next_key else {})}
    hook = mode(extra=extra, **({} if field in next_key else {field: text}))
    with pytest.raises(ConfigurationError, match=r"'mode_default' (contains|stands in quotes)") as caught:
        hook.credentials()
    assert "bc" not in str(caught.value).replace("Paste it again", "").replace("subscribe", "")


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_badly_pasted_token_of_catalog_is_told_before_anything_is_sent(catalog: Any, odd: str) -> None:
    api = catalog(password=odd.format("123456789")).get_api()
    with pytest.raises(ConfigurationError, match=r"'coalesce_catalog_default' (contains|stands in quotes)"):
        list(api.sources())
    assert api.statistics.requests == 0


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_badly_pasted_read_token_is_told_by_its_field(catalog: Any, odd: str) -> None:
    hook = catalog(extra={"source_id": ID, "read_token": odd.format("123456789")})
    with pytest.raises(ConfigurationError, match="read_token"):
        hook.read_token()


def test_spaces_and_lines_around_a_key_are_trimmed(mode: Any) -> None:
    key = mode(login=" 0123456789ab\n", password="\ts3cret \r\n").credentials()
    assert (key.token, key.secret) == ("0123456789ab", "s3cret")


def test_both_halves_pasted_into_one_field_are_told(mode: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"API token \(login\).*':'"):
        mode(login="0123456789ab:s3cret").credentials()


# -- extra fields as text ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verify", "meant"),
    [
        (" False ", False),
        ("TRUE\n", True),
        ("off", False),
        ("", True),
        (None, True),
        ("~/ours.pem", "~/ours.pem"),
        ("ca.pem", "ca.pem"),
        ("C:\\certs\\ca.pem", "C:\\certs\\ca.pem"),
        (" /etc/ssl/ours.pem ", "/etc/ssl/ours.pem"),
    ],
)
def test_verify_is_read_as_people_write_it(mode: Any, verify: Any, meant: bool | str) -> None:
    hook = mode(extra={"workspace": "acme", "verify": verify})
    assert hook.get_client()._requests._http._endpoint.verify == meant


@pytest.mark.parametrize("verify", ["fasle", "2", [], {"a": 1}])
def test_a_verify_that_is_neither_is_refused_by_its_name(mode: Any, verify: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"'verify'.*path of a bundle"):
        mode(extra={"workspace": "acme", "verify": verify}).get_client()


@pytest.mark.parametrize(
    "key",
    ["htpps", "no_proxy", "https_proxy", "https://mode.corp.example:8443", "socks5", "mode.corp.example"],
)
def test_a_proxy_that_no_request_would_take_is_refused_by_its_key(mode: Any, key: str) -> None:
    with pytest.raises(ConfigurationError, match=r"`proxies` of connection 'mode_default' name"):
        mode(extra={"workspace": "acme", "proxies": {key: "http://proxy.example:3128"}}).get_client()


@pytest.mark.parametrize(
    "key", ["http", "HTTPS", "all", "https://mode.corp.example", "all://mode.corp.example"]
)
def test_a_proxy_may_be_for_a_scheme_or_for_one_host(mode: Any, key: str) -> None:
    mode(extra={"workspace": "acme", "proxies": {key: ""}}).get_client()


@pytest.mark.parametrize(
    ("proxies", "meant"),
    [
        ({"https": "http://p:3128"}, {"https": "http://p:3128"}),
        ('{"https": "http://p:3128"}', {"https": "http://p:3128"}),
        ({"https": None}, {"https": ""}),
        ({"HTTPS://": " http://p:3128 "}, {"https": "http://p:3128"}),
        ({}, {}),
        ("{}", {}),
        ("", None),
        (None, None),
    ],
)
def test_proxies_are_read_as_people_write_them(mode: Any, proxies: Any, meant: Any) -> None:
    hook = mode(extra={"workspace": "acme", "proxies": proxies})
    assert hook.get_client()._requests._http._endpoint.proxies == meant


@needs_null_extras
def test_an_extra_that_is_null_is_an_empty_one(catalog: Any) -> None:
    text = json.dumps({"conn_type": "coalesce_catalog", "password": "clsc_x", "extra": "null"})
    assert catalog(text).get_api().zone.name == "EU"


@pytest.mark.parametrize("timeout", [86_401, 1e10, "1e300"])
def test_a_timeout_that_no_clock_holds_is_refused(mode: Any, catalog: Any, timeout: Any) -> None:
    with pytest.raises(ConfigurationError, match="timeout"):
        mode(extra={"workspace": "acme", "timeout": timeout}).get_client()
    with pytest.raises(ConfigurationError, match="timeout"):
        catalog(extra={"timeout": timeout}).get_api()


# -- what Airflow shows ------------------------------------------------------------------------------------


@pytest.mark.parametrize("hook", [ModeHook, CatalogHook])
@pytest.mark.parametrize("method", ["get_connection_form_widgets", "get_ui_field_behaviour"])
def test_airflow_3_1_finds_the_form_in_the_class_itself(hook: type, method: str) -> None:
    assert method in vars(hook)


def test_a_test_never_shows_the_random_name_that_airflow_tests_under(
    monkeypatch: pytest.MonkeyPatch, sandbox: Any
) -> None:
    stored = json.loads(sandbox.connections()["mode_default"])
    for changes in ({"password": "wrong"}, {"extra": {"workspace": "acmee"}}, {"login": ""}, {"port": 1}):
        monkeypatch.setenv("AIRFLOW_CONN_WS8BBMOX", json.dumps({**stored, **changes}))
        ok, said = ModeHook("wS8BBMox").test_connection()
        assert not ok
        assert "wS8BBMox" not in said
        assert "this task" not in said


# -- the command line --------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-with-mark"])
def test_a_secret_file_of_any_editor_is_read(tmp_path: Path, encoding: str) -> None:
    from mode_catalog_provider.cli.connections import _secret

    path = tmp_path / "secret"
    if encoding == "utf-16-le-with-mark":
        path.write_bytes(b"\xff\xfe" + "s3cret\r\n".encode("utf-16-le"))
    else:
        path.write_text("s3cret\r\n", encoding=encoding)
    assert _secret(None, str(path), variable="X") == "s3cret"


def test_a_secret_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    from mode_catalog_provider.cli.connections import _secret

    path = tmp_path / "secret"
    path.write_bytes(b"\x80\x81s3cret")
    with pytest.raises(ConfigurationError, match="not text in UTF-8"):
        _secret(None, str(path), variable="X")
