"""Small workspaces to audit, written as real snapshots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mode_catalog_provider.contract import contract_row
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import Snapshot, open_snapshot
from mode_catalog_provider.snapshot.writer import SnapshotWriter

AT = 1_780_000_000  # 2026-05-28

REVENUE = (
    "select o.region, date_trunc('month', o.ordered_at) as month, sum(o.amount) as revenue from sales.orders "
    "as o join sales.customers c on c.id = o.customer where o.status = 'paid' and kind = 'b2b' group by 1, 2"
)
TICKETS = (
    "select t.agent, count(*) filter (where t.closed_at is null) as still_open, avg(t.first_answer) as wait "
    "from support.tickets t left join support.agents a using (agent_id) where a.active group by t.agent"
)


class Workspace:
    """Rows of a workspace; :meth:`snapshot` writes them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: list[tuple[str, dict[str, Any]]] = []
        self.left_out: list[dict[str, Any]] = []
        self.options: dict[str, Any] = {}
        self.host = "https://app.mode.com"
        self.figures: dict[str, Any] = {}
        self.facts: dict[tuple[str, str], dict[str, Any]] = {}
        self.add("datasource", token="warehouse", id=7, name="Warehouse")
        self.add("collection", token="finance", name="Finance")
        self.add("member", token="ana-token", username="ana", name="Ana")

    def add(self, asset: str, **values: Any) -> None:
        self._rows.append((asset, contract_row(asset, values)))

    def report(self, token: str, *queries: str | tuple[str, str], connection: int = 7, **values: Any) -> None:
        """Add a report and its queries, given as texts or as name and text."""
        stamp = values.pop("created_at", f"2026-01-0{len(self._rows) % 9 + 1}T08:00:00.000Z")
        values = {
            "name": f"Report {token}",
            "space_token": "finance",
            "creator": "ana",
            "view_count": 1,
        } | values
        usual = {"created_at": stamp, "edited_at": stamp, "archived": False}
        self.add("report", token=token, **{**usual, **values})
        for number, query in enumerate(queries):
            name, text = query if isinstance(query, tuple) else (f"Query {number + 1}", query)
            self.add(
                "query",
                token=f"{token}-{number}",
                name=name,
                raw_query=text,
                report_token=token,
                data_source_id=connection,
            )

    def remove(self, token: str) -> None:
        """Delete a report that has no queries."""
        self._rows = [(asset, row) for asset, row in self._rows if row.get("token") != token]

    def snapshot(self, timestamp: int = AT) -> Snapshot:
        layout = Layout.nested(self._folder, "acme")
        with SnapshotWriter(layout=layout, workspace="acme", host=self.host, timestamp=timestamp) as writer:
            for asset, row in self._rows:
                writer.add(asset, row)
            for (asset, token), facts in self.facts.items():
                writer.add_facts(asset, token, facts)
            writer.finish(
                strategy="rest",
                options=self.options,
                left_out=self.left_out,
                filtered={},
                figures=self.figures,
            )
        return open_snapshot(writer.directory)


def spoil(snapshot: Snapshot, asset: str, damage: str) -> None:
    """Remove one file of a snapshot (``"gone"``), or cut it off."""
    path = Path(str(snapshot.directory)) / f"{snapshot.manifest.timestamp}-{asset}.json"
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(content[:-9])
