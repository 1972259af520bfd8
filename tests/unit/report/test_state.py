"""The workspace in one line: whether Catalog is current."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mode_catalog_provider.catalog.push_record import PushRecord, write
from mode_catalog_provider.report.records import WorkspaceRecords
from mode_catalog_provider.report.workspace import gather
from mode_catalog_provider.snapshot.layout import push_record_name
from tests.unit.snapshot.days import day
from tests.unit.snapshot.sets import AT, HOST, WORKSPACE

SOURCE = "1b671a64-40d5-491e-99b0-da01ff1f3341"
FED = datetime.fromtimestamp(AT, UTC)


@pytest.mark.parametrize(
    ("hours", "kind", "told"),
    [
        (0, "good", "Catalog is current: it was fed at {}, 0 seconds ago."),
        (26, "good", "Catalog is current: it was fed at {}, 1 day 2 hours ago."),
        (27, "bad", "Catalog is not current: it was fed at {}, 1 day 3 hours ago."),
        (-0.5, "good", "Catalog is current: it was fed at {}, 0 seconds ago."),
        (
            -2,
            "warning",
            "Whether Catalog is current is not known: it was fed at {}, which is still to come by the clock "
            "of this machine. Set the clocks right.",
        ),
    ],
)
def test_whether_catalog_is_current_is_told_by_when_it_was_fed(
    tmp_path: Path, hours: float, kind: str, told: str
) -> None:
    snapshot = day(tmp_path, 0, [])
    record = PushRecord(
        source_id=SOURCE,
        timestamp=AT,
        workspace=WORKSPACE,
        host=HOST,
        rows={},
        files={},
        completed_at=FED.isoformat(),
    )
    write(snapshot.directory / push_record_name(AT, SOURCE), record)
    found = gather(WorkspaceRecords(tmp_path / "acme"), now=FED + timedelta(hours=hours)).state
    assert (found.kind, found.sentence) == (kind, told.format("2023-11-14 22:13:20 UTC"))
