from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mode_catalog_provider.text import cell, first_of, markdown, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, ""),
        ("Revenue - Übersicht", "Revenue - Übersicht"),
        ("line\r\nERROR - forged", "line\\r\\nERROR - forged"),
        ("\x1b[31mred\x07\x00", "\\x1b[31mred\\x07\\x00"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
        ("https://evil.example www.evil.example", "https[:]//evil.example www[.]evil.example"),
        ("javascript:alert(1)", "javascript[:]alert(1)"),
        ("\U000e0041\U000e007f", "\\U000e0041\\U000e007f"),
        ("a\ufe00b\ufe0fc\U000e0100d", "a\\ufe00b\\ufe0fc\\U000e0100d"),
        ("\u3164\uffa0\u115f\u2800\u034f\u180e", "\\u3164\\uffa0\\u115f\\u2800\\u034f\\u180e"),
        (
            "Love \u2764\ufe0f 1\ufe0f\u20e3 \U0001f336\ufe0f",
            "Love \u2764\ufe0f 1\ufe0f\u20e3 \U0001f336\ufe0f",
        ),
        (42, "42"),
        ({"html": "x"}, "{'html': 'x'}"),
    ],
)
def test_a_strangers_text_is_shown_as_one_printable_line(text: object, shown: str) -> None:
    assert visible(text) == shown


def _nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


def test_what_cannot_be_written_out_is_called_by_its_type() -> None:
    assert visible(_nested(200_000)) == "(list)"
    assert visible(10**5000) == "(int)"


def test_a_long_name_is_shortened() -> None:
    assert visible("x" * 10_000_000) == "x" * 99 + "…"


@given(st.text(alphabet=st.characters(), max_size=300), st.integers(min_value=2, max_value=120))
def test_whatever_the_text_one_bounded_printable_line_comes_out(text: str, limit: int) -> None:
    shown = visible(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    assert "://" not in shown


def test_markdown_and_html_see_nothing_but_text() -> None:
    assert markdown("<img src=x> [a](b) `c` & *d*") == (
        "&lt;img src=x&gt; \\[a\\]\\(b\\) \\`c\\` &amp; \\*d\\*"
    )


def test_markdown_makes_no_link_of_an_email_address() -> None:
    # Escaped alone, it would be one: links are looked for in what remains of escapes.
    assert markdown("pay@evil.example at @home") == "pay\\[\\@\\]evil.example at \\@home"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Revenue", "Revenue"),
        ("", ""),
        ("=1", "'=1"),
        ("  +1", "'  +1"),
        ("\n=1", "'\\n=1"),
        ("\tx", "'\\tx"),
        ("-2", "'-2"),
        ("\uff1d1", "'\uff1d1"),
        ("a-2", "a-2"),
        ("a\x1b[31m\x00\u202e", "a\\x1b[31m\\x00\\u202e"),
        ("x" * 500, "x" * 500),
    ],
)
def test_a_cell_of_a_table_is_printable_and_no_formula(text, shown):
    assert cell(text) == shown


def test_the_first_few_of_many_are_named_and_the_rest_is_counted() -> None:
    assert first_of(["a", "b", "c"], 2) == "a, b, and 1 more"
    assert first_of(iter(["a", "b", "c"]), 2) == "a, b, and 1 more"
    assert first_of(["a", "b"], 2, of=7) == "a, b, and 5 more"
    assert first_of(["a\n"], 2) == "a"
