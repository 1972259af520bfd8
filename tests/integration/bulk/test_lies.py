"""What bulk listings say that is not so, or not so yet: no lie of theirs lives too long."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.snapshot.layout import Layout
from tests.integration.bulk.cases import SHAPE, listings, night, shared, truth
from tests.integration.incremental_cases import Editing, contents
from tests.sandbox import Sandbox


def test_sql_that_changed_without_a_stamp_is_seen_in_the_bulk_queries(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    night(sandbox, layout)
    report = next(one for one in shared(sandbox) if sandbox.mode.world.query_total(one))
    stamps = report.edited_at, report.last_saved_at, report.updated_at
    Editing(sandbox).edit_sql(report)
    report.edited_at, report.last_saved_at, report.updated_at = stamps
    assert contents(night(sandbox, layout)[0]) == truth(sandbox, tmp_path)


def test_a_lag_of_bulk_lasts_as_long_as_the_lag(sandbox: Sandbox, layout: Layout, tmp_path: Path) -> None:
    night(sandbox, layout)
    sandbox.mode.discovery.freeze()
    Editing(sandbox).edit_sql(shared(sandbox)[2])
    night(sandbox, layout)
    sandbox.mode.switches.batch_frozen = False
    assert contents(night(sandbox, layout, day=1)[0]) == truth(sandbox, tmp_path)


@pytest.mark.parametrize("strategy", ["auto", "hybrid"])
def test_an_edit_that_rest_lists_and_bulk_does_not_know_yet_is_read_by_rest(
    sandbox: Sandbox, layout: Layout, tmp_path: Path, strategy: str
) -> None:
    """Its collection is listed for another reason; taken from bulk, the old SQL would bear the new mark."""
    night(sandbox, layout, strategy=strategy)
    edited = next(one for one in shared(sandbox)[2:] if sandbox.mode.world.query_total(one))
    sandbox.mode.discovery.freeze()
    Editing(sandbox).edit_sql(edited)
    result, _ = night(sandbox, layout, strategy=strategy, include_archived=False)
    assert contents(result) == truth(sandbox, tmp_path, include_archived=False)


@pytest.mark.parametrize("frozen", [False, True])
def test_no_lie_lives_longer_than_the_age_of_a_full_refresh(
    sandbox: Sandbox, layout: Layout, tmp_path: Path, frozen: bool
) -> None:
    """Archived without any stamp, and bulk that never moves again: REST alone shows it."""
    night(sandbox, layout)
    if frozen:
        sandbox.mode.discovery.freeze()
    for report in shared(sandbox)[::3]:
        report.archived = True
    result, _ = night(sandbox, layout, day=7.1)
    assert contents(result) == truth(sandbox, tmp_path)


def test_what_bulk_did_not_announce_has_more_compared_and_then_everything_listed(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    night(sandbox, layout)
    for report in shared(sandbox):
        report.archived = not report.is_dataset
    result, _ = night(sandbox, layout)
    said = result.manifest.reuse["bulk"]
    assert said["fell_back"] is True
    assert said["fields"]["archived"] == said["unannounced"] > 1
    assert said["next_share"] > said["share"]
    assert contents(result) == truth(sandbox, tmp_path)


def test_a_bulk_page_that_breaks_has_all_reports_listed_by_rest(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    night(sandbox, layout)
    for report in shared(sandbox)[::3]:
        report.archived = True
    sandbox.mode.fault("/batch/*/reports", status=400, times=None)
    assert contents(night(sandbox, layout)[0]) == truth(sandbox, tmp_path)


def test_other_options_than_the_last_time_have_all_reports_listed(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    night(sandbox, layout)
    for options in ({"include_archived": False}, {"include_personal": True}, {"include_datasets": False}):
        result, _ = night(sandbox, layout, **options)
        assert contents(result) == truth(sandbox, tmp_path, **options)
        again, _ = night(sandbox, layout, **options)
        assert contents(again) == contents(result)
        assert again.manifest.filtered == result.manifest.filtered


@pytest.mark.parametrize("strategy", ["rest", "hybrid"])
def test_who_names_a_route_has_all_reports_listed_by_rest(
    sandbox: Sandbox, layout: Layout, strategy: str
) -> None:
    night(sandbox, layout)
    _, paths = night(sandbox, layout, strategy=strategy)
    assert listings(paths) >= SHAPE.collections
    assert not any("report_stats" in path for path in paths) or strategy == "hybrid"


def test_a_collection_whose_listing_has_an_odd_row_is_read_again_and_tells_it_each_night(
    sandbox: Sandbox, layout: Layout
) -> None:
    collection = next(one for one in sandbox.mode.world.collections if not one.personal)
    route = f"spaces/{collection.token}/reports"

    def spoil(body: dict[str, Any]) -> None:
        if rows := body["_embedded"].get("reports"):
            rows.append({"name": "odd"})

    sandbox.mode.alter(route, spoil, times=None)
    for _ in range(3):
        result, paths = night(sandbox, layout)
        assert f"/api/acme/{route}" in paths
        assert result.manifest.left_out_counts["report"] == 1


def test_a_collection_made_while_the_first_night_listed_them_is_there_the_next(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    listed = threading.Event()
    world = sandbox.mode.world

    def make() -> None:
        # Not before REST has listed the collections, should it do so meanwhile.
        listed.wait(1)
        world.add_report(world.add_collection("Just made").token)

    sandbox.mode.when("/batch/acme/spaces", do=make)
    sandbox.mode.when("/api/acme/spaces", do=listed.set, nth=2)
    night(sandbox, layout)
    result, _ = night(sandbox, layout)
    assert contents(result) == truth(sandbox, tmp_path)


def test_a_report_that_its_listing_did_not_show_for_a_night_is_read_the_next(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    night(sandbox, layout)
    report = next(one for one in shared(sandbox) if not one.is_dataset)
    # So that the collection is listed.
    sandbox.mode.world.add_report(report.collection)

    def hide(answer: Any) -> None:
        rows = answer["_embedded"].get("reports", [])
        rows[:] = [row for row in rows if row["token"] != report.token]

    sandbox.mode.fault(f"spaces/{report.collection}/*", alter=hide, times=None)
    away, _ = night(sandbox, layout)
    assert f'"token": "{report.token}"'.encode() not in contents(away)["report"]
    sandbox.mode.faults.clear()
    result, _ = night(sandbox, layout)
    assert contents(result) == truth(sandbox, tmp_path)


@pytest.mark.parametrize("edits", [1, 20], ids=["read alone", "listed"])
def test_a_report_that_was_away_for_a_night_is_read_the_next(
    sandbox: Sandbox, layout: Layout, tmp_path: Path, edits: int
) -> None:
    night(sandbox, layout)
    home = max(shared(sandbox), key=lambda one: len(sandbox.mode.world.reports_in(one.collection))).collection
    reports = [one for one in shared(sandbox) if one.collection == home and not one.is_dataset]
    for report in reports[:edits]:
        Editing(sandbox).edit_sql(report)
        report.query_count = 17
    for route in (f"reports/{reports[0].token}/queries", f"reports/{reports[0].token}"):
        sandbox.mode.fault(route, status=404, nth=1 if "queries" in route or edits > 1 else 2)
    away, _ = night(sandbox, layout)
    assert [one["token"] for one in away.manifest.left_out] == [reports[0].token]
    assert reports[0].token.encode() not in contents(away)["report"]
    result, _ = night(sandbox, layout)
    assert contents(result) == truth(sandbox, tmp_path)


def test_a_change_that_bulk_cannot_know_of_yet_is_counted_as_late_and_not_held_against_it(
    sandbox: Sandbox, layout: Layout
) -> None:
    night(sandbox, layout)
    sandbox.mode.discovery.freeze()
    for report in shared(sandbox):
        report.view_count += 1
    said = night(sandbox, layout)[0].manifest.reuse["bulk"]
    assert (said["unannounced"], said["fields"], said["fell_back"]) == (0, {}, False)
    assert said["late"] > 0
