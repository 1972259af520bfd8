"""One file of what an unfinished extraction has read: some readings, whole or not at all.

The first line is a JSON object with the identity of who read what, and a hash over it and all that follows:
readings as JSON Lines, compressed. A file that was cut off, changed or written by others is told from ours.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mode_catalog_provider.errors import SnapshotAlteredError

#: Version of the first line and of the readings.
FORMAT = 1

#: Bytes of readings in one file, uncompressed: when so many are there, it is written. One reading alone that
#: is longer is not kept.
FULL = 2 << 20

#: Bytes of the longest file, and of what is in it, that can be ours: all but full, and one more reading.
LONGEST = 2 * FULL + (1 << 16)

# Level 1 makes SQL a fifth of its size, at some 100 MB a second.
_LEVEL = 1


class Reading(NamedTuple):
    """What was read from Mode with one request.

    :param asset: ``"report"``: the queries of one; ``"member"``: a profile.
    :param token: of the report or member.
    :param mark: what tells whether it has changed since, as listed before it was read.
    :param read_at: Unix seconds of the reading.
    :param rows: the rows that came of it.
    """

    asset: str
    token: str
    mark: str
    read_at: int
    rows: list[dict[str, Any]]

    def encoded(self) -> bytes:
        """Return the reading as a line without its end."""
        return json.dumps(self).encode("ascii")


def packed(identity: Mapping[str, Any], readings: Iterable[bytes]) -> bytes:
    """Return the content of a file.

    :param identity: JSON values.
    :param readings: encoded, :data:`FULL` bytes at most before the last.
    """
    body = zlib.compress(b"\n".join(readings), _LEVEL)
    header = {"format": FORMAT, "identity": identity, "sha256": _hash(identity, body)}
    return json.dumps(header).encode("ascii") + b"\n" + body


def identity_of(content: bytes) -> dict[str, Any]:
    """Return whose a file is, without trusting it; :func:`unpacked` proves it.

    :raises SnapshotAlteredError: it is not such a file.
    """
    identity = _header(content).get("identity")
    if not isinstance(identity, dict):
        raise SnapshotAlteredError("it is not whole")
    return identity


def unpacked(content: bytes) -> Iterator[Reading]:
    """Yield the readings of a file, once it is proved to be what was written.

    :raises SnapshotAlteredError: it is not.
    """
    header, body = _header(content), content.partition(b"\n")[2]
    if header.get("format") != FORMAT or header.get("sha256") != _hash(header.get("identity"), body):
        raise SnapshotAlteredError("it is not whole")
    try:
        unpacker = zlib.decompressobj()
        lines = unpacker.decompress(body, LONGEST)
        if not unpacker.eof:
            raise SnapshotAlteredError("it is longer than one of ours")
        for line in lines.split(b"\n"):
            yield Reading(*json.loads(line))
    except (zlib.error, TypeError, ValueError, RecursionError) as error:
        raise SnapshotAlteredError(f"it cannot be read ({error})") from error


def _header(content: bytes) -> dict[str, Any]:
    try:
        header = json.loads(content.partition(b"\n")[0])
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise SnapshotAlteredError("it is not whole")
    return header


def _hash(identity: Any, body: bytes) -> str:
    canonical = json.dumps(identity, sort_keys=True).encode("ascii")
    return hashlib.sha256(canonical + b"\n" + body).hexdigest()
