from __future__ import annotations

import io
import logging
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from mode_catalog_provider.catalog.endpoint import CatalogEndpoint
from mode_catalog_provider.catalog.ingest import CatalogIngest
from mode_catalog_provider.errors import (
    CancelledError,
    CatalogAuthenticationError,
    ConfigurationError,
    ForbiddenError,
    LockLostError,
    MalformedResponseError,
    ModeCatalogError,
    NotFoundError,
    RateLimitedError,
    RequestRefusedError,
    ServiceUnavailableError,
    SnapshotAlteredError,
    WrongHostError,
)
from tests.unit.catalog.serving import NAME, ROWS, UPLOADS, outgoing

# -- the request --------------------------------------------------------------------------------------------


def test_a_file_is_stored_under_its_name_with_its_bytes(catalog, new_ingest):
    file = outgoing()
    assert new_ingest().push(file) == "stored"
    (upload,) = catalog.uploads
    assert (upload.source_id, upload.name, upload.content) == (catalog.source_id, NAME, ROWS)
    (request,) = catalog.requests
    assert request.path == f"/visualization-{catalog.source_id}/{NAME}"
    assert file.maybe_stored


def test_the_request_is_the_documented_one_and_nothing_more(requests_mock):
    source_id = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
    bodies = []
    requests_mock.post(
        f"https://ingest.us.castordoc.com/visualization-{source_id}/{NAME}",
        text=lambda request, _: bodies.append(b"".join(request.body)) or "",
    )
    endpoint = CatalogEndpoint(token=lambda: "clsc_x", zone="us")
    CatalogIngest(endpoint, source_id=source_id.upper()).push(outgoing())
    (request,) = requests_mock.request_history
    sent = {
        name: value for name, value in request.headers.items() if name not in ("User-Agent", "Connection")
    }
    boundary = sent.pop("Content-Type").removeprefix("multipart/form-data; boundary=")
    assert sent == {
        "Authorization": "Token clsc_x",
        "Accept": "text/csv, application/json",
        "Accept-Encoding": "gzip, deflate",
        "Content-Length": str(len(bodies[0])),
    }
    assert bodies[0] == (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{NAME}"\r\n\r\n'.encode()
        + ROWS
        + f"\r\n--{boundary}--\r\n".encode()
    )


@pytest.mark.parametrize("name", ["1-ünï.json", "1 a&b?c#d.json", "1-100%.json", "1-a;b=c+d.csv"])
def test_a_name_that_needs_escaping_in_the_url_arrives_unchanged(catalog, new_ingest, name):
    new_ingest().push(outgoing(name=name))
    assert [upload.name for upload in catalog.uploads] == [name]


@pytest.mark.parametrize(
    ("file_type", "prefix"), [("WAREHOUSE", "warehouse"), ("dbt", "transformation"), ("QUALITY", "quality")]
)
def test_other_types_go_to_their_own_path(catalog, new_ingest, file_type, prefix):
    new_ingest(file_type=file_type).push(outgoing())
    assert catalog.requests[0].path.startswith(f"/{prefix}-{catalog.source_id}/")


def test_only_dbt_and_quality_files_get_the_time_before_their_name(new_ingest):
    assert new_ingest().name_for("a.json") == "a.json"
    assert new_ingest(file_type="WAREHOUSE").name_for("a.json") == "a.json"
    for stamped in ("DBT", "QUALITY"):
        moment, _, name = new_ingest(file_type=stamped).name_for("a.json").partition("-")
        assert name == ("manifest.json" if stamped == "DBT" else "a.json")
        assert abs(int(moment) - time.time()) < 60


@pytest.mark.parametrize("file_type", ["LOOKML", "", "VISUALIZATION"])
def test_a_type_without_a_documented_path_is_refused(new_ingest, file_type):
    with pytest.raises(ConfigurationError, match="known are VIZ, WAREHOUSE, DBT, QUALITY"):
        new_ingest(file_type=file_type)


def test_a_source_id_that_is_no_uuid_is_refused_before_anything_is_sent(catalog, new_ingest):
    with pytest.raises(ConfigurationError, match="not a Catalog source id"):
        new_ingest(source_id="my-source")
    assert catalog.requests == []


