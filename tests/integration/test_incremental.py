"""What an incremental extraction asks for, what it takes from the snapshot before, and when it refuses to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.errors import ModeCatalogError
from mode_catalog_provider.extract.capture import CaptureResult
from mode_catalog_provider.extract.extraction import Extraction, ExtractionOptions
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import open_snapshot, verify
from mode_catalog_provider.snapshot.retention import prune
from tests.integration.extracting import client_of
from tests.integration.incremental_cases import Editing, asked, contents, running, take
from tests.sandbox import Sandbox, WorkspaceShape

SHAPE = WorkspaceShape(collections=4, reports=40, members=6, datasets=2, nasty=False, sql_bytes=60)
QUERIES = "/queries"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running(SHAPE) as sandbox:
        yield sandbox


@pytest.fixture
def layout(sandbox: Sandbox, tmp_path: Path) -> Layout:
    return Layout.nested(tmp_path, sandbox.mode.workspace)


def shared_reports(sandbox: Sandbox) -> list[Any]:
    world = sandbox.mode.world
    shared = [one for one in world.collections if not one.personal]
    return [report for collection in shared for report in world.reports_in(collection)]


def next_one(sandbox: Sandbox, layout: Layout, **options: Any) -> tuple[CaptureResult, list[str], list[str]]:
    """An incremental snapshot, and the reports and members that were asked for."""
    before = len(sandbox.mode.requests)
    result = take(sandbox, layout, **options)
    paths = [request.path for request in sandbox.mode.requests[before:]]
    reports = [path.split("/")[4] for path in paths if path.endswith(QUERIES)]
    return result, reports, [path for path in paths if path.startswith("/api/person")]


# -- what is asked for ---------------------------------------------------------------------------------------


def test_when_nothing_changed_no_report_and_no_member_is_asked_for(sandbox: Sandbox, layout: Layout) -> None:
    first = take(sandbox, layout)
    result, reports, members = next_one(sandbox, layout)
    assert (reports, members) == ([], [])
    assert contents(result) == contents(first)
    assert result.manifest.reuse == {
        "snapshot": first.manifest.timestamp,
        "full_because": None,
        "reports": first.manifest.rows["report"],
        "queries": first.manifest.rows["query"],
        "members": first.manifest.rows["member"],
    }
    verify(open_snapshot(result.manifest_path))


def test_only_the_report_that_was_saved_is_asked_for_and_only_once(sandbox: Sandbox, layout: Layout) -> None:
    take(sandbox, layout)
    report = shared_reports(sandbox)[5]
    sandbox.mode.world.edit_queries(report)[0].raw_query = "select 'edited'"
    result, reports, members = next_one(sandbox, layout)
    assert (reports, members) == ([report.token], [])
    assert b"select 'edited'" in contents(result)["query"]
    assert result.manifest.reuse["reports"] == result.manifest.rows["report"] - 1
    assert next_one(sandbox, layout)[1:] == ([], [])


def test_a_run_of_a_report_is_no_reason_to_ask_for_it(sandbox: Sandbox, layout: Layout) -> None:
    take(sandbox, layout)
    for report in shared_reports(sandbox):
        Editing(sandbox).run(report)
    result, reports, _ = next_one(sandbox, layout)
    assert reports == []
    assert result.manifest.rows["report"] == contents(result)["report"].count(b'"updated_at": "20')


def test_a_report_that_moved_shows_in_its_new_collection_without_being_asked_for(
    sandbox: Sandbox, layout: Layout
) -> None:
    take(sandbox, layout)
    report = shared_reports(sandbox)[0]
    there = [one for one in sandbox.mode.world.collections if not one.personal][-1]
    sandbox.mode.world.move_report(report, there)
    result, reports, _ = next_one(sandbox, layout)
    (row,) = (row for row in json.loads(contents(result)["report"]) if row["token"] == report.token)
    assert (row["space_token"], reports) == (there.token, [])


def test_a_deleted_report_is_gone_with_its_queries(sandbox: Sandbox, layout: Layout) -> None:
    take(sandbox, layout)
    report = shared_reports(sandbox)[0]
    sandbox.mode.world.remove_report(report)
    result, reports, _ = next_one(sandbox, layout)
    files = contents(result)
    assert reports == []
    assert report.token.encode() not in files["report"] + files["query"]


def test_a_report_without_edit_stamps_is_asked_for_every_time(sandbox: Sandbox, layout: Layout) -> None:
    report = shared_reports(sandbox)[0]
    Editing(sandbox).lose_stamps(report)
    take(sandbox, layout)
    for _ in range(2):
        assert next_one(sandbox, layout)[1] == [report.token]


def test_one_of_the_two_edit_stamps_is_enough(sandbox: Sandbox, layout: Layout) -> None:
    report = shared_reports(sandbox)[0]
    report.last_saved_at = None
    take(sandbox, layout)
    assert next_one(sandbox, layout)[1] == []
    report.edited_at = "2026-03-01T00:00:00.000Z"
    assert next_one(sandbox, layout)[1] == [report.token]


def test_an_edit_after_its_queries_were_read_is_seen_by_the_next_snapshot(
    sandbox: Sandbox, layout: Layout
) -> None:
    report = shared_reports(sandbox)[0]

    def edit() -> None:
        sandbox.mode.world.edit_queries(report)[0].raw_query = "select 'late'"

    # Members come last.
    sandbox.mode.when("/api/person*", nth=SHAPE.members, do=edit)
    assert b"select 'late'" not in contents(take(sandbox, layout, max_in_flight=1))["query"]
    result, reports, _ = next_one(sandbox, layout)
    assert reports == [report.token]
    assert b"select 'late'" in contents(result)["query"]


def test_an_edit_between_listing_and_reading_makes_the_next_snapshot_read_again(
    sandbox: Sandbox, layout: Layout
) -> None:
    report = shared_reports(sandbox)[3]

    def edit() -> None:
        sandbox.mode.world.edit_queries(report)[0].raw_query = "select 'just now'"

    sandbox.mode.when(f"reports/{report.token}/queries", do=edit)
    assert b"select 'just now'" in contents(take(sandbox, layout))["query"]
    assert next_one(sandbox, layout)[1] == [report.token]


def test_a_report_that_was_left_out_is_asked_for_again(sandbox: Sandbox, layout: Layout) -> None:
    report = shared_reports(sandbox)[0]
    report.refused = 403
    assert take(sandbox, layout).manifest.left_out_counts["report"] == 1
    report.refused = None
    result, reports, _ = next_one(sandbox, layout)
    assert reports == [report.token]
    assert contents(result) == contents(take(sandbox, layout, incremental=False))


@pytest.mark.parametrize("strategy", ["rest", "auto"])
def test_a_query_that_was_left_out_is_told_by_each_extraction(
    sandbox: Sandbox, layout: Layout, strategy: str
) -> None:
    def lose_its_token(answer: Any) -> None:
        del answer["_embedded"]["queries"][0]["token"]

    report = shared_reports(sandbox)[0]
    sandbox.mode.switches.batch_listings = {"queries": 404}
    sandbox.mode.fault(f"reports/{report.token}/queries", times=None, alter=lose_its_token)
    first, second = (take(sandbox, layout, strategy=strategy) for _ in range(2))
    assert first.manifest.left_out_counts["query"] == second.manifest.left_out_counts["query"] == 1
    sandbox.mode.faults.clear()
    third = take(sandbox, layout, strategy=strategy)
    assert third.manifest.left_out_counts["query"] == 0
    assert contents(third) == contents(take(sandbox, layout, incremental=False))


@pytest.mark.parametrize("strategy", ["rest", "auto"])
def test_when_mode_writes_ids_otherwise_those_of_queries_fit_those_of_connections(
    sandbox: Sandbox, layout: Layout, strategy: str
) -> None:
    take(sandbox, layout, strategy=strategy)
    sandbox.mode.switches.throw(id_type="number", batch_id_type="number")
    result = take(sandbox, layout, strategy=strategy)
    assert contents(result)["query"] == contents(take(sandbox, layout, incremental=False))["query"]


@pytest.mark.parametrize("strategy", ["rest", "auto"])
def test_queries_that_come_empty_once_are_not_lost(sandbox: Sandbox, layout: Layout, strategy: str) -> None:
    def empty(answer: Any) -> None:
        answer["_embedded"]["queries"] = []

    sandbox.mode.switches.batch_listings = {"queries": 404}
    sandbox.mode.fault("reports/*/queries", alter=empty)
    assert contents(take(sandbox, layout, strategy=strategy)) == contents(
        take(sandbox, layout, incremental=False)
    )


# -- members -------------------------------------------------------------------------------------------------


def test_a_member_whose_name_or_address_changed_and_a_new_one_are_asked_for(
    sandbox: Sandbox, layout: Layout
) -> None:
    take(sandbox, layout)
    first, second, *_ = sandbox.mode.world.members
    first.name, second.email = "Somebody Else", "moved@acme.example"
    sandbox.mode.world.add_member("person99")
    _, reports, members = next_one(sandbox, layout)
    assert reports == []
    assert sorted(members) == sorted(f"/api/{name}" for name in (first.username, second.username, "person99"))


def test_a_member_without_a_profile_is_asked_for_every_time(sandbox: Sandbox, layout: Layout) -> None:
    member = sandbox.mode.world.members[0]
    member.profile = 404
    take(sandbox, layout)
    result, _, members = next_one(sandbox, layout)
    assert members == [f"/api/{member.username}"]
    assert result.manifest.left_out_counts["member"] == 1


def test_a_profile_that_comes_empty_once_is_asked_for_again_by_the_next_extraction(
    sandbox: Sandbox, layout: Layout
) -> None:
    sandbox.mode.fault("/api/person*", alter=lambda answer: answer.clear())
    take(sandbox, layout)
    result, _, members = next_one(sandbox, layout)
    assert len(members) == 1
    assert contents(result) == contents(take(sandbox, layout, incremental=False))


def test_when_names_come_only_from_profiles_a_list_that_lost_them_makes_them_read_again(
    sandbox: Sandbox, layout: Layout
) -> None:
    take(sandbox, layout)
    sandbox.mode.switches.memberships_lite = 404
    sandbox.mode.switches.user_email = "withheld"
    result, _, members = next_one(sandbox, layout)
    assert len(members) == SHAPE.members
    assert contents(result) == contents(take(sandbox, layout, incremental=False))


def test_after_a_snapshot_without_profiles_only_profiles_are_read(sandbox: Sandbox, layout: Layout) -> None:
    take(sandbox, layout, members="lite")
    result, reports, members = next_one(sandbox, layout)
    assert (reports, len(members)) == ([], SHAPE.members)
    assert result.manifest.reuse["members"] == 0


# -- age -----------------------------------------------------------------------------------------------------


def test_a_chain_of_incremental_snapshots_is_read_anew_when_its_first_reading_is_too_old(
    sandbox: Sandbox, layout: Layout
) -> None:
    take(sandbox, layout)
    everything = len(shared_reports(sandbox))
    for day, asked_for in [(3, 0), (6, 0), (8, everything), (11, 0), (14, 0), (15.1, everything)]:
        _, reports, members = next_one(sandbox, layout, day=day)
        assert (day, len(reports), len(members)) == (day, asked_for, SHAPE.members if asked_for else 0)


def test_what_was_read_later_stays_known_longer(sandbox: Sandbox, layout: Layout) -> None:
    take(sandbox, layout)
    edited = shared_reports(sandbox)[0]
    Editing(sandbox).edit_sql(edited)
    assert next_one(sandbox, layout, day=5)[1] == [edited.token]
    reports = next_one(sandbox, layout, day=8)[1]
    assert len(reports) == len(shared_reports(sandbox)) - 1
    assert edited.token not in reports


def test_the_age_can_be_chosen(sandbox: Sandbox, layout: Layout) -> None:
    take(sandbox, layout)
    a_day = timedelta(days=1)
    assert next_one(sandbox, layout, day=0.9, full_refresh_after=a_day)[1] == []
    result, reports, _ = next_one(sandbox, layout, day=1, full_refresh_after=a_day)
    assert len(reports) == len(shared_reports(sandbox))
    assert "read less than 1 day ago" in result.manifest.reuse["full_because"]


def test_a_reading_that_a_fast_clock_dated_into_the_future_is_not_trusted(
    sandbox: Sandbox, layout: Layout
) -> None:
    take(sandbox, layout, day=2)
    assert len(next_one(sandbox, layout, day=1)[1]) == len(shared_reports(sandbox))


# -- when it is not to be ------------------------------------------------------------------------------------


def test_an_extraction_killed_midway_changes_nothing_for_the_next(sandbox: Sandbox, layout: Layout) -> None:
    first = take(sandbox, layout)
    report, broken = shared_reports(sandbox)[:2]
    Editing(sandbox).edit_sql(report)
    Editing(sandbox).edit_sql(broken)
    sandbox.mode.fault(f"reports/{broken.token}/queries", status=400, times=1)
    with suppress(ModeCatalogError):
        take(sandbox, layout)
    assert layout.timestamps() == {first.manifest.timestamp}
    result, reports, _ = next_one(sandbox, layout, resume=False)
    assert sorted(reports) == sorted([report.token, broken.token])
    assert result.manifest.reuse["snapshot"] == first.manifest.timestamp


def test_a_snapshot_pruned_while_it_is_built_on_is_not_missed(sandbox: Sandbox, layout: Layout) -> None:
    first = take(sandbox, layout)
    report = shared_reports(sandbox)[0]
    Editing(sandbox).edit_sql(report)
    newer = first.manifest.timestamp

    def remove() -> None:
        for path in (layout.home / str(newer)).iterdir():
            path.unlink()

    sandbox.mode.when(f"reports/{report.token}/queries", do=remove)
    result, reports, _ = next_one(sandbox, layout)
    assert reports == [report.token]
    prune(layout, 1)
    verify(open_snapshot(result.manifest_path))
    assert contents(result) == contents(take(sandbox, layout, incremental=False))


def test_without_the_option_everything_is_read(sandbox: Sandbox, layout: Layout) -> None:
    take(sandbox, layout)
    result, reports, members = next_one(sandbox, layout, incremental=False)
    assert (len(reports), len(members)) == (len(shared_reports(sandbox)), SHAPE.members)
    assert result.manifest.reuse == {}


def test_rows_without_a_snapshot_to_build_on_are_read_from_mode(sandbox: Sandbox) -> None:
    with client_of(sandbox) as client:
        options = ExtractionOptions(incremental=True, strategy="rest")
        assert len(list(Extraction(client=client, options=options).rows())) > len(shared_reports(sandbox))
    assert len(asked(sandbox, QUERIES)) == len(shared_reports(sandbox))


def test_the_walk_that_was_longest_the_last_time_begins_first(sandbox: Sandbox, layout: Layout) -> None:
    world = sandbox.mode.world
    last = [one for one in world.collections if not one.personal and not one.refused][-1]
    for _ in range(65):
        world.add_report(last.token)
    take(sandbox, layout)
    before = len(asked(sandbox, "/reports"))
    take(sandbox, layout, max_in_flight=1)
    first = next(path for path in asked(sandbox, "/reports")[before:] if "/spaces/" in path)
    assert first.split("/")[-2] == last.token
