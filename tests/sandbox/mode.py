"""The sandbox's Mode: who may ask, how fast, and which part answers."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

from tests.sandbox.answers import Answer, Request, html_answer, json_answer
from tests.sandbox.credentials import (
    CredentialBook,
    Credentials,
    Key,
    basic_header,
    decode_basic,
    new_credentials,
)
from tests.sandbox.expected import Expected, LeftOutEntry
from tests.sandbox.faults import Fault
from tests.sandbox.limiter import Limiter, Verdict, retry_after_header
from tests.sandbox.mode_answers import mode_error
from tests.sandbox.mode_discovery import ModeDiscovery
from tests.sandbox.mode_listings import ModeListings
from tests.sandbox.mode_rights import ModeRights, Rights
from tests.sandbox.mode_runs import ModeRuns
from tests.sandbox.mode_schedules import ModeSchedules, Schedule
from tests.sandbox.mode_writes import ModeWrites
from tests.sandbox.objects import Report
from tests.sandbox.runs import RunBook
from tests.sandbox.server import SandboxServer
from tests.sandbox.switches import ModeSwitches
from tests.sandbox.wire import workspace_token
from tests.sandbox.world import World


class ModeSandbox(SandboxServer):
    """A server that behaves like Mode for one workspace.

    :param world: the workspace; change it at any time.
    :param switches: change them at any time.
    """

    def __init__(
        self,
        *,
        world: World,
        switches: ModeSwitches,
        book: CredentialBook,
        credentials: Credentials | None = None,
        **options: Any,
    ) -> None:
        super().__init__(book=book, **options)
        self.world = world
        self.switches = switches
        self.rights = Rights()
        self.schedules: list[Schedule] = []
        self.limiter = Limiter(switches)
        self._keys: dict[str, Key] = {}
        self._keys_lock = threading.Lock()
        self._key = self.add_key(credentials or new_credentials())
        self.runs = RunBook(world=world, switches=switches, now=self.service_now, time_scale=self.time_scale)
        self.discovery = ModeDiscovery(self)
        listings = ModeListings(self)
        routes = [
            *ModeWrites(self, listings).routes(),
            *listings.routes(),
            *ModeRights(self).routes(),
            *ModeSchedules(self).routes(),
            *ModeRuns(self, listings).routes(),
            *self.discovery.routes(),
        ]
        self._routes = [(method, re.compile(pattern), handler) for method, pattern, handler in routes]

    # -- credentials ---------------------------------------------------------------------------------------

    @property
    def workspace(self) -> str:
        return self.world.workspace

    @property
    def token(self) -> str:
        return self._key.credentials.token

    @property
    def secret(self) -> str:
        return self._key.credentials.secret

    def credentials(self) -> Credentials:
        """The key that is good now, after a rotation the new one (so a client may take this callable)."""
        return self._key.credentials

    def add_key(self, credentials: Credentials | None = None, *, scope: str = "") -> Key:
        """One more key, with a budget of its own; ``scope`` other than the switch's if given."""
        key = Key(f"mode:key-{len(self._keys) + 1}", credentials or new_credentials(), scope)
        self._keys[key.credentials.token] = key
        self.book.register_basic(key.credentials, key.label)
        return key

    def rotate(self) -> Credentials:
        """Make a new key the good one; the old one is answered with 401 from now on."""
        old, self._key = self._key, self.add_key()
        old.good_for = 0
        return self._key.credentials

    def revoke_after(self, requests: int) -> None:
        """The present key is answered with 401 after so many more requests (0 = at once)."""
        self._key.good_for = requests

    def add_schedule(self, report: Report, **fields: Any) -> Schedule:
        """One more schedule of a report; its row counts it."""
        made = Schedule(token=f"5c{len(self.schedules) + 1:010x}", report=report.token, **fields)
        self.schedules.append(made)
        report.schedules_count += 1
        return made

    # -- the truth -----------------------------------------------------------------------------------------

    def expected(self, **options: Any) -> dict[str, list[dict[str, Any]]]:
        """Rows per asset, sorted by token, that a complete extraction has; options as :class:`Expected`."""
        return Expected(self.world, self.switches, **options).rows()

    def expected_left_out(self, **options: Any) -> set[LeftOutEntry]:
        """``(asset, token, reason)`` of what such an extraction must list as left out."""
        return Expected(self.world, self.switches, **options).left_out()

    # -- answering -----------------------------------------------------------------------------------------

    @property
    def latency(self) -> float:
        return self.switches.latency

    @property
    def compresses(self) -> bool:
        return self.switches.gzip

    def error_answer(self, status: int) -> Answer:
        return mode_error(status)

    def random_fault(self) -> Fault | None:
        share = self.switches.random_faults
        if not share or self.chance() >= share:
            return None
        kind = self.switches.random_fault_kinds[int(self.chance() * len(self.switches.random_fault_kinds))]
        return Fault("*", html=True) if kind == "html" else Fault("*", status=int(kind))

    def admit(self, request: Request) -> Answer | None:
        switches = self.switches
        if switches.redirect_to is not None:
            location = f"{switches.redirect_to.rstrip('/')}{request.entry.target}"
            return Answer(switches.redirect_status, b"", {"Location": location})
        if switches.not_mode != "off":
            return html_answer(404 if switches.not_mode == "404" else 200)
        if request.path == f"/api/{self.workspace}" and request.method == "GET":
            return None
        if request.path.startswith("/batch/") and "/signature_tokens" not in request.path:
            minted = self.discovery.admits(request)
            if minted is None:
                return mode_error(401, "Unauthorized")
            return self.admit_rate(request, minted.minted_by) if self.switches.batch_limited else None
        key = self.key_of(request)
        if key is None:
            return mode_error(401, "Unauthorized")
        return self.admit_rate(request, key)

    def admit_rate(self, request: Request, key: Key) -> Answer | None:
        """Take the request from its key's budget, or refuse it with 429."""
        verdict = self.limiter.admit(key.label, self.service_now())
        if self.switches.rate_headers:
            request.answer_headers["X-RateLimit-Limit"] = str(verdict.limit)
            request.answer_headers["X-RateLimit-Remaining"] = str(verdict.remaining)
        return None if verdict.allowed else self._too_fast(verdict)

    def key_of(self, request: Request) -> Key | None:
        """The valid key of a request; uses up one of its remaining requests."""
        header = request.headers.get("Authorization") or ""
        key = self._keys.get(decode_basic(header)[0]) if header.startswith("Basic ") else None
        if key is None or header != basic_header(key.credentials):
            return None
        with self._keys_lock:
            if key.good_for is not None:
                if key.good_for <= 0:
                    return None
                key.good_for -= 1
        return key

    def _too_fast(self, verdict: Verdict) -> Answer:
        answer = mode_error(429, "too many API requests")
        answer.headers.update(
            retry_after_header(self.switches.retry_after, verdict.wait * self.time_scale, time.time())
        )
        return answer

    def answer(self, request: Request) -> Answer:
        self.runs.settle()
        path_known = False
        for method, pattern, handler in self._routes:
            match = pattern.fullmatch(request.path)
            if match is None:
                continue
            path_known = True
            if method == request.method:
                return handler(request, *match.groups())
        return mode_error(404, "request path not recognized" if not path_known else "not found")

    def verify(self, request: Request) -> Answer:
        key = self.key_record(request)
        links: dict[str, Any] = {"self": {"href": f"/api/{self.workspace}/api_keys/{key.credentials.token}"}}
        scope = key.scope or self.switches.key_scope
        if scope == "member":
            links["member"] = {"href": "/api/person1"}
        return json_answer(
            {
                "workspace": self.workspace,
                "workspace_token": workspace_token(self.world),
                "api_key_scope": scope,
                "_links": links,
            }
        )

    def key_record(self, request: Request) -> Key:
        return self._keys[decode_basic(request.headers["Authorization"])[0]]
