"""A whole workspace over real HTTP: the rows, and what options make of them."""

from __future__ import annotations

from typing import Any

import pytest

from mode_catalog_provider.errors import (
    ConfigurationError,
    ModeAuthenticationError,
)
from mode_catalog_provider.extract.options import Strategy
from tests.integration.extracting import as_written, extract, request_threads
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape

SWITCHES: list[dict[str, Any]] = [
    {"id_type": "string"},
    {"id_type": "number"},
    {"id_type": "mixed"},
    {"spaces_paging": "never"},
    {"spaces_paging": "with_page", "per_page_cap": 7},
    {"page_after_last": "empty"},
    {"page_after_last": "repeat"},
    {"moving_rows": "duplicates"},
    {"moving_rows": "losses"},
    {"memberships_lite": 404},
    {"memberships_lite": 403, "user_email": "withheld"},
    {"user_email": "withheld"},
    {"creator_link": "none"},
    {"creator_link": "all"},
    {"null_names": False},
    {"archived_rows": False},
    {"datasets": 404},
    {"gzip": False},
]


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_a_nasty_workspace_is_read_to_the_last_byte(sandbox: Sandbox, switches: dict[str, Any]) -> None:
    sandbox.mode.switches.throw(**switches)
    got = extract(sandbox)
    assert as_written(got.rows) == as_written(sandbox.mode.expected())
    assert got.left_out == sandbox.mode.expected_left_out()
    assert got.extraction.strategy == "rest"


@pytest.mark.parametrize("max_in_flight", [1, 2, 30])
def test_the_rows_do_not_depend_on_how_many_requests_are_in_flight(
    sandbox: Sandbox, max_in_flight: int
) -> None:
    got = extract(sandbox, max_in_flight=max_in_flight)
    assert as_written(got.rows) == as_written(sandbox.mode.expected())
    assert got.left_out == sandbox.mode.expected_left_out()


@pytest.mark.parametrize(
    "options", [{"include_personal": True}, {"include_archived": False}, {"members": "lite"}], ids=str
)
def test_options_widen_or_narrow_what_is_read(sandbox: Sandbox, options: dict[str, Any]) -> None:
    got = extract(sandbox, **options)
    assert as_written(got.rows) == as_written(sandbox.mode.expected(**options))
    assert got.left_out == sandbox.mode.expected_left_out(**options)


def test_personal_collections_are_counted_and_their_reports_never_listed(sandbox: Sandbox) -> None:
    got = extract(sandbox)
    personal = [one for one in sandbox.mode.world.collections if one.personal]
    assert got.extraction.filtered == {"personal": len(personal)}
    assert not any(sandbox.mode.requests_to(f"spaces/{one.token}/*") for one in personal)


def test_archived_reports_are_dropped_before_their_queries_are_read(sandbox: Sandbox) -> None:
    archived = [one for one in sandbox.mode.world.reports if one.archived]
    got = extract(sandbox, include_archived=False)
    assert got.extraction.filtered["archived"] == len(archived) > 0
    assert not any(sandbox.mode.requests_to(f"reports/{one.token}/queries") for one in archived)


def test_an_empty_workspace_has_no_rows_and_is_no_error() -> None:
    shape = WorkspaceShape(collections=0, reports=0, members=0, data_sources=0, nasty=False)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off")) as empty:
        got = extract(empty)
    assert got.rows == {}
    assert got.left_out == set()


@pytest.mark.parametrize(
    ("route", "key"),
    [("data_sources", "data_sources"), ("spaces", "spaces"), ("memberships/lite", "memberships")],
)
@pytest.mark.parametrize("strategy", ["rest", "auto"])
def test_a_list_that_is_empty_once_is_asked_for_again(
    clean: Sandbox, route: str, key: str, strategy: Strategy
) -> None:
    def empty(answer: Any) -> None:
        answer["_embedded"][key] = []
        answer.pop("pagination", None)

    # So that e-mails are in the first list of members alone.
    clean.mode.switches.user_email = "withheld"
    clean.mode.fault(route, alter=empty)
    assert as_written(extract(clean, strategy=strategy).rows) == as_written(clean.mode.expected())


def test_progress_counts_the_rows_of_each_asset(clean: Sandbox) -> None:
    calls: list[tuple[str, int]] = []
    got = extract(clean, progress=lambda asset, count: calls.append((asset, count)))
    for asset, rows in got.rows.items():
        assert [count for name, count in calls if name == asset] == list(range(1, len(rows) + 1))


def test_included_collections_are_read_with_what_is_in_them_and_no_others(clean: Sandbox) -> None:
    world = clean.mode.world
    wanted = world.collections[1]
    got = extract(clean, include_collections=[wanted.name.upper()])
    assert got.tokens("collection") == {wanted.token}
    assert got.tokens("report") == {one.token for one in world.reports_in(wanted)}
    assert {row["report_token"] for row in got.rows["query"]} == got.tokens("report")
    assert got.extraction.filtered == {"personal": 5, "not_included": 3}
    assert len(got.rows["member"]) == 5


def test_excluded_collections_are_not_read(clean: Sandbox) -> None:
    unwanted = clean.mode.world.collections[1]
    got = extract(clean, exclude_collections=[unwanted.token])
    assert unwanted.token not in got.tokens("collection")
    assert not {one.token for one in clean.mode.world.reports_in(unwanted)} & got.tokens("report")
    assert got.extraction.filtered == {"personal": 5, "excluded": 1}
    assert not clean.mode.requests_to(f"spaces/{unwanted.token}/*")


def test_an_exclude_pattern_that_matches_nothing_is_warned_about(
    clean: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    extract(clean, exclude_collections=["Huamn resources"])
    assert "Huamn resources" in caplog.text


def test_a_misspelt_collection_is_refused_before_any_report_is_listed() -> None:
    shape = WorkspaceShape(collections=70, reports=0, members=2, nasty=False)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off")) as many:
        name = many.mode.world.collections[0].name
        with pytest.raises(ConfigurationError, match="'Salse'"):
            extract(many, include_collections=[name, "Salse"])
        assert not many.mode.requests_to("spaces/*")


def test_datasets_can_be_left_out_with_their_queries(clean: Sandbox) -> None:
    got = extract(clean, include_datasets=False)
    assert as_written(got.rows) == as_written(clean.mode.expected(include_datasets=False))
    assert not clean.mode.requests_to("spaces/*/datasets")


def test_datasets_listed_among_the_reports_are_left_out_and_counted(sandbox: Sandbox) -> None:
    twice = next(one for one in sandbox.mode.world.reports if one.twice)
    got = extract(sandbox, include_datasets=False)
    assert twice.token not in got.tokens("report")
    assert got.extraction.filtered["datasets"] >= 1


def test_a_rotation_in_the_middle_loses_no_row(sandbox: Sandbox) -> None:
    sandbox.mode.when("reports/*/queries", do=sandbox.mode.rotate, nth=10)
    got = extract(sandbox)
    assert as_written(got.rows) == as_written(sandbox.mode.expected())
    assert len({request.key for request in sandbox.mode.requests}) == 2


def test_a_credential_that_dies_in_the_middle_fails_the_extraction(sandbox: Sandbox) -> None:
    sandbox.mode.revoke_after(30)
    with pytest.raises(ModeAuthenticationError, match="mode_default"):
        extract(sandbox)
    assert request_threads() == []
