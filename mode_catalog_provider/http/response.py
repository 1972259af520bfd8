"""Answers: read within limits, turned into JSON, and quoted in messages without giving anything away."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BytesIO
from typing import Any

import requests

from mode_catalog_provider.errors import (
    MalformedResponseError,
    ResponseGarbledError,
    ResponseTooLargeError,
    ResponseTruncatedError,
)
from mode_catalog_provider.http.statistics import OTHER
from mode_catalog_provider.text import visible

DEFAULT_MAX_BYTES = 128 * 1024 * 1024
"""A page of 30 reports with their whole HTML layouts is a few MB; one answer beyond this is not a listing."""

CHUNK_BYTES = 64 * 1024
EXCERPT_CHARACTERS = 200

#: Bytes in which a web page shows that it is one.
_FIRST_BYTES = 4096

#: A byte order mark, the declaration of XHTML, and comments such as "saved from" may stand before it.
_WEB_PAGE = re.compile(
    rb"(\xef\xbb\xbf)?\s*+(<\?xml[^>]*>\s*+)?(?><!--.*?-->\s*+)*+<(!doctype\s+html|html|head|title|body)\b",
    re.IGNORECASE | re.DOTALL,
)

UNREADABLE = (ValueError, RecursionError, OverflowError)
"""What a parser raises over text that is not what it should be: too deep, too large, not UTF-8."""


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _nothing(_constant: str) -> None:
    """Read ``NaN`` and ``Infinity``, which JSON does not have and no file may hold."""


#: More digits than any count or size that a header tells.
_MOST_DIGITS = 18


@dataclass
class Answer:
    """One whole answer.

    :param status: HTTP status code.
    :param headers: header fields, looked up without regard to case.
    :param body: the body, decompressed; empty once :func:`read_json` was told to let go of it.
    :param asked: method and URL without query string, for messages.
    :param sent_at: when a connection took the request, on the monotonic clock; ``None``: nobody knows.
    :param operation: under which word it was counted.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    asked: str
    sent_at: float | None = None
    operation: str = OTHER

    @property
    def is_html(self) -> bool:
        """Whether the body is a web page: a sign-in or proxy page, never an answer of an API."""
        return "html" in self.headers.get("Content-Type", "").lower() or self.is_web_page

    @property
    def is_web_page(self) -> bool:
        """The same by the text alone, where a service may call what is no page ``text/html``."""
        return _WEB_PAGE.match(self.body[:_FIRST_BYTES]) is not None


def read_body(response: requests.Response, *, max_bytes: int, asked: str) -> bytes:
    """Read a streamed response to its end, decompressing, and never keep more than ``max_bytes`` of it.

    :raises ResponseTooLargeError: the body is, or says it is, larger than ``max_bytes``.
    :raises ResponseTruncatedError: the connection closed before the announced end.
    :raises ResponseGarbledError: the compression is broken.
    """
    announced = whole_number(response.headers.get("Content-Length"))
    if announced is not None and announced > max_bytes:
        raise _too_large(response, max_bytes, asked)
    # Its value is not a copy, so that a large answer is in memory once.
    body = BytesIO()
    try:
        for chunk in response.iter_content(CHUNK_BYTES):
            body.write(chunk)
            if body.tell() > max_bytes:
                raise _too_large(response, max_bytes, asked)
    except requests.exceptions.ContentDecodingError as error:
        raise ResponseGarbledError(
            f"{asked}: the compressed answer cannot be unpacked.", status=response.status_code
        ) from error
    except requests.exceptions.ChunkedEncodingError as error:
        raise ResponseTruncatedError(
            f"{asked}: the connection closed in the middle of the answer.", status=response.status_code
        ) from error
    return body.getvalue()


def read_json(answer: Answer, *, let_go: bool = False) -> Any:
    """Return the JSON value of an answer; an empty body (204) is ``None``.

    :param let_go: empty the answer while it is read, default false: a bulk page may have many megabytes,
        which need not be in memory as bytes, as text and as a value at once.
    :raises ResponseTruncatedError: the text breaks off.
    :raises MalformedResponseError: HTML, or not JSON at all.
    """
    if answer.is_html:
        raise MalformedResponseError(
            f"{answer.asked} answered {answer.status} with a web page instead of JSON: a sign-in or proxy "
            "page stands in front of the service.",
            status=answer.status,
        )
    body = answer.body.strip()
    size, ends = len(answer.body), (body[:1], body[-1:])
    if not body:
        return None
    if let_go:
        answer.body = b""
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        del body
        return json.loads(text, parse_float=_finite, parse_constant=_nothing)
    except UNREADABLE as error:
        if ends[0] in (b"{", b"[") and ends[1] not in (b"}", b"]"):
            raise ResponseTruncatedError(
                f"{answer.asked}: the answer breaks off after {size} bytes.", status=answer.status
            ) from error
        raise MalformedResponseError(
            f"{answer.asked} answered {answer.status} with something that is not JSON "
            f"({visible(answer.headers.get('Content-Type', 'no content type'))}).",
            status=answer.status,
        ) from error


def excerpt(answer: Answer, *, hide: Iterable[str] = ()) -> str:
    """Quote what a service said about a refusal, short and on one line.

    :param answer: the refusal; of a JSON body only ``message`` (text or object), ``errors`` or ``error``.
    :param hide: texts that must not be repeated (the credential, should the service echo it).
    :return: up to 200 characters, empty when it said nothing beyond its status, which our own words tell.
    """
    if answer.is_html:
        return "a web page, not an answer of the API"
    try:
        said = json.loads(answer.body) if answer.body.strip() else ""
    except UNREADABLE:
        said = answer.body.decode("utf-8", "replace")
    if isinstance(said, Mapping):
        said = next((said[key] for key in ("message", "errors", "error") if said.get(key)), "")
    if not isinstance(said, str):
        try:
            said = json.dumps(said, ensure_ascii=False)
        except RecursionError:
            said = ""
    hidden = {form for text in hide if text for form in (text, json.dumps(text, ensure_ascii=False)[1:-1])}
    for text in sorted(hidden, key=len, reverse=True):
        said = said.replace(text, "…")
    line = re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", said[: 20 * EXCERPT_CHARACTERS])
    return "" if _is_status(line, answer.status) else visible(line, EXCERPT_CHARACTERS)


def _is_status(said: str, status: int) -> bool:
    """Whether a text only repeats the status: ``404``, ``status 404``, ``Error 404: Not Found``."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    words = (str(status), "http", "status", "code", "error", *phrase.split())
    said_words = re.findall(r"\w+", said.lower())
    return str(status) in said_words and set(said_words) <= {word.lower() for word in words}


def whole_number(text: str | None) -> int | None:
    """Read a header that holds a whole number, ``None`` when it does not."""
    digits = (text or "").strip()
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS else None


def _too_large(response: requests.Response, max_bytes: int, asked: str) -> ResponseTooLargeError:
    return ResponseTooLargeError(
        f"{asked}: the answer is larger than the limit of {max_bytes / 1024 / 1024:.0f} MiB.",
        status=response.status_code,
    )
