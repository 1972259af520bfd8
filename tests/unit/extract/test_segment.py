"""A file of readings: whole, or known not to be."""

from __future__ import annotations

import json

import pytest

from mode_catalog_provider.errors import SnapshotAlteredError
from mode_catalog_provider.extract.segment import LONGEST, Reading, identity_of, packed, unpacked

IDENTITY = {"workspace": "acme", "options": {"include_collections": ["é \ud800"]}}
READINGS = [
    Reading(
        "report", 'r "\\\n\ud800é', "mark", 1_700_000_000, [{"token": "q1", "raw_query": "sélect\n\u2028"}]
    ),
    Reading("report", "r2", "mark", 1_700_000_001, []),
    Reading("member", "m1", "mark", 1_700_000_002, [{"token": "m1", "id": 1.5e300, "name": None}]),
]


def test_what_is_written_is_what_is_read() -> None:
    content = packed(IDENTITY, [one.encoded() for one in READINGS])
    assert identity_of(content) == IDENTITY
    assert list(unpacked(content)) == READINGS
    assert [list(one.rows[0]) for one in unpacked(content) if one.rows] == [
        list(one.rows[0]) for one in READINGS if one.rows
    ]


@pytest.mark.parametrize("place", range(0, 400, 7))
def test_no_byte_of_it_can_change_unseen(place: int) -> None:
    content = bytearray(packed(IDENTITY, [one.encoded() for one in READINGS]))
    place %= len(content)
    content[place] ^= 1
    try:
        changed = identity_of(bytes(content)) != IDENTITY
        readings = list(unpacked(bytes(content)))
    except SnapshotAlteredError:
        return
    assert not changed
    assert readings == READINGS


def test_the_identity_of_another_cannot_be_put_before_it() -> None:
    header, _, body = packed(IDENTITY, [READINGS[0].encoded()]).partition(b"\n")
    other = json.dumps({**json.loads(header), "identity": {"workspace": "other"}}).encode()
    with pytest.raises(SnapshotAlteredError):
        list(unpacked(other + b"\n" + body))


@pytest.mark.parametrize(
    "lines", [[b" " * (LONGEST + 1)], [b"{}"], [b"1"], [b'["report"]'], [b""]], ids=["bomb", *"1234"]
)
def test_what_cannot_be_ours_is_refused_in_bounded_memory(lines: list[bytes]) -> None:
    with pytest.raises(SnapshotAlteredError):
        list(unpacked(packed(IDENTITY, lines)))