def test_plain_http_to_another_machine_is_refused(new_ingest):
    with pytest.raises(ConfigurationError, match="plain http"):
        new_ingest(ingest_url="http://catalog.example.com")
    new_ingest(ingest_url="http://catalog.example.com", allow_http=True)


# -- passing failures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 503},
        {"status": 504},
        {"status": 408},
        {"status": 429},
        {"reset": True},
        {"close": True},
        {"html": True},
    ],
    ids=str,
)
def test_a_failure_that_passes_is_followed_by_the_whole_file_again(catalog, new_ingest, fault):
    catalog.fault(UPLOADS, times=2, **fault)
    assert new_ingest().push(outgoing()) == "stored"
    assert [upload.content for upload in catalog.uploads] == [ROWS]
    sizes = {request.bytes_received for request in catalog.requests}
    assert len(catalog.requests) == 3
    assert len(sizes) == 1


def test_silence_is_ended_by_the_timeout_and_tried_again(catalog, new_ingest):
    catalog.fault(UPLOADS, hang=0.4)
    assert new_ingest(timeout=0.2).push(outgoing()) == "stored"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (lambda: "7", 7),
        (lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True), 30),
    ],
    ids=["seconds", "date"],
)
def test_retry_after_is_obeyed_in_both_forms(catalog, new_ingest, stop, header, seconds):
    catalog.fault(UPLOADS, status=429, headers={"Retry-After": header()})
    new_ingest().push(outgoing())
    (wait,) = stop.waits
    assert seconds - 2 <= wait <= seconds * 1.1


def test_a_limiter_that_never_lets_go_ends_with_the_budget(catalog, new_ingest, stop):
    catalog.fault(UPLOADS, status=429, headers={"Retry-After": "40"}, times=None)
    with pytest.raises(RateLimitedError, match="Gave up after") as caught:
        new_ingest(retry_budget=100).push(outgoing())
    assert caught.value.retry_after == 40
    assert len(stop.waits) == 2
    assert all(40 <= wait <= 44 for wait in stop.waits)


def test_a_service_that_stays_down_ends_with_the_budget(catalog, new_ingest, stop):
    catalog.fault(UPLOADS, status=503, times=None)
    with pytest.raises(ServiceUnavailableError, match="Gave up after") as caught:
        new_ingest(retry_budget=60).push(outgoing())
    assert caught.value.status == 503
    assert sum(stop.waits) <= 60


def test_a_port_where_nobody_listens_is_a_typed_error(new_ingest):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ServiceUnavailableError, match="cannot be reached"):
        new_ingest(ingest_url=f"http://127.0.0.1:{port}", retry_budget=1).push(outgoing())


def test_an_endpoint_that_does_not_take_the_bytes_is_given_up_after_the_timeout(new_ingest):
    content = b"x" * 20_000_000
    file = outgoing(content)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ServiceUnavailableError):
            new_ingest(ingest_url=url, timeout=0.2, retry_budget=-1000).push(file)
    assert not file.maybe_stored


def test_each_retry_is_announced_once(catalog, new_ingest, caplog):
    catalog.fault(UPLOADS, status=503)
    new_ingest().push(outgoing())
    assert [record.levelname for record in caplog.records if "failed (503)" in record.message] == ["WARNING"]
    assert "failed (503). Trying again in" in caplog.text


# -- refusals -----------------------------------------------------------------------------------------------


def test_a_rotated_token_is_read_again_and_the_upload_goes_on(catalog, new_ingest):
    asked = []

    def token():
        asked.append(True)
        return catalog.token

    ingest = new_ingest(token=token)
    ingest.push(outgoing(name="1-a.json"))
    catalog.rotate()
    ingest.push(outgoing(name="1-b.json"))
    assert [upload.name for upload in catalog.uploads] == ["1-a.json", "1-b.json"]
    assert len(asked) == 2


def test_a_token_that_stays_refused_fails_at_once_and_names_the_connection(catalog, new_ingest, stop):
    old = catalog.token
    catalog.rotate()
    file = outgoing()
    with pytest.raises(CatalogAuthenticationError, match=r"connection 'catalog_prod'.*\(401\).*Read & Write"):
        new_ingest(token=lambda: old).push(file)
    assert len(catalog.requests) == 1
    assert stop.waits == []
    assert not file.maybe_stored


