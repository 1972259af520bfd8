"""What bulk listings save, and that every change they show is seen the same night."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.extract.unchanged import UnchangedReading
from mode_catalog_provider.snapshot.facts import read_facts
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import open_snapshot, verify
from tests.integration.bulk.cases import SMALL, listings, night, shared, truth
from tests.integration.incremental_cases import Editing, contents
from tests.sandbox import Sandbox
from tests.sandbox.objects import Report


def test_the_token_is_deleted_before_what_is_unchanged_is_taken_over(
    sandbox: Sandbox, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    night(sandbox, layout)
    tokens: list[int] = []
    take_all = UnchangedReading._take

    def looked_at(*args: Any) -> Iterator[Any]:
        patience = time.monotonic() + 10
        while sandbox.mode.discovery.tokens and time.monotonic() < patience:
            time.sleep(0.01)
        tokens.append(len(sandbox.mode.discovery.tokens))
        yield from take_all(*args)

    monkeypatch.setattr(UnchangedReading, "_take", looked_at)
    night(sandbox, layout)
    assert tokens == [0]


def test_an_unchanged_workspace_costs_its_bulk_pages_and_the_collection_that_is_verified(
    sandbox: Sandbox, layout: Layout
) -> None:
    first, _ = night(sandbox, layout)
    result, paths = night(sandbox, layout)
    world = sandbox.mode.world
    queries = sum(world.query_total(one) for one in shared(sandbox))
    bulk = 2 * ceil(len(shared(sandbox)) / 1000) + ceil(queries / 1000) + ceil(len(world.collections) / 1000)
    # The credential, the Discovery token and its end, data sources, two lists of members.
    verified = listings(paths) + sum(path.endswith("/datasets") for path in paths)
    assert len(paths) == bulk + 6 + verified
    assert verified <= 4
    assert contents(result) == contents(first) == contents(night(sandbox, layout)[0])
    verify(open_snapshot(result.manifest_path))
    assert result.manifest.reuse["bulk"]["unannounced"] == 0
    assert result.manifest.reuse["bulk"]["compared"] > 0


@pytest.mark.parametrize("sandbox", [SMALL], indirect=True, ids=["small"])
def test_every_night_compares_something_however_many_collections_are_empty(
    sandbox: Sandbox, layout: Layout
) -> None:
    first = shared(sandbox)[0].collection
    for report in shared(sandbox):
        if report.collection != first:
            Editing(sandbox).remove(report)
    night(sandbox, layout)
    nights = [night(sandbox, layout)[0] for _ in range(4)]
    assert all(result.manifest.reuse["bulk"]["compared"] > 0 for result in nights)


@pytest.mark.parametrize("sandbox", [SMALL], indirect=True, ids=["small"])
@pytest.mark.parametrize(
    "change",
    [
        Editing.edit_sql,
        Editing.rename_query,
        Editing.add_query,
        Editing.delete_query,
        Editing.rename,
        Editing.run,
        Editing.move,
        Editing.remove,
        Editing.add_report,
        Editing.add_dataset,
        Editing.remove_collection,
        Editing.rename_collection,
        Editing.add_member,
        Editing.remove_member,
    ],
    ids=lambda change: change.__name__,
)
def test_a_change_that_bulk_shows_is_seen_the_same_night(
    sandbox: Sandbox, layout: Layout, tmp_path: Path, change: Callable[[Editing, Report], None]
) -> None:
    night(sandbox, layout)
    for report in (shared(sandbox)[3], shared(sandbox)[21], shared(sandbox)[-1]):
        if sandbox.mode.world.report(report.token):
            change(Editing(sandbox), report)
    result, paths = night(sandbox, layout)
    assert contents(result) == truth(sandbox, tmp_path)
    assert len(paths) < 45
    again, _ = night(sandbox, layout)
    assert contents(again) == contents(result)


def test_an_edited_report_is_read_alone(sandbox: Sandbox, layout: Layout) -> None:
    night(sandbox, layout)
    edited = shared(sandbox)[3]
    Editing(sandbox).edit_sql(edited)
    _, paths = night(sandbox, layout)
    assert f"/api/acme/reports/{edited.token}" in paths
    assert listings(paths) <= 2


def test_views_come_from_the_statistics_and_a_run_from_the_bulk_row(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    night(sandbox, layout)
    for report in shared(sandbox):
        report.view_count += 5
        Editing(sandbox).run(report)
    result, paths = night(sandbox, layout)
    assert contents(result) == truth(sandbox, tmp_path)
    assert listings(paths) <= 2
    facts = list(read_facts(open_snapshot(result.manifest_path), "report"))
    assert all("last_run_at" in one for one in facts)
    assert sum("runs_count" in one for one in facts) < len(facts)


@pytest.mark.parametrize("views", ["total_views_count", "none", "other"])
def test_whatever_the_statistics_call_views_the_rows_are_right(
    sandbox: Sandbox, layout: Layout, tmp_path: Path, views: Any
) -> None:
    sandbox.mode.switches.batch_views = views
    night(sandbox, layout)
    for report in shared(sandbox)[:20]:
        report.view_count += 1
        report.last_viewed_at = "2026-10-01T00:00:00.000Z"
    assert contents(night(sandbox, layout)[0]) == truth(sandbox, tmp_path)


@pytest.mark.parametrize(
    "switches", [{"batch_archived": False}, {"batch_personal": True}, {"archived_rows": False}], ids=str
)
def test_whatever_bulk_leaves_out_or_adds_the_rows_are_right(
    sandbox: Sandbox, layout: Layout, tmp_path: Path, switches: dict[str, Any]
) -> None:
    sandbox.mode.switches.throw(**switches)
    for report in shared(sandbox)[::4]:
        report.archived = True
    night(sandbox, layout)
    Editing(sandbox).edit_sql(shared(sandbox)[5])
    assert contents(night(sandbox, layout)[0]) == truth(sandbox, tmp_path)
