"""Routes of Mode that start runs and look at them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.sandbox.answers import Answer, Request, json_answer
from tests.sandbox.mode_answers import TOKEN, Route, mode_error
from tests.sandbox.mode_listings import ModeListings
from tests.sandbox.objects import Report, stamp
from tests.sandbox.pages import clamp, paged_with_block, positive
from tests.sandbox.runs import GOOD_ENDS, Run
from tests.sandbox.wire import wire_id

if TYPE_CHECKING:
    from tests.sandbox.mode import ModeSandbox

_RUNS_PER_PAGE, _MOST_RUNS_PER_PAGE = 20, 30


class ModeRuns:
    """Handlers of report, dataset and query runs, schema updates (and the purges nobody should ask for)."""

    def __init__(self, mode: ModeSandbox, listings: ModeListings) -> None:
        self._mode = mode
        self._listings = listings

    def routes(self) -> list[Route]:
        ws = f"/api/{self._mode.workspace}"
        runs = f"{ws}/(reports|datasets)/{TOKEN}/runs"
        return [
            ("POST", runs, self._start),
            ("GET", runs, self._list),
            ("GET", f"{runs}/{TOKEN}", self._run),
            ("GET", f"{ws}/reports/{TOKEN}/runs/{TOKEN}/query_runs", self._query_runs),
            ("PUT", f"{runs}/{TOKEN}/cancel", self._cancel),
            ("POST", f"{ws}/data_sources/{TOKEN}/schema_updates", self._update_schema),
            ("POST", f"{ws}/data_sources/{TOKEN}/purge", self._purge),
            ("POST", f"{ws}/reports/purge", self._purge),
        ]

    def _target(self, kind: str, token: str) -> Report | Answer:
        found = self._listings.readable(token)
        if isinstance(found, Report) and kind == "datasets" and not found.is_dataset:
            return mode_error(404, "dataset not found")
        return found

    def _start(self, request: Request, kind: str, token: str) -> Answer:
        target = self._target(kind, token)
        if isinstance(target, Answer):
            return target
        try:
            body = request.json() or {}
            parameters = body.get("parameters") or {}
            datasets = [entry["token"] for entry in (body.get("report") or {}).get("dataset_tokens", [])]
        except (ValueError, AttributeError, TypeError, KeyError):
            return mode_error(400, "malformed body")
        for dataset in datasets:
            found = self._target("datasets", dataset)
            if isinstance(found, Answer):
                return found
            self._mode.runs.start(found, by=request.label)
        run = self._mode.runs.start(target, by=request.label, parameters=parameters)
        return json_answer(self._row(run, kind), self._mode.switches.run_status)

    def _list(self, request: Request, kind: str, token: str) -> Answer:
        target = self._target(kind, token)
        if isinstance(target, Answer):
            return target
        params = request.params
        if "filter" in params:
            return mode_error(500, "Internal Server Error")
        per_page = clamp(positive(params.get("per_page"), _RUNS_PER_PAGE), _MOST_RUNS_PER_PAGE)
        rows = [self._row(run, kind) for run in self._mode.runs.of(target) if not run.vanished]
        return json_answer(paged_with_block("report_runs", rows, request.path, params, per_page))

    def _found(self, kind: str, token: str, run_token: str) -> Run | Answer:
        target = self._target(kind, token)
        if isinstance(target, Answer):
            return target
        run = self._mode.runs.find(target, run_token)
        if run is not None:
            run.reads += 1
        return mode_error(404, "report run not found") if run is None or run.vanished else run

    def _run(self, request: Request, kind: str, token: str, run_token: str) -> Answer:
        found = self._found(kind, token, run_token)
        return found if isinstance(found, Answer) else json_answer(self._row(found, kind))

    def _cancel(self, request: Request, kind: str, token: str, run_token: str) -> Answer:
        found = self._found(kind, token, run_token)
        if isinstance(found, Answer):
            return found
        if found.over(self._mode.service_now()):
            return mode_error(400, "run is over")
        self._mode.runs.end(found, "cancelled")
        return json_answer(self._row(found, kind), 202)

    def _query_runs(self, request: Request, token: str, run_token: str) -> Answer:
        found = self._found("reports", token, run_token)
        if isinstance(found, Answer):
            return found
        queries = self._mode.world.queries_of(found.report)
        rows = [self._query_row(found, position) for position in range(len(queries))]
        return json_answer({"_links": {"self": {"href": request.path}}, "_embedded": {"query_runs": rows}})

    def _update_schema(self, request: Request, token: str) -> Answer:
        source = self._mode.world.data_source(token)
        if source is None:
            return mode_error(404, "data source not found")
        self._mode.runs.schema_updates.append(token)
        source.updated_at = stamp(datetime.now(UTC))
        return json_answer({"state": "enqueued", "_links": {"self": {"href": request.path}}}, 202)

    def _purge(self, request: Request, token: str = "") -> Answer:
        self._mode.runs.purges.append(request.path)
        return json_answer({}, 202)

    # -- rows ----------------------------------------------------------------------------------------------

    def _row(self, run: Run, kind: str) -> dict[str, Any]:
        now = self._mode.service_now()
        state, ended = run.state(now), run.completed_at(now)
        known = self._mode.runs.of(run.report)
        good = [one for one in known if one.over(now) and one.end_state in GOOD_ENDS]
        href = f"/api/{self._mode.workspace}/{kind}/{run.report.token}/runs/{run.token}"
        row: dict[str, Any] = {
            "token": run.token,
            "state": state,
            "created_at": stamp(run.created_at),
            "updated_at": stamp(ended or datetime.now(UTC)),
            "completed_at": stamp(ended) if ended else None,
            "purge_started_at": None,
            "purge_completed_at": None,
            "is_latest_report_run": known[0] is run,
            "is_latest_successful_report_run": bool(good) and good[0] is run,
            "report_has_failures_since_last_success": bool(good) and known[0] is not good[0],
            "has_more_recent_successful_run_available": bool(good) and good[0] is not run,
        }
        if kind == "reports":
            row["parameters"], row["form_fields"] = run.parameters, []
            row["python_state"] = self._python_state(run, state)
        links = {
            "self": {"href": href},
            "query_runs": {"href": f"{href}/query_runs"},
            "report": {"href": f"/api/{self._mode.workspace}/reports/{run.report.token}"},
            "executed_by": {"href": "/api/person1"},
        }
        forms: dict[str, Any] = {}
        if ended is None and self._mode.switches.cancel_form:
            forms["cancel"] = {"method": "put", "action": f"{href}/cancel", "input": {}}
        return {**row, "_links": links, "_forms": forms}

    def _python_state(self, run: Run, state: str) -> str:
        if not run.report.notebook and not run.script.notebook_fails:
            return "none"
        if run.script.notebook_fails and state == "failed":
            return "failed"
        return {"running_notebook": "submitted", "completed": "succeeded"}.get(state, "pending")

    def _query_row(self, run: Run, position: int) -> dict[str, Any]:
        query = self._mode.world.queries_of(run.report)[position]
        now, switches = self._mode.service_now(), self._mode.switches
        state, ended = run.state(now), run.completed_at(now)
        fails = state == "failed" and position == 0 and not run.script.notebook_fails
        if state in ("failed", "completed", "running_notebook"):
            state = "failed" if fails else "succeeded"
        return {
            # The id counts the run and the query, so that it is a number that no other query run has.
            "id": wire_id(int(run.token[:8], 16) * 1000 + position, switches.id_type),
            "token": f"{int(run.token, 16) ^ (position + 1):012x}",
            "state": state,
            "created_at": stamp(run.created_at),
            "completed_at": stamp(ended) if ended else None,
            "data_source_id": wire_id(query.data_source_id, switches.id_type),
            "limit": False,
            "query_token": query.token,
            "query_name": query.name,
            "raw_source": query.raw_query,
            "rendered_source": query.raw_query,
            "error_code": run.script.error_code if fails else None,
            "error_type": "generic" if fails else None,
            "error_message": run.script.error_message if fails else None,
            "parameters": run.parameters,
        }
