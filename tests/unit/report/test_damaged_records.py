"""Records that are JSON and say something odd: they are named, and everything else is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.audit.record import keep_audit
from mode_catalog_provider.audit.workspace import audit_snapshot
from mode_catalog_provider.catalog.arrival_report import KINDS
from mode_catalog_provider.report.html import as_html
from mode_catalog_provider.report.records import WorkspaceRecords
from mode_catalog_provider.report.workspace import gather
from mode_catalog_provider.snapshot.diff import SnapshotDiff
from tests.unit.snapshot.days import day
from tests.unit.snapshot.sets import AT

ODD: tuple[Any, ...] = (None, -1, 2**70, 1e300, "x", [1], {"a": 1}, True)

FINDING = {
    "check": "missing",
    "asset": "report",
    "token": "r1",
    "name": "Sales",
    "what": "Report 'Sales' is not there.",
    "related": [],
}
ARRIVAL = {
    "format_version": 1,
    "source_id": "1b671a64-40d5-491e-99b0-da01ff1f3341",
    "timestamp": AT,
    "workspace": "acme",
    "reports": 1,
    "arrived": 0,
    "with_lineage": 0,
    "dashboards": 0,
    "child_rows": 0,
    "matched_by": {"url": 0},
    "counts": dict.fromkeys(KINDS, 0) | {"missing": 1},
    "items": {kind: [] for kind in KINDS} | {"missing": [{"finding": FINDING, "entry": {}}]},
    "not_checked": {"lineage": "nobody asked"},
    "compared_with": None,
}
RIGHT = {"member": "ann", "change": "gained", "before": None, "after": "edit", "name": "Finance"}
RIGHTS = {
    "format_version": 1,
    "timestamp": AT,
    "workspace": "acme",
    "subjects": {"members": 3},
    "changes": [{**RIGHT, "asset": "collection", "object": "c1", "through": "group"}],
    "findings": [{**FINDING, "message": "Look.", "is_new": True}],
    "not_read": [],
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A workspace with a record of each kind."""
    days = [
        day(
            tmp_path,
            number,
            [("report", "r1", {"name": name}), ("query", "q1", {"raw_query": f"select {number}"})],
        )
        for number, name in enumerate(("Sales", None))
    ]
    with SnapshotDiff(*days) as diff:
        diff.keep()
    keep_audit(audit_snapshot(days[1]), days[1])
    folder = tmp_path / "acme"
    (folder / f"{AT}.{ARRIVAL['source_id']}.arrival").write_text(json.dumps(ARRIVAL))
    (folder / "permissions").mkdir()
    (folder / "permissions" / f"{AT}.permissions").write_text(json.dumps(RIGHTS))
    return folder


def shown(home: Path) -> str:
    return as_html(gather(WorkspaceRecords(home)))


def odd_ones(document: Any) -> Iterator[Any]:
    """Yield the document with each of its values missing, and with each as something odd."""
    if isinstance(document, dict):
        for key, value in document.items():
            rest = {name: other for name, other in document.items() if name != key}
            yield rest
            yield from ({**document, key: odd} for odd in (*ODD, *odd_ones(value)))
    if isinstance(document, list):
        for place, value in enumerate(document[:1]):
            yield from ([odd, *document[place + 1 :]] for odd in (*ODD, *odd_ones(value)))


def test_each_record_is_shown_when_it_is_whole(home: Path) -> None:
    text = shown(home)
    for told in ("2 changes between", "Audit of the snapshot", "0 of 1 reports", "3 members", "gained"):
        assert told in text
    assert "Could not be read" not in text


@pytest.mark.parametrize("kind", ["*.audit", "*.arrival", "permissions/*.permissions"])
def test_a_record_that_says_something_odd_ends_no_report(home: Path, kind: str) -> None:
    (path,) = home.glob(kind)
    tried = 0
    for document in odd_ones(json.loads(path.read_text())):
        path.write_text(json.dumps(document))
        assert "Trends" in shown(home)
        tried += 1
    assert tried > 50


def test_changes_that_say_something_odd_end_no_report(home: Path) -> None:
    (path,) = home.glob("*.changes")
    lines = path.read_text().splitlines(keepends=True)
    first = next(place for place, line in enumerate(lines) if place and line.startswith("{"))
    for place, end in ((0, ",\n"), (first, ",\n")):
        document = json.loads(lines[place].rstrip(",\n") + ("}" if place == 0 else ""))
        for odd in odd_ones(document):
            line = json.dumps(odd)
            told = [*lines[:place], (line[:-1] if place == 0 else line) + end, *lines[place + 1 :]]
            path.write_text("".join(told))
            assert "Trends" in shown(home)


@pytest.mark.parametrize(
    ("kind", "odd"),
    [
        ("*.arrival", {**ARRIVAL, "reports": "many"}),
        ("permissions/*.permissions", {**RIGHTS, "timestamp": None}),
    ],
)
def test_a_record_that_says_something_odd_is_named(home: Path, kind: str, odd: dict[str, Any]) -> None:
    (path,) = home.glob(kind)
    path.write_text(json.dumps(odd))
    assert f"Could not be read: {path.name}." in shown(home)
