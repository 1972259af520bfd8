"""What bulk listings tell of changes: what they save, and that no lie of theirs lives too long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.extract.capture import CaptureResult
from mode_catalog_provider.extract.unchanged import UnchangedReading
from mode_catalog_provider.snapshot.facts import read_facts
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import open_snapshot, verify
from tests.integration.incremental_cases import Editing, contents, running, take
from tests.sandbox import Sandbox, WorkspaceShape
from tests.sandbox.objects import Report

SHAPE = WorkspaceShape(collections=8, reports=90, members=3, datasets=5, nasty=False, sql_bytes=40)
#: Where it is enough that there are some.
SMALL = replace(SHAPE, reports=48)


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with running(getattr(request, "param", SHAPE)) as sandbox:
        yield sandbox


@pytest.fixture
def layout(sandbox: Sandbox, tmp_path: Path) -> Layout:
    return Layout.nested(tmp_path, sandbox.mode.workspace)


def night(sandbox: Sandbox, layout: Layout, **options: Any) -> tuple[CaptureResult, list[str]]:
    """An incremental snapshot by whatever is cheapest, and the paths that were asked for."""
    before = len(sandbox.mode.requests)
    result = take(sandbox, layout, **{"strategy": "auto", "members": "lite", **options})
    return result, [request.path for request in sandbox.mode.requests[before:]]


def truth(sandbox: Sandbox, tmp_path: Path, **options: Any) -> dict[str, bytes]:
    """What a full extraction by REST gives."""
    chosen = {"strategy": "rest", "incremental": False, "members": "lite", **options}
    return contents(take(sandbox, Layout.nested(tmp_path / "truth", "acme"), **chosen))


def shared(sandbox: Sandbox) -> list[Report]:
    world = sandbox.mode.world
    return [one for space in world.collections if not space.personal for one in world.reports_in(space)]


def listings(paths: list[str]) -> int:
    """How many pages of reports of collections were asked for."""
    return sum(path.startswith("/api/acme/spaces/") and path.endswith("/reports") for path in paths)


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


def collections_listed(paths: list[str]) -> set[str]:
    return {path for path in paths if path.startswith("/api/acme/spaces/") and path.endswith("/reports")}


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
