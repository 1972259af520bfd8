"""The body of one upload: a file, streamed between two lines of multipart framing."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from mode_catalog_provider.errors import ModeCatalogError, SnapshotAlteredError, SnapshotIncompleteError
from mode_catalog_provider.text import visible

CHUNK = 1024 * 1024


class FileBody:
    """A ``multipart/form-data`` body with exactly one part, ``file``, read from the disk as it is sent.

    Iterating opens the file anew, so every attempt sends it from its first byte. The last chunk is held back
    until the whole file is known to be the expected one: Catalog never receives a changed file whole.

    :param open_file: opens the file for reading bytes.
    :param name: base name that the part carries.
    :param size: bytes the file must have.
    :param sha256: hash the file must have, in hex.
    """

    def __init__(self, open_file: Callable[[], BinaryIO], *, name: str, size: int, sha256: str) -> None:
        boundary = secrets.token_hex(16)
        # quoting as browsers do it (HTML living standard, "multipart form data")
        quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        self._open_file = open_file
        self._name = name
        self._size = size
        self._sha256 = sha256
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{quoted}"\r\n\r\n'
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.content_type = f"multipart/form-data; boundary={boundary}"
        #: whether the last attempt handed the whole body over, so that Catalog may have stored the file
        self.handed_over = False

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        self.handed_over = False
        yield self._head
        held_back = b""
        for chunk in self._checked_chunks():
            if held_back:
                yield held_back
            held_back = chunk
        # set before the last bytes leave: from here on nobody can tell whether they arrived
        self.handed_over = True
        yield held_back + self._tail

    def _checked_chunks(self) -> Iterator[bytes]:
        digest, left = hashlib.sha256(), self._size

        def next_chunk() -> bytes:
            chunk = file.read(CHUNK)
            digest.update(chunk)
            return chunk

        try:
            # One chunk ahead: reading, perhaps from another host, and hashing need not hold up the sending.
            with self._open_file() as file, ThreadPoolExecutor(1, "read-ahead") as reader:
                coming = reader.submit(next_chunk)
                while left >= 0 and (chunk := coming.result()):
                    left -= len(chunk)
                    coming = reader.submit(next_chunk)
                    yield chunk
        # an OSError would pass for a broken connection to Catalog, which it is not
        except FileNotFoundError as error:
            raise SnapshotIncompleteError(
                f"{self._name} disappeared while it was being uploaded; Catalog did not get it whole."
            ) from error
        except ModeCatalogError:
            raise
        # of an object store's library as well: some of its errors are those of the library that sends
        except Exception as error:
            why = visible(error, 300) or type(error).__name__
            raise ModeCatalogError(
                f"{self._name} could not be read while it was being uploaded: {why}. Catalog did not get it "
                f"whole; the upload may be tried again."
            ) from error
        if left != 0 or digest.hexdigest() != self._sha256:
            raise SnapshotAlteredError(
                f"{self._name} changed while it was being uploaded; Catalog did not get it whole. Nothing "
                f"may write into a snapshot: extract again and upload that."
            )
