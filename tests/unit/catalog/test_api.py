from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import pytest

from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.endpoint import CatalogEndpoint
from mode_catalog_provider.catalog.push_target import check_push_target
from mode_catalog_provider.errors import (
    CatalogAuthenticationError,
    ConfigurationError,
    ForbiddenError,
    GraphQLError,
    MalformedResponseError,
    ModeCatalogError,
    RateLimitedError,
    RequestRefusedError,
    ServiceUnavailableError,
    UnreachableError,
    WrongHostError,
)
from tests.sandbox import Source

GRAPHQL = "/public/graphql*"
QUERY = "query getSources { getSources(scope: {}) { totalCount } }"


def crowd(count: int) -> list[Source]:
    return [Source(f"{n:08d}-0000-4000-8000-000000000000", f"w{n}", "S3", "WAREHOUSE") for n in range(count)]


# -- sources ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Pagination", "PublicPagination"])
def test_all_sources_are_listed_whatever_the_pagination_type_is_called(catalog, new_api, name):
    catalog.switches.pagination_type = name
    moment = datetime(2026, 11, 20, 3, 4, 5, 678000, tzinfo=UTC)
    catalog.ingest_warehouse(moment)
    sources = {source.id: source for source in new_api().sources()}
    assert sources.keys() == {source.id for source in catalog.sources}
    assert sources[catalog.warehouse_id].last_refreshed_at == moment
    assert sources[catalog.source_id].last_refreshed_at is None
    assert [source.name for source in sources.values() if source.deleted_at] == ["Old Redshift"]


def test_the_request_is_the_documented_one(catalog, new_api, requests_mock):
    requests_mock.post(
        "https://api.castordoc.com/public/graphql",
        json={"data": {"getSources": {"data": [{"id": "1", "name": "w1"}], "totalCount": 1}}},
    )
    api = CatalogApi(CatalogEndpoint(token=lambda: "clsc_x"))
    assert [source.name for source in api.sources()] == ["w1"]
    (request,) = requests_mock.request_history
    assert request.qs == {"op": ["getsources"]}
    assert request.headers["Authorization"] == "Token clsc_x"
    body = request.json()
    assert body.keys() == {"query", "variables"}
    assert body["variables"] == {"nbPerPage": 500, "page": 0}
    assert "Pagination" not in body["query"]


def test_variables_are_left_out_when_there_are_none(requests_mock):
    requests_mock.post("https://api.us.castordoc.com/public/graphql", json={"data": {"getSources": 1}})
    assert CatalogApi(CatalogEndpoint(token=lambda: "x", zone="US")).query(QUERY, field="getSources") == 1
    assert requests_mock.last_request.json() == {"query": QUERY}


def test_sources_can_be_narrowed_by_type_and_to_living_ones(catalog, new_api):
    living = {source.name for source in new_api().sources("WAREHOUSE", with_deleted=False)}
    assert living == {"Snowflake", "BigQuery"}


def test_a_type_is_not_a_way_into_the_document(new_api):
    with pytest.raises(ConfigurationError, match="not a type of Catalog sources"):
        list(new_api().sources("WAREHOUSE}) { x } #"))


def test_a_tenant_with_more_sources_than_a_page_is_walked_to_its_end(catalog, new_api):
    catalog.sources = crowd(1203)
    assert len(list(new_api().sources())) == 1203
    assert len(catalog.requests) == 3


def test_pages_that_catalog_makes_smaller_than_asked_lose_nothing(catalog, new_api):
    catalog.switches.throw(max_per_page=7, per_page_over="clamp")
    catalog.sources = crowd(40)
    assert len(list(new_api().sources())) == 40


@pytest.mark.parametrize("largest", [499, 100, 20])
def test_pages_that_catalog_refuses_as_too_large_are_asked_for_in_smaller_ones(catalog, new_api, largest):
    catalog.switches.throw(max_per_page=largest)
    catalog.sources = crowd(103)
    assert len(list(new_api().sources())) == 103


def test_a_catalog_that_refuses_every_size_of_page_is_quoted(catalog, new_api):
    catalog.switches.throw(max_per_page=19)
    with pytest.raises(GraphQLError, match="must not be greater than 19"):
        list(new_api().sources())


def test_an_empty_body_makes_the_page_smaller_and_nothing_is_lost(catalog, new_api):
    catalog.sources = crowd(150)
    catalog.switches.empty_bodies = 2
    assert len(list(new_api().sources())) == 150


def test_an_empty_body_in_the_middle_of_a_walk_loses_nothing(catalog, new_api):
    catalog.sources = crowd(700)
    catalog.when(GRAPHQL, do=lambda: catalog.switches.throw(empty_bodies=1), nth=2)
    assert len({source.id for source in new_api().sources()}) == 700


