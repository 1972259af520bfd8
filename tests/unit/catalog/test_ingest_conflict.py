"""When a 409 is the echo of our own upload, and when it is not."""

from __future__ import annotations

import io
import socket

import pytest

from mode_catalog_provider.errors import UploadConflictError
from tests.unit.catalog.serving import ROWS, UPLOADS, outgoing


@pytest.mark.parametrize(
    "lost",
    [{"reset": True}, {"close": True}, {"status": 500}, {"status": 504}, {"status": 408}, {"html": True}],
    ids=str,
)
def test_a_lost_answer_of_a_stored_file_followed_by_409_is_success(catalog, new_ingest, lost):
    catalog.fault(UPLOADS, after=True, **lost)
    assert new_ingest().push(outgoing()) == "already_there"
    assert [upload.content for upload in catalog.uploads] == [ROWS]
    assert [request.status for request in catalog.requests][-1] == 409


def test_a_truncated_answer_of_a_stored_file_followed_by_409_is_success(catalog, new_ingest):
    catalog.fault(UPLOADS, truncate=True)
    assert new_ingest().push(outgoing()) == "already_there"


def test_an_answer_that_never_came_followed_by_409_is_success(catalog, new_ingest):
    catalog.fault(UPLOADS, after=True, hang=0.4)
    assert new_ingest(timeout=0.2).push(outgoing()) == "already_there"


def test_409_on_the_first_attempt_is_an_error_that_says_what_to_do(catalog, new_ingest):
    new_ingest().push(outgoing(b"somebody else's"))
    file = outgoing()
    with pytest.raises(
        UploadConflictError, match=r"already holds a file named 1700000000-report\.json.*extract again"
    ):
        new_ingest().push(file)
    assert not file.maybe_stored


def test_409_after_an_attempt_that_was_cleanly_refused_is_an_error(catalog, new_ingest):
    new_ingest().push(outgoing(b"somebody else's"))
    catalog.fault(UPLOADS, status=429)
    with pytest.raises(UploadConflictError):
        new_ingest().push(outgoing())


def test_409_after_an_attempt_of_an_earlier_task_try_is_success(catalog, new_ingest):
    new_ingest().push(outgoing())
    assert new_ingest().push(outgoing(maybe_stored=True)) == "already_there"


def test_409_after_an_attempt_that_never_left_whole_is_an_error(catalog, new_ingest):
    """Whoever stored that name, it was not us: our first attempt broke off in the middle of the body."""
    new_ingest().push(outgoing(b"somebody else's"))
    breaks = [True]

    class Breaking(io.BytesIO):
        def read(self, size=-1):
            if breaks and self.tell() > 0:
                breaks.clear()
                for connection in list(catalog._http._open):
                    connection.shutdown(socket.SHUT_RDWR)
            return super().read(size)

    content = b"x" * 20_000_000
    file = outgoing(content, open=lambda: Breaking(content))
    with pytest.raises(UploadConflictError):
        new_ingest().push(file)
    assert not breaks
