"""Answers with a status of success that do not say that the file is stored."""

from __future__ import annotations

import socket
import threading

import pytest

from mode_catalog_provider.errors import ForbiddenError, MalformedResponseError
from tests.unit.catalog.serving import UPLOADS, outgoing


@pytest.mark.parametrize(
    "page",
    [
        b"\xef\xbb\xbf<!DOCTYPE html><html><body>Sign in</body></html>",
        b"<!-- gateway 7 -->\n<html><body>Sign in</body></html>",
        b'<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "x"><html></html>',
        b"<head><title>Sign in</title></head>",
    ],
)
def test_a_web_page_is_told_whatever_stands_before_it(catalog, new_ingest, page):
    catalog.fault(UPLOADS, status=200, body=page, times=None)
    with pytest.raises(MalformedResponseError, match="web page"):
        new_ingest().push(outgoing())


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"error": null, "errors": []}', b'[{"error": 1}]', b"<Post/>"]
)
def test_anything_else_below_a_success_is_a_stored_file(catalog, new_ingest, body):
    catalog.fault(UPLOADS, status=200, body=body)
    assert new_ingest().push(outgoing()) == "stored"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"error": "source is paused"}', "Catalog says: source is paused"),
        (b'{"errors": [{"message": "quota"}]}', "quota"),
        (b'{"success": false, "message": "not now"}', "Catalog says: not now"),
    ],
)
def test_an_error_below_a_success_is_no_stored_file(catalog, new_ingest, body, told):
    catalog.fault(UPLOADS, status=200, body=body, times=None)
    file = outgoing()
    with pytest.raises(MalformedResponseError, match=told):
        new_ingest().push(file)
    assert file.maybe_stored


def test_an_error_below_the_success_of_a_stored_file_followed_by_409_is_success(catalog, new_ingest):
    catalog.fault(UPLOADS, after=True, status=200, body=b'{"error": "slow"}')
    assert new_ingest().push(outgoing()) == "already_there"


def test_a_firewall_that_takes_sql_for_an_attack_is_not_told_as_a_token_without_rights(catalog, new_ingest):
    catalog.fault(UPLOADS, status=403, body=b"<html><title>Request blocked</title></html>")
    file = outgoing()
    with pytest.raises(ForbiddenError, match=r"web page \(403\)\. A firewall or proxy in front of"):
        new_ingest().push(file)
    assert not file.maybe_stored


def test_success_before_the_file_was_sent_whole_is_no_stored_file(new_ingest):
    def answer_unread() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                connection.shutdown(socket.SHUT_WR)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer_unread, daemon=True).start()
        file = outgoing(b"x" * 20_000_000)
        with pytest.raises(MalformedResponseError, match="before the file was sent whole"):
            new_ingest(ingest_url=f"http://127.0.0.1:{listener.getsockname()[1]}").push(file)
        listener.shutdown(socket.SHUT_RDWR)
    assert not file.maybe_stored
