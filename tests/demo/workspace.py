"""The workspace that the demo shows: copies that drifted, changes since yesterday, trouble at arrival."""

from __future__ import annotations

import logging

from mode_catalog_provider.extract.capture import capture
from mode_catalog_provider.extract.extraction import Extraction
from mode_catalog_provider.extract.folder import workspace_layout
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.mode.client import ModeClient, ModeCredentials, ModeEndpoint
from mode_catalog_provider.snapshot.manifest import Manifest
from mode_catalog_provider.storage import StoragePath
from tests.sandbox import Sandbox, WorkspaceShape
from tests.sandbox.world import World

#: Small: each request of a run waits its turn, four a second at Mode's own speed.
SHAPE = WorkspaceShape(collections=2, reports=28, members=3, nasty=True, seed=1)

_REVENUE = """select date_trunc('month', o.paid_at) as month,
       c.region,
       sum(o.amount) as revenue,
       count(distinct o.customer_id) as customers
from analytics.core.orders o
join analytics.core.customers c on c.id = o.customer_id
where o.status = 'paid'
group by 1, 2
order by 1, 2"""

_CHURN = """select s.plan,
       date_trunc('week', s.cancelled_at) as week,
       count(*) as cancelled
from analytics.core.subscriptions s
where s.cancelled_at is not null
group by 1, 2"""


def prepare(world: World) -> None:
    """Add what the audit should find: a family of copies, one of which drifted apart."""
    finance, board = world.add_collection("Finance"), world.add_collection("Board")
    for collection, name, sql in (
        (finance, "Revenue by region", _REVENUE),
        (board, "Revenue by region (copy)", _REVENUE),
        (board, "Revenue by region, board", _REVENUE.replace("o.status = 'paid'", "o.status <> 'void'")),
        (finance, "Churn by plan", _CHURN),
        (finance, "Churn by plan, until 2024", _CHURN.replace("is not null", "< '2025-01-01'")),
    ):
        report = world.add_report(collection, name, queries=0)
        world.add_query(report, sql, name="Main")


def snapshot(sandbox: Sandbox, output_dir: StoragePath, *, incremental: bool = False) -> Manifest:
    """Take a snapshot at full speed, such as the one that stands for yesterday's."""
    switches = sandbox.mode.switches
    limiter, switches.limiter = switches.limiter, "off"
    try:
        endpoint = ModeEndpoint(
            workspace=sandbox.mode.workspace,
            host=sandbox.mode.url,
            requests_per_second=100,
            credentials=lambda: ModeCredentials(token=sandbox.mode.token, secret=sandbox.mode.secret),
        )
        with ModeClient(endpoint) as client:
            layout = workspace_layout(output_dir, workspace=client.workspace, host=client.host)
            captured = capture(
                client=client,
                extraction=Extraction(client=client, options=ExtractionOptions(incremental=incremental)),
                layout=layout,
                log=logging.getLogger(__name__),
            )
    finally:
        switches.limiter = limiter
    return captured.manifest


def change(world: World) -> None:
    """Do what people did since yesterday: a rename, another filter, a report archived and a new one."""
    named = {report.name: report for report in world.reports}
    world.edit_report(named["Revenue by region (copy)"], name="Revenue by region (final)")
    world.edit_queries(named["Churn by plan"])[0].raw_query = _CHURN.replace("is not null", "> '2026-01-01'")
    world.edit_report(named["Churn by plan, until 2024"], archived=True)
    world.add_report(world.collections[0], "Board pack, December")


def ingest(sandbox: Sandbox) -> None:
    """Let Catalog ingest what was uploaded, but for what was archived, and one other without lineage."""
    named = {report.name: report.token for report in sandbox.mode.world.reports}
    sandbox.catalog.switches.lost_dashboards = [named["Churn by plan, until 2024"]]
    sandbox.catalog.switches.lost_lineage = [named["Revenue by region"]]
    sandbox.catalog.ingest_mode()
