"""A check that says no refuses; one that cannot be made warns, is kept, and can be required."""

from __future__ import annotations

import logging

import pytest

from mode_catalog_provider.catalog.push_files import push_file
from mode_catalog_provider.catalog.push_record import read, record_path
from mode_catalog_provider.errors import ModeCatalogError, UnknownSourceError
from tests.integration.upload_cases import ORDER, make_snapshot, new_api, new_ingest, push
from tests.unit.catalog.serving import running_catalog

GRAPHQL = "/public/graphql*"
NOWHERE = "http://127.0.0.1:9/public/graphql"

#: Each way in which Catalog's API can leave a question unanswered.
WAYS = {
    "unreachable": None,
    "500": {"status": 500},
    "503 without end": {"status": 503, "headers": {"Retry-After": "3600"}},
    "429": {"status": 429},
    "401 there alone": {"status": 401},
    "403": {"status": 403},
    "404": {"status": 404},
    "redirect": {"status": 302, "headers": {"Location": "https://sso.example/"}},
    "empty answer": {"body": b"{}"},
    "null": {"body": b"null"},
    "validation error": {"status": 400, "body": b'{"errors": [{"message": "Cannot query field"}]}'},
    "error": {"body": b'{"errors": [{"message": "boom"}], "data": null}'},
    "other shape": {"body": b'{"data": {"getSources": [1, 2]}}'},
    "rows of another shape": {"body": b'{"data": {"getSources": {"totalCount": 1, "data": [{"uuid": 1}]}}}'},
    "a count and no rows": {"body": b'{"data": {"getSources": {"totalCount": 6, "data": []}}}'},
    "web page": {"html": True},
    "not JSON": {"body": b"\xff\xfe"},
    "reset": {"reset": True},
    "cut off": {"truncate": True},
}


@pytest.fixture
def catalog():
    with running_catalog() as sandbox:
        yield sandbox


@pytest.fixture(params=WAYS, ids=str)
def mute_api(catalog, request):
    """A client whose questions get no answer."""
    fault = WAYS[request.param]
    if fault is None:
        return new_api(catalog, api_url=NOWHERE)
    catalog.fault(GRAPHQL, times=None, **fault)
    return new_api(catalog)


def test_a_check_that_cannot_be_made_warns_goes_on_and_is_kept(catalog, tmp_path, mute_api, caplog):
    snapshot = make_snapshot(tmp_path)
    assert push(catalog, snapshot, api=mute_api).pushed == ORDER
    assert any(record.levelno == logging.WARNING for record in caplog.records)
    kept = read(record_path(snapshot, catalog.source_id))
    assert kept.completed_at is not None
    assert kept.unchecked


def test_a_check_that_cannot_be_made_stops_the_upload_where_it_is_required(catalog, tmp_path, mute_api):
    with pytest.raises(ModeCatalogError):
        push(catalog, make_snapshot(tmp_path), api=mute_api, source_check="require")
    assert catalog.uploads == []


def test_a_single_file_goes_as_well(catalog, tmp_path):
    path = tmp_path / "1700000000-report.json"
    path.write_text("[]")
    api = new_api(catalog, api_url=NOWHERE)
    assert push_file(path=path, ingest=new_ingest(catalog), api=api).pushed == [path.name]
    with pytest.raises(ModeCatalogError):
        push_file(path=path, ingest=new_ingest(catalog), api=api, source_check="require")


def test_an_api_that_cannot_be_reached_costs_little_time(catalog, tmp_path):
    api = new_api(catalog, api_url=NOWHERE)
    push(catalog, make_snapshot(tmp_path), api=api)
    assert api.statistics.requests <= 4


def test_what_catalog_says_clearly_refuses_in_either_setting(catalog, tmp_path):
    for check in ("warn", "require"):
        with pytest.raises(UnknownSourceError):
            push(
                catalog,
                make_snapshot(tmp_path / check),
                ingest=new_ingest(catalog, source_id=catalog.warehouse_id),
                api=new_api(catalog),
                source_check=check,
            )
    assert catalog.uploads == []


def test_a_check_that_succeeds_later_is_not_kept_as_missing(catalog, tmp_path):
    snapshot = make_snapshot(tmp_path)
    catalog.fault(GRAPHQL, status=404)
    catalog.fault("*-query.json", status=422, body=b"{}")
    with pytest.raises(ModeCatalogError):
        push(catalog, snapshot, api=new_api(catalog))
    assert read(record_path(snapshot, catalog.source_id)).unchecked
    push(catalog, snapshot, api=new_api(catalog))
    assert read(record_path(snapshot, catalog.source_id)).unchecked is None
