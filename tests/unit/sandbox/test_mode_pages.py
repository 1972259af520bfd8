from __future__ import annotations

import pytest

from tests.sandbox import WorkspaceShape

ONE_LONG_COLLECTION = WorkspaceShape(
    collections=1, reports=75, queries=0, members=1, datasets=0, personal_reports=0, nasty=False
)


def _walk(caller, path, pages=6):
    return [caller.tokens(path, "reports", page=number) for number in range(1, pages + 1)]


def _long_path(caller):
    return f"spaces/{caller.sandbox.mode.world.collections[0].token}/reports"


def test_reports_come_in_fixed_pages_of_thirty_without_a_block(start):
    caller = start(ONE_LONG_COLLECTION)
    body = caller.mode(_long_path(caller), params={"per_page": 100}).json()
    assert len(body["_embedded"]["reports"]) == 30
    assert "pagination" not in body
    assert list(body["_links"]) == ["self"]


def test_the_pages_of_a_walk_hold_every_report_once(start):
    caller = start(ONE_LONG_COLLECTION)
    pages = _walk(caller, _long_path(caller))
    assert [len(page) for page in pages] == [30, 30, 15, 0, 0, 0]
    assert len({token for page in pages for token in page}) == 75


@pytest.mark.parametrize(("switch", "embedded"), [("empty", {"reports": []}), ("absent", {})])
def test_the_page_after_the_last_is_empty_or_has_no_key(start, switch, embedded):
    caller = start(ONE_LONG_COLLECTION, page_after_last=switch)
    assert caller.mode(_long_path(caller), params={"page": 4}).json()["_embedded"] == embedded


def test_the_page_after_the_last_can_repeat_it(start):
    caller = start(ONE_LONG_COLLECTION, page_after_last="repeat")
    pages = _walk(caller, _long_path(caller))
    assert len(pages[2]) == 15
    assert pages[2] == pages[3] == pages[5]


def test_rows_that_slide_back_show_up_twice_and_none_is_lost(start):
    caller = start(ONE_LONG_COLLECTION, moving_rows="duplicates")
    seen = [token for page in _walk(caller, _long_path(caller)) for token in page]
    assert len(seen) > len(set(seen)) == 75


def test_a_row_that_jumps_to_the_front_is_lost_by_one_walk_and_found_by_another(start):
    caller = start(ONE_LONG_COLLECTION, moving_rows="losses")
    first = {token for page in _walk(caller, _long_path(caller)) for token in page}
    second = {token for page in _walk(caller, _long_path(caller)) for token in page}
    assert len(first) == 73
    assert len(second) == 75


@pytest.mark.parametrize(("cap", "served"), [(30, 30), (1000, 100)])
def test_per_page_of_spaces_is_clamped_without_an_error_and_the_block_says_so(start, cap, served):
    caller = start(WorkspaceShape(collections=120, reports=1, members=1), per_page_cap=cap)
    body = caller.mode("spaces", params={"filter": "all", "page": 1, "per_page": 100}).json()
    assert (
        len(body["_embedded"]["spaces"])
        == body["pagination"]["per_page"]
        == body["pagination"]["count"]
        == served
    )


def test_the_counters_of_spaces_are_right_and_the_next_link_lies(start):
    caller = start(WorkspaceShape(collections=40, reports=1, members=1, nasty=False))
    body = caller.mode("spaces", params={"filter": "custom", "page": 9}).json()
    assert (body["pagination"]["total_count"], body["pagination"]["total_pages"]) == (40, 2)
    assert "page=10" in body["_links"]["next_page"]["href"]


@pytest.mark.parametrize(
    ("switch", "without_page", "with_page"), [("always", 30, 30), ("with_page", 40, 30), ("never", 40, 40)]
)
def test_spaces_are_paged_when_the_switch_says_so(start, switch, without_page, with_page):
    caller = start(WorkspaceShape(collections=40, reports=1, members=1, nasty=False), spaces_paging=switch)
    assert len(caller.rows("spaces", "spaces", filter="custom")) == without_page
    assert len(caller.rows("spaces", "spaces", filter="custom", page=1)) == with_page


@pytest.mark.parametrize("path", ["data_sources", "memberships"])
def test_some_listings_ignore_the_page_number(caller, path):
    assert caller.rows(path, path, page=7) == caller.rows(path, path)
