"""The walk against a listing that may do what Mode's listings do, and what they might."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mode_catalog_provider.errors import MalformedResponseError
from mode_catalog_provider.mode.pages import MOST_PASSES, PageWalk

PAGE = 30


@dataclass
class Listing:
    """A paged listing; ``change`` is applied just before the request of number ``change_at`` (from 1)."""

    tokens: list[str]
    after_last: str = "empty"
    ignores_page: bool = False
    counters: Callable[[Listing, int], dict[str, Any] | None] = lambda listing, page: None
    change: Callable[[list[str]], list[str]] | None = None
    change_at: int = 0
    #: Rows of a page, by number of the request; what is not named has a page as Mode's.
    sizes: Callable[[int], int] = lambda request: PAGE
    requests: int = 0
    asked: list[int] = field(default_factory=list)

    def answer(self, params: dict[str, Any]) -> dict[str, Any]:
        self.requests += 1
        self.asked.append(params["page"])
        if self.change and self.requests == self.change_at:
            self.tokens = self.change(self.tokens)
        page, size = params["page"], self.sizes(self.requests)
        shown = self.tokens if self.ignores_page else self.tokens[(page - 1) * size : page * size]
        body: dict[str, Any] = {"_links": {}, "_embedded": {"reports": [{"token": one} for one in shown]}}
        if not shown:
            if self.after_last == "absent":
                body["_embedded"] = {}
            elif self.after_last == "null":
                body["_embedded"] = {"reports": None}
            elif self.after_last == "last again" and self.tokens:
                return self.answer_again(math.ceil(len(self.tokens) / PAGE))
            elif self.after_last == "first again":
                return self.answer_again(1)
        if block := self.counters(self, page):
            body["pagination"] = block
        return body

    def answer_again(self, page: int) -> dict[str, Any]:
        shown = self.tokens[(page - 1) * PAGE : page * PAGE]
        return {"_links": {}, "_embedded": {"reports": [{"token": one} for one in shown]}}


def honest(listing: Listing, page: int) -> dict[str, Any]:
    return {
        "page": page,
        "total_pages": math.ceil(len(listing.tokens) / PAGE),
        "total_count": len(listing.tokens),
    }


def walk_all(listing: Listing, **options: Any) -> list[str]:
    walk = PageWalk("spaces/c0/reports", "reports", **options)
    found = []
    while not walk.done:
        found += [row["token"] for row in walk.take(listing.answer(walk.params))]
    return found


def tokens(count: int) -> list[str]:
    return [f"r{number}" for number in range(count)]


AFTER_LAST = st.sampled_from(["empty", "absent", "null", "last again", "first again"])
SIZES = st.one_of(st.integers(0, 8), st.integers(25, 35), st.integers(55, 130))
COUNTER = st.one_of(
    st.none(), st.integers(-5, 200), st.integers(0, 200).map(str), st.just("many"), st.just(True)
)


@st.composite
def changes(
    draw: st.DrawFn,
    kinds: Sequence[str] = ("delete", "add", "move", "sort"),
    most: int = 65,
    added: str = "new",
) -> Callable[[list[str]], list[str]]:
    """Somebody deletes, adds, moves or re-sorts reports while the walk is on its way."""
    kind = draw(st.sampled_from(kinds))
    fraction, other = draw(st.floats(0, 0.999)), draw(st.floats(0, 0.999))
    amount = draw(st.integers(1, most))
    order = draw(st.randoms(use_true_random=False))

    def change(rows: list[str]) -> list[str]:
        rows = list(rows)
        at = int(fraction * len(rows))
        if kind == "delete":
            del rows[at : at + amount]
        elif kind == "add":
            rows[at:at] = [f"{added}{number}" for number in range(amount)]
        elif kind == "move" and rows:
            moved = rows[at : at + amount]
            del rows[at : at + amount]
            to = int(other * (len(rows) + 1))
            rows[to:to] = moved
        elif kind == "sort":
            order.shuffle(rows)
        return rows

    return change


@settings(max_examples=300, deadline=None)
@given(
    count=SIZES,
    after_last=AFTER_LAST,
    counted=st.booleans(),
    change=st.none() | changes(),
    change_at=st.integers(1, 14),
)
def test_one_change_at_any_moment_hides_no_row_and_shows_none_twice(
    count: int,
    after_last: str,
    counted: bool,
    change: Callable[[list[str]], list[str]] | None,
    change_at: int,
) -> None:
    listing = Listing(tokens(count), after_last=after_last, change=change, change_at=change_at)
    if counted:
        listing.counters = honest
    found = walk_all(listing)
    assert len(found) == len(set(found))
    there_all_the_time = set(tokens(count)) & set(listing.tokens)
    assert there_all_the_time <= set(found)


@settings(max_examples=300, deadline=None)
@given(
    count=SIZES,
    after_last=AFTER_LAST,
    ignores_page=st.booleans(),
    lies=st.lists(st.tuples(COUNTER, COUNTER), min_size=1, max_size=6),
    confirm=st.booleans(),
)
def test_counters_that_lie_cost_no_row_or_end_in_a_typed_error(
    count: int, after_last: str, ignores_page: bool, lies: list[tuple[Any, Any]], confirm: bool
) -> None:
    def lying(listing: Listing, page: int) -> dict[str, Any]:
        pages, total = lies[page % len(lies)]
        return {"page": page, "total_pages": pages, "total_count": total}

    try:
        found = walk_all(Listing(tokens(count), after_last, ignores_page, counters=lying), confirm=confirm)
    except MalformedResponseError:
        return
    assert sorted(found) == sorted(tokens(count))


@settings(max_examples=300, deadline=None)
@given(
    count=SIZES,
    after_last=AFTER_LAST,
    change=changes(kinds=("add", "move", "sort"), most=PAGE - 1),
    change_at=st.integers(1, 14),
)
def test_without_confirming_a_row_that_is_added_or_moves_hides_none_either(
    count: int, after_last: str, change: Callable[[list[str]], list[str]], change_at: int
) -> None:
    listing = Listing(tokens(count), after_last=after_last, change=change, change_at=change_at)
    found = walk_all(listing, confirm=False)
    assert len(found) == len(set(found))
    assert set(tokens(count)) <= set(found)


@settings(max_examples=300, deadline=None)
@given(count=SIZES, after_last=AFTER_LAST, change=changes(kinds=("delete",)), change_at=st.integers(1, 14))
def test_without_confirming_a_deletion_hides_at_most_as_many_rows_as_it_deleted_from_pages_already_read(
    count: int, after_last: str, change: Callable[[list[str]], list[str]], change_at: int
) -> None:
    listing = Listing(tokens(count), after_last=after_last, change=change, change_at=change_at)
    found = walk_all(listing, confirm=False)
    deleted_after_reading = set(found) - set(listing.tokens)
    assert len(found) == len(set(found))
    assert len(set(listing.tokens) - set(found)) <= len(deleted_after_reading)


@settings(max_examples=400, deadline=None)
@given(
    count=SIZES,
    after_last=AFTER_LAST,
    since=st.none() | changes(added="since", most=3),
    change=st.none() | changes(added="now"),
    change_at=st.integers(1, 14),
)
def test_one_change_hides_no_row_from_a_walk_that_knows_what_was_there_before(
    count: int,
    after_last: str,
    since: Callable[[list[str]], list[str]] | None,
    change: Callable[[list[str]], list[str]] | None,
    change_at: int,
) -> None:
    before = tokens(count)
    rows = since(before) if since else before
    listing = Listing(rows, after_last, change=change, change_at=change_at)
    found = walk_all(listing, known=before)
    assert len(found) == len(set(found))
    assert set(rows) & set(listing.tokens) <= set(found)


@settings(max_examples=100, deadline=None)
@given(count=SIZES, after_last=AFTER_LAST, order=st.randoms(use_true_random=False))
def test_a_listing_that_holds_what_was_there_before_in_any_order_is_read_once(
    count: int, after_last: str, order: Any
) -> None:
    rows = tokens(count)
    order.shuffle(rows)
    listing = Listing(rows, after_last)
    assert sorted(walk_all(listing, known=tokens(count))) == sorted(tokens(count))
    assert len(listing.asked) == len(set(listing.asked)) <= math.ceil(count / PAGE) + 1


@settings(max_examples=200, deadline=None)
@given(count=SIZES, repeated=st.lists(st.integers(0, 129), max_size=PAGE - 1), after_last=AFTER_LAST)
def test_a_row_listed_several_times_is_given_out_once(
    count: int, repeated: list[int], after_last: str
) -> None:
    rows = tokens(count)
    for number in repeated:
        if count:
            rows.insert(number % len(rows), f"r{number % count}")
    listing = Listing(rows, after_last, counters=honest)
    assert sorted(walk_all(listing)) == sorted(tokens(count))


@settings(max_examples=100, deadline=None)
@given(queries=st.lists(st.integers(0, 160), max_size=8), after_last=AFTER_LAST)
def test_with_repeats_identical_pages_of_one_report_are_walked_past(
    queries: list[int], after_last: str
) -> None:
    rows = [f"r{report}" for report, number in enumerate(queries) for _ in range(number)]
    assert sorted(walk_all(Listing(rows, after_last), repeats=6)) == sorted(set(rows))


@pytest.mark.parametrize("count", [0, 1, 29])
def test_a_short_listing_costs_one_proving_page(count: int) -> None:
    listing = Listing(tokens(count))
    walk_all(listing)
    assert listing.asked == ([1] if count == 0 else [1, 2])


def test_a_longer_listing_is_looked_over_once_more_but_not_proved_twice() -> None:
    listing = Listing(tokens(75))
    walk_all(listing)
    assert listing.asked == [1, 2, 3, 4, 1, 2, 3]


def test_without_confirming_only_the_proving_page_is_added() -> None:
    listing = Listing(tokens(75))
    walk_all(listing, confirm=False)
    assert listing.asked == [1, 2, 3, 4]


def test_counters_that_stay_the_same_and_agree_prove_a_listing_complete() -> None:
    listing = Listing(tokens(75), counters=honest)
    walk_all(listing)
    assert listing.asked == [1, 2, 3, 4]


def test_without_confirming_a_row_shown_twice_is_evidence_enough_to_look_again() -> None:
    # A row from a page not yet read moves to the front: what was last on page 1 is shown again on page 2.
    listing = Listing(tokens(75), change=lambda rows: [rows[-1], *rows[:-1]], change_at=2)
    assert sorted(walk_all(listing, confirm=False)) == sorted(tokens(75))


@pytest.mark.parametrize(("count", "unproven"), [(0, False), (29, False), (30, True), (75, True)])
def test_only_a_walk_of_more_than_a_short_page_may_hide_a_row(count: int, unproven: bool) -> None:
    listing, walk = Listing(tokens(count)), PageWalk("spaces/c0/reports", "reports", confirm=False)
    while not walk.done:
        walk.take(listing.answer(walk.params))
    assert walk.unproven is unproven


@pytest.mark.parametrize("known", [None, tokens(75)], ids=["unknown", "known"])
@pytest.mark.parametrize("changed_at", range(1, 6))
@pytest.mark.parametrize(
    ("before", "after", "in_the_end"),
    [(100, 30, 30), (30, 50, 50), (50, 100, 100), (30, 10, 10), (60, 45, 45), (100, 30, 100), (30, 10, 30)],
)
def test_pages_that_get_longer_or_shorter_meanwhile_hide_no_row(
    before: int, after: int, in_the_end: int, changed_at: int, known: list[str] | None
) -> None:
    def size(request: int) -> int:
        return before if request < changed_at else after if request == changed_at else in_the_end

    listing = Listing(tokens(130), sizes=size)
    assert sorted(walk_all(listing, known=known)) == sorted(tokens(130))


@pytest.mark.parametrize(("before", "after"), [(100, 30), (30, 10), (30, 50)])
def test_without_confirming_pages_that_get_longer_or_shorter_are_evidence_enough(
    before: int, after: int
) -> None:
    listing = Listing(tokens(130), sizes=lambda request: before if request == 1 else after)
    assert sorted(walk_all(listing, confirm=False)) == sorted(tokens(130))


@pytest.mark.parametrize("count", [31, 59, 60, 61, 75, 90])
@pytest.mark.parametrize("empty", range(2, 9))
def test_one_page_that_comes_empty_once_hides_no_row(count: int, empty: int) -> None:
    listing = Listing(tokens(count), sizes=lambda request: 0 if request == empty else PAGE)
    assert sorted(walk_all(listing)) == sorted(tokens(count))


def test_a_listing_that_ignores_page_ends() -> None:
    listing = Listing(tokens(100), ignores_page=True)
    assert len(walk_all(listing)) == 100
    assert listing.asked == [1, 2, 1]


def test_a_listing_that_counts_more_than_it_shows_is_not_taken_for_complete() -> None:
    listing = Listing(tokens(60), counters=lambda listing, page: {"total_count": 500, "total_pages": 17})
    with pytest.raises(MalformedResponseError, match="counts 500 rows but shows only 60"):
        walk_all(listing)


def test_an_empty_page_in_the_middle_does_not_end_a_listing_that_counts_more_pages() -> None:
    def page(number: int) -> dict[str, Any]:
        rows = {1: ["a", "b"], 3: ["c"]}.get(number, [])
        return {
            "pagination": {"total_pages": 3, "total_count": 3},
            "_embedded": {"spaces": [{"token": one} for one in rows]},
        }

    walk = PageWalk("spaces", "spaces")
    found = []
    while not walk.done:
        found += walk.take(page(walk.params["page"]))
    assert [row["token"] for row in found] == ["a", "b", "c"]


def test_a_listing_without_end_is_given_up() -> None:
    class Endless(Listing):
        def answer(self, params: dict[str, Any]) -> dict[str, Any]:
            return {"_embedded": {"reports": [{"token": f"t{params['page']}"}]}}

    with pytest.raises(MalformedResponseError, match="does not end after 20 pages"):
        walk_all(Endless([]), most_pages=20)


def test_a_listing_that_never_comes_to_rest_is_given_up() -> None:
    class Restless(Listing):
        def answer(self, params: dict[str, Any]) -> dict[str, Any]:
            self.requests += 1
            rows = [{"token": f"t{self.requests}-{number}"} for number in range(PAGE)]
            return {"_embedded": {"reports": rows if params["page"] == 1 else []}}

    with pytest.raises(MalformedResponseError, match=f"pass {MOST_PASSES} over it still shows new rows"):
        walk_all(Restless([]))


def test_params_are_sent_with_every_page() -> None:
    walk = PageWalk("spaces", "spaces", params={"filter": "all"})
    assert walk.params == {"filter": "all", "page": 1}
    walk.take({"_embedded": {"spaces": [{"token": "a"}]}})
    assert walk.params == {"filter": "all", "page": 2}


@pytest.mark.parametrize("odd", [None, "a", 5, True, [], ["a"]])
def test_one_odd_row_among_others_is_a_row_without_a_token(odd: Any) -> None:
    rows = PageWalk("x", "rows").take({"_embedded": {"rows": [{"token": "a"}, odd]}})
    assert [row.get("token") for row in rows] == ["a", None]


@pytest.mark.parametrize("odd", [None, "a", 5, True, [], ["a"]])
def test_one_odd_row_alone_is_a_row_without_a_token_too(odd: Any) -> None:
    walk = PageWalk("x", "rows")
    rows = walk.take({"_embedded": {"rows": [odd]}})
    assert rows == [{"not_an_object": odd}]
    assert walk.take({"_embedded": {"rows": []}}) == []
    assert walk.done


def test_rows_without_a_token_are_told_apart_by_what_they_hold() -> None:
    walk = PageWalk("x", "rows")
    rows = [{"name": "a"}, {"name": "b"}, {"name": "a"}]
    assert walk.take({"_embedded": {"rows": rows}}) == [{"name": "a"}, {"name": "b"}]


@pytest.mark.parametrize(
    "body",
    [
        {"message": "something else"},
        {"_embedded": []},
        {"_embedded": {"spaces": {"token": "a"}}},
        {"_embedded": {"spaces": ["a", "b"]}},
        {"_embedded": {"spaces": [1, None]}},
        {"_embedded": {"spaces": [None] * 30}},
        {"_embedded": {"collections": [{"token": "a"}]}, "pagination": {"page": 1}},
    ],
)
def test_what_is_not_a_listing_is_not_read_as_nothing_there(body: dict[str, Any]) -> None:
    with pytest.raises(MalformedResponseError):
        PageWalk("spaces", "spaces").take(body)
