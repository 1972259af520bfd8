"""Objects that move while they are read, and answers of another shape."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mode_catalog_provider.errors import (
    MalformedResponseError,
)
from tests.integration.extracting import as_written, extract, request_threads
from tests.sandbox import Sandbox


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
