"""Addresses: what may be configured, where redirects may lead, what people are shown."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from mode_catalog_provider.errors import ConfigurationError, MalformedResponseError, WrongHostError
from mode_catalog_provider.mode.hosts import Address, path_part, web_url, workspace_name

VERIFY = "/api/verify"


def address(host: str = "https://modeanalytics.com", *, allow_http: bool = False) -> Address:
    return Address(host, workspace="acme", allow_http=allow_http, kept_in="mode_default")


@pytest.mark.parametrize(
    ("configured", "base"),
    [
        ("https://app.mode.com/", "https://app.mode.com"),
        (" HTTPS://App.Mode.com ", "https://app.mode.com"),
        ("https://mode.corp.example:8443/analytics/", "https://mode.corp.example:8443/analytics"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://[::1]:9", "http://[::1]:9"),
        ("https://mode.corp.example:443", "https://mode.corp.example"),
        ("https://mode.corp.example:80/x", "https://mode.corp.example:80/x"),
        ("http://localhost:80/", "http://localhost"),
        ("http://localhost:443", "http://localhost:443"),
        ("https://[fe80::1%25eth0]", "https://[fe80::1%25eth0]"),
        ("https://mode_eu.corp.example.", "https://mode_eu.corp.example."),
        ("https://möde.example", "https://möde.example"),
    ],
)
def test_a_host_is_brought_into_one_form(configured: str, base: str) -> None:
    assert address(configured).configured == base


@pytest.mark.parametrize(
    "configured",
    [
        "app.mode.com",
        "ftp://app.mode.com",
        "https://",
        "",
        "http://app.mode.com",
        "https://a:99999",
        "https://a:65536",
        "https://a:-1",
        "https://app..mode.com",
        "https://.mode.com",
        "https://*.mode.com",
        "https://app%2Emode.com",
        "https://app.mode.com,https://mode.com",
        "https://${MODE_HOST}",
        f"https://{'a' * 64}.mode.com",
        f"https://{'a.' * 130}com",
        "https://x/?y=1",
    ],
)
def test_a_host_that_cannot_be_right_is_a_configuration_error(configured: str) -> None:
    with pytest.raises(ConfigurationError, match="Mode host"):
        address(configured)


def test_a_host_without_a_scheme_is_told_with_an_address_of_mode() -> None:
    with pytest.raises(
        ConfigurationError, match=r"needs a scheme and a host, such as https://app\.mode\.com\.$"
    ):
        address("app.mode.com")


def test_plain_http_is_accepted_where_it_is_allowed() -> None:
    assert address("http://mode.internal", allow_http=True).configured == "http://mode.internal"


def test_a_password_in_the_host_is_refused_without_being_repeated() -> None:
    with pytest.raises(ConfigurationError) as caught:
        address("https://key:s3cr3t-value@app.mode.com")
    assert "s3cr3t-value" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_route_is_relative_to_the_workspace_unless_it_starts_with_a_slash() -> None:
    assert address().url("reports/a/queries") == "https://modeanalytics.com/api/acme/reports/a/queries"
    assert address().url(VERIFY) == "https://modeanalytics.com/api/verify"


@pytest.mark.parametrize(
    "path", ["reports/../secrets", "reports//queries", "a?b=c", "a#b", "/api/..", "a b", "x/"]
)
def test_a_token_cannot_lead_a_route_elsewhere(path: str) -> None:
    with pytest.raises(MalformedResponseError, match="cannot be part of a route"):
        address().url(path)


@pytest.mark.parametrize(
    ("host", "location"),
    [
        ("https://modeanalytics.com", "https://app.mode.com/api/verify"),
        ("https://app.mode.com", "https://www.mode.com/api/verify"),
        ("https://mode.com", "//modeanalytics.com/api/verify"),
        ("http://localhost:80", "https://localhost/api/verify"),
    ],
)
def test_among_modes_own_hosts_all_calls_move_to_the_new_one(host: str, location: str) -> None:
    moved = address(host)
    target = moved.follow(moved.url(VERIFY), location)
    assert target == moved.url(VERIFY)
    assert moved.current != moved.configured


def test_a_path_in_front_of_the_api_survives_a_move_to_https() -> None:
    moved = address("http://localhost/analytics")
    moved.follow(moved.url(VERIFY), "https://localhost/analytics/api/verify")
    assert moved.current == "https://localhost/analytics"


def test_a_redirect_of_one_call_does_not_move_the_others() -> None:
    moved = address("https://modeanalytics.com")
    moved.follow(moved.url(VERIFY), "https://app.mode.com/signin")
    assert moved.current == "https://modeanalytics.com"


def test_a_redirect_within_a_host_is_followed_with_its_query() -> None:
    local = address("https://mode.example")
    assert local.follow("https://mode.example/api/acme/spaces", "/api/acme/collections?page=2") == (
        "https://mode.example/api/acme/collections?page=2"
    )
    assert local.current == "https://mode.example"


@pytest.mark.parametrize(
    ("host", "location"),
    [
        ("https://modeanalytics.com", "https://evil.example/api/verify"),
        ("https://modeanalytics.com", "https://app.mode.com.evil.example/api/verify"),
        ("https://modeanalytics.com", "https://app.mode.com:8443/api/verify"),
        ("https://modeanalytics.com", "http://app.mode.com/api/verify"),
        ("https://modeanalytics.com", "https://key:secret@app.mode.com/api/verify"),
        ("https://modeanalytics.com", "http://modeanalytics.com/api/verify"),
        ("https://modeanalytics.com", "javascript:alert(1)"),
        ("https://mode.corp.example", "https://app.mode.com/api/verify"),
        ("https://mode.corp.example", "https://mode.corp.example:444/api/verify"),
        ("https://app.mode.com", "https://sso.corp.example/login?next=x"),
    ],
)
def test_a_redirect_to_any_other_host_is_refused_and_names_it(host: str, location: str) -> None:
    refusing = address(host)
    with pytest.raises(WrongHostError, match="credentials were not sent there") as caught:
        refusing.follow(refusing.url(VERIFY), location)
    assert "connection 'mode_default'" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert refusing.current == host


def test_a_workspace_is_lower_cased() -> None:
    assert workspace_name(" Acme-2 ") == "acme-2"


@pytest.mark.parametrize("name", ["", "  ", "https://app.mode.com/acme", "acme/reports", "../acme", "a b"])
def test_what_cannot_be_a_workspace_is_a_configuration_error(name: str) -> None:
    with pytest.raises(ConfigurationError, match="workspace"):
        workspace_name(name)


def test_a_web_address_is_the_one_people_use() -> None:
    assert (
        web_url("https://app.mode.com/", "acme", "reports", "0a1b")
        == "https://app.mode.com/acme/reports/0a1b"
    )
    assert web_url("https://app.mode.com", "acme") == "https://app.mode.com/acme"


@pytest.mark.parametrize("token", ["\ud800", "a\udfffb", "a/../b", "x y", "%2e%2e", "ü", "?#"])
def test_a_token_of_any_text_is_one_part_of_a_path(token: str) -> None:
    url = address().url(f"reports/{path_part(token)}/queries")
    assert url.startswith("https://modeanalytics.com/api/acme/reports/")
    assert url.isascii()
    assert urlsplit(url).path.count("/") == 5


@pytest.mark.parametrize("token", ["\ud800", "a\udfff"])
def test_half_a_surrogate_pair_that_was_not_encoded_is_no_route(token: str) -> None:
    with pytest.raises(MalformedResponseError, match="cannot be part of a route"):
        address().url(f"reports/{token}")


@pytest.mark.parametrize(
    "location",
    ["http://[::1", "https://app.mode.com:99999999/", "https://\u2100.com/", "//[", "https://[x]/"],
)
def test_a_redirect_to_an_address_that_is_none_is_told(location: str) -> None:
    with pytest.raises(MalformedResponseError, match="an address that is none"):
        address().follow("https://modeanalytics.com/api/verify", location)


def test_where_a_redirect_leads_is_shown_as_one_harmless_line() -> None:
    with pytest.raises(WrongHostError) as caught:
        address().follow("https://modeanalytics.com/api/verify", "https://evil\u202e.example/\x1b[31m")
    assert str(caught.value).isprintable()
