"""What Mode says beyond the six files, from real answers to the side files, by every route."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.extract.capture import CaptureResult
from mode_catalog_provider.snapshot.facts import read_facts
from mode_catalog_provider.snapshot.layout import FACT_ASSETS, Layout
from mode_catalog_provider.snapshot.reader import Snapshot
from tests.integration.incremental_cases import contents, running, take
from tests.sandbox import Sandbox, WorkspaceShape
from tests.sandbox.objects import stamp_of_day

VIEWED = stamp_of_day(500)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """120 reports and 2 datasets in 3 shared collections: so many that the batch listing is a witness."""
    shape = WorkspaceShape(collections=3, reports=120, datasets=2, members=4, nasty=False)
    with running(shape) as sandbox:
        yield sandbox


def facts_of(result: CaptureResult) -> dict[str, dict[str, dict[str, Any]]]:
    snapshot = Snapshot(result.directory, result.manifest, result.manifest_path)
    return {asset: {one.pop("token"): one for one in read_facts(snapshot, asset)} for asset in FACT_ASSETS}


def test_a_report_is_known_by_its_runs_schedules_and_notebook(sandbox: Sandbox, tmp_path: Path) -> None:
    report = next(one for one in sandbox.mode.world.reports if not one.is_dataset)
    report.runs_count, report.schedules_count, report.notebook = 41, 2, True
    report.last_run_at, report.last_successfully_run_at = stamp_of_day(40), stamp_of_day(41)
    report.has_imported_datasets = True
    found = facts_of(take(sandbox, Layout.nested(tmp_path, "acme"), incremental=False))
    assert found["report"][report.token] == {
        "last_saved_at": report.last_saved_at,
        "last_run_at": stamp_of_day(40),
        "last_successfully_run_at": stamp_of_day(41),
        "runs_count": 41,
        "schedules_count": 2,
        "has_imported_datasets": True,
        "python_notebook": f"/api/{sandbox.mode.workspace}/reports/{report.token}/python_notebook",
    }


def test_what_mode_does_not_send_is_unknown_and_not_nought(sandbox: Sandbox, tmp_path: Path) -> None:
    report = next(one for one in sandbox.mode.world.reports if not one.is_dataset)
    report.absent = frozenset({"runs_count", "schedules_count", "has_imported_datasets", "last_run_at"})
    facts = facts_of(take(sandbox, Layout.nested(tmp_path, "acme"), incremental=False))["report"][
        report.token
    ]
    assert set(facts) == {"last_saved_at", "last_successfully_run_at"}


def test_members_are_known_by_their_state_and_collections_by_their_restriction(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    world = sandbox.mode.world
    world.members[0].state, world.members[1].admin = "deactivated", True
    shared = [one for one in world.collections if not one.personal]
    shared[0].restricted = True
    found = facts_of(take(sandbox, Layout.nested(tmp_path, "acme"), incremental=False))
    assert found["member"][world.members[0].token]["state"] == "deactivated"
    assert found["member"][world.members[1].token]["admin"] is True
    assert {token: one["restricted"] for token, one in found["collection"].items()} == {
        one.token: one is shared[0] for one in shared
    }


def test_the_side_files_have_a_line_for_each_row_that_mode_described(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    result = take(sandbox, Layout.nested(tmp_path, "acme"), incremental=False)
    rows = result.manifest.rows
    assert {entry.asset: entry.rows for entry in result.manifest.facts} == {
        f"facts-{asset}": rows[asset] for asset in FACT_ASSETS
    }


def test_every_route_gives_the_same_facts_and_discovery_adds_the_last_view(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    for report in sandbox.mode.world.reports:
        report.last_viewed_at = VIEWED
    layout = Layout.nested(tmp_path, "acme")
    rest = take(sandbox, layout, incremental=False)
    again = take(sandbox, layout)
    hybrid = take(sandbox, layout, incremental=False, strategy="hybrid")
    assert again.manifest.reuse["reports"] > 0
    assert facts_of(again) == facts_of(rest)
    found = facts_of(hybrid)
    viewed = [one.pop("last_viewed_at", None) for one in found["report"].values()]
    assert set(viewed) == {VIEWED}
    assert found == facts_of(rest)
    assert contents(hybrid) == contents(rest)


def test_facts_cost_no_request(sandbox: Sandbox, tmp_path: Path) -> None:
    take(sandbox, Layout.nested(tmp_path, "acme"), incremental=False)
    assert not sandbox.mode.requests_to("/batch/*/report_stats")
    listed = [one for one in sandbox.mode.requests if "/reports/" in one.path]
    assert all(one.path.endswith("/queries") for one in listed)
