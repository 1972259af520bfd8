"""Let Mode read the tables and columns of its connections anew, so that its editor shows new ones.

Mode answers such a request without an id to ask about later: what can be known is that it was accepted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mode_catalog_provider.errors import (
    AmbiguousRequestError,
    AuthenticationError,
    RateLimitedError,
    RequestRefusedError,
    UnreachableError,
)
from mode_catalog_provider.text import visible

if TYPE_CHECKING:
    from mode_catalog_provider.mode.client import ModeClient

log = logging.getLogger(__name__)

ASKED, ACCEPTED, REFUSED = "asked", "accepted", "refused"
_UNCLEAR = "nobody can tell whether Mode started it; look at the connection in Mode before asking again"


def update_schemas(
    client: ModeClient,
    data_sources: Iterable[Mapping[str, Any]],
    *,
    memory: Mapping[str, str] | None = None,
    remember: Callable[[dict[str, str]], None] = lambda memory: None,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Ask for one schema update of each connection, once.

    :param data_sources: rows with ``token`` and ``name``.
    :param memory: what ``remember`` was given last in an earlier try: none of it is asked for again.
    :param remember: called before and after each request with a JSON dict.
    :param check: called before each request, so that it can raise to stop.
    :return: like :func:`mode_catalog_provider.refresh.progress.result_of`; ``report`` is the
        connection's token and ``run`` is always ``None``.
    """
    states = dict(memory or {})
    rows, started = [], 0
    for source in data_sources:
        token, error = str(source["token"]), None
        if token not in states:
            check()
            states[token] = ASKED
            remember(states)
            try:
                error = _ask(client, token, states)
            finally:
                remember(states)
            started += states.get(token) == ACCEPTED
        elif states[token] == ASKED:
            error = _UNCLEAR
        state = states.get(token, REFUSED)
        name = visible(source.get("name"))
        log.info("Schema update of connection '%s' (%s): %s.", name, token, error or state)
        rows.append({"report": token, "run": None, "state": state, "seconds": None, "error": error})
    failed = sum(row["error"] is not None for row in rows)
    return {"runs": rows, "started": started, "joined": 0, "skipped": 0, "failed": failed}


def _ask(client: ModeClient, token: str, states: dict[str, str]) -> str | None:
    try:
        client.post_once(f"data_sources/{token}/schema_updates")
    except AmbiguousRequestError:
        return _UNCLEAR
    except RequestRefusedError as refusal:
        del states[token]
        return str(refusal).rstrip(".")
    except (AuthenticationError, RateLimitedError, UnreachableError):
        # Surely not carried out, so the next try may ask.
        del states[token]
        raise
    states[token] = ACCEPTED
    return None
