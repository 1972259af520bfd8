"""The routes of the page: each asks Airflow who is there, reads, and answers with HTML without a script."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import ChoiceLoader, PackageLoader

from mode_catalog_provider.errors import ModeCatalogError
from mode_catalog_provider.page import comparing, parameters
from mode_catalog_provider.page.access import (
    GetUserDep,
    WithHeaders,
    may_read,
    may_read_dag,
    readable_dags,
    signed_in,
)
from mode_catalog_provider.page.findings import findings_page
from mode_catalog_provider.page.places import Place, places_in, places_of
from mode_catalog_provider.page.plugin import TITLE
from mode_catalog_provider.page.report_index import COLUMNS, ReportIndexes
from mode_catalog_provider.page.runs import key_life, last_run
from mode_catalog_provider.page.workspaces import Workspace, open_workspace
from mode_catalog_provider.report.html import environment
from mode_catalog_provider.report.workspace import gather, page_of, usage_in
from mode_catalog_provider.tasks.page_switch import PAGE_PATH

#: The files that a browser loads beside a page, by the only names that are answered.
STATIC: Mapping[str, tuple[str, str]] = {
    "report.css": ("report", "text/css; charset=utf-8"),
    "page.css": ("page", "text/css; charset=utf-8"),
    "page.js": ("page", "text/javascript; charset=utf-8"),
}

#: Comparisons and the like that run at once; whoever comes then is asked to come again.
_AT_ONCE = 2

_EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def page_application() -> WithHeaders:
    """Return the page as Airflow mounts it."""
    application = FastAPI(
        title=TITLE,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        # No route can be without it, whatever is added below.
        dependencies=[Depends(signed_in)],
    )
    _Routes().add_to(application)
    return WithHeaders(application)


class _Routes:
    def __init__(self) -> None:
        loader = ChoiceLoader(
            [PackageLoader("mode_catalog_provider.page"), PackageLoader("mode_catalog_provider.report")]
        )
        self._templates = environment().overlay(loader=loader)
        self._indexes = ReportIndexes()
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._static = {
            name: (files(f"mode_catalog_provider.{room}") / "templates" / name).read_bytes()
            for name, (room, _) in STATIC.items()
        }

    def add_to(self, application: FastAPI) -> None:
        """Add each route; those below ``/dags`` ask for the right on the DAG as well."""
        own = [Depends(may_read_dag)]
        application.get("/")(self.workspaces)
        application.get("/static/{name}")(self.static)
        application.get("/dags/{dag_id}", dependencies=own)(self.dag)
        for path, view in (
            ("", self.overview),
            ("/findings", self.findings),
            ("/reports", self.reports),
            ("/usage", self.usage),
            ("/compare", self.compare),
        ):
            application.get(f"/dags/{{dag_id}}/{{place}}{path}", dependencies=own)(view)
        # A path that is not there is told to those who are signed in only.
        application.api_route("/{rest:path}", methods=_EVERY_METHOD)(_not_there)

    def static(self, name: str) -> Response:
        """Answer with one of the page's own files."""
        if name not in self._static:
            raise HTTPException(404)
        return Response(self._static[name], media_type=STATIC[name][1])

    def workspaces(self, request: Request, user: GetUserDep) -> Response:
        """List the workspaces of all DAGs that the user may read."""
        places = places_in(readable_dags(user))
        return self._listed(request, places, None)

    def dag(self, request: Request, dag_id: str) -> Response:
        """Lead to the workspace of a DAG, or list them where there are several."""
        places = list(places_of(dag_id))
        named = [one for one in places if one.mode_conn_id == request.query_params.get("conn")]
        if len(named or places) == 1:
            address = _address(request, (named or places)[0])
            return RedirectResponse(address, status_code=303)
        return self._listed(request, places, dag_id)

    def overview(
        self, request: Request, user: GetUserDep, place: Annotated[Place, Depends(_place)]
    ) -> Response:
        """Show everything that is known of a workspace."""
        return self._shown(request, user, place, "overview.html", self._overview)

    def findings(
        self, request: Request, user: GetUserDep, place: Annotated[Place, Depends(_place)]
    ) -> Response:
        """Show what the newest audit found, filtered."""
        return self._shown(request, user, place, "findings.html", _findings)

    def reports(
        self, request: Request, user: GetUserDep, place: Annotated[Place, Depends(_place)]
    ) -> Response:
        """Show the reports of the newest snapshot, searched and sorted."""
        return self._shown(request, user, place, "reports.html", self._reports)

    def usage(self, request: Request, user: GetUserDep, place: Annotated[Place, Depends(_place)]) -> Response:
        """Show which reports are viewed most, and which rise."""
        return self._shown(request, user, place, "used.html", self._used)

    def compare(
        self, request: Request, user: GetUserDep, place: Annotated[Place, Depends(_place)]
    ) -> Response:
        """Show what changed between any two kept snapshots."""
        return self._shown(request, user, place, "compare.html", self._compare)

    def _overview(self, workspace: Workspace, given: Mapping[str, str]) -> dict[str, Any]:
        with self._turns_limited():
            report = gather(workspace.records, find=False)
        return {"report": report, "rights": report.rights or {}}

    def _used(self, workspace: Workspace, given: Mapping[str, str]) -> dict[str, Any]:
        with self._turns_limited():
            report = gather(workspace.records, find=False)
            return {"report": replace(report, usage=usage_in(workspace.records))}

    def _reports(self, workspace: Workspace, given: Mapping[str, str]) -> dict[str, Any]:
        page, rows = parameters.page_and_rows(given)
        words = parameters.search(given)
        sort = parameters.one_of(given, "sort", COLUMNS, "name")
        order = parameters.one_of(given, "order", ("asc", "desc"), "asc")
        snapshot = _newest(workspace)
        if snapshot is None:
            return {"found": None}
        found = self._indexes.search(
            snapshot, words=words, sort=sort, descending=order == "desc", page=page, rows=rows
        )
        host, name = snapshot.manifest.host, snapshot.manifest.workspace
        return {
            "found": found,
            "timestamp": snapshot.manifest.timestamp,
            "columns": COLUMNS,
            "asked": {"q": words, "sort": sort, "order": order, "page": page, "rows": rows},
            "url": lambda token: page_of(host, name, "report", token),
        }

    def _compare(self, workspace: Workspace, given: Mapping[str, str]) -> dict[str, Any]:
        with self._turns_limited():
            return comparing.compare_page(workspace, given)

    def _shown(
        self,
        request: Request,
        user: Any,
        place: Place,
        template: str,
        tell: Callable[[Workspace, Mapping[str, str]], dict[str, Any]],
    ) -> Response:
        """Render one view of a workspace, or the sentence that says why it cannot be shown."""
        frame = self._frame(request, place)
        if may_read(user, place.dag_id, "RUN"):
            frame["run"] = last_run(place.dag_id)
        if place.preflight and may_read(user, place.dag_id, "XCOM"):
            frame["key"] = key_life(place.dag_id, place.preflight)
        try:
            workspace = open_workspace(place)
            frame["workspace"] = workspace
            told = tell(workspace, request.query_params)
        except ModeCatalogError as error:
            return self._rendered("note.html", {**frame, "sentence": str(error)})
        return self._rendered(template, {**frame, **told, "view": template.removesuffix(".html")})

    def _listed(self, request: Request, places: list[Place], dag_id: str | None) -> Response:
        shown = [(one, _address(request, one)) for one in places]
        return self._rendered(
            "workspaces.html", {**self._frame(request, None), "places": shown, "dag": dag_id}
        )

    def _frame(self, request: Request, place: Place | None) -> dict[str, Any]:
        base = str(request.scope.get("root_path", "")) or PAGE_PATH
        return {
            "base": base,
            "airflow": base.removesuffix(PAGE_PATH),
            "place": place,
            "here": _address(request, place) if place else None,
            "workspace": None,
            "run": None,
            "key": None,
            "view": "",
            "title": TITLE,
        }

    def _rendered(self, template: str, values: Mapping[str, Any]) -> HTMLResponse:
        text = self._templates.get_template(template).render(quote=_quoted, query=_query, **values)
        return HTMLResponse(text.encode("utf-8", "replace"))

    def _turns_limited(self) -> _Turn:
        return _Turn(self._turns)


