"""A reconciliation needs no more memory for twenty thousand dashboards than for five hundred."""

from __future__ import annotations

import gc
import re
import tracemalloc
from datetime import UTC, datetime

from mode_catalog_provider.catalog.reconciliation import reconcile
from mode_catalog_provider.catalog.sources import CatalogSource, ListedSources
from tests.integration.reconcile_cases import snapshot_of

SOURCE = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"


class MadeUpCatalog:
    """Answers the listings without holding them: every report, but for each tenth, and two edges for each."""

    def __init__(self, reports: int) -> None:
        self.reports = reports

    def sources(self):
        yield CatalogSource(
            id=SOURCE,
            name="Mode",
            technology="MODE",
            type="VISUALIZATION",
            origin="EXTRACTION",
            last_refreshed_at=datetime(2030, 1, 1, tzinfo=UTC),
            deleted_at=None,
        )

    def listed_sources(self):
        return ListedSources(self.sources())

    def query(self, document, variables, *, field, budget=None, again_if_empty=True):
        make = {"getDashboards": self.dashboard, "getLineages": self.edge}[field]
        total = {"getDashboards": self.reports, "getLineages": 2 * self.reports}[field]
        start = variables["page"] * variables["nbPerPage"]
        rows = [make(number) for number in range(start, min(total, start + variables["nbPerPage"]))]
        return {"totalCount": total, "data": rows}

    def dashboard(self, number):
        token = "ffff00000000" if number % 10 == 0 else f"{number:012d}"
        return {
            "id": f"d{number}",
            "externalId": str(number),
            "name": f"Report {number}",
            "type": "DASHBOARD",
            "folderPath": "/Finance",
            "url": f"https://app.mode.com/acme/reports/{token}",
        }

    def edge(self, number):
        return {"id": f"e{number}", "parentTableId": "t", "childDashboardId": f"d{number // 2}"}


def peak(place, reports):
    rows = (
        {"id": None, "token": f"{number:012d}", "name": f"Report {number}", "space_token": "fin"}
        for number in range(reports)
    )
    snapshot = snapshot_of(place, reports=rows, queries=(), connections=())
    gc.collect()
    tracemalloc.start()
    report = reconcile(snapshot=snapshot, api=MadeUpCatalog(reports), source_id=SOURCE, first=10)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (report.reports, report.arrived, report.with_lineage) == (
        reports,
        reports * 9 // 10,
        reports * 9 // 10,
    )
    assert report.counts["missing"] == report.counts["gone"] == reports // 10
    assert re.fullmatch(r"0+", report.items["missing"][0].entry["token"])
    return most


def test_twenty_thousand_dashboards_and_forty_thousand_lineages_in_constant_memory(tmp_path):
    small = peak(tmp_path / "small", 1_000)
    assert peak(tmp_path / "large", 20_000) < small + 4_000_000