def test_empty_bodies_only_are_an_error_and_never_no_rows(catalog, new_api, stop):
    catalog.switches.empty_bodies = 1000
    with pytest.raises(MalformedResponseError, match="neither data nor errors"):
        list(new_api().sources())
    assert 1 < len(catalog.requests) < 10
    assert len(stop.waits) == len(catalog.requests) - 1


@pytest.mark.parametrize(
    "body", ["{}", '{"data": null}', '{"data": {}}', '{"data": {"getSources": null}}', "[]", ""]
)
def test_an_answer_without_its_field_is_never_no_rows(catalog, new_api, body):
    catalog.fault(GRAPHQL, status=200, body=body.encode(), times=None)
    with pytest.raises(MalformedResponseError):
        list(new_api().sources())


@pytest.mark.parametrize("page", [{}, {"data": None}, {"data": {}}, {"data": [{"name": "no id"}]}, []])
def test_a_page_of_another_shape_is_a_malformed_answer(catalog, new_api, page):
    catalog.fault(GRAPHQL, body=json.dumps({"data": {"getSources": page or [0]}}).encode(), times=None)
    with pytest.raises(MalformedResponseError):
        list(new_api().sources())


def test_dashboards_of_a_source_are_counted(catalog, new_api):
    assert new_api().dashboards_count(catalog.source_id) == 0
    catalog.dashboards = [
        {"id": str(n), "name": "n", "sourceId": source, "deletedAt": None}
        for n, source in enumerate([catalog.source_id, catalog.source_id, catalog.warehouse_id])
    ]
    assert new_api().dashboards_count(catalog.source_id) == 2


@pytest.mark.parametrize("count", [None, True, -1, "3", 3.5, []])
def test_a_count_that_is_none_is_a_malformed_answer(catalog, new_api, count):
    body = {"data": {"getDashboards": {"totalCount": count}}}
    catalog.fault(GRAPHQL, body=json.dumps(body).encode(), times=None)
    with pytest.raises(MalformedResponseError, match="no totalCount"):
        new_api().dashboards_count(catalog.source_id)


# -- errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 400])
def test_errors_are_raised_with_their_messages_whatever_the_status(catalog, new_api, status):
    envelope = {"errors": [{"message": "first thing"}, {"message": "second thing"}]}
    catalog.fault(GRAPHQL, status=status, body=json.dumps(envelope).encode())
    with pytest.raises(GraphQLError, match=rf"getSources \({status}\): first thing; second thing"):
        new_api().query(QUERY, field="getSources")
    assert len(catalog.requests) == 1


def test_an_internal_error_of_catalog_passes_and_is_tried_again(catalog, new_api):
    error = {"message": "database gone", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}
    catalog.fault(GRAPHQL, body=json.dumps({"errors": [error], "data": None}).encode(), times=2)
    assert len(list(new_api().sources())) == len(catalog.sources)
    catalog.fault(GRAPHQL, body=json.dumps({"errors": [error], "data": None}).encode(), times=None)
    with pytest.raises(ServiceUnavailableError, match=r"failed at getSources \(200\): database gone"):
        list(new_api(retry_budget=10).sources())


def test_each_retry_of_a_question_is_announced_once(catalog, new_api, caplog):
    catalog.fault(GRAPHQL, status=503)
    list(new_api().sources())
    (said,) = [record for record in caplog.records if record.levelname in ("INFO", "WARNING")]
    assert "failed (503). Trying again in" in said.message


def test_a_host_whose_name_nobody_knows_is_given_up_after_few_attempts(new_api):
    api = new_api(api_url="https://catalog.invalid/public/graphql")
    with pytest.raises(UnreachableError, match="its name cannot be resolved"):
        list(api.sources())
    assert api.statistics.requests <= 4


def test_a_document_that_does_not_validate_gets_the_message_of_its_400(new_api):
    with pytest.raises(GraphQLError, match=r"\(400\): .*nonsense"):
        new_api().query("query getSources { getSources { nonsense } }", field="getSources")


def test_some_data_with_errors_is_a_failure(catalog, new_api):
    envelope = {"errors": [{"message": "half of it"}], "data": {"getSources": {"data": [], "totalCount": 0}}}
    catalog.fault(GRAPHQL, status=200, body=json.dumps(envelope).encode())
    with pytest.raises(GraphQLError, match="half of it"):
        list(new_api().sources())


