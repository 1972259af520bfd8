"""Report and dataset runs as Mode's API shows them: start one, look at it, ask why it failed.

Which runs are needed, and how long to wait for them, is decided in
:mod:`mode_catalog_provider.refresh.refresh`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from mode_catalog_provider.errors import (
    ConfigurationError,
    MalformedResponseError,
    NotFoundError,
    ServiceError,
)
from mode_catalog_provider.moments import parsed
from mode_catalog_provider.text import first_of, visible

if TYPE_CHECKING:
    from mode_catalog_provider.mode.client import ModeClient

log = logging.getLogger(__name__)

# `completed` is the good end of a report with a notebook; who waits for `succeeded` alone waits for ever.
GOOD_STATES = frozenset({"succeeded", "completed"})
BAD_STATES = frozenset({"failed", "cancelled"})
GOING_STATES = frozenset({"pending", "enqueued", "running_notebook"})

_TOKEN = re.compile(r"[0-9A-Za-z_-]{1,64}")
_RUN_PATH = re.compile(rf"(report|dataset)s/({_TOKEN.pattern})/runs/({_TOKEN.pattern})")
# PostgreSQL and Redshift repeat the failing line of the query, with a caret below it; Spark all that follows
# such a heading. SQL stays in Mode.
_QUOTED_SQL = re.compile(r"^[ \t]*(LINE \d+:.*|\^[ \t]*)$|^== SQL\b[\s\S]*", re.MULTILINE)
_REASON_LENGTH = 300
_REASONS_SHOWN = 5


@dataclass(frozen=True)
class RunTarget:
    """A report or a dataset that can be run.

    :param kind: which of the two; a dataset is run by its own route.
    :param token: Mode's token of it, as in its address.
    :raises ConfigurationError: the token cannot be one (a name, a whole address, nothing).
    """

    kind: Literal["report", "dataset"]
    token: str

    def __post_init__(self) -> None:
        if not _TOKEN.fullmatch(self.token):
            raise ConfigurationError(
                f"{self.token!r} is not the token of a {self.kind}. "
                f"Take the last part of its address, as 0a1b2c3d4e5f in .../{self.kind}s/0a1b2c3d4e5f."
            )

    def __str__(self) -> str:
        return f"{self.kind} {self.token}"

    @property
    def path(self) -> str:
        """Its route below the workspace; also the key under which it is remembered."""
        return f"{self.kind}s/{self.token}"


@dataclass(frozen=True)
class ModeRun:
    """One look at one run.

    :param target: what was run.
    :param token: Mode's token of the run.
    :param state: as Mode says it; values that are not documented occur.
    :param created_at: when it was asked for, by Mode's clock.
    :param completed_at: when it ended, ``None`` while it goes on.
    :param notebook_failed: the queries were fine, the notebook was not.
    :param parameters: values of the report's parameters that it runs with.
    """

    target: RunTarget
    token: str
    state: str
    created_at: datetime | None = None
    completed_at: datetime | None = None
    notebook_failed: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Its route below the workspace: a durable id that says all there is to know."""
        return f"{self.target.path}/runs/{self.token}"

    @property
    def over(self) -> bool:
        """It will not change any more. An unknown state counts as going on."""
        return self.state in GOOD_STATES or self.state in BAD_STATES

    @property
    def active(self) -> bool:
        """It is surely worth joining; an unknown state only as long as Mode names no end of it."""
        return self.state in GOING_STATES or (not self.over and self.completed_at is None)

    def has(self, parameters: Mapping[str, Any]) -> bool:
        """Whether it runs with these values, whatever its other parameters are."""
        return parameters.keys() <= self.parameters.keys() and self.may_have(parameters)

    def may_have(self, parameters: Mapping[str, Any]) -> bool:
        """Whether nothing it tells contradicts these values: a report leaves out what it has no use for."""
        told = {name: self.parameters[name] for name in parameters if name in self.parameters}
        return all(_written(value) == _written(parameters[name]) for name, value in told.items())

    @property
    def seconds(self) -> float | None:
        """How long it took, by Mode's clock."""
        if not self.over or self.created_at is None or self.completed_at is None:
            return None
        return round((self.completed_at - self.created_at).total_seconds(), 3)

    @classmethod
    def from_json(cls, target: RunTarget, body: Mapping[str, Any]) -> ModeRun:
        """Read a run object.

        :raises MalformedResponseError: it has no token or no state.
        """
        token, state, parameters = body.get("token"), body.get("state"), body.get("parameters")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token) or not isinstance(state, str):
            raise MalformedResponseError(
                f"Mode answered about a run of {target} without its token and state."
            )
        return cls(
            target=target,
            token=token,
            state=state,
            created_at=parsed(body.get("created_at")),
            completed_at=parsed(body.get("completed_at")),
            notebook_failed=body.get("python_state") == "failed",
            parameters=parameters if isinstance(parameters, dict) else {},
        )


