"""The list of Catalog's sources, page by page, when pages and count disagree."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.endpoint import CatalogEndpoint
from mode_catalog_provider.catalog.push_target import check_push_target
from mode_catalog_provider.errors import MalformedResponseError


def answers(*pages: dict) -> list[dict]:
    return [{"json": {"data": {"getSources": page}}} for page in pages]


def rows(*numbers: int) -> list[dict]:
    return [{"id": f"{n:08d}-0000-4000-8000-000000000000", "name": f"w{n}"} for n in numbers]


def test_rows_that_move_between_pages_are_yielded_once(requests_mock):
    requests_mock.post(
        "https://api.castordoc.com/public/graphql",
        answers(
            {"data": rows(1, 2), "totalCount": 3},
            {"data": rows(2, 3), "totalCount": 3},
            {"data": [], "totalCount": 3},
        ),
    )
    api = CatalogApi(CatalogEndpoint(token=lambda: "x"))
    assert [source.name for source in api.sources()] == [
        "w1",
        "w2",
        "w3",
    ]


def test_a_count_that_promises_too_much_ends_at_the_empty_page_and_is_told(requests_mock, caplog):
    requests_mock.post(
        "https://api.castordoc.com/public/graphql",
        answers({"data": rows(1), "totalCount": 99}, {"data": [], "totalCount": 99}),
    )
    assert len(list(CatalogApi(CatalogEndpoint(token=lambda: "x")).sources())) == 1
    assert caplog.messages == ["Catalog announced 99 sources and listed 1: nothing is known of the others."]


def test_a_source_that_may_be_among_those_not_listed_is_not_said_to_be_absent(requests_mock):
    requests_mock.post(
        "https://api.castordoc.com/public/graphql",
        answers({"data": rows(1), "totalCount": 3}, {"data": [], "totalCount": 3}),
    )
    with pytest.raises(MalformedResponseError, match="2 sources that it announced"):
        check_push_target(CatalogApi(CatalogEndpoint(token=lambda: "x")), rows(2)[0]["id"])


@pytest.mark.parametrize("total", [0, 3, None])
@pytest.mark.parametrize("before", [0, 1], ids=["first", "second"])
def test_a_page_of_sources_that_is_empty_once_is_no_end(requests_mock, caplog, before, total):
    whole = [{"data": rows(*range(500)), "totalCount": 501}, {"data": rows(500), "totalCount": 501}]
    requests_mock.post(
        "https://api.castordoc.com/public/graphql",
        answers(*whole[:before], {"data": [], "totalCount": total}, *whole),
    )
    assert len(list(CatalogApi(CatalogEndpoint(token=lambda: "x")).sources())) == 501
    assert caplog.messages == []


def test_a_count_that_is_always_too_high_costs_no_second_reading_and_is_told_once(requests_mock, caplog):
    page, end = {"data": rows(1, 2), "totalCount": 3}, {"data": [], "totalCount": 3}
    requests_mock.post("https://api.castordoc.com/public/graphql", answers(page, end, page, end))
    api = CatalogApi(CatalogEndpoint(token=lambda: "x"))
    for _ in range(2):
        assert len(list(api.sources())) == 2
    assert requests_mock.call_count == 4
    assert caplog.messages == ["Catalog announced 3 sources and listed 2: nothing is known of the others."]


def test_a_tenant_without_a_source_is_asked_twice(catalog, new_api):
    catalog.sources = []
    assert list(new_api().sources()) == []
    assert len(catalog.requests) == 2


@pytest.mark.parametrize("pages", [[{"data": [], "totalCount": 5}], [{"data": [], "totalCount": 1}]])
def test_a_count_of_which_no_row_is_given_is_never_no_sources(requests_mock, pages):
    requests_mock.post("https://api.castordoc.com/public/graphql", answers(*pages))
    with pytest.raises(MalformedResponseError, match=r"announced \d sources and gave none"):
        list(CatalogApi(CatalogEndpoint(token=lambda: "x")).sources())


@pytest.mark.parametrize("total", [None, "many"])
def test_without_a_count_the_walk_ends_at_the_empty_page(requests_mock, total):
    requests_mock.post(
        "https://api.castordoc.com/public/graphql",
        answers({"data": rows(1), "totalCount": total}, {"data": rows(2)}, {"data": []}),
    )
    assert len(list(CatalogApi(CatalogEndpoint(token=lambda: "x")).sources())) == 2


def test_a_listing_that_goes_in_circles_is_an_error(requests_mock):
    requests_mock.post(
        "https://api.castordoc.com/public/graphql", answers({"data": rows(1, 2), "totalCount": 9})
    )
    with pytest.raises(MalformedResponseError, match="did not come to an end"):
        list(CatalogApi(CatalogEndpoint(token=lambda: "x")).sources())
    assert requests_mock.call_count < 500


@settings(max_examples=50, deadline=None)
@given(
    pages=st.lists(st.lists(st.integers(0, 30), max_size=6), max_size=8),
    total=st.one_of(st.none(), st.integers(-1, 100)),
)
@example(pages=[], total=-1)
def test_any_walk_ends_and_yields_each_listed_source_at_most_once(pages, total):
    from requests_mock import Mocker

    with Mocker() as mocker:
        mocker.post(
            "https://api.castordoc.com/public/graphql",
            answers(*({"data": rows(*page), "totalCount": total} for page in [*pages, []])),
        )
        empty = [i for i, page in enumerate([*pages, [], []]) if not page]
        everything = {f"w{n}" for page in pages[: empty[0]] for n in page}
        if not everything:
            everything |= {f"w{n}" for page in pages[: empty[1]] for n in page}
        walk = CatalogApi(CatalogEndpoint(token=lambda: "x")).sources()
        if not everything and (total or 0) > 0:
            with pytest.raises(MalformedResponseError, match=f"announced {total} sources and gave none"):
                list(walk)
            return
        listed = [source.name for source in walk]
    assert len(listed) == len(set(listed))
    assert set(listed) <= everything
    if total is None or total > len(everything):
        assert set(listed) == everything
