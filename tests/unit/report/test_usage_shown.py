"""How reports are used, as the report shows it: what is unknown is not called nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.report.html import as_html
from mode_catalog_provider.report.records import WorkspaceRecords
from mode_catalog_provider.report.workspace import gather
from tests.unit.snapshot.days import day

UNKNOWN = "How often reports were viewed in this time is not known"
NOBODY = "Nobody looked at a report in this time"


@pytest.mark.parametrize(
    ("views", "told", "not_told"),
    [
        ((5, 5), NOBODY, UNKNOWN),
        ((None, None), UNKNOWN, NOBODY),
        ((5, None), UNKNOWN, NOBODY),
        ((5, 3), UNKNOWN, NOBODY),
        ((5, 7), "Most viewed", UNKNOWN),
    ],
)
def test_views_that_nobody_counted_are_unknown(
    tmp_path: Path, views: tuple[Any, Any], told: str, not_told: str
) -> None:
    for number, count in enumerate(views):
        day(tmp_path, number, [("report", "r1", {"name": "Sales", "view_count": count})])
    text = as_html(gather(WorkspaceRecords(tmp_path / "acme")))
    assert told in text
    assert not_told not in text


def test_where_all_earlier_snapshots_are_damaged_there_is_nothing_to_count(tmp_path: Path) -> None:
    first = day(tmp_path, 0, [("report", "r1", {"name": "Sales", "view_count": 5})])
    day(tmp_path, 1, [("report", "r1", {"name": "Sales", "view_count": 5})])
    first.manifest_path.write_bytes(b"{")
    text = as_html(gather(WorkspaceRecords(tmp_path / "acme")))
    assert "Nothing to count yet" in text
    assert NOBODY not in text
    assert text.count(first.manifest_path.name) == 1
