"""What is asked and what is answered, as the parts of the sandbox pass it around."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.sandbox.faults import HTML_PAGE
from tests.sandbox.record import RecordedRequest


@dataclass
class Answer:
    """What is to be sent; ``headers`` win over the ones the plumbing adds."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def json_answer(payload: Any, status: int = 200, **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(
        status, json.dumps(payload).encode(), {"Content-Type": "application/json; charset=utf-8", **names}
    )


def html_answer(status: int = 200) -> Answer:
    return Answer(status, HTML_PAGE, {"Content-Type": "text/html; charset=utf-8"})


class BrokenRequestError(Exception):
    """The client went away, or its body cannot be read to its end."""


@dataclass
class Request:
    """One request, its body still on the wire.

    :param path: the decoded path without the query.
    :param label: label of the credential it carries.
    :param answer_headers: headers every answer to it gets.
    """

    method: str
    path: str
    query: str
    headers: Any
    label: str
    entry: RecordedRequest
    _blocks: Iterator[bytes]
    answer_headers: dict[str, str] = field(default_factory=dict)

    @property
    def params(self) -> dict[str, str]:
        return dict(parse_qsl(self.query, keep_blank_values=True))

    def blocks(self) -> Iterator[bytes]:
        """The body in pieces; what is not taken is drained before the answer is sent."""
        return self._blocks

    def body(self) -> bytes:
        return b"".join(self._blocks)

    def json(self) -> Any:
        """The body as JSON, ``None`` when it is empty; ``ValueError`` when it is not JSON."""
        body = self.body()
        return json.loads(body) if body else None
