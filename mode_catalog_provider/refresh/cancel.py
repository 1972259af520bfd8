"""Stop runs in Mode."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from mode_catalog_provider.errors import MalformedResponseError, ModeCatalogError, RequestRefusedError
from mode_catalog_provider.refresh.runs import BAD_STATES, GOOD_STATES

if TYPE_CHECKING:
    from mode_catalog_provider.mode.client import ModeClient

log = logging.getLogger(__name__)


def cancel_quietly(client: ModeClient, path: str) -> bool:
    """Cancel a run if that is possible; never raise what only says that it was not.

    :return: whether Mode took the request.
    """
    try:
        return cancel_run(client, path)
    except ModeCatalogError as error:
        log.warning("Run %s could not be cancelled: %s", path, error)
        return False


def cancel_run(client: ModeClient, path: str) -> bool:
    """Ask Mode to stop a run, by the form that the run itself carries.

    :param path: its :attr:`ModeRun.path`.
    :return: whether Mode was asked; ``False`` when there was nothing left to stop, or Mode offers no way to.
    :raises MalformedResponseError: the form points away from this API.
    """
    try:
        body = client.get(path)
    except RequestRefusedError:
        return False
    form = body.get("_forms", {}).get("cancel") if isinstance(body.get("_forms"), dict) else None
    if not isinstance(form, dict) or body.get("state") in GOOD_STATES | BAD_STATES:
        return False
    client.send_once(_form_method(form), _form_action(form, client.host))
    return True


def _form_method(form: Mapping[str, Any]) -> str:
    method = str(form.get("method", "")).upper()
    if method not in {"POST", "PUT", "PATCH", "DELETE"}:
        raise MalformedResponseError("The cancel form of a Mode run names no method that could cancel.")
    return method


def _form_action(form: Mapping[str, Any], host: str) -> str:
    """The credentials go where the action points, so it must be this host and its API."""
    action = str(form.get("action", ""))
    parts = urlsplit(action)
    origin = f"{parts.scheme}://{parts.netloc}" if parts.scheme or parts.netloc else ""
    segments = unquote(parts.path).split("/")
    if (
        (origin and origin != host)
        or not parts.path.startswith("/api/")
        or {".", ".."} & set(segments)
        or "\\" in action
    ):
        raise MalformedResponseError(
            "The cancel form of a Mode run points away from Mode's API; not followed."
        )
    return parts.path
