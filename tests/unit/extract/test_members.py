"""Members, from whichever list the key may read, and each once."""

from __future__ import annotations

from typing import Any

import pytest

from mode_catalog_provider.errors import ForbiddenError, RequestRefusedError, ServiceUnavailableError
from mode_catalog_provider.extract.known import NothingKnown, member_mark
from mode_catalog_provider.extract.left_out import Ledger
from mode_catalog_provider.extract.members import MemberReading
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.extract.rows import member_row
from tests.unit.extract.answers import Answers, listing

FORBIDDEN = ForbiddenError("Mode answered 403.", status=403)
UNSUPPORTED = RequestRefusedError("This is unsupported for use with Api Keys", status=400)

ANN = {"member_token": "m1", "username": "ann", "name": "Ann", "email": "a@x", "state": "active"}
BEN = {"member_token": "m2", "username": "ben", "name": "Ben", "email": "b@x"}
PROFILE = {"id": 5, "token": "m1", "username": "ann", "name": "Ann", "email": "a@x", "created_at": "2023"}


class Known(NothingKnown):
    def __init__(self) -> None:
        self.rows: dict[tuple[str | None, str], dict[str, Any]] = {}
        self.noted: list[tuple[Any, ...]] = []

    def member(self, token: str | None, mark: str) -> dict[str, Any] | None:
        return self.rows.get((token, mark))

    def note(self, *what: Any, **more: Any) -> None:
        self.noted.append((*what, more))


class Bulk:
    """The Discovery API's list of members."""

    def __init__(self, *pages: Any) -> None:
        self.pages = pages
        self.asked: list[tuple[str, int]] = []

    def page(self, name: str, number: int) -> Any:
        self.asked.append((name, number))
        page = self.pages[number - 1]
        if isinstance(page, Exception):
            raise page
        return page


class Reading:
    def __init__(self, lite: Any, full: Any, *, bulk: Any = None, at_once: int = 16, **more: Any) -> None:
        self.ledger, self.known = Ledger(), Known()
        self.facts: list[tuple[str, str, Any]] = []
        profiles = more.pop("profiles", {})
        pages = {"memberships/lite": lite, "memberships": full}
        self.answers = Answers({**pages, **{f"/api/{name}": one for name, one in profiles.items()}})
        self.pipeline = self.answers.pipeline(at_once=at_once)
        self.members = MemberReading(
            pipeline=self.pipeline,
            ledger=self.ledger,
            known=self.known,
            facts=lambda *told: self.facts.append((told[0], told[1], dict(told[2]))),
            options=ExtractionOptions(**{"members": "lite", "max_in_flight": at_once, **more}),
            discovery=bulk,
        )

    def read(self) -> list[dict[str, Any]]:
        self.members.start()
        rows = list(self.pipeline.rows())
        assert {asset for asset, _ in rows} <= {"member"}
        return [row for _, row in rows]

    def tokens(self) -> list[str]:
        return [row["token"] for row in self.read()]


def members(*rows: Any) -> dict[str, Any]:
    return listing("memberships", *rows)


@pytest.mark.parametrize("refusal", [FORBIDDEN, UNSUPPORTED, None], ids=["403", "unsupported", "404"])
def test_one_list_is_enough_and_both_are_asked(refusal: Exception | None) -> None:
    for lists in ((members(ANN), refusal), (refusal, members(ANN))):
        reading = Reading(*lists)
        assert reading.tokens() == ["m1"]
        assert reading.answers.asked == ["memberships/lite", "memberships"]
        assert reading.ledger.left_out == []


def test_another_refusal_or_an_error_is_an_error() -> None:
    for error in (RequestRefusedError("No", status=400), ServiceUnavailableError("down", status=503)):
        with pytest.raises(type(error)):
            Reading(error, members(ANN)).read()


def test_who_is_in_both_lists_is_one_and_both_are_heard() -> None:
    again = {"member_token": "m1", "member_username": "ann", "activated_at": "2024"}
    by_name = {"member_token": "u9", "member_username": "ben", "admin": True}
    reading = Reading(members(ANN, BEN, ANN), members(again, by_name, {"member_token": "m3"}))
    assert reading.tokens() == ["m1", "m2", "m3"]
    assert reading.facts == [
        ("member", "m1", {"state": "active"}),
        ("member", "m2", {}),
        ("member", "m1", {"state": "active"}),
        ("member", "m1", {"activated_at": "2024"}),
        ("member", "u9", {"admin": True}),
        ("member", "m3", {}),
    ]


@pytest.mark.parametrize("missing", [None, "", 5])
def test_a_member_without_a_token_is_left_out_by_any_name(missing: Any) -> None:
    rows = [
        {**ANN, "member_token": missing},
        {**BEN, "member_token": missing, "name": None},
        {"member_token": missing, "email": "c@x"},
    ]
    reading = Reading(members(*rows, {"member_token": "m9"}), FORBIDDEN)
    assert reading.tokens() == ["m9"]
    told = [(one.asset, one.name, one.reason) for one in reading.ledger.left_out]
    assert told == [("member", name, "no_token") for name in ("Ann", "ben", "c@x")]


