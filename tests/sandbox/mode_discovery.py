"""Mode's Discovery (batch) API: short-lived tokens, bulk listings."""

from __future__ import annotations

import base64
import math
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.sandbox.answers import Answer, Request, json_answer
from tests.sandbox.credentials import Key
from tests.sandbox.mode_answers import TOKEN, Route, mode_error
from tests.sandbox.objects import Collection, Member, Query, Report, stamp
from tests.sandbox.pages import clamp, positive
from tests.sandbox.wire import wire_id

if TYPE_CHECKING:
    from tests.sandbox.mode import ModeSandbox

_SCOPE = {"authentication_for": "batch-api", "authorization_type": "read-only"}


@dataclass(frozen=True)
class SignatureToken:
    """A minted Discovery token; ``header`` is the ``Authorization`` it must be used with."""

    token: str
    name: str
    access_key: str
    access_secret: str
    expires_at: datetime
    made_at: datetime
    minted_by: Key
    label: str

    @property
    def header(self) -> str:
        parts = f"{self.token}:{self.access_key}:{self.access_secret}"
        return f"Bearer {base64.b64encode(parts.encode()).decode()}"


class ModeDiscovery:
    """Handlers of ``/batch/{workspace}``. :attr:`tokens` are the signature tokens alive, by token."""

    def __init__(self, mode: ModeSandbox) -> None:
        self._mode = mode
        self._world = mode.world
        self._lock = threading.Lock()
        self._minted = 0
        self._frozen: dict[tuple[str, bool], list[dict[str, Any]]] = {}
        self.tokens: dict[str, SignatureToken] = {}

    def routes(self) -> list[Route]:
        base = f"/batch/{self._mode.workspace}"
        return [
            ("POST", f"{base}/signature_tokens", self._mint),
            ("DELETE", f"{base}/signature_tokens/{TOKEN}", self._delete),
            ("GET", f"{base}/(reports|report_stats|queries|charts|spaces|members)", self._listing),
        ]

    def admits(self, request: Request) -> SignatureToken | None:
        """The live signature token a listing is asked with."""
        header = request.headers.get("Authorization")
        with self._lock:
            alive = [one for one in self.tokens.values() if one.expires_at > datetime.now(UTC)]
        return next((one for one in alive if one.header == header), None)

    # -- tokens --------------------------------------------------------------------------------------------

    def _mint(self, request: Request) -> Answer:
        key = self._mode.key_record(request)
        if self._mode.switches.batch != "ok":
            return mode_error(self._mode.switches.batch)
        if (key.scope or self._mode.switches.key_scope) == "member":
            return mode_error(401, "Unauthorized")
        try:
            name, expires_at = _checked(request.json())
        except (ValueError, TypeError, KeyError) as error:
            return mode_error(400, str(error))
        with self._lock:
            self._minted += 1
            made = SignatureToken(
                token=secrets.token_hex(6),
                name=name,
                access_key=secrets.token_hex(8),
                access_secret=secrets.token_hex(16),
                expires_at=expires_at,
                made_at=datetime.now(UTC),
                minted_by=key,
                label=f"mode:batch-{self._minted}",
            )
            self.tokens[made.token] = made
        self._mode.book.register(made.header, made.label)
        moment = stamp(made.made_at)
        return json_answer(
            {
                "token": made.token,
                "name": name,
                "creator_id": 1,
                "organization_id": 1,
                "access_key": made.access_key,
                "access_secret": made.access_secret,
                "created_at": moment,
                "updated_at": moment,
                "expires_at": stamp(expires_at),
                **_SCOPE,
            }
        )

    def _delete(self, request: Request, token: str) -> Answer:
        with self._lock:
            known = self.tokens.pop(token, None)
        return Answer(204) if known else mode_error(404, "signature token not found")

    # -- listings ------------------------------------------------------------------------------------------

    def _listing(self, request: Request, name: str) -> Answer:
        if status := (self._mode.switches.batch_listings or {}).get(name):
            return mode_error(status)
        params = request.params
        cap = self._mode.switches.batch_per_page_cap
        asked = params.get("per_page") if self._mode.switches.batch_per_page == "honoured" else None
        per_page = clamp(positive(asked, cap), cap)
        page = positive(params.get("page"), 1)
        first = (page - 1) * per_page
        everywhere = params.get("include_spaces") == "all"
        with self._world.lock:
            total, rows = self._lagging(name, everywhere, first, per_page)
        pages = math.ceil(total / per_page)
        links: dict[str, Any] = {"self": {"href": request.entry.target}}
        extra = "&include_spaces=all" if everywhere else ""
        if page < pages:
            links["next_page"] = {"href": f"{request.path}?page={page + 1}&per_page={per_page}{extra}"}
        if page > 1:
            links["prev_page"] = {"href": f"{request.path}?page={page - 1}&per_page={per_page}{extra}"}
        block = {
            "page": page,
            "per_page": per_page,
            "count": len(rows),
            "total_pages": pages,
            "total_count": total,
        }
        return json_answer({name: rows, "pagination": block, "_links": links})

    def _lagging(
        self, name: str, everywhere: bool, first: int, size: int
    ) -> tuple[int, list[dict[str, Any]]]:
        """The rows as they are, or as they were when ``batch_frozen`` was thrown."""
        if not self._mode.switches.batch_frozen:
            self._frozen.clear()
            return self._rows(name, everywhere, first, size)
        if not self._frozen:
            for listing in ("reports", "report_stats", "queries", "spaces", "members"):
                for wide in (False, True):
                    self._frozen[listing, wide] = self._rows(listing, wide, 0, 1_000_000)[1]
        rows = self._frozen[name, everywhere]
        return len(rows), rows[first : first + size]

    def freeze(self) -> None:
        """From now on, whatever happens: what batch listings show at this moment."""
        self._mode.switches.batch_frozen = True
        with self._world.lock:
            self._lagging("reports", False, 0, 1)

    def _rows(self, name: str, everywhere: bool, first: int, size: int) -> tuple[int, list[dict[str, Any]]]:
        if name == "queries":
            reports = [one for one in self._reports(everywhere) if one.batch]
            chosen = self._query_slice(reports, first, size)
            return sum(map(self._batch_total, reports)), [self._query(report, one) for report, one in chosen]
        if name == "charts":
            return 0, []
        if name == "spaces":
            spaces = [one for one in self._world.collections if not one.personal]
            return len(spaces), [self._space(one) for one in spaces[first : first + size]]
        if name == "members":
            members = self._world.members
            return len(members), [self._member(one) for one in members[first : first + size]]
        make = self._report if name == "reports" else self._stat
        reports = self._reports(everywhere)
        return len(reports), [make(one) for one in reports[first : first + size]]

    def _reports(self, everywhere: bool) -> list[Report]:
        personal = {one.token for one in self._world.collections if one.personal}
        switches = self._mode.switches
        return [
            one
            for one in self._world.reports
            if (everywhere or switches.batch_personal or one.collection not in personal)
            and (switches.batch_datasets or not one.is_dataset)
            and (switches.batch_archived or not one.archived)
            and (switches.batch_sees == "more" or not self._refused(one))
        ]

    def _refused(self, report: Report) -> bool:
        vanished = report.vanishes and self._mode.switches.vanishing_reports
        return vanished or report.refused is not None

    def _batch_total(self, report: Report) -> int:
        if report.queries is None:
            return report.made_queries
        return sum(query.batch for query in report.queries)

    def _query_slice(self, reports: list[Report], first: int, size: int) -> Iterator[tuple[Report, Query]]:
        """The queries ``first`` to ``first + size``, making only those."""
        position = 0
        for report in reports:
            count = self._batch_total(report)
            if position + count > first:
                listed = [one for one in self._world.queries_of(report) if one.batch]
                for offset, query in enumerate(listed):
                    if first <= position + offset < first + size:
                        yield report, query
            position += count
            if position >= first + size:
                return

    # -- rows ----------------------------------------------------------------------------------------------

    def _id(self, number: int | None) -> int | str | None:
        return wire_id(number, self._mode.switches.batch_id_type)

    def _space_id(self, token: str) -> int | str | None:
        space = self._world.collection(token)
        return self._id(space.id) if space else None

    def _email(self, username: str | None) -> str | None:
        member = self._world.member(username) if username else None
        return member.email if member else None

    def _report(self, report: Report) -> dict[str, Any]:
        return {
            "id": self._id(report.id),
            "token": report.token,
            "name": report.name,
            "description": report.description,
            "created_at": report.created_at,
            "edited_at": report.edited_at,
            "updated_at": report.updated_at,
            "last_successfully_run_at": report.last_successfully_run_at,
            "last_viewed_at": report.last_viewed_at,
            "last_run_at": report.last_run_at,
            "last_run_token": report.last_run_token,
            "last_run_state": "succeeded",
            "creator_email": self._email(report.creator),
            "space_id": self._space_id(report.collection),
            "space_token": report.collection,
            "report_url": f"https://app.mode.com/{self._world.workspace}/reports/{report.token}",
        }

    def _stat(self, report: Report) -> dict[str, Any]:
        called = self._mode.switches.batch_views
        views = {
            "none": {},
            "other": {"view_count": report.view_count // 2 + 1},
        }.get(called, {called: report.view_count})
        return {
            "report_id": self._id(report.id),
            "report_token": report.token,
            "active_schedules_count": 0,
            "explorations_count": 0,
            **views,
            "recent_manual_run_creators_emails": [],
            "scheduled_run_creators_emails": [],
            "editors_emails": [],
        }

    def _query(self, report: Report, query: Query) -> dict[str, Any]:
        sources = (one.token for one in self._world.data_sources if one.id == query.data_source_id)
        gone = None if query.data_source_id is None else f"{query.data_source_id:012x}"
        return {
            "id": self._id(query.id),
            "token": query.token,
            "name": query.name,
            "raw_query": query.raw_query,
            "creator_email": self._email(report.creator),
            "data_source_token": next(sources, gone),
            "report_id": self._id(report.id),
            "report_token": report.token,
            "space_id": self._space_id(report.collection),
            "space_token": report.collection,
        }

    def _space(self, space: Collection) -> dict[str, Any]:
        return {
            "id": self._id(space.id),
            "token": space.token,
            "name": space.name,
            "description": space.description,
            "space_type": space.space_type,
            "space_url": f"https://app.mode.com/{self._world.workspace}/spaces/{space.token}",
        }

    def _member(self, member: Member) -> dict[str, Any]:
        return {
            "id": self._id(member.id + 5_000_000),
            "token": member.membership,
            "state": member.state,
            "member_email": member.email,
            "member_token": member.token,
            "member_username": member.username,
            "banned_at": None,
            "activated_at": member.created_at,
            "last_report_viewed_at": None,
            "last_report_run_at": None,
            "total_days_engaged": 3,
        }


def _checked(body: Any) -> tuple[str, datetime]:
    wanted = body["signature_token"]
    if not 4 <= len(wanted["name"]) <= 64:
        raise ValueError("name must have 4 to 64 characters")
    if wanted["auth_scope"] != _SCOPE:
        raise ValueError("auth_scope is not a legal one")
    expires_at = datetime.fromisoformat(wanted["expires_at"])
    if expires_at.tzinfo is None or expires_at.timestamp() <= time.time():
        raise ValueError("expires_at must be a time to come, with its offset")
    return wanted["name"], expires_at