def test_403_says_that_a_read_only_token_is_not_enough(catalog, new_ingest):
    catalog.switches.read_only_status = 403
    with pytest.raises(ForbiddenError, match=r"Read Only token is not enough.*Read & Write"):
        new_ingest(token=lambda: catalog.read_token).push(outgoing())


def test_404_points_at_source_id_and_zone(catalog, new_ingest):
    catalog.switches.unknown_source = 404
    unknown = "99999999-9999-4999-8999-999999999999"
    with pytest.raises(NotFoundError, match=rf"zone EU .* does not know source {unknown} .*zone US"):
        new_ingest(source_id=unknown).push(outgoing())


def test_413_says_how_large_the_file_is(catalog, new_ingest):
    catalog.switches.max_bytes = 100
    with pytest.raises(RequestRefusedError, match=r"report\.json is too large.*2000000 bytes \(2\.0 MB\)"):
        new_ingest().push(outgoing(b"x" * 2_000_000))


def test_any_other_refusal_repeats_what_catalog_says(catalog, new_ingest):
    catalog.fault(UPLOADS, status=422, body=b'{"message": "not a name for a file"}')
    with pytest.raises(RequestRefusedError, match=r"\(422\)\. Catalog says: not a name for a file"):
        new_ingest().push(outgoing())


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(catalog, new_ingest, status):
    catalog.fault(UPLOADS, status=status, headers={"Location": f"{catalog.url}/elsewhere"})
    with pytest.raises(WrongHostError, match="ingest_url"):
        new_ingest().push(outgoing())
    assert len(catalog.requests) == 1


def test_web_pages_only_are_an_error_and_not_a_stored_file(catalog, new_ingest):
    catalog.fault(UPLOADS, html=True, times=None)
    with pytest.raises(MalformedResponseError, match="web page"):
        new_ingest().push(outgoing())
    assert catalog.uploads == []


# -- the file, the fence, the end ---------------------------------------------------------------------------


def test_a_file_that_changed_is_not_stored(catalog, new_ingest):
    file = outgoing(open=lambda: io.BytesIO(b"x" * len(ROWS)))
    with pytest.raises(SnapshotAlteredError):
        new_ingest().push(file)
    assert catalog.uploads == []
    assert not file.maybe_stored


def test_a_file_that_changes_between_two_attempts_is_not_stored(catalog, new_ingest):
    contents = [ROWS, b"x" * len(ROWS)]
    catalog.fault(UPLOADS, status=503)
    with pytest.raises(SnapshotAlteredError):
        new_ingest().push(outgoing(open=lambda: io.BytesIO(contents.pop(0))))
    assert catalog.uploads == []


def test_the_fence_is_passed_before_every_attempt_and_ends_the_push_when_it_raises(catalog, new_ingest):
    catalog.fault(UPLOADS, status=503, times=None)
    passed = []

    def fence():
        passed.append(len(catalog.requests))
        if len(passed) == 3:
            raise LockLostError("another holder")

    with pytest.raises(LockLostError):
        new_ingest().push(outgoing(), before_attempt=fence)
    assert passed == [0, 1, 2]
    assert len(catalog.requests) == 2


def test_cancelling_breaks_off_an_upload_under_way(catalog, new_ingest):
    ingest = new_ingest()
    catalog.fault(UPLOADS, hang=4, do=ingest.cancel)
    with pytest.raises(CancelledError):
        ingest.push(outgoing())


def test_no_token_shows_in_any_error_or_log_line(catalog, new_ingest, caplog):
    caplog.set_level(logging.DEBUG)
    errors = []
    echo = f'{{"message": "bad token {catalog.token}"}}'.encode()
    for fault in (
        {"status": 422, "body": echo},
        {"status": 403},
        {"status": 404},
        {"status": 413},
        {"status": 302},
    ):
        catalog.fault(UPLOADS, **fault)
        with pytest.raises(ModeCatalogError) as caught:
            new_ingest().push(outgoing())
        errors.append(caught.value)
    old = catalog.token
    catalog.rotate()
    with pytest.raises(ModeCatalogError) as caught:
        new_ingest(token=lambda: old).push(outgoing())
    errors.append(caught.value)
    for error in errors:
        while error is not None:
            assert old not in str(error)
            assert old not in repr(error)
            error = error.__cause__ or error.__context__
    assert old not in caplog.text
