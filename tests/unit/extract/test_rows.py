"""Mode's objects as the rows Catalog expects."""

from __future__ import annotations

from typing import Any

import pytest

from mode_catalog_provider.contract import KEYS
from mode_catalog_provider.extract.rows import (
    collection_of,
    collection_row,
    completed_member,
    creator_of,
    datasource_row,
    member_row,
    query_row,
    report_of,
    report_row,
    token_of,
)


def linked(**hrefs: Any) -> dict[str, Any]:
    return {"_links": {rel: {"href": href} for rel, href in hrefs.items()}}


@pytest.mark.parametrize(
    ("asset", "row"),
    [
        ("datasource", datasource_row({"token": "t", "port": 443, "_links": {}})),
        ("collection", collection_row({"token": "t", "viewable?": True})),
        ("report", report_row({"token": "t", "layout": "<html>"}, collection_token="c")),
        ("query", query_row({"token": "t", "explorations_count": 3}, report_token="r")),
        ("member", member_row({"member_token": "t", "admin": True})),
    ],
)
def test_a_row_has_the_keys_of_the_contract_in_order_and_no_others(asset: str, row: dict[str, Any]) -> None:
    assert tuple(row) == KEYS[asset]
    assert row["token"] == "t"


@pytest.mark.parametrize(
    ("resource", "creator"),
    [
        (linked(creator="/api/jane"), "jane"),
        (linked(creator="https://app.mode.com/api/jane"), "jane"),
        (linked(creator="/api/jane?embed[x]=1"), "jane"),
        (linked(creator="/api/jane/"), "jane"),
        (linked(creator="/api/j%C3%B6rg"), "jörg"),
        (linked(creator="/api/apiary"), "apiary"),
        (linked(creator="/api/"), None),
        (linked(creator=None), None),
        (linked(creator=5), None),
        (linked(creator="http://[broken"), None),
        (linked(self="/api/x"), None),
        ({"_links": {"creator": None}}, None),
        ({"_links": None}, None),
        ({}, None),
    ],
)
def test_the_creator_is_the_username_in_the_link_if_there_is_one(
    resource: dict[str, Any], creator: str | None
) -> None:
    assert creator_of(resource) == creator
    assert collection_row(resource)["creator"] == creator
    assert report_row(resource, collection_token="c")["creator"] == creator


@pytest.mark.parametrize(
    ("resource", "report"),
    [
        (linked(self="/api/acme/reports/abc/queries/q1", report="/api/acme/reports/abc"), "abc"),
        (linked(self="/api/acme/reports/abc/queries/q1", report="/api/acme/reports/def"), "abc"),
        (linked(report="https://app.mode.com/api/acme/reports/abc?x=1"), "abc"),
        (linked(report="/api/acme/datasets/abc"), "abc"),
        (linked(self="/api/acme/reports/a%62c/queries/q1"), "abc"),
        (linked(self="/api/acme/queries/q1"), None),
        ({}, None),
    ],
)
def test_a_query_says_through_its_links_which_report_it_belongs_to(
    resource: dict[str, Any], report: str | None
) -> None:
    assert report_of(resource) == report


@pytest.mark.parametrize(
    ("resource", "collection"),
    [
        ({"space_token": "c1", "collection_token": "c2", **linked(space="/api/acme/spaces/c3")}, "c1"),
        ({"space_token": None, "collection_token": "c2", **linked(space="/api/acme/spaces/c3")}, "c2"),
        ({"space_token": "", "collection_token": 5, **linked(space="/api/acme/spaces/c3")}, "c3"),
        (linked(space="/api/acme/collections/c%33/"), "c3"),
        (linked(space="/api/acme/spaces/c3/reports"), None),
        (linked(self="/api/acme/spaces/c3"), None),
        ({}, None),
    ],
)
def test_a_report_says_by_its_row_or_its_link_in_which_collection_it_is(
    resource: dict[str, Any], collection: str | None
) -> None:
    assert collection_of(resource) == collection


@pytest.mark.parametrize(
    ("token", "known"), [("t", True), ("...", True), ("", False), (".", False), ("..", False), (5, False)]
)
def test_a_token_is_a_text_that_may_stand_in_a_path(token: Any, known: bool) -> None:
    assert token_of({"token": token}) == (token if known else None)
    assert token_of({}) is None


@pytest.mark.parametrize("number", [7, "7", None])
def test_ids_stay_what_json_made_of_them(number: object) -> None:
    assert query_row({"id": number, "data_source_id": number}, report_token="r") == {
        "id": number,
        "token": None,
        "name": None,
        "data_source_id": number,
        "raw_query": None,
        "report_token": "r",
    }


@pytest.mark.parametrize(
    ("resource", "expected"),
    [({}, "listed"), ({"space_token": None}, "listed"), ({"space_token": "own"}, "own")],
)
def test_a_report_without_a_collection_gets_the_one_it_was_listed_under(
    resource: dict[str, Any], expected: str
) -> None:
    assert report_row(resource, collection_token="listed")["space_token"] == expected


LITE = {
    "email": "a@x",
    "name": "Ann",
    "username": "ann",
    "member_token": "m1",
    "state": "active",
    "admin": False,
}
FULL = {"member_username": "ann", "member_token": "m1", "state": "active", "activated_at": "2024"}
PROFILE = {"id": 5, "token": "u1", "username": "ann", "name": "Ann P.", "email": "p@x", "created_at": "2023"}


@pytest.mark.parametrize(
    ("membership", "profile", "expected"),
    [
        (LITE, None, (None, "m1", "ann", "Ann", "a@x", None)),
        (FULL, None, (None, "m1", "ann", None, None, None)),
        (LITE, PROFILE, (5, "u1", "ann", "Ann P.", "p@x", "2023")),
        (FULL, PROFILE, (5, "u1", "ann", "Ann P.", "p@x", "2023")),
        ({**LITE, "name": None, "email": ""}, PROFILE, (5, "u1", "ann", "Ann P.", "p@x", "2023")),
        (LITE, {**PROFILE, "token": None, "id": None}, (None, "m1", "ann", "Ann P.", "p@x", "2023")),
        (LITE, {**PROFILE, "email": None}, (5, "u1", "ann", "Ann P.", "a@x", "2023")),
    ],
)
def test_a_member_is_what_the_user_record_says_filled_up_from_the_list(
    membership: dict[str, Any], profile: dict[str, Any] | None, expected: tuple[object, ...]
) -> None:
    row = member_row(membership) if profile is None else completed_member(member_row(membership), profile)
    assert tuple(row) == KEYS["member"]
    assert tuple(row.values()) == expected
