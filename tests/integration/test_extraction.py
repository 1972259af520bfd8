"""A whole workspace over real HTTP: the rows, and the account of what is missing from them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from mode_catalog_provider.errors import (
    ConfigurationError,
    ForbiddenError,
    MalformedResponseError,
    ModeAuthenticationError,
    NotFoundError,
)
from mode_catalog_provider.extract.options import Strategy
from tests.integration.extracting import as_written, extract, request_threads
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A small workspace with every nasty row."""
    with Sandbox(mode=ModeSwitches(limiter="off")) as running:
        yield running


@pytest.fixture
def clean() -> Iterator[Sandbox]:
    """A small workspace without surprises: 4 shared collections, 20 reports, 4 datasets, 5 members."""
    shape = WorkspaceShape(collections=4, reports=20, datasets=4, members=5, nasty=False)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off")) as running:
        yield running


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


# -- which collections -------------------------------------------------------------------------------------


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


# -- refused and vanished ----------------------------------------------------------------------------------


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


# -- datasets ----------------------------------------------------------------------------------------------


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


# -- things that move or lie -------------------------------------------------------------------------------


def test_a_report_that_moves_between_collections_is_read_once(clean: Sandbox) -> None:
    world = clean.mode.world
    first, *_, last = (one for one in world.collections if world.reports_in(one) and not one.personal)
    report = world.reports_in(first)[0]
    clean.mode.when(f"spaces/{last.token}/reports", do=lambda: world.move_report(report, last))
    got = extract(clean, max_in_flight=1)
    assert len(clean.mode.requests_to(f"reports/{report.token}/queries")) == 1
    assert [row["space_token"] for row in got.rows["report"] if row["token"] == report.token] == [first.token]
    assert len(got.tokens("report")) == len(got.rows["report"]) == len(world.reports) - 2


def test_queries_of_another_report_are_left_to_that_report_and_listed(clean: Sandbox) -> None:
    mine, other = clean.mode.world.reports[:2]

    def query(token: str, report: str) -> dict[str, Any]:
        return {"token": token, "_links": {"self": {"href": f"/api/acme/reports/{report}/queries/{token}"}}}

    rows = [query("aaa", mine.token), query("bbb", other.token), {"token": "ccc"}]
    answer = json.dumps({"_embedded": {"queries": rows}}).encode()
    clean.mode.fault(f"reports/{mine.token}/queries", body=answer)
    got = extract(clean)
    assert [row["token"] for row in got.rows["query"] if row["report_token"] == mine.token] == ["aaa", "ccc"]
    assert "bbb" not in got.tokens("query")
    assert got.left_out == {("query", "bbb", "elsewhere")}
    assert other.token in got.extraction.left_out[0].detail


# What /api/verify answers: a resource with links, and no listing.
KEY_RECORD = {"workspace": "acme", "_links": {"self": {"href": "/api/acme/api_keys/k1"}}}


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("data_sources", {"id": "not_found", "message": "served with 200"}),
        ("data_sources", KEY_RECORD),
        ("spaces", KEY_RECORD),
        ("spaces/*/reports", KEY_RECORD),
        ("reports/*/queries", KEY_RECORD),
        ("memberships/lite", KEY_RECORD),
        ("spaces", {"_links": {}}),
        ("spaces", {"_links": {"self": {"href": ["x"]}}}),
        ("spaces", {"_embedded": {"spaces": ["x", "y"]}}),
        ("spaces/*/reports", {"_embedded": {"reports": {"token": "x"}}}),
        ("reports/*/queries", {"_embedded": []}),
        ("memberships/lite", {"_embedded": {"memberships": [None, None]}}),
    ],
)
def test_an_answer_of_another_shape_fails_the_extraction_and_is_named(
    clean: Sandbox, route: str, body: dict[str, Any]
) -> None:
    clean.mode.fault(route, body=json.dumps(body).encode(), times=None)
    with pytest.raises(MalformedResponseError, match=r"token|listing|rows"):
        extract(clean)
    assert request_threads() == []


ODD_ROWS = [
    ("data_sources", "data_sources", "datasource"),
    ("spaces", "spaces", "collection"),
    ("spaces/*/reports", "reports", "report"),
    ("reports/*/queries", "queries", "query"),
    ("memberships/lite", "memberships", "member"),
]


@pytest.mark.parametrize("token", [None, "", 5, {"a": 1}], ids=repr)
@pytest.mark.parametrize(("route", "key", "asset"), ODD_ROWS)
def test_a_row_that_nothing_can_refer_to_is_listed_and_ends_nothing(
    clean: Sandbox, route: str, key: str, asset: str, token: Any
) -> None:
    whole = extract(clean)
    row = {"token": token, "member_token": token, "name": 77}
    clean.mode.alter(route, lambda body: body["_embedded"].setdefault(key, []).append(row), times=1)
    got = extract(clean)
    assert got.left_out == {(asset, None, "no_token")}
    assert got.extraction.left_out[0].name == "77"
    assert as_written(got.rows) == as_written(whole.rows)