def is_token(value: object) -> bool:
    """Whether this can be the token of something in Mode."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None


def parse_run_path(path: str) -> tuple[RunTarget, str]:
    """Take a remembered run path apart.

    :return: what was run, and the run's token.
    :raises ConfigurationError: it is not a run path.
    """
    match = _RUN_PATH.fullmatch(path)
    if match is None:
        raise ConfigurationError(f"{path!r} is not the path of a Mode run.")
    kind, token, run = match.groups()
    return RunTarget("report" if kind == "report" else "dataset", token), run


def recent_runs(client: ModeClient, target: RunTarget) -> list[ModeRun]:
    """List the latest runs, newest first.

    Without any parameter: ``filter`` is a certain 500 there, and ``state`` is ignored.

    :raises ServiceError: Mode refused or could not answer.
    """
    body = client.get(f"{target.path}/runs")
    runs = []
    for row in _embedded(body, "report_runs"):
        try:
            runs.append(ModeRun.from_json(target, row))
        except MalformedResponseError as error:
            log.warning("%s It is passed over in the list.", error)
    return runs


def start_run(client: ModeClient, target: RunTarget, parameters: Mapping[str, Any] | None = None) -> ModeRun:
    """Ask for one run, once.

    :param parameters: values of the report's parameters; a dataset has none.
    :raises AmbiguousRequestError: nobody can tell whether it was started; look at the list before asking
        again.
    :raises MalformedResponseError: it was started, most likely, but the answer cannot be read; likewise.
    :raises RequestRefusedError: Mode will not run it.
    """
    body = {"parameters": dict(parameters)} if parameters and target.kind == "report" else None
    return ModeRun.from_json(target, client.post_once(f"{target.path}/runs", body))


def read_run(client: ModeClient, path: str) -> ModeRun | None:
    """Look at one run.

    :param path: its :attr:`ModeRun.path`.
    :return: ``None`` when Mode knows no such run (any more), by its own route and in the list.
    """
    target, token = parse_run_path(path)
    try:
        return ModeRun.from_json(target, client.get(path))
    except NotFoundError:
        pass
    try:
        return next((run for run in recent_runs(client, target) if run.token == token), None)
    except NotFoundError:
        return None


def failure_reason(client: ModeClient, run: ModeRun) -> str:
    """Say why a run did not end well: a failed run itself does not tell, its query runs do.

    :return: query names with Mode's code and message; never SQL and never result rows.
    """
    if run.state == "cancelled":
        return "was cancelled in Mode"
    try:
        rows = query_runs(client, run)
    except ServiceError:
        return f"ended as {run.state!r}; Mode did not say why when asked"
    reasons = [_query_reason(row) for row in rows if row.get("state") == "failed" or row.get("error_message")]
    if run.notebook_failed:
        reasons.append("its notebook failed")
    if not reasons:
        return f"ended as {run.state!r} without a reason"
    return first_of(reasons, _REASONS_SHOWN, separator="; ", length=2 * _REASON_LENGTH)


def query_runs(client: ModeClient, run: ModeRun) -> list[Mapping[str, Any]]:
    """List the runs of a run's queries.

    :raises ServiceError: Mode refused or could not answer.
    """
    try:
        return _embedded(client.get(f"{run.path}/query_runs"), "query_runs")
    except NotFoundError:
        if run.target.kind == "report":
            raise
        # A dataset is a report to Mode; query runs are documented for the report's route only.
        return _embedded(client.get(f"reports/{run.target.token}/runs/{run.token}/query_runs"), "query_runs")


def _query_reason(row: Mapping[str, Any]) -> str:
    message = str(row.get("error_message") or "no message")
    told = " ".join(_QUOTED_SQL.sub("", message).split()) or "no message"
    if len(told) > _REASON_LENGTH:
        told = told[: _REASON_LENGTH - 1] + "…"
    code = row.get("error_code")
    return (
        f"query '{visible(row.get('query_name') or 'without a name')}': {f'[{code}] ' if code else ''}{told}"
    )


def _embedded(body: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    embedded = body.get("_embedded")
    rows = embedded.get(key) if isinstance(embedded, dict) else None
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _written(value: Any) -> str:
    """A value as a form would send it: Mode need not tell `true` or 2026 in the type it was given."""
    return str(value).lower() if isinstance(value, bool) else str(value)
