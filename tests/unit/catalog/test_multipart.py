from __future__ import annotations

import hashlib
import io
import threading
from email.parser import BytesParser
from email.policy import HTTP

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import ReadTimeoutError

from mode_catalog_provider.catalog.multipart import CHUNK, FileBody
from mode_catalog_provider.errors import ModeCatalogError, SnapshotAlteredError, SnapshotIncompleteError


def body_of(content: bytes, *, name: str = "1-report.json", on_disk: bytes | None = None) -> FileBody:
    return FileBody(
        lambda: io.BytesIO(content if on_disk is None else on_disk),
        name=name,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def parts(body: FileBody):
    raw = b"".join(body)
    message = BytesParser(policy=HTTP).parsebytes(
        f"Content-Type: {body.content_type}\r\n\r\n".encode("ascii") + raw
    )
    return list(message.iter_parts())


@given(st.binary(max_size=2_000))
def test_any_bytes_arrive_as_one_part_named_file_without_a_content_type(content):
    body = body_of(content)
    (part,) = parts(body)
    assert part.get_param("name", header="Content-Disposition") == "file"
    assert part.get_filename() == "1-report.json"
    assert "Content-Type" not in part
    raw = b"".join(body)
    _head, _, rest = raw.partition(b"\r\n\r\n")
    assert rest.rsplit(b"\r\n--", 1)[0] == content
    assert len(body) == len(raw)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7])
def test_the_announced_length_is_the_length_around_the_edges_of_a_chunk(size):
    body = body_of(b"x" * size)
    assert sum(map(len, body)) == len(body)


def test_a_second_attempt_sends_everything_again():
    body = body_of(b"abc" * CHUNK)
    abandoned = iter(body)
    next(abandoned)
    next(abandoned)
    assert b"".join(body) == b"".join(body)


def test_the_next_chunk_is_read_while_one_is_being_sent():
    content = b"abc" * CHUNK
    third_is_read = threading.Event()

    class File(io.BytesIO):
        def read(self, size=-1):
            if self.tell() == 2 * CHUNK:
                third_is_read.set()
            return super().read(size)

    body = FileBody(lambda: File(content), name="1-report.json", size=len(content), sha256="0" * 64)
    sending = iter(body)
    next(sending)
    next(sending)  # the first chunk; the second is held back
    assert third_is_read.wait(5)


def test_an_attempt_that_is_given_up_leaves_no_open_file_and_no_thread():
    file = io.BytesIO(b"abc" * CHUNK)
    body = FileBody(lambda: file, name="1-report.json", size=3 * CHUNK, sha256="0" * 64)
    sending = iter(body)
    next(sending)
    next(sending)
    assert any(thread.name.startswith("read-ahead") for thread in threading.enumerate())
    sending.close()
    assert file.closed
    assert not any(thread.name.startswith("read-ahead") for thread in threading.enumerate())


def test_the_body_is_handed_over_only_with_its_last_bytes():
    body = body_of(b"x" * (2 * CHUNK))
    seen = []
    for _ in body:
        seen.append(body.handed_over)
    assert seen == [False, False, True]
    next(iter(body))
    assert not body.handed_over


@pytest.mark.parametrize(
    "on_disk",
    [b"", b"x" * (CHUNK + 4), b"x" * (CHUNK + 6), b"x" * CHUNK + b"yyyyy"],
    ids=["emptied", "shorter", "longer", "same size, other bytes"],
)
def test_a_file_that_changed_is_never_sent_whole(on_disk):
    body = body_of(b"x" * (CHUNK + 5), on_disk=on_disk)
    sent = []
    with pytest.raises(SnapshotAlteredError, match=r"1-report\.json changed while"):
        sent.extend(body)
    assert not body.handed_over
    assert sum(map(len, sent)) < len(body)
    assert b"--\r\n" not in b"".join(sent)


def broken_disk(error: Exception):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise error

    return FileBody(Broken, name="1-report.json", size=5, sha256="0" * 64)


def test_a_file_that_disappears_is_not_taken_for_a_broken_connection():
    with pytest.raises(SnapshotIncompleteError, match=r"1-report\.json disappeared"):
        list(broken_disk(FileNotFoundError("gone")))


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (TimeoutError("store is slow"), "store is slow"),
        (ReadTimeoutError(None, "s3", "store is silent"), "store is silent"),
        (ValueError(), "ValueError"),
    ],
    ids=["disk", "S3", "anything"],
)
def test_a_disk_that_cannot_be_read_is_not_taken_for_a_broken_connection_but_may_be_tried_again(error, why):
    with pytest.raises(ModeCatalogError, match=f"could not be read .*{why}") as caught:
        list(broken_disk(error))
    assert not caught.value.permanent


@pytest.mark.parametrize("name", ['quo"ted.json', "line\r\nbreak.json", "ünïcode 报告.json"])
def test_no_file_name_breaks_the_framing(name):
    body = body_of(b"content", name=name)
    head = b"".join(body).partition(b"\r\n\r\n")[0].decode()
    assert head.count("\r\n") == 1
    assert head.count('"') == 4
