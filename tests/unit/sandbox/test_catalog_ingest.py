from __future__ import annotations

import hashlib
import tracemalloc
from uuid import uuid4

import pytest
import requests

from tests.sandbox import CatalogSwitches

NAME = "1700000000-report.json"


@pytest.fixture
def catalog(caller):
    return caller.sandbox.catalog


def _raw(caller, body, content_type="multipart/form-data; boundary=b", name=NAME):
    catalog = caller.sandbox.catalog
    return caller.session.post(
        f"{catalog.ingest_url}/visualization-{catalog.source_id}/{name}",
        data=body,
        headers={"Authorization": f"Token {catalog.token}", "Content-Type": content_type},
        timeout=10,
    )


def _part(head='Content-Disposition: form-data; name="file"; filename="' + NAME + '"', content=b"[]"):
    return b"--b\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n--b--\r\n"


def test_a_file_is_stored_with_its_bytes_name_and_hash(caller, catalog):
    content = bytes(range(256)) * 9000
    assert caller.upload(NAME, content).status_code == 200
    [upload] = catalog.uploads
    assert (upload.source_id, upload.name, upload.size) == (catalog.source_id, NAME, len(content))
    assert upload.content == content
    assert upload.sha256 == hashlib.sha256(content).hexdigest()


def test_a_forgotten_file_leaves_no_bytes_and_frees_its_name(caller, catalog):
    caller.upload(NAME, b"[]")
    [upload] = catalog.uploads
    catalog.forget_uploads()
    assert catalog.uploads == []
    assert not upload.path.exists()
    assert caller.upload(NAME, b"[]").status_code == 200


def test_an_empty_file_is_stored_as_such(caller, catalog):
    assert _raw(caller, _part(content=b"")).status_code == 200
    assert catalog.uploads[0].content == b""


def test_content_that_looks_like_a_delimiter_is_kept(caller, catalog):
    content = b"\r\n--" * 1000 + b"\r\n--\r\n-"
    caller.upload(NAME, content)
    assert catalog.uploads[0].content == content


def test_a_delimiter_that_straddles_two_reads_is_found(caller, catalog):
    for spare in range(60):
        content = b"x" * ((1 << 20) - 150 + spare)
        assert caller.upload(f"{spare}-report.json", content).status_code == 200
    assert [one.size for one in catalog.uploads] == [(1 << 20) - 150 + spare for spare in range(60)]


def test_a_chunked_body_is_read_too(caller, catalog):
    body = _part(content=b"x" * 5000)
    assert _raw(caller, iter([body[:70], body[70:3000], body[3000:]])).status_code == 200
    assert catalog.uploads[0].size == 5000


def test_uploads_do_not_live_in_memory(caller, catalog):
    block = b"x" * (1 << 20)
    body = (piece for piece in [_part().split(b"[]")[0], *[block] * 64, b"\r\n--b--\r\n"])
    tracemalloc.start()
    answer = _raw(caller, body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answer.status_code == 200
    assert catalog.uploads[0].size == 64 << 20
    assert peak < 16 << 20


def test_a_name_can_be_used_once_only(caller, catalog):
    assert [caller.upload(NAME, b"[]").status_code for _ in range(2)] == [200, 409]
    assert len(catalog.uploads) == 1


def test_another_source_may_have_the_same_name(caller, catalog):
    caller.upload(NAME, b"[]")
    assert caller.upload(NAME, b"[]", source_id=str(uuid4())).status_code == 200


def test_without_conflicts_a_repeated_name_replaces_the_file(caller, catalog):
    catalog.switches.throw(conflict=False)
    caller.upload(NAME, b"old")
    assert caller.upload(NAME, b"new").status_code == 200
    assert [one.content for one in catalog.uploads] == [b"new"]


def test_a_file_can_be_stored_and_its_answer_lost(caller, catalog):
    catalog.fault("*-report.json", close=True, after=True)
    with pytest.raises(requests.ConnectionError):
        caller.upload(NAME, b"[]")
    assert [one.name for one in catalog.uploads] == [NAME]
    assert caller.upload(NAME, b"[]").status_code == 409


def test_a_file_can_be_lost_before_it_is_stored(caller, catalog):
    catalog.fault("*-report.json", reset=True)
    with pytest.raises(requests.ConnectionError):
        caller.upload(NAME, b"[]")
    assert catalog.uploads == []
    assert caller.upload(NAME, b"[]").status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "3"}])
