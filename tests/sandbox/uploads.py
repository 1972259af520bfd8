"""Strict multipart parsing in constant memory: the one part of an upload goes straight to disk."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_MOST_HEADER_BYTES = 16_384
_DISPOSITION = re.compile(r'form-data; name="([^"]*)"; filename="([^"]+)"')


class MultipartError(ValueError):
    """The body is not what the ingest endpoint takes; the text says why."""


@dataclass(frozen=True)
class Upload:
    """A stored file.

    :param path: its bytes, in the sandbox's temporary folder.
    :param at: epoch seconds.
    :param label: credential it came with.
    """

    source_id: str
    name: str
    path: Path
    size: int
    at: float
    label: str

    @property
    def content(self) -> bytes:
        return self.path.read_bytes()

    @cached_property
    def sha256(self) -> str:
        with self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


def boundary_of(content_type: str) -> bytes:
    match = re.fullmatch(r'multipart/form-data;\s*boundary="?([^";]+)"?', content_type.strip())
    if match is None:
        raise MultipartError(
            f"Content-Type must be multipart/form-data with a boundary, not {content_type!r}"
        )
    return match[1].encode("latin-1")


def store_single_part(
    blocks: Iterator[bytes], boundary: bytes, target: Path, *, typed: bool = False
) -> tuple[str, int]:
    """Write the content of the one part to ``target``.

    :param typed: let the part have a Content-Type.
    :returns: file name of the part, and bytes written.
    :raises MultipartError: anything but exactly one part ``file`` with a file name and no Content-Type.
    """
    head, rest = _part_head(blocks, boundary)
    filename = _checked_filename(head, typed=typed)
    delimiter = b"\r\n--" + boundary
    size = 0
    with target.open("wb") as stream:
        while (found := rest.find(delimiter)) < 0:
            # Keep back what may be the beginning of the delimiter.
            safe = max(0, len(rest) - len(delimiter))
            size += stream.write(memoryview(rest)[:safe])
            block = next(blocks, None)
            if block is None:
                raise MultipartError("the closing delimiter is missing")
            rest = rest[safe:] + block
        size += stream.write(memoryview(rest)[:found])
    tail = rest[found + len(delimiter) :] + b"".join(blocks)
    if tail not in (b"--\r\n", b"--"):
        raise MultipartError("there is more than one part, or something after the closing delimiter")
    return filename, size


def _part_head(blocks: Iterator[bytes], boundary: bytes) -> tuple[str, bytes]:
    opening, rest = b"--" + boundary + b"\r\n", b""
    while b"\r\n\r\n" not in rest:
        block = next(blocks, None)
        if block is None or len(rest) > _MOST_HEADER_BYTES:
            raise MultipartError("the part has no complete header")
        rest += block
    if not rest.startswith(opening):
        raise MultipartError("the body does not begin with the delimiter")
    head, _, content = rest[len(opening) :].partition(b"\r\n\r\n")
    return head.decode("utf-8"), content


def _checked_filename(head: str, *, typed: bool) -> str:
    lines = (line.partition(": ") for line in head.split("\r\n"))
    headers = {name.lower(): value for name, _, value in lines}
    if headers.keys() - ({"content-type"} if typed else set()) != {"content-disposition"}:
        raise MultipartError(
            f"the part must have no header but Content-Disposition, it has {sorted(headers)}"
        )
    match = _DISPOSITION.fullmatch(headers["content-disposition"])
    if match is None or match[1] != "file":
        raise MultipartError('the part must be name="file" with a filename')
    return match[2]
