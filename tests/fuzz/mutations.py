"""Odd bytes from good ones: what a broken disk, a proxy, or somebody who means harm makes of a document."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

#: Values that parsers stumble over, wherever one stands.
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    "",
    "\ud800",
    "\x00",
    "x" * 300,
    "\u202e\u200b",
    -1,
    0.5,
    1e308,
    10**400,
    float("nan"),
    float("inf"),
    "9" * 5000,
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    [],
    {},
    [[]],
    {"": {}},
    [None],
)

ODD_BYTES = (
    b"\xff",
    b"\x00",
    b"\r\n",
    b'"',
    b"\\ud800",
    b"[" * 3000,
    b'{"a":' * 3000,
    b"9" * 4301,
    b"-",
    b"1e999",
    b"NaN",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xae",
    b"\xb2",
    b"}",
    b"]",
    b",",
)


def mutated_document(document: Any, chance: random.Random) -> Any:
    """Put odd values into a JSON value, in one to three places; keys are dropped and added as well."""
    changed = json.loads(json.dumps(document))
    for _ in range(chance.randint(1, 3)):
        changed = _changed(changed, chance)
    return changed


def _changed(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(list(value))
        kind = chance.random()
        if kind < 0.1:
            del value[key]
        elif kind < 0.2:
            value[chance.choice(("", "x", "token", "version", "__class__"))] = copy.deepcopy(
                chance.choice(ODD_VALUES)
            )
        else:
            value[key] = _changed(value[key], chance)
        return value
    if isinstance(value, list) and value and chance.random() < 0.85:
        place = chance.randrange(len(value))
        kind = chance.random()
        if kind < 0.15:
            del value[place]
        elif kind < 0.3:
            value.append(copy.deepcopy(chance.choice(ODD_VALUES)))
        else:
            value[place] = _changed(value[place], chance)
        return value
    return copy.deepcopy(chance.choice(ODD_VALUES))


def mutated_bytes(content: bytes, chance: random.Random) -> bytes:
    """Flip, drop, repeat or insert bytes, in one to four places."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed) + 1)
        kind = chance.randrange(6)
        if kind == 0 and place < len(changed):
            changed[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del changed[place : place + chance.randint(1, 12)]
        elif kind == 2:
            changed[place:place] = changed[place : place + chance.randint(1, 40)]
        elif kind == 3:
            changed[place:place] = chance.choice(ODD_BYTES)
        elif kind == 4:
            del changed[place:]
        else:
            changed[place:place] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 8)))
    return bytes(changed)


def as_json(document: Any, chance: random.Random) -> bytes:
    """Write a JSON value, mostly as others do; lone surrogates as escapes."""
    return json.dumps(document, ensure_ascii=True, indent=chance.choice((None, 1))).encode()
