"""Bodies turned into JSON, and what is quoted of a refusal."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mode_catalog_provider.errors import MalformedResponseError, ResponseTruncatedError
from mode_catalog_provider.http.response import EXCERPT_CHARACTERS, Answer, excerpt, read_json


def answer(body: bytes | str, *, status: int = 200, kind: str = "application/json") -> Answer:
    raw = body.encode() if isinstance(body, str) else body
    return Answer(status=status, headers={"Content-Type": kind}, body=raw, asked="Mode GET /api/x")


def test_json_is_read() -> None:
    assert read_json(answer('{"a": [1, "é"]}')) == {"a": [1, "é"]}


def test_a_number_that_is_none_is_read_as_nothing() -> None:
    read = read_json(answer('{"a": NaN, "b": -Infinity, "c": 1e400, "d": [1.5, {"e": Infinity}]}'))
    assert read == {"a": None, "b": None, "c": None, "d": [1.5, {"e": None}]}


def test_an_answer_that_is_let_go_of_is_empty_before_its_value_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = answer('{"a": 1}')
    kept: list[bytes] = []
    monkeypatch.setattr(json, "loads", lambda text, **_: kept.append(asked.body))

    read_json(asked, let_go=True)

    assert kept == [b""]


def test_an_answer_is_kept_where_nobody_let_go_of_it() -> None:
    asked = answer('{"a": 1}')

    read_json(asked)

    assert asked.body == b'{"a": 1}'


def test_an_answer_that_was_let_go_of_and_breaks_off_still_tells_its_length() -> None:
    with pytest.raises(ResponseTruncatedError, match="after 6 bytes"):
        read_json(answer('{"a": '), let_go=True)


def test_an_empty_body_is_none() -> None:
    assert read_json(answer("", status=204)) is None


def test_comments_without_a_page_behind_them_are_looked_at_once() -> None:
    # Tried in all ways of parting them, forty would take days.
    assert not answer("<!-- build 7 -->" * 40 + "<p>").is_web_page
    assert answer("<!-- build 7 -->" * 40 + "<html>").is_web_page


@pytest.mark.parametrize("body", ["<!DOCTYPE html><p>Sign in", "  <html></html>", "<HTML>"])
@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json"])
def test_a_web_page_is_named_as_what_it_is_also_with_status_200(body: str, kind: str) -> None:
    with pytest.raises(
        MalformedResponseError, match="a web page instead of JSON: a sign-in or proxy page"
    ) as caught:
        read_json(answer(body, kind=kind))
    assert caught.value.status == 200


@given(cut=st.integers(1, 40))
def test_text_that_breaks_off_is_truncated(cut: int) -> None:
    whole = json.dumps({"rows": [{"token": "a"}, {"token": "b"}], "n": 12345})
    if whole[:cut][-1] in "}]":
        return
    with pytest.raises(ResponseTruncatedError, match="breaks off"):
        read_json(answer(whole[:cut]))


_DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize("body", ["Bad gateway", b"\xff\xfe\x00", "{]", "'a'", _DEEP])
def test_what_is_not_json_is_malformed(body: bytes | str) -> None:
    with pytest.raises(MalformedResponseError, match="not JSON"):
        read_json(answer(body))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"id": "not_found", "message": "report not found"}', "report not found"),
        ('{"message": {"name": ["is too long"]}}', '{"name": ["is too long"]}'),
        ('{"errors": [{"message": "no"}]}', '[{"message": "no"}]'),
        ('{"id": "forbidden"}', ""),
        ("", ""),
        ("upstream\r\n  failed\t\x00!", "upstream failed !"),
        ('{"message": "status 404"}', ""),
        ('{"message": "Not Found"}', "Not Found"),
        ("Error 404: not found.", ""),
        ('{"errors": "status 500"}', "status 500"),
        ("<html><body>Sign in</body></html>", "a web page, not an answer of the API"),
        (_DEEP, f"{'[' * 199}…"),
        (f'{{"message": {_DEEP}}}', f'{{"message": {"[" * 187}…'),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_refusal_is_quoted_by_its_message(body: str, said: str) -> None:
    assert excerpt(answer(body, status=404)) == said


@given(st.binary(max_size=2000))
def test_a_quotation_is_short_and_one_line_whatever_comes(body: bytes) -> None:
    said = excerpt(answer(body))
    assert len(said) <= EXCERPT_CHARACTERS
    assert said.isprintable() or not set(said) & {"\n", "\r", "\x1b", "\x00"}


@given(st.text("abcdef", min_size=4, max_size=30), st.text(max_size=150), st.text(max_size=150))
def test_an_echoed_secret_is_not_quoted_not_even_in_part(secret: str, before: str, after: str) -> None:
    body = json.dumps({"message": f"{before}{secret}{after}"})
    if secret not in before + after:
        assert secret not in excerpt(answer(body), hide=[secret])


@pytest.mark.parametrize(
    ("secret", "body"),
    [
        ("0123456789abcdef", " " * 3990 + "0123456789abcdef"),
        ('a "quoted" \\ phrase', json.dumps({"errors": [{"message": 'a "quoted" \\ phrase'}]})),
        ("päss wörd", json.dumps({"errors": {"seen": "päss wörd"}}, ensure_ascii=False)),
    ],
    ids=["behind so much space that the text is cut within it", "with quotes, in an object", "in an object"],
)
def test_a_secret_is_not_quoted_however_it_is_echoed(secret: str, body: str) -> None:
    said = excerpt(answer(body, status=400), hide=[secret])
    assert "…" in said
    assert not any(part in said for part in (secret[:8], "quoted", "wörd"))


def test_a_type_that_an_answer_says_is_not_repeated_as_it_stands() -> None:
    with pytest.raises(MalformedResponseError) as caught:
        read_json(answer("text", kind="\x9b31m https://evil.example" + "x" * 5000))
    said = str(caught.value)
    assert said.isprintable()
    assert "://" not in said
    assert len(said) < 300
