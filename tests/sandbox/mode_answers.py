"""Mode's error bodies, and what a route is."""

from __future__ import annotations

from collections.abc import Callable

from tests.sandbox.answers import Answer, json_answer

_ERROR_IDS = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found"}

# Method, pattern of the whole path, handler (gets the request and the pattern's groups).
Route = tuple[str, str, Callable[..., Answer]]

TOKEN = r"([A-Za-z0-9._-]+)"


def mode_error(status: int | str, message: str = "") -> Answer:
    """Mode's documented error body."""
    status = int(status)
    return json_answer(
        {"id": _ERROR_IDS.get(status, "error"), "message": message or f"status {status}"}, status
    )