def test_too_many_requests_come_with_or_without_retry_after(caller, catalog, headers):
    catalog.fault("visualization-*", status=429, headers=headers)
    answer = caller.upload(NAME, b"[]")
    assert (answer.status_code, answer.headers.get("Retry-After")) == (429, headers.get("Retry-After"))
    assert catalog.uploads == []


@pytest.mark.parametrize("status", [401, 403])
def test_the_read_only_token_may_not_upload(caller, catalog, status):
    catalog.switches.throw(read_only_status=status)
    assert caller.upload(NAME, b"[]", token=catalog.read_token).status_code == status
    assert catalog.uploads == []


@pytest.mark.parametrize("status", [401, 403])
def test_the_token_of_the_other_zone_opens_nothing(caller, catalog, status):
    catalog.switches.throw(wrong_zone_status=status)
    assert caller.upload(NAME, b"[]", token=catalog.other_zone_token).status_code == status
    assert (
        caller.graphql("{ getSources { totalCount } }", token=catalog.other_zone_token).status_code == status
    )


def test_a_rotated_token_is_dead(caller, catalog):
    old = catalog.token
    assert catalog.rotate() == catalog.token != old
    assert caller.upload(NAME, b"[]", token=old).status_code == 401
    assert caller.upload(NAME, b"[]").status_code == 200


def test_the_word_token_is_required_in_the_header(caller, catalog):
    answer = caller.session.post(catalog.ingest_url, headers={"Authorization": catalog.token}, data=b"")
    assert answer.status_code == 401


def test_a_file_above_the_limit_is_refused(start):
    caller = start(catalog=CatalogSwitches(max_bytes=10))
    assert caller.upload(NAME, b"x" * 11).status_code == 413
    assert caller.upload(NAME, b"x" * 10).status_code == 200


@pytest.mark.parametrize(("switch", "status"), [("accept", 200), (404, 404)])
def test_an_unknown_source_is_accepted_blindly_unless_the_switch_says_otherwise(start, switch, status):
    caller = start(catalog=CatalogSwitches(unknown_source=switch))
    assert caller.upload(NAME, b"[]", source_id=str(uuid4())).status_code == status


@pytest.mark.parametrize("source_id", ["mode", "00000000-0000-1000-8000-000000000000"])
def test_a_source_id_that_is_no_version_4_uuid_is_not_found(caller, source_id):
    assert caller.upload(NAME, b"[]", source_id=source_id).status_code == 404


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (_part('Content-Disposition: form-data; name="file"; filename="other.json"'), "the path says"),
        (_part('Content-Disposition: form-data; name="data"; filename="x"'), 'name="file"'),
        (_part('Content-Disposition: form-data; name="file"'), 'name="file"'),
        (
            _part(
                f'Content-Disposition: form-data; name="file"; filename="{NAME}"\r\nContent-Type: text/csv'
            ),
            "no header but",
        ),
        (_part().replace(b"--b--", b"--b\r\n\r\n\r\nx\r\n--b--"), "more than one part"),
        (_part()[:-7], "closing delimiter"),
        (b"[]", "no complete header"),
        (b"x" + _part(), "begin with the delimiter"),
    ],
)
def test_a_body_that_is_not_exactly_one_part_called_file_is_refused(caller, catalog, body, complaint):
    answer = _raw(caller, body)
    assert answer.status_code == 400
    assert complaint in answer.json()["message"]
    assert catalog.uploads == []


def test_a_type_on_the_part_is_accepted_if_the_switch_says_so(caller, catalog):
    catalog.switches.throw(part_type="accepted")
    head = f'Content-Disposition: form-data; name="file"; filename="{NAME}"\r\nContent-Type: text/csv'
    assert _raw(caller, _part(head)).status_code == 200


def test_a_body_that_is_no_multipart_is_refused(caller):
    assert _raw(caller, b"[]", "application/json").status_code == 400


def test_other_paths_and_methods_are_not_found(caller, catalog):
    headers = {"Authorization": f"Token {catalog.token}"}
    assert caller.session.get(f"{catalog.ingest_url}/nothing", headers=headers).status_code == 404
    path = f"visualization-{catalog.source_id}/{NAME}"
    assert caller.session.get(f"{catalog.ingest_url}/{path}", headers=headers).status_code == 405


def test_stopping_removes_the_stored_files(caller, catalog):
    caller.upload(NAME, b"[]")
    folder = catalog.uploads[0].path.parent
    caller.sandbox.stop()
    assert not folder.exists()