class _Turn:
    def __init__(self, turns: threading.BoundedSemaphore) -> None:
        self._turns = turns

    def __enter__(self) -> None:
        if not self._turns.acquire(timeout=30):
            raise HTTPException(503, "Busy with what others asked for. Try again in a minute.")

    def __exit__(self, *_: object) -> None:
        self._turns.release()


def _place(dag_id: str, place: str) -> Place:
    """Look the wanted place up among those of the DAG; a request never names one itself."""
    found = next((one for one in places_of(dag_id) if one.identity == place), None)
    if found is None:
        raise HTTPException(404, "This DAG has no such workspace.")
    return found


def _findings(workspace: Workspace, given: Mapping[str, str]) -> dict[str, Any]:
    return findings_page(workspace, given)


def _newest(workspace: Workspace) -> Any:
    records = workspace.records
    return next(filter(None, map(records.snapshot, records.timestamps)), None)


def _not_there(rest: str) -> Response:
    raise HTTPException(404)


def _address(request: Request, place: Place) -> str:
    base = str(request.scope.get("root_path", "")) or PAGE_PATH
    return f"{base}/dags/{_quoted(place.dag_id)}/{place.identity}"


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _query(asked: Mapping[str, Any], **changed: Any) -> str:
    """Return the query of a link: what was asked, with other values for some."""
    return urlencode({name: value for name, value in {**asked, **changed}.items() if value not in ("", None)})
