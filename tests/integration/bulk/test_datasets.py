"""Datasets, which bulk may not show, and which may have no listing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mode_catalog_provider.snapshot.layout import Layout
from tests.integration.bulk.cases import SHAPE, collections_listed, listings, night, shared, truth
from tests.integration.incremental_cases import Editing, contents
from tests.sandbox import Sandbox


@pytest.mark.parametrize("sandbox", [replace(SHAPE, collections=12, reports=24)], indirect=True)
def test_a_full_last_page_is_proved_by_bulk_where_datasets_are_listed_by_connection(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    world = sandbox.mode.world
    home = next(one for one in shared(sandbox) if one.is_dataset).collection
    while sum(one.collection == home and not one.is_dataset for one in world.reports) < 30:
        world.add_report(home)
    first = next(one for one in shared(sandbox) if one.collection == home and not one.is_dataset)
    for number in range(3):
        # So many collections are listed that asking the connections for datasets is cheaper.
        for space in world.collections:
            world.add_report(space.token)
        Editing(sandbox).remove(first)
        first = next(one for one in shared(sandbox) if one.collection == home and not one.is_dataset)
        result, paths = night(sandbox, layout)
        assert contents(result) == truth(sandbox, tmp_path)
        # The page, and the empty one after it; not both once more, for fear that a report was missed.
        assert number == 0 or sum(f"/spaces/{home}/reports" in path for path in paths) == 2


def test_a_new_dataset_that_bulk_does_not_show_is_seen_the_same_night(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    sandbox.mode.switches.batch_datasets = False
    night(sandbox, layout)
    for space in sandbox.mode.world.collections[:2]:
        sandbox.mode.world.add_report(space, type="DatasetReport")
    assert contents(night(sandbox, layout)[0]) == truth(sandbox, tmp_path)


def test_a_listing_of_datasets_that_was_away_for_a_night_is_read_the_next(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    night(sandbox, layout)
    # Bulk shows nothing of creators, so everything is listed by REST.
    sandbox.mode.switches.throw(datasets=404, creator_link="none")
    without, _ = night(sandbox, layout)
    assert without.manifest.reuse["bulk"]["fell_back"]
    assert without.manifest.left_out_counts["report"] == 1
    sandbox.mode.switches.datasets = "rows"
    assert contents(night(sandbox, layout)[0])["report"] == truth(sandbox, tmp_path)["report"]


def test_where_there_is_no_listing_of_datasets_none_is_missed(sandbox: Sandbox, layout: Layout) -> None:
    sandbox.mode.switches.datasets = 404
    _, first = night(sandbox, layout)
    # One collection is verified; how many pages of it are asked for depends on its size.
    assert listings(night(sandbox, layout)[1]) < listings(first)


def test_a_dataset_among_the_reports_is_not_lost_where_there_is_no_listing_of_datasets(
    sandbox: Sandbox, layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.mode.switches.datasets = 404
    next(one for one in reversed(shared(sandbox)) if one.is_dataset).twice = True
    first, _ = night(sandbox, layout)
    for _ in range(2):
        result, paths = night(sandbox, layout)
        assert len(collections_listed(paths)) == 1
        assert result.manifest.left_out_counts["report"] == 0
        assert contents(result) == contents(first)
    assert "no listing of them any more" not in caplog.text


def test_where_no_collection_has_a_listing_of_datasets_those_that_showed_it_are_taken_over_in_the_end(
    sandbox: Sandbox, layout: Layout
) -> None:
    sandbox.mode.fault("spaces/*/datasets", status=404, times=None)
    for _ in range(2):
        night(sandbox, layout)
    assert len(collections_listed(night(sandbox, layout)[1])) == 1
