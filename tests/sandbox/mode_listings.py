"""Mode's REST listings and single objects: the reading half of the API."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.sandbox.answers import Answer, Request, json_answer
from tests.sandbox.mode_answers import TOKEN, Route, mode_error
from tests.sandbox.objects import Collection, Report
from tests.sandbox.pages import FIXED_PAGE, clamp, paged_with_block, paged_without_block, positive
from tests.sandbox.wire import Wire

if TYPE_CHECKING:
    from tests.sandbox.mode import ModeSandbox


class ModeListings:
    """Handlers of the reading routes."""

    def __init__(self, mode: ModeSandbox) -> None:
        self._mode = mode
        self._world = mode.world
        self._wire = Wire(mode.world, mode.switches)
        self._listed: set[str] = set()
        self._moves: dict[str, int] = {}
        self._lock = threading.Lock()

    def routes(self) -> list[Route]:
        ws = f"/api/{self._mode.workspace}"
        space, report, source = (
            f"{ws}/(?:spaces|collections)/{TOKEN}",
            f"{ws}/reports/{TOKEN}",
            f"{ws}/data_sources/{TOKEN}",
        )
        return [
            ("GET", "/api/verify", self._mode.verify),
            ("GET", "/api/account", self._account),
            ("GET", ws, self._workspace),
            ("GET", f"{ws}/data_sources", self._data_sources),
            ("GET", source, self._data_source),
            ("GET", f"{source}/reports", self._reports_of_source),
            ("GET", f"{source}/datasets", self._datasets_of_source),
            ("GET", f"{ws}/(?:spaces|collections)", self._spaces),
            ("GET", space, self._space),
            ("GET", f"{space}/(reports|datasets)", self._reports_of_space),
            ("GET", f"{ws}/(?:reports|datasets)/{TOKEN}", self._report),
            ("GET", f"{report}/queries", self._queries),
            ("GET", f"{report}/queries/{TOKEN}", self._query),
            ("GET", f"{report}/queries/{TOKEN}/charts", self._charts),
            ("GET", f"{ws}/memberships", self._memberships),
            ("GET", f"{ws}/memberships/lite", self._memberships_lite),
            ("GET", f"{ws}/definitions", self._definitions),
            ("GET", f"/api/{TOKEN}", self._user),
        ]

    # -- workspace and people ------------------------------------------------------------------------------

    def _account(self, request: Request) -> Answer:
        return mode_error(400, "This endpoint is unsupported for use with Api Keys")

    def _workspace(self, request: Request) -> Answer:
        return json_answer(self._wire.workspace())

    def _user(self, request: Request, username: str) -> Answer:
        member = self._world.member(username)
        if member is None:
            return mode_error(404, "account not found")
        if member.profile != 200:
            return mode_error(member.profile)
        return json_answer(self._wire.user(member))

    def _memberships(self, request: Request) -> Answer:
        if self._mode.switches.memberships != "rows":
            return mode_error(self._mode.switches.memberships)
        return self._whole(
            "memberships", [self._wire.membership(one) for one in self._world.members], request
        )

    def _memberships_lite(self, request: Request) -> Answer:
        if self._mode.switches.memberships_lite != "rows":
            return mode_error(self._mode.switches.memberships_lite)
        return self._whole(
            "memberships", [self._wire.membership_lite(one) for one in self._world.members], request
        )

    def _definitions(self, request: Request) -> Answer:
        if self._mode.switches.definitions != "rows":
            return mode_error(self._mode.switches.definitions)
        rows = [self._wire.definition(one) for one in self._world.definitions]
        return self._whole("definitions", rows, request)

    # -- data sources --------------------------------------------------------------------------------------

    def _data_sources(self, request: Request) -> Answer:
        rows = [self._wire.data_source(one) for one in self._world.data_sources]
        return self._whole("data_sources", rows, request)

    def _data_source(self, request: Request, token: str) -> Answer:
        source = self._world.data_source(token)
        return (
            json_answer(self._wire.data_source(source))
            if source
            else mode_error(404, "data source not found")
        )

    def _reports_of_source(self, request: Request, token: str) -> Answer:
        source = self._world.data_source(token)
        if source is None:
            return mode_error(404, "data source not found")
        with self._world.lock:
            # One row per report *and query*: Mode multiplies them, and so does this.
            reports = [
                report
                for report, query in self._world.all_queries()
                if query.data_source_id == source.id and not report.is_dataset
            ]
        return self._fixed_pages("reports", reports, request)

    def _datasets_of_source(self, request: Request, token: str) -> Answer:
        source = self._world.data_source(token)
        if source is None:
            return mode_error(404, "data source not found")
        switches = self._mode.switches
        if switches.source_datasets != "rows":
            return mode_error(switches.source_datasets, "request path not recognized")
        with self._world.lock:
            personal = {one.token for one in self._world.collections if one.personal}
            datasets = [
                one
                for one in self._world.reports
                if one.is_dataset
                and (switches.source_datasets_archived or not one.archived)
                and (switches.source_datasets_personal or one.collection not in personal)
                and one.token not in switches.source_datasets_hidden
                for query in self._world.queries_of(one)
                if query.data_source_id == source.id
            ]
            if not switches.source_datasets_multiplied:
                datasets = list({one.token: one for one in datasets}.values())
            if switches.source_datasets_pages == "ignored":
                rows = [self._dataset_of_source(self.report_row(one, {})) for one in datasets]
                return self._whole("reports", rows, request)
            return self._fixed_pages("reports", datasets, request, change=self._dataset_of_source)

    def _dataset_of_source(self, row: dict[str, Any]) -> dict[str, Any]:
        match self._mode.switches.source_datasets_row:
            case "homeless":
                links = {rel: link for rel, link in row["_links"].items() if rel != "space"}
                row = {**row, "_links": links}
                row.pop("space_token", None), row.pop("collection_token", None)
            case "bare":
                row = {name: row[name] for name in ("token", "name", "_links")}
            case "thin":
                row = {name: value for name, value in row.items() if name != "description"}
        return row

    # -- collections ---------------------------------------------------------------------------------------

    def _spaces(self, request: Request) -> Answer:
        switches, params = self._mode.switches, request.params
        rows = [self._wire.collection(one) for one in self._selected(params.get("filter"))]
        asked = "page" in params or "per_page" in params
        if switches.spaces_paging == "never" or (switches.spaces_paging == "with_page" and not asked):
            return self._whole("spaces", rows, request)
        per_page = clamp(positive(params.get("per_page"), 30), switches.per_page_cap)
        return json_answer(paged_with_block("spaces", rows, request.path, params, per_page))

    def _selected(self, wanted: str | None) -> list[Collection]:
        with self._world.lock:
            known = [
                one
                for one in self._world.collections
                if self._mode.switches.personal_spaces or not one.personal
            ]
        if wanted == "all":
            return known
        if wanted == "custom":
            return [one for one in known if not one.personal]
        if wanted == "editable":
            return [one for one in known if one.default_access_level == "edit"]
        # No filter, "mine", and anything misspelt: only what the caller has joined, with no sign of the rest.
        return [one for one in known if one.joined]

    def _space(self, request: Request, token: str) -> Answer:
        collection = self._world.collection(token)
        if collection is None or self._refusal(collection):
            return mode_error(404, "space not found")
        return json_answer(self._wire.collection(collection, single=True))

    def _refusal(self, collection: Collection) -> int | None:
        return collection.refused if self._mode.switches.refused_collections else None

    def _reports_of_space(self, request: Request, token: str, kind: str) -> Answer:
        collection = self._world.collection(token)
        if collection is None:
            return mode_error(404, "space not found")
        if refusal := self._refusal(collection):
            return mode_error(refusal)
        if kind == "datasets" and self._mode.switches.datasets != "rows":
            return mode_error(self._mode.switches.datasets, "request path not recognized")
        with self._world.lock:
            page = positive(request.params.get("page"), 1)
            shift = 0
            if kind == "reports" and self._mode.switches.moving_rows == "losses":
                self._move_a_row(collection, page)
            elif kind == "reports" and self._mode.switches.moving_rows == "duplicates":
                # As if rows had been put in front since page 1 (and taken away again later).
                shift = min(page - 1, self._mode.switches.moves_per_listing)
            reports = [one for one in self._world.reports_in(collection) if self._in_listing(one, kind)]
            return self._fixed_pages("reports", reports, request, shift=shift)

    def _in_listing(self, report: Report, kind: str) -> bool:
        if report.archived and (kind == "datasets" or not self._mode.switches.archived_rows):
            return False
        return report.is_dataset if kind == "datasets" else (not report.is_dataset or report.twice)

    def _move_a_row(self, collection: Collection, page: int) -> None:
        """A report not served yet jumps to the front of the listing, as if somebody had just run it."""
        made = self._moves.get(collection.token, 0)
        rows = list(self._world.reports_in(collection))
        if page < 2 or made >= self._mode.switches.moves_per_listing or len(rows) <= (page - 1) * FIXED_PAGE:
            return
        self._moves[collection.token] = made + 1
        self._world.reorder(collection, [rows[-1], *rows[:-1]])

    # -- reports and queries -------------------------------------------------------------------------------

    def _fixed_pages(
        self,
        key: str,
        reports: list[Report],
        request: Request,
        *,
        shift: int = 0,
        change: Callable[[dict[str, Any]], dict[str, Any]] = lambda row: row,
    ) -> Answer:
        params = request.params
        number, after_last = positive(params.get("page"), 1), self._mode.switches.page_after_last
        page, rows = paged_without_block(reports, number, after_last, shift=shift)
        with self._lock:
            self._listed.update(one.token for one in rows)
        embedded: dict[str, Any] = {key: [change(self.report_row(one, params)) for one in rows]}
        if page is None:
            embedded = {}
        return json_answer({"_links": {"self": {"href": request.entry.target}}, "_embedded": embedded})

    def report_row(self, report: Report, params: dict[str, str]) -> dict[str, Any]:
        row = self._wire.report(report)
        if self._mode.switches.embed_queries == "honoured" and params.get("embed[queries]") == "1":
            queries = [self._wire.query(report, one) for one in self._world.queries_of(report)]
            row["_embedded"] = {"queries": queries}
        return row

    def readable(self, token: str) -> Report | Answer:
        """The report behind a token, or the refusal its reader gets."""
        report = self._world.report(token)
        collection = self._world.collection(report.collection) if report else None
        if report is None or (collection is not None and self._refusal(collection)):
            return mode_error(404, "report not found")
        with self._lock:
            seen = token in self._listed
        if report.vanishes and seen and self._mode.switches.vanishing_reports:
            return mode_error(404, "report not found")
        return mode_error(report.refused) if report.refused else report

    def _report(self, request: Request, token: str) -> Answer:
        found = self.readable(token)
        return found if isinstance(found, Answer) else json_answer(self.report_row(found, request.params))

    def _queries(self, request: Request, token: str) -> Answer:
        found = self.readable(token)
        if isinstance(found, Answer):
            return found
        with self._world.lock:
            rows = [self._wire.query(found, one) for one in self._world.queries_of(found)]
        return self._whole("queries", rows, request)

    def _query(self, request: Request, report_token: str, query_token: str) -> Answer:
        # Mode does not check that the query belongs to the report it is asked under.
        first = self._world.report(report_token)
        for report in [*([first] if first else []), *self._world.reports]:
            for query in self._world.queries_of(report):
                if query.token == query_token:
                    return json_answer(self._wire.query(report, query))
        return mode_error(404, "query not found")

    def _charts(self, request: Request, report_token: str, query_token: str) -> Answer:
        return self._whole("charts", [], request)

    def _whole(self, key: str, rows: list[dict[str, Any]], request: Request) -> Answer:
        """A listing that ignores ``page``: everything, for any page number."""
        return json_answer({"_links": {"self": {"href": request.path}}, "_embedded": {key: rows}})
