"""Control of running servers by other processes: JSON calls below ``/_sandbox/`` on either port.

============================ ============================================================================
call                         what it does
============================ ============================================================================
GET state                    addresses, credentials, connections, counts of requests
GET mode/requests            the record (likewise catalog/requests); DELETE empties it
POST mode/switches           throw switches, e.g. ``{"latency": 0.3}`` (likewise catalog/switches)
POST mode/faults             e.g. ``{"path_glob": "spaces", "status": 503}`` (likewise catalog/faults); DELETE
                             clears all
POST mode/rotate             new key, the old one is dead (likewise catalog/rotate)
POST mode/revoke             ``{"after": n}``
POST mode/expected           rows of a complete extraction; body = options, e.g. ``{"members": "lite"}``
POST mode/expected_left_out  what it must list as left out
POST mode/world/{method}     add_report, remove_report, move_report, edit_report, add_member, add_query, with
                             the method's arguments by name
GET mode/runs                the runs started
POST mode/runs               script the next run, e.g. ``{"report": token, "outcome": "failed"}``
GET catalog/uploads          what was stored; DELETE forgets it
GET catalog/uploads/{name}   the bytes of one file
POST catalog/ingest_warehouse  ``{"at": ISO time}`` or ``{}`` for now (likewise catalog/ingest_mode)
============================ ============================================================================
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.sandbox.answers import Answer
from tests.sandbox.server import SandboxServer

if TYPE_CHECKING:
    from tests.sandbox.sandbox import Sandbox

_WORLD_METHODS = ("add_report", "remove_report", "move_report", "edit_report", "add_member", "add_query")


class Control:
    """Carries out control calls; called by both servers."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def __call__(self, method: str, path: str, body: Any) -> Any:
        """Answer ``{method} /_sandbox/{path}``.

        :raises LookupError: no such control.
        :raises ValueError: the body does not fit.
        """
        service, _, rest = path.partition("/")
        if path in ("", "state"):
            return self._state()
        if service not in ("mode", "catalog"):
            raise LookupError(path)
        server: SandboxServer = getattr(self._sandbox, service)
        found = getattr(self, f"_{method.lower()}_{rest.split('/')[0]}", None)
        if found is None:
            raise LookupError(f"{method} {path}")
        return found(server, rest, body or {})

    def _state(self) -> dict[str, Any]:
        mode, catalog = self._sandbox.mode, self._sandbox.catalog
        return {**self._sandbox.describe(), "requests": [mode.record.total, catalog.record.total]}

    # -- both ----------------------------------------------------------------------------------------------

    def _get_requests(self, server: SandboxServer, rest: str, body: Any) -> Any:
        return [entry.to_json() for entry in server.requests]

    def _delete_requests(self, server: SandboxServer, rest: str, body: Any) -> Any:
        server.record.clear()
        return {}

    def _post_switches(self, server: Any, rest: str, body: Any) -> Any:
        return asdict(server.switches.throw(**body))

    def _post_faults(self, server: SandboxServer, rest: str, body: Any) -> Any:
        if isinstance(body.get("body"), str):
            body["body"] = body["body"].encode()
        server.fault(**body)
        return {}

    def _delete_faults(self, server: SandboxServer, rest: str, body: Any) -> Any:
        server.faults.clear()
        return {}

    def _post_rotate(self, server: Any, rest: str, body: Any) -> Any:
        server.rotate()
        return self._sandbox.describe()

    # -- Mode ----------------------------------------------------------------------------------------------

    def _post_revoke(self, server: Any, rest: str, body: Any) -> Any:
        self._sandbox.mode.revoke_after(int(body.get("after", 0)))
        return {}

    def _post_expected(self, server: Any, rest: str, body: Any) -> Any:
        return self._sandbox.mode.expected(**body)

    def _post_expected_left_out(self, server: Any, rest: str, body: Any) -> Any:
        entries = self._sandbox.mode.expected_left_out(**body)
        return sorted([list(entry) for entry in entries], key=str)

    def _post_world(self, server: Any, rest: str, body: Any) -> Any:
        method = rest.partition("/")[2]
        if method not in _WORLD_METHODS:
            raise LookupError(f"mode/world/{method}")
        made = getattr(self._sandbox.mode.world, method)(**body)
        return {"token": made.token} if made is not None else {}

    def _get_runs(self, server: Any, rest: str, body: Any) -> Any:
        mode = self._sandbox.mode
        return [
            {
                "token": run.token,
                "report": run.report.token,
                "state": run.state(mode.service_now()),
                "by": run.by,
                "reads": run.reads,
            }
            for run in mode.runs.started()
        ]

    def _post_runs(self, server: Any, rest: str, body: Any) -> Any:
        self._sandbox.mode.runs.script(**body)
        return {}

    # -- Catalog -------------------------------------------------------------------------------------------

    def _get_uploads(self, server: Any, rest: str, body: Any) -> Any:
        name = rest.partition("/")[2]
        uploads = self._sandbox.catalog.uploads
        if name:
            found = next((one for one in uploads if one.name == name), None)
            if found is None:
                raise LookupError(f"catalog/uploads/{name}")
            return Answer(200, found.content)
        return [
            {
                "source_id": one.source_id,
                "name": one.name,
                "size": one.size,
                "sha256": one.sha256,
                "at": one.at,
                "key": one.label,
            }
            for one in uploads
        ]

    def _delete_uploads(self, server: Any, rest: str, body: Any) -> Any:
        self._sandbox.catalog.forget_uploads()
        return {}

    def _post_ingest_warehouse(self, server: Any, rest: str, body: Any) -> Any:
        self._sandbox.catalog.ingest_warehouse(_moment(body.get("at")))
        return {}

    def _post_ingest_mode(self, server: Any, rest: str, body: Any) -> Any:
        self._sandbox.catalog.ingest_mode(_moment(body.get("at")))
        return {}


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
