"""Catalog's public GraphQL endpoint: sources, dashboards, lineages, its pagination and error shapes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tests.sandbox.answers import Answer, Request, json_answer
from tests.sandbox.graphql_schema import Validation
from tests.sandbox.graphql_syntax import Field, Operation, SyntaxRefusedError, parse

if TYPE_CHECKING:
    from tests.sandbox.catalog import CatalogSandbox


class _ExecutionError(Exception):
    """An error that goes into ``errors`` with the switch's HTTP status."""


class CatalogGraphQL:
    """Answers ``POST /public/graphql``."""

    def __init__(self, catalog: CatalogSandbox) -> None:
        self._catalog = catalog
        self._lost: set[str] = set()

    def answer(self, request: Request) -> Answer:
        try:
            body = request.json()
            operation = _chosen(parse(body["query"]), body.get("operationName"))
        except SyntaxRefusedError as error:
            return _errors([str(error)], 400, "GRAPHQL_PARSE_FAILED")
        except (ValueError, TypeError, KeyError):
            return _errors(["POST body must be JSON with a query."], 400, "BAD_REQUEST")
        switches = self._catalog.switches
        variables = body.get("variables") or {}
        validation = Validation(operation, variables, pagination_type=switches.pagination_type)
        if problems := validation.check():
            return _errors(problems, 400, "GRAPHQL_VALIDATION_FAILED")
        if switches.empty_bodies > 0:
            switches.empty_bodies -= 1
            return json_answer({})
        if switches.empty_over is not None and variables.get("nbPerPage", 0) > switches.empty_over:
            return json_answer({})
        try:
            payload = {field.alias: self._root(field, validation) for field in operation.selection}
        except _ExecutionError as error:
            answer = _errors([str(error)], switches.graphql_error_status, "FORBIDDEN")
            if switches.partial_data:
                answer.body = json.dumps({**json.loads(answer.body), "data": None}).encode()
            return answer
        return json_answer({"data": payload})

    def _root(self, field: Field, validation: Validation) -> Any:
        if field.name == "__typename":
            return "Query"
        arguments = validation.value_of(field.arguments)
        scope = arguments.get("scope") or {}
        rows = {
            "getSources": self._sources,
            "getDashboards": self._dashboards,
            "getLineages": self._lineages,
            "getDatabases": self._databases,
            "getSchemas": self._schemas,
            "getTables": self._tables,
        }[field.name](scope)
        page = self._page(rows, arguments.get("pagination"), field.name)
        return _picked(page, field.selection or [])

    def _page(
        self, rows: list[dict[str, Any]], pagination: dict[str, Any] | None, field: str
    ) -> dict[str, Any]:
        switches = self._catalog.switches
        size = pagination["nbPerPage"] if pagination else switches.pagination_default
        if size > switches.max_per_page and switches.per_page_over == "refuse":
            raise _ExecutionError(f"nbPerPage must not be greater than {switches.max_per_page}")
        if size < 1:
            raise _ExecutionError("nbPerPage must not be less than 1")
        size = min(size, switches.max_per_page)
        number = (pagination or {}).get("page") or 0
        found = rows[number * size : (number + 1) * size]
        total: int | None = len(rows)
        # The sources are asked for one by one in other tests: what is odd are the long listings.
        odd = switches.odd_pages if field != "getSources" else "off"
        last = (number + 1) * size >= len(rows)
        if odd == "duplicates" and number:
            found = [rows[number * size - 1], *found] if found else found
        elif odd == "losses" and number == 0 and field not in self._lost:
            self._lost.add(field)
            found = found[1:]
        elif odd == "half" and last:
            found = []
        elif odd == "repeat" and not found and rows:
            found = rows[-size:]
        elif odd == "no_total":
            total = None
        return {"nbPerPage": size, "page": number, "totalCount": total, "data": found}

    # -- what is asked for ---------------------------------------------------------------------------------

    def _sources(self, scope: dict[str, Any]) -> list[dict[str, Any]]:
        if not self._catalog.switches.sources_readable:
            raise _ExecutionError("AuthorizationError: not allowed to read sources")
        rows = [source.to_graphql() for source in self._catalog.sources]
        rows = [row for row in rows if scope.get("withDeleted") or row["deletedAt"] is None]
        for key in ("origin", "technology", "type"):
            rows = [row for row in rows if scope.get(key) in (None, row[key])]
        wanted = (scope.get("nameContains") or "").lower()
        return [row for row in rows if wanted in row["name"].lower()]

    def _dashboards(self, scope: dict[str, Any]) -> list[dict[str, Any]]:
        by_id = {source.id: source.to_graphql() for source in self._catalog.sources}
        rows = [{**row, "source": by_id.get(row["sourceId"])} for row in self._catalog.dashboards]
        rows = [row for row in rows if scope.get("sourceId") in (None, row["sourceId"])]
        rows = [row for row in rows if scope.get("withDeleted") or row["deletedAt"] is None]
        if scope.get("ids"):
            rows = [row for row in rows if row["id"] in scope["ids"]]
        if scope.get("folderPath"):
            rows = [row for row in rows if row["folderPath"] == scope["folderPath"]]
        wanted = (scope.get("nameContains") or "").lower()
        return [row for row in rows if wanted in row["name"].lower()]

    def _databases(self, scope: dict[str, Any]) -> list[dict[str, Any]]:
        sources = scope.get("sourceIds")
        rows = [row for row in self._catalog.databases if not sources or row["sourceId"] in sources]
        return _named(rows, scope)

    def _schemas(self, scope: dict[str, Any]) -> list[dict[str, Any]]:
        return _named(self._catalog.schemas, scope, with_case=self._catalog.switches.names_with_case)

    def _tables(self, scope: dict[str, Any]) -> list[dict[str, Any]]:
        return _named(self._catalog.tables, scope, with_case=self._catalog.switches.names_with_case)

    def _lineages(self, scope: dict[str, Any]) -> list[dict[str, Any]]:
        child = scope.get("childSourceId")
        return [row for row in self._catalog.lineages if child in (None, row["_childSourceId"])]


def _chosen(operations: list[Operation], name: str | None) -> Operation:
    if name is None and len(operations) == 1:
        return operations[0]
    for operation in operations:
        if operation.name == name and name is not None:
            return operation
    raise SyntaxRefusedError("Must provide operation name if query contains multiple operations.")


def _named(
    rows: list[dict[str, Any]], scope: dict[str, Any], *, with_case: bool = False
) -> list[dict[str, Any]]:
    wanted = scope.get("nameContains") or ""
    if with_case:
        return [row for row in rows if wanted in row["name"]]
    wanted = wanted.lower()
    return [row for row in rows if wanted in row["name"].lower()]


def _picked(value: Any, selection: Iterable[Field]) -> Any:
    """Only what was asked for, under the asked names."""
    if isinstance(value, list):
        return [_picked(item, selection) for item in value]
    if value is None:
        return None
    picked = {}
    for field in selection:
        found = value.get(field.name)
        picked[field.alias] = found if field.selection is None else _picked(found, field.selection)
    return picked


def _errors(messages: list[str], status: int, code: str) -> Answer:
    return json_answer(
        {"errors": [{"message": one, "extensions": {"code": code}} for one in messages]}, status
    )
