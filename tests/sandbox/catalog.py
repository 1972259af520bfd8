"""The sandbox's Catalog: ingest endpoint and GraphQL API on one port."""

from __future__ import annotations

import json
import secrets
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.sandbox.answers import Answer, Request, json_answer
from tests.sandbox.catalog_arrivals import shown
from tests.sandbox.catalog_graphql import CatalogGraphQL
from tests.sandbox.catalog_ingest import INGEST_PATH, CatalogIngest, ingest_error
from tests.sandbox.catalog_sources import Source
from tests.sandbox.credentials import CredentialBook
from tests.sandbox.maker import Maker
from tests.sandbox.server import SandboxServer
from tests.sandbox.switches import CatalogSwitches
from tests.sandbox.uploads import Upload

GRAPHQL_PATH = "/public/graphql"


class CatalogSandbox(SandboxServer):
    """A server that behaves like Catalog for one tenant.

    :param switches: change them at any time.
    :param seed: gives the source ids.
    :param token: the Read & Write token, default a random one.
    :param source_id: id of the Mode source, default one made from the seed.
    """

    def __init__(
        self,
        *,
        switches: CatalogSwitches,
        book: CredentialBook,
        seed: int = 1,
        token: str | None = None,
        source_id: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(book=book, **options)
        self.switches = switches
        self.token = token or _new_token()
        self.read_token = _new_token()
        self.other_zone_token = _new_token()
        for label, value in (
            ("rw", self.token),
            ("ro", self.read_token),
            ("other-zone", self.other_zone_token),
        ):
            book.register(f"Token {value}", f"catalog:{label}")
        self.sources = _tenant_sources(Maker(seed=seed), source_id)
        self.source_id, self.warehouse_id = self.sources[0].id, self.sources[1].id
        self.dashboards: list[dict[str, Any]] = []
        self.lineages: list[dict[str, Any]] = []
        self.databases: list[dict[str, Any]] = []
        self.schemas: list[dict[str, Any]] = []
        self.tables: list[dict[str, Any]] = []
        self._folder = Path(tempfile.mkdtemp(prefix="sandbox-catalog-"))
        self._ingest = CatalogIngest(self, self._folder)
        self._graphql = CatalogGraphQL(self)

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    # -- for tests -----------------------------------------------------------------------------------------

    @property
    def ingest_url(self) -> str:
        return self.url

    @property
    def api_url(self) -> str:
        return f"{self.url}{GRAPHQL_PATH}"

    @property
    def uploads(self) -> list[Upload]:
        """What was stored, in order of arrival."""
        return self._ingest.uploads()

    def forget_uploads(self) -> None:
        self._ingest.forget()

    def source(self, source_id: str) -> Source | None:
        return next((one for one in self.sources if one.id == source_id), None)

    def rotate(self) -> str:
        """Make a new Read & Write token; the old one is answered with 401 from now on."""
        self.book.register(f"Token {self.token}", "catalog:revoked")
        self.token = _new_token()
        self.book.register(f"Token {self.token}", "catalog:rw")
        return self.token

    def ingest_warehouse(self, at: datetime | None = None) -> None:
        """Catalog has ingested the warehouse, now or at the given (aware) time."""
        self._refresh(self.warehouse_id, at)

    def ingest_mode(self, at: datetime | None = None) -> None:
        """Catalog has ingested the newest upload of the Mode source: dashboards are its reports.

        The switches say what goes wrong with it.
        """
        self._refresh(self.source_id, at)
        reports = self._newest("report")
        if reports is None:
            return
        dashboards, lineages = shown(
            reports,
            queries=self._newest("query") or [],
            collections=self._newest("collection") or [],
            source_id=self.source_id,
            switches=self.switches,
        )
        if self.switches.dead_dashboards:
            there = {row["id"] for row in dashboards}
            dashboards += [row for row in self.dashboards if row["id"] not in there]
        self.dashboards, self.lineages = dashboards, lineages

    def add_table(self, path: str, *, warehouse_id: str | None = None) -> None:
        """Catalog knows a table ``database.schema.table`` of a warehouse, default the first one."""
        database, schema, table = path.split(".")
        source = warehouse_id or self.warehouse_id
        for rows, row in (
            (self.databases, {"id": f"{source}/{database}", "name": database, "sourceId": source}),
            (
                self.schemas,
                {"id": f"{source}/{database}/{schema}", "name": schema, "databaseId": f"{source}/{database}"},
            ),
            (
                self.tables,
                {"id": f"{source}/{path}", "name": table, "schemaId": f"{source}/{database}/{schema}"},
            ),
        ):
            if row["id"] not in {known["id"] for known in rows}:
                rows.append(row)

    def _newest(self, asset: str) -> list[dict[str, Any]] | None:
        found = [
            one
            for one in self.uploads
            if one.source_id == self.source_id and one.name.endswith(f"-{asset}.json")
        ]
        rows = json.loads(max(found, key=lambda one: one.name).content) if found else None
        return rows if rows is None else list(rows)

    def _refresh(self, source_id: str, at: datetime | None) -> None:
        source = self.source(source_id)
        if source is None:
            raise LookupError(f"the source {source_id} was taken out of the sandbox")
        source.last_refreshed_at = at or datetime.now(UTC)

    # -- answering -----------------------------------------------------------------------------------------

    @property
    def latency(self) -> float:
        return self.switches.latency

    def admit(self, request: Request) -> Answer | None:
        if request.label == "catalog:other-zone":
            return ingest_error(self.switches.wrong_zone_status, "unknown token")
        if request.label not in ("catalog:rw", "catalog:ro"):
            return ingest_error(401, "Unauthorized")
        return None

    def answer(self, request: Request) -> Answer:
        if request.method == "POST" and request.path == GRAPHQL_PATH:
            return self._graphql.answer(request)
        match = INGEST_PATH.fullmatch(request.path)
        if match is None:
            return json_answer({"message": "not found"}, 404)
        if request.method != "POST":
            return json_answer({"message": "method not allowed"}, 405)
        return self._ingest.receive(request, match[2], match[3])


def _new_token() -> str:
    return f"clsc_{secrets.token_hex(20)}"


def _tenant_sources(maker: Maker, source_id: str | None) -> list[Source]:
    """The Mode source first, its warehouse second, then others that must not be mistaken for them."""
    return [
        Source(source_id or maker.uuid4("mode"), "Mode", "MODE", "VISUALIZATION"),
        Source(
            maker.uuid4("warehouse"),
            "Snowflake",
            "SNOWFLAKE",
            "WAREHOUSE",
            last_refreshed_at=datetime.now(UTC),
        ),
        Source(maker.uuid4("dormant"), "BigQuery", "BIGQUERY", "WAREHOUSE"),
        Source(
            maker.uuid4("deleted"),
            "Old Redshift",
            "REDSHIFT",
            "WAREHOUSE",
            deleted_at=datetime(2025, 9, 1, tzinfo=UTC),
        ),
        Source(maker.uuid4("looker"), "Looker", "LOOKER", "VISUALIZATION"),
        Source(maker.uuid4("dbt"), "dbt", "DBT", "TRANSFORMATION", origin="API"),
    ]
