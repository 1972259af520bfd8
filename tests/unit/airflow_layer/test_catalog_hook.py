from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.hooks.catalog import CatalogHook

pytestmark = pytest.mark.usefixtures("connect")

OTHER = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"


def test_reading_uses_the_read_only_token_where_there_is_one(connect, sandbox):
    connect("coalesce_catalog_default", extra={"read_token": sandbox.catalog.read_token})
    with CatalogHook().get_api() as api:
        assert list(api.sources())
    assert {one.key for one in sandbox.catalog.requests} == {"catalog:ro"}


def test_uploading_uses_the_token_for_writing(connect, sandbox):
    connect("coalesce_catalog_default", extra={"read_token": sandbox.catalog.read_token})
    assert CatalogHook().token() == sandbox.catalog.token


def test_a_rotated_token_is_read_from_the_connection_when_catalog_refuses_the_old_one(connect, sandbox):
    with CatalogHook().get_api() as api:
        list(api.sources())
        sandbox.catalog.rotate()
        connect("coalesce_catalog_default")
        assert list(api.sources())
    assert [one.key for one in sandbox.catalog.requests] == ["catalog:rw", "catalog:revoked", "catalog:rw"]


def test_source_and_zone_of_the_task_win_over_those_of_the_connection():
    ingest = CatalogHook().get_ingest(source_id=OTHER, zone="US")
    assert ingest.source_id == OTHER
    assert ingest.zone.name == "US"


def test_without_a_source_id_there_is_nothing_to_push_to(connect):
    connect("coalesce_catalog_default", extra={"source_id": ""})
    with pytest.raises(ConfigurationError, match="'coalesce_catalog_default'"):
        CatalogHook().get_ingest()


def test_an_empty_zone_is_the_default_zone(connect):
    connect("coalesce_catalog_default", extra={"zone": ""})
    assert CatalogHook().get_api().zone.name == "EU"


def test_the_test_button_names_the_source(sandbox):
    ok, message = CatalogHook().test_connection()
    assert ok
    assert sandbox.catalog.source_id in message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password": "clsc_wrong"}, r"\(401\)"),
        ({"password": ""}, "no Catalog API token"),
        ({"extra": {"source_id": "abc"}}, r"What was given \(3 characters\) is not a Catalog source id"),
        ({"extra": {"source_id": OTHER}}, f"no source {OTHER} in zone EU"),
        ({"extra": {"zone": "ASIA"}}, "'ASIA'"),
        ({"extra": {"api_url": "http://api.example.com"}}, "https"),
    ],
)
def test_the_test_button_says_what_is_wrong(connect, sandbox, changes, said):
    connect("coalesce_catalog_default", **changes)
    ok, message = CatalogHook().test_connection()
    assert not ok
    assert re.search(said, message), message
    assert sandbox.catalog.token not in message
    assert "clsc_wrong" not in message


def test_the_test_button_finds_a_deleted_source_and_one_that_is_not_modes(connect, sandbox):
    connect("coalesce_catalog_default", extra={"source_id": sandbox.catalog.warehouse_id})
    ok, message = CatalogHook().test_connection()
    assert (ok, "not a VISUALIZATION one" in message) == (False, True)
    connect("coalesce_catalog_default")
    sandbox.catalog.source(sandbox.catalog.source_id).deleted_at = datetime.now(UTC)
    ok, message = CatalogHook().test_connection()
    assert (ok, "was deleted" in message) == (False, True)


def test_the_test_button_accepts_a_token_that_may_not_read_sources_and_says_so(connect, sandbox):
    sandbox.catalog.switches.throw(sources_readable=False)
    ok, message = CatalogHook().test_connection()
    assert ok
    assert "the source id is not checked" in message
    connect("coalesce_catalog_default", extra={"source_id": ""})
    ok, message = CatalogHook().test_connection()
    assert ok
    assert "the sensors will not" in message


def test_a_connection_without_source_is_good_enough_for_sensors(connect):
    connect("coalesce_catalog_default", extra={"source_id": ""})
    ok, message = CatalogHook().test_connection()
    assert ok
    assert "uploads need one" in message


def test_the_read_only_token_is_masked_in_logs(connect, sandbox):
    from airflow.sdk._shared.secrets_masker import redact

    connect("coalesce_catalog_default", extra={"read_token": sandbox.catalog.read_token})
    CatalogHook().read_token()
    assert redact(f"token {sandbox.catalog.read_token}") == "token ***"
