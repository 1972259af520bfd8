from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mode_catalog_provider.snapshot.row_stream import json_rows

rows = st.lists(
    st.dictionaries(
        st.text(max_size=5),
        st.none() | st.booleans() | st.integers() | st.text() | st.just('{[,]}\\"'),
        max_size=4,
    ),
    max_size=6,
)


def _chunks(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


@given(rows, st.integers(1, 40), st.booleans(), st.sampled_from([None, 1]))
def test_rows_are_the_same_however_the_bytes_are_cut(
    found: list[dict[str, Any]], size: int, ascii_only: bool, indent: int | None
) -> None:
    content = json.dumps(found, ensure_ascii=ascii_only, indent=indent).encode("utf-8")
    assert list(json_rows(_chunks(content, size))) == found


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"{}",
        b"[",
        b"[{}",
        b"[{},",
        b"[{},]",
        b"[,{}]",
        b"[{} {}]",
        b"[{}}",
        b"[{}]]",
        b"[{}][]",
        b"[1]",
        b"[null]",
        b"[[]]",
        b'["a"]',
        b"[{]",
        b'[{"a": NaN}]',
        b'[{"a": -Infinity}]',
        b'[{"a": "\xff"}]',
        b'[{"a": "\n"}]',
        b"\xef\xbb\xbf[]",
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_anything_but_one_array_of_objects_is_refused(content: bytes, size: int) -> None:
    with pytest.raises(ValueError, match=r".+"):
        list(json_rows(_chunks(content, size)))


@given(st.text('[]{},:"a1- ', max_size=30))
def test_no_text_is_read_differently_than_json_reads_it(content: str) -> None:
    try:
        found = list(json_rows([b"[{}", content.encode()]))
    except (ValueError, RecursionError):
        return
    assert found == json.loads("[{}" + content)


def test_a_row_that_never_ends_is_given_up_before_it_fills_the_memory() -> None:
    taken = 0

    def endless() -> Any:
        nonlocal taken
        yield b'[{"a": "'
        while True:
            taken += 1
            yield b"x" * (1 << 20)

    with pytest.raises(ValueError, match=r".+"):
        list(json_rows(endless()))
    assert taken < 200


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it does not begin with '['"),
        (b"({}]", "it does not begin with '['"),
        (b" {{}]", "it does not begin with '['"),
        (b"[{};{}]", "';' instead of ',' or ']' after a row"),
        (b"[{} {}]", "'{' instead of ',' or ']' after a row"),
        (b"[{}", "it ends early"),
        (b"[{},7]", "a row is not an object"),
        (b"[{},]", "a row is not an object"),
        (b"[]{}", "something follows the array"),
        (b"[{}] x", "something follows the array"),
        (b'[{"a": NaN}]', "NaN is not JSON"),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_what_is_wrong_is_told(content: bytes, why: str, size: int) -> None:
    with pytest.raises(ValueError, match=r".+") as raised:
        list(json_rows(_chunks(content, size)))
    assert str(raised.value) == why