def test_a_400_without_errors_is_a_refusal(catalog, new_api):
    catalog.fault(GRAPHQL, status=400, body=b'{"message": "bad request"}')
    with pytest.raises(RequestRefusedError, match="bad request"):
        new_api().query(QUERY, field="getSources")


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("partial", [False, True])
def test_a_token_without_the_right_is_forbidden_and_skips_the_check(
    catalog, new_api, status, partial, caplog
):
    catalog.switches.throw(sources_readable=False, graphql_error_status=status, partial_data=partial)
    with pytest.raises(
        ForbiddenError, match="connection 'catalog_prod' is valid, but may not read getSources"
    ):
        list(new_api().sources())
    assert check_push_target(new_api(), catalog.source_id) is None
    assert "may not read" in caplog.text


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"message": "no"}', "is valid, but may not read getSources"),
        (b"<html>no</html>", r"web page \(403\): by a firewall or proxy"),
        (b"", "is valid, but may not read getSources"),
    ],
)
def test_403_is_forbidden_whatever_its_body(catalog, new_api, body, told):
    catalog.fault(GRAPHQL, status=403, body=body)
    with pytest.raises(ForbiddenError, match=told):
        new_api().query(QUERY, field="getSources")


@pytest.mark.parametrize("body", [b'{"errors": [{"message": "no"}]}', b"<html>no</html>", b""])
def test_401_is_a_bad_token_whatever_its_body(catalog, new_api, body):
    catalog.fault(GRAPHQL, status=401, body=body)
    with pytest.raises(CatalogAuthenticationError, match="connection 'catalog_prod'"):
        new_api().query(QUERY, field="getSources")


def test_a_rotated_token_is_read_again(catalog, new_api):
    api = new_api()
    list(api.sources())
    catalog.rotate()
    assert len(list(api.sources())) == len(catalog.sources)


def test_the_read_only_token_is_enough(catalog, new_api):
    assert list(new_api(token=lambda: catalog.read_token).sources())


@pytest.mark.parametrize("answer", [{"status": 404}, {"status": 302, "headers": {"Location": "https://x/"}}])
@pytest.mark.parametrize(
    ("connection", "kept_in"),
    [("catalog_prod", "connection 'catalog_prod'"), ("the command line", "the command line")],
)
def test_a_wrong_address_names_where_it_is_kept(catalog, new_api, answer, connection, kept_in):
    catalog.fault(GRAPHQL, **answer)
    with pytest.raises(WrongHostError, match=rf"'api_url' and 'zone' of {kept_in}\.$"):
        list(new_api(connection=connection).sources())


def test_404_says_that_there_is_no_api(catalog, new_api):
    with pytest.raises(WrongHostError, match=r"no GraphQL API at .*/elsewhere"):
        new_api(api_url=f"{catalog.url}/elsewhere").query(QUERY, field="getSources")


def test_a_redirect_is_not_followed(catalog, new_api):
    catalog.fault(GRAPHQL, status=302, headers={"Location": f"{catalog.url}/elsewhere"})
    with pytest.raises(WrongHostError, match="api_url"):
        new_api().query(QUERY, field="getSources")
    assert len(catalog.requests) == 1


@pytest.mark.parametrize(
    "fault", [{"status": 429}, {"status": 503}, {"reset": True}, {"truncate": True}, {"html": True}], ids=str
)
def test_a_failure_that_passes_is_tried_again(catalog, new_api, fault):
    catalog.fault(GRAPHQL, times=2, **fault)
    assert len(list(new_api().sources())) == len(catalog.sources)


def test_a_limiter_and_a_dead_service_end_with_the_budget(catalog, new_api):
    fault = catalog.fault(GRAPHQL, status=429, times=None)
    with pytest.raises(RateLimitedError):
        list(new_api(retry_budget=30).sources())
    fault.status = 502
    with pytest.raises(ServiceUnavailableError):
        check_push_target(new_api(retry_budget=30), catalog.source_id)


def test_the_check_before_a_push_finds_the_source_over_http(catalog, new_api):
    found = check_push_target(new_api(), catalog.source_id)
    assert found is not None
    assert found.technology == "MODE"


def test_no_token_shows_in_any_error_or_log_line(catalog, new_api, caplog):
    caplog.set_level(logging.DEBUG)
    token = catalog.token
    for status in (200, 400, 403, 422, 500):
        catalog.fault(
            GRAPHQL, status=status, body=json.dumps({"errors": [{"message": f"Token {token}"}]}).encode()
        )
        with pytest.raises(ModeCatalogError) as caught:
            new_api(retry_budget=-1000).query(QUERY, field="getSources")
        assert token not in str(caught.value) + repr(caught.value)
    assert token not in caplog.text