def test_rows_that_are_none_are_passed_over() -> None:
    bulk = Bulk({"members": [None, "ann", ANN]})
    assert Reading(FORBIDDEN, FORBIDDEN, bulk=bulk).tokens() == ["m1"]


# -- where REST refuses both lists ---------------------------------------------------------------------------


def test_where_both_lists_are_refused_bulk_is_asked_for_all_its_pages() -> None:
    bulk = Bulk(*({"members": [one], "pagination": {"total_pages": "2"}} for one in (ANN, BEN)))
    reading = Reading(FORBIDDEN, FORBIDDEN, bulk=bulk)
    assert reading.tokens() == ["m1", "m2"]
    assert bulk.asked == [("members", 1), ("members", 2)]
    assert reading.ledger.left_out == []


@pytest.mark.parametrize(
    "page",
    [
        {"members": [ANN]},
        {"members": [ANN], "pagination": None},
        {"members": [ANN], "pagination": {"total_pages": None}},
        {"members": [ANN], "pagination": {"total_pages": 1}},
        {"members": [], "pagination": {"total_pages": 9}},
        {"members": None, "pagination": {"total_pages": 9}},
        {},
    ],
    ids=str,
)
def test_a_bulk_list_that_counts_no_further_page_or_is_empty_is_at_its_end(page: dict[str, Any]) -> None:
    bulk = Bulk(page)
    reading = Reading(FORBIDDEN, FORBIDDEN, bulk=bulk)
    assert reading.tokens() == (["m1"] if page.get("members") else [])
    assert bulk.asked == [("members", 1)]


def test_bulk_is_not_asked_where_rest_has_a_list() -> None:
    bulk = Bulk()
    assert Reading(members(ANN), FORBIDDEN, bulk=bulk).tokens() == ["m1"]
    assert bulk.asked == []


@pytest.mark.parametrize(
    "bulk", [None, Bulk(ServiceUnavailableError("down", status=503))], ids=["no bulk", "bulk is down"]
)
def test_where_nothing_lists_members_their_list_is_left_out(bulk: Any) -> None:
    reading = Reading(FORBIDDEN, FORBIDDEN, bulk=bulk)
    assert reading.read() == []
    (entry,) = reading.ledger.left_out
    assert (entry.asset, entry.token, entry.name, entry.reason) == ("member", None, None, "forbidden")
    assert "memberships/lite nor by memberships" in entry.detail


# -- profiles ------------------------------------------------------------------------------------------------


def test_a_profile_gives_id_and_time_and_is_noted_for_the_next_time() -> None:
    reading = Reading(members(ANN), FORBIDDEN, members="full", profiles={"ann": PROFILE})
    (row,) = reading.read()
    assert (row["id"], row["created_at"]) == (5, "2023")
    assert reading.known.noted == [("member", "m1", member_mark(member_row(ANN)), {"rows": [row]})]
    assert reading.facts == [("member", "m1", {"state": "active"})]


@pytest.mark.parametrize("token", ["m2", None, ""])
def test_a_profile_is_noted_only_under_the_token_of_the_list(token: str | None) -> None:
    listed = {**ANN, "member_token": token}
    reading = Reading(members(listed), FORBIDDEN, members="full", profiles={"ann": PROFILE})
    (row,) = reading.read()
    assert (row["token"], row["id"]) == ("m1", 5)
    assert reading.known.noted == []


def test_a_known_profile_is_not_read_again() -> None:
    reading = Reading(members(ANN), FORBIDDEN, members="full")
    known = {**member_row(ANN), "id": 5}
    reading.known.rows["m1", member_mark(member_row(ANN))] = known
    assert reading.read() == [known]
    assert "/api/ann" not in reading.answers.asked


@pytest.mark.parametrize("username", [None, "", ".", "..", 7])
def test_of_who_has_no_username_no_profile_is_asked_for(username: Any) -> None:
    reading = Reading(members({**ANN, "username": username}), FORBIDDEN, members="full")
    assert reading.tokens() == ["m1"]
    assert reading.answers.asked == ["memberships/lite", "memberships"]
    assert reading.ledger.left_out == []


@pytest.mark.parametrize("name", ["Ann", None])
def test_who_has_a_profile_that_is_refused_lacks_its_id_and_is_told(name: str | None) -> None:
    reading = Reading(members({**ANN, "name": name}), FORBIDDEN, members="full")
    (row,) = reading.read()
    assert (row["token"], row["id"]) == ("m1", None)
    (entry,) = reading.ledger.left_out
    assert (entry.asset, entry.token, entry.name) == ("member", "m1", name or "ann")
    assert entry.reason == "gone"
    assert reading.known.noted == []


@pytest.mark.parametrize("at_once", [1, 2])
def test_every_profile_is_read_however_few_may_be_asked_for_at_once(at_once: int) -> None:
    people = [{"member_token": f"m{n}", "username": f"p{n}"} for n in range(7)]
    profiles = {f"p{n}": {"id": n} for n in range(7) if n != 3}
    reading = Reading(members(*people), FORBIDDEN, members="full", profiles=profiles, at_once=at_once)
    assert {row["token"]: row["id"] for row in reading.read()} == {
        **{f"m{n}": n for n in range(7)},
        "m3": None,
    }
    assert reading.pipeline.peak_backlog <= at_once + 1
