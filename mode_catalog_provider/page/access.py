"""Who may see the page, and what a browser may do with it.

An application that a plugin mounts has no authentication of its own, so each of its routes asks Airflow.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag, requires_access_view

__all__ = ["HEADERS", "GetUserDep", "WithHeaders", "may_read", "may_read_dag", "readable_dags", "signed_in"]

#: On every answer. Nothing runs that is not a file of the page itself: the frame shares Airflow's session, so
#: a script in a report's name would be a stolen one.
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}

#: Airflow's checks, as dependencies of routes: 401 for nobody, 403 for somebody without the right.
signed_in = requires_access_view(AccessView.WEBSITE)
may_read_dag = requires_access_dag("GET")


def readable_dags(user: Any) -> set[str]:
    """Return the DAGs whose workspaces a user may see."""
    return get_auth_manager().get_authorized_dag_ids(user=user, method="GET")


def may_read(user: Any, dag_id: str, part: str) -> bool:
    """Return whether a user may read a part of a DAG, such as ``RUN`` or ``XCOM``."""
    return get_auth_manager().is_authorized_dag(
        method="GET", access_entity=DagAccessEntity[part], details=DagDetails(id=dag_id), user=user
    )


_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]


class WithHeaders:
    """An application whose every answer, refusals and errors as well, has :data:`HEADERS`.

    :param application: as ASGI knows it.
    """

    def __init__(self, application: Callable[[_Message, _Receive, _Send], Awaitable[None]]) -> None:
        self._application = application
        self._headers = [(name.encode("ascii"), value.encode("ascii")) for name, value in HEADERS.items()]

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer one request."""

        async def send_with_headers(message: _Message) -> None:
            if message["type"] == "http.response.start":
                ours = {name for name, _ in self._headers}
                others = [pair for pair in message.get("headers", ()) if pair[0].lower() not in ours]
                message["headers"] = [*others, *self._headers]
            await send(message)

        await self._application(scope, receive, send_with_headers)