@pytest.mark.parametrize("token", [".", ".."])
@pytest.mark.parametrize(("route", "key", "asset"), ODD_ROWS[:4])
def test_a_token_that_would_lead_to_another_route_is_none(
    clean: Sandbox, route: str, key: str, asset: str, token: str
) -> None:
    whole = extract(clean)
    row = {"token": token, "name": "odd"}
    clean.mode.alter(route, lambda body: body["_embedded"].setdefault(key, []).append(row), times=1)
    got = extract(clean)
    assert got.left_out == {(asset, None, "no_token")}
    assert as_written(got.rows) == as_written(whole.rows)


@pytest.mark.parametrize("row", [None, "text", 5, ["x"]], ids=repr)
@pytest.mark.parametrize(("route", "key", "asset"), ODD_ROWS[:4])
def test_a_row_that_is_no_object_is_listed_and_ends_nothing(
    clean: Sandbox, route: str, key: str, asset: str, row: Any
) -> None:
    whole = extract(clean)

    def spoil(body: dict[str, Any]) -> None:
        rows = body["_embedded"].get(key)
        if rows:
            rows.append(row)

    clean.mode.alter(route, spoil, times=None)
    got = extract(clean)
    assert {one[0] for one in got.left_out} == {asset}
    assert {one[2] for one in got.left_out} == {"no_token"}
    assert as_written(got.rows) == as_written(whole.rows)


def test_a_report_whose_only_query_is_an_odd_row_costs_that_query_alone(clean: Sandbox) -> None:
    whole = extract(clean)
    spoilt = whole.rows["query"][0]["report_token"]
    clean.mode.alter(
        f"reports/{spoilt}/queries", lambda body: body["_embedded"].update(queries=[None]), times=None
    )
    got = extract(clean)
    assert got.left_out == {("query", None, "no_token")}
    assert as_written(got.rows)["report"] == as_written(whole.rows)["report"]
    lost = [row for row in whole.rows["query"] if row["report_token"] == spoilt]
    assert len(got.rows["query"]) == len(whole.rows["query"]) - len(lost)


@pytest.mark.parametrize("route", ["data_sources", "spaces", "spaces/*/reports", "reports/*/queries"])
def test_an_empty_listing_that_says_which_one_it_is_is_empty(clean: Sandbox, route: str) -> None:
    def without_rows(body: dict[str, Any]) -> None:
        del body["_embedded"]
        body.pop("pagination", None)
        body["_links"] = {"self": {"href": f"/api/acme/x/{route.rpartition('/')[2]}?page=1"}}

    clean.mode.alter(route, without_rows, times=None)
    assert extract(clean).left_out == set()


def test_a_member_that_only_the_other_list_shows_is_a_member_too(clean: Sandbox) -> None:
    banned = clean.mode.world.members[2]
    expected = clean.mode.expected()

    def without_the_banned(body: dict[str, Any]) -> None:
        rows = body["_embedded"]["memberships"]
        rows[:] = [row for row in rows if row["member_token"] != banned.token]

    clean.mode.alter("memberships/lite", without_the_banned, times=None)
    got = extract(clean)
    assert got.tokens("member") == {row["token"] for row in expected["member"]}
    assert as_written(got.rows) == as_written(expected)


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize("route", ["memberships/lite", "memberships"])
def test_a_list_of_members_that_is_not_for_this_key_is_no_loss_while_the_other_is(
    clean: Sandbox, route: str, status: int
) -> None:
    body = b'{"id": "bad_request", "message": "This endpoint is unsupported for use with Api Keys"}'
    clean.mode.fault(route, status=status, body=body, times=None)
    got = extract(clean)
    assert got.left_out == set()
    assert got.tokens("member") == {member.token for member in clean.mode.world.members}


def test_values_of_other_kinds_are_written_as_mode_sent_them(clean: Sandbox) -> None:
    odd = {"name": 5, "description": {"html": "<b>"}, "view_count": 10**30, "creator": ["x"]}
    clean.mode.alter("spaces/*/reports", lambda body: body["_embedded"]["reports"][0].update(odd), times=1)
    got = extract(clean)
    (row,) = (row for row in got.rows["report"] if row["name"] == 5)
    assert row["description"] == {"html": "<b>"}
    assert row["view_count"] == 10**30


def test_datasets_can_be_left_out_with_their_queries(clean: Sandbox) -> None:
    got = extract(clean, include_datasets=False)
    assert as_written(got.rows) == as_written(clean.mode.expected(include_datasets=False))
    assert not clean.mode.requests_to("spaces/*/datasets")


def test_datasets_listed_among_the_reports_are_left_out_and_counted(sandbox: Sandbox) -> None:
    twice = next(one for one in sandbox.mode.world.reports if one.twice)
    got = extract(sandbox, include_datasets=False)
    assert twice.token not in got.tokens("report")
    assert got.extraction.filtered["datasets"] >= 1


# -- the credential ----------------------------------------------------------------------------------------


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
