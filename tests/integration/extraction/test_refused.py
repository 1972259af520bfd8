"""What Mode refuses, or what vanishes while it is read: what stays, and what is told of the rest."""

from __future__ import annotations

import logging

import pytest

from mode_catalog_provider.errors import (
    ForbiddenError,
    NotFoundError,
)
from tests.integration.extracting import as_written, extract, request_threads
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape


@pytest.mark.parametrize("route", ["data_sources", "spaces"])
@pytest.mark.parametrize(("status", "error"), [(403, ForbiddenError), (404, NotFoundError)])
def test_without_data_sources_or_collections_there_is_no_extraction(
    clean: Sandbox, route: str, status: int, error: type[Exception]
) -> None:
    clean.mode.fault(route, status=status, times=None)
    with pytest.raises(error):
        extract(clean)
    assert request_threads() == []


def test_a_report_that_vanishes_between_listing_and_reading_is_listed_as_gone(clean: Sandbox) -> None:
    report = clean.mode.world.reports[3]
    clean.mode.when(f"reports/{report.token}/queries", do=lambda: clean.mode.world.remove_report(report))
    got = extract(clean)
    assert got.left_out == {("report", report.token, "gone")}
    assert got.extraction.left_out[0].name == report.name
    assert as_written(got.rows) == as_written(clean.mode.expected())


@pytest.mark.parametrize(("status", "reason"), [(403, "forbidden"), (404, "gone")])
def test_a_report_whose_queries_are_refused_keeps_its_row(clean: Sandbox, status: int, reason: str) -> None:
    report = clean.mode.world.reports[3]
    rows = clean.mode.expected()
    clean.mode.fault(f"reports/{report.token}/queries", status=status, times=None)
    got = extract(clean)
    assert got.left_out == {("report", report.token, reason)}
    rows["query"] = [row for row in rows["query"] if row["report_token"] != report.token]
    assert as_written(got.rows) == as_written(rows)


@pytest.mark.parametrize(("status", "reason"), [(403, "forbidden"), (404, "gone")])
def test_a_collection_whose_reports_are_refused_keeps_its_row(
    clean: Sandbox, status: int, reason: str
) -> None:
    collection = next(one for one in clean.mode.world.collections if not one.personal)
    clean.mode.fault(f"spaces/{collection.token}/reports", status=status, times=None)
    got = extract(clean)
    assert got.left_out == {("collection", collection.token, reason)}
    assert as_written(got.rows)["collection"] == as_written(clean.mode.expected())["collection"]


def test_a_collection_refused_in_the_middle_of_its_listing_keeps_its_row_and_what_was_read_is_said() -> None:
    shape = WorkspaceShape(collections=1, reports=70, datasets=0, members=1, nasty=False)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off")) as big:
        (collection,) = (one for one in big.mode.world.collections if not one.personal)
        big.mode.fault(f"spaces/{collection.token}/reports", nth=3, status=403, times=None)
        got = extract(big)
    assert got.tokens("collection") == {collection.token}
    assert got.left_out == {("collection", collection.token, "forbidden")}
    assert len(got.rows["report"]) == 60
    assert "60" in got.extraction.left_out[0].detail


def test_members_that_no_route_lists_are_one_entry_without_token(clean: Sandbox) -> None:
    clean.mode.switches.throw(memberships_lite=404, memberships=403)
    got = extract(clean)
    assert got.rows["member"] == []
    assert got.left_out == {("member", None, "forbidden")}


def test_a_member_without_a_profile_keeps_what_the_list_gave(clean: Sandbox) -> None:
    clean.mode.world.members[0].profile = 404
    got = extract(clean)
    (row,) = (row for row in got.rows["member"] if row["username"] == "person1")
    assert row["email"] == "person1@acme.example"
    assert row["id"] is row["created_at"] is None


def test_the_profile_of_somebody_invited_is_not_asked_for(clean: Sandbox) -> None:
    clean.mode.world.members[0].username = None
    got = extract(clean)
    assert as_written(got.rows) == as_written(clean.mode.expected())
    assert not clean.mode.requests_to("/api/") + clean.mode.requests_to("/api")
    assert not clean.mode.requests_to("/api/None")


def test_usernames_are_escaped(clean: Sandbox) -> None:
    usernames = ["a b", "x?y=1", "né/..", "50%41", ".."]
    for member, username in zip(clean.mode.world.members, usernames, strict=True):
        member.username = username
    extract(clean)
    asked = {(one.path, one.query) for one in clean.mode.requests if not one.path.startswith("/api/acme")}
    # Nothing but dots would be a step up the path, however it is escaped.
    assert asked == {(f"/api/{username}", "") for username in usernames[:-1]}


def test_a_member_listed_twice_is_one_row_and_one_request(clean: Sandbox) -> None:
    members = clean.mode.world.members
    members.append(members[0])
    got = extract(clean)
    assert len(got.rows["member"]) == 5
    assert len(clean.mode.requests_to("/api/person1")) == 1


def test_a_member_without_any_token_is_left_out_by_name(clean: Sandbox) -> None:
    clean.mode.world.members[0].token = None  # type: ignore[assignment]
    got = extract(clean)
    assert got.left_out == {("member", None, "no_token")}
    assert got.extraction.left_out[0].name == "Person 1"
    assert len(got.rows["member"]) == 4


def test_an_exclusion_that_matches_nothing_is_told_and_can_forge_no_line(
    clean: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    extract(clean, exclude_collections=["typo\n\x1b[31m https://evil.example"])
    (told,) = [record.message for record in caplog.records if "exclude_collections" in record.message]
    assert told.endswith("matches 'typo\\n\\x1b[31m https[:]//evil.example'.")


def test_a_workspace_without_a_listing_of_datasets_is_asked_once_and_read_without(
    clean: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    clean.mode.switches.datasets = 404
    with caplog.at_level(logging.INFO, logger="mode_catalog_provider"):
        got = extract(clean)
    assert as_written(got.rows) == as_written(clean.mode.expected())
    assert got.left_out == set()
    assert len(clean.mode.requests_to("spaces/*/datasets")) == 1
    assert caplog.text.count("no listing of datasets") == 1


def test_a_collection_that_vanishes_before_its_datasets_does_not_cost_the_others_theirs(
    clean: Sandbox,
) -> None:
    gone: list[str] = []

    def vanish() -> None:
        token = clean.mode.requests[-1].path.split("/")[-2]
        collection = clean.mode.world.collection(token)
        assert collection is not None
        collection.refused = 404
        gone.append(token)

    clean.mode.when("spaces/*/datasets", do=vanish)
    got = extract(clean, max_in_flight=1)
    datasets = [one for one in clean.mode.world.reports if one.is_dataset]
    others = {one.token for one in datasets if one.collection not in gone}
    assert len(others) == len(datasets) - 1 == 3
    assert others <= got.tokens("report")
    assert got.left_out == {("report", None, "gone")}
    assert gone[0] in got.extraction.left_out[0].detail


def test_datasets_that_are_forbidden_are_listed_for_each_collection(clean: Sandbox) -> None:
    clean.mode.switches.datasets = 403
    got = extract(clean)
    assert len(got.extraction.left_out) == 4
    assert got.left_out == {("report", None, "forbidden")}
    assert as_written(got.rows) == as_written(clean.mode.expected())
