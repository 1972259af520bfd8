from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tests.sandbox import CatalogSwitches

ALL = """
query Sources($n: Int!, $p: Int) {
  getSources(pagination: {nbPerPage: $n, page: $p}, scope: {type: WAREHOUSE, withDeleted: true}) {
    totalCount nbPerPage page
    data { id name technology type lastRefreshedAt deletedAt }
  }
}
"""


@pytest.fixture
def catalog(caller):
    return caller.sandbox.catalog


def _messages(answer):
    return " ".join(error["message"] for error in answer.json()["errors"])


def test_sources_are_paged_from_zero_with_a_total(caller):
    pages = [caller.graphql(ALL, {"n": 2, "p": page}).json()["data"]["getSources"] for page in range(3)]
    assert [len(page["data"]) for page in pages] == [2, 1, 0]
    assert {page["totalCount"] for page in pages} == {3}


def test_timestamps_are_whole_milliseconds(caller, catalog):
    catalog.ingest_warehouse(datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC))
    row = caller.graphql(ALL, {"n": 5}).json()["data"]["getSources"]["data"][0]
    assert row["lastRefreshedAt"] == 1767323045678


def test_deleted_sources_are_shown_only_when_asked_for(caller):
    query = "{ getSources(scope: {type: WAREHOUSE}) { totalCount } }"
    assert caller.graphql(query).json()["data"]["getSources"]["totalCount"] == 2


@pytest.mark.parametrize(
    ("scope", "count"),
    [
        ('{nameContains: "oD"}', 1),
        ("{technology: MODE}", 1),
        ("{type: VISUALIZATION}", 2),
        ("{origin: API}", 1),
        ("{technology: MODE, type: WAREHOUSE}", 0),
        ("{technology: NEW_ONE}", 0),
    ],
)
def test_scopes_combine(caller, scope, count):
    answer = caller.graphql(f"{{ getSources(scope: {scope}) {{ totalCount }} }}")
    assert answer.json()["data"]["getSources"]["totalCount"] == count


def test_sources_are_mutable(caller, catalog):
    catalog.source(catalog.source_id).technology = "LOOKER"
    answer = caller.graphql("{ getSources(scope: {technology: MODE}) { totalCount } }")
    assert answer.json()["data"]["getSources"]["totalCount"] == 0


def test_only_what_was_selected_is_answered_under_the_asked_names(caller):
    body = caller.graphql("{ all: getSources { __typename count: totalCount } }").json()
    assert set(body["data"]["all"]) == {"__typename", "count"}


@pytest.mark.parametrize(
    ("today", "yesterday"), [("Pagination", "PublicPagination"), ("PublicPagination", "Pagination")]
)
def test_a_variable_of_the_other_pagination_type_is_refused(start, today, yesterday):
    caller = start(catalog=CatalogSwitches(pagination_type=today))
    query = "query($p: TYPE!) { getSources(pagination: $p) { totalCount } }"
    variables = {"p": {"nbPerPage": 5, "page": 0}}
    assert caller.graphql(query.replace("TYPE", today), variables).json()["data"]["getSources"]["totalCount"]
    refused = caller.graphql(query.replace("TYPE", yesterday), variables)
    assert refused.status_code == 400
    assert f'Unknown type "{yesterday}"' in _messages(refused)


@pytest.mark.parametrize("name", ["Pagination", "PublicPagination"])
def test_an_inline_pagination_object_works_whatever_its_type_is_called(start, name):
    caller = start(catalog=CatalogSwitches(pagination_type=name))
    assert caller.graphql(ALL, {"n": 5, "p": 0}).json()["data"]["getSources"]["totalCount"] == 3


@pytest.mark.parametrize(
    ("query", "variables", "complaint"),
    [
        ("{ getSources { totalCount nonsense } }", None, 'Cannot query field "nonsense"'),
        ("{ getSources { data { id warehouse } } }", None, 'Cannot query field "warehouse"'),
        ("{ getThings { id } }", None, 'Cannot query field "getThings"'),
        ("{ getSources }", None, "must have a selection"),
        ("{ getSources { totalCount { x } } }", None, "must not have a selection"),
        ("{ getSources(ids: [1]) { totalCount } }", None, 'Unknown argument "ids"'),
        ('{ getSources(scope: {id: "x"}) { totalCount } }', None, 'Field "id" is not defined'),
        ('{ getSources(scope: {type: "WAREHOUSE"}) { totalCount } }', None, "SourceType"),
        ("{ getSources(scope: {type: NOTHING}) { totalCount } }", None, "NOTHING"),
        ("{ getSources(pagination: {page: 0}) { totalCount } }", None, "nbPerPage"),
        ("{ getSources(pagination: {nbPerPage: true}) { totalCount } }", None, "Int!"),
        ("{ getSources(pagination: {nbPerPage: $n}) { totalCount } }", None, '"$n" is not defined'),
        ("query($n: Int!) { getSources { totalCount } }", {"n": 1}, "never used"),
        (
            "query($n: Int!) { getSources(pagination: {nbPerPage: $n}) { totalCount } }",
            {},
            "was not provided",
        ),
        ("query($n: Int!) { getSources(pagination: {nbPerPage: $n}) { totalCount } }", {"n": "5"}, "Int!"),
        (
            "query($n: Int) { getSources(pagination: {nbPerPage: $n}) { totalCount } }",
            {"n": 5},
            "expecting type",
        ),
        (
            "query($t: String) { getSources(scope: {type: $t}) { totalCount } }",
            {"t": "MODE"},
            "expecting type",
        ),
        ("{ getSources { totalCount }", None, "Syntax Error"),
        ("subscription { getSources { totalCount } }", None, "Syntax Error"),
        ("", None, "Syntax Error"),
    ],
)
def test_a_document_that_does_not_fit_the_schema_is_refused_with_400(caller, query, variables, complaint):
    answer = caller.graphql(query, variables)
    assert answer.status_code == 400
    assert complaint in _messages(answer)


def test_an_enum_variable_is_a_string_in_json(caller):
    query = "query($t: SourceTechnology) { getSources(scope: {technology: $t}) { data { id } } }"
    body = caller.graphql(query, {"t": "MODE"}).json()
    assert [row["id"] for row in body["data"]["getSources"]["data"]] == [caller.sandbox.catalog.source_id]


def test_a_default_value_stands_in_for_a_required_one(caller):
    query = "query($n: Int = 2) { getSources(pagination: {nbPerPage: $n}) { data { id } } }"
    assert len(caller.graphql(query).json()["data"]["getSources"]["data"]) == 2


@pytest.mark.parametrize(("switch", "served"), [("refuse", None), ("clamp", 500)])
def test_a_page_above_the_limit_is_refused_or_clamped(start, switch, served):
    caller = start(catalog=CatalogSwitches(per_page_over=switch))
    answer = caller.graphql(ALL, {"n": 501}).json()
    if served is None:
        assert "nbPerPage" in answer["errors"][0]["message"]
    else:
        assert answer["data"]["getSources"]["nbPerPage"] == served


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("partial", [True, False])
def test_a_token_without_the_right_gets_errors_with_the_status_the_switch_says(start, status, partial):
    switches = CatalogSwitches(sources_readable=False, graphql_error_status=status, partial_data=partial)
    answer = start(catalog=switches).graphql(ALL, {"n": 5})
    assert answer.status_code == status
    assert "AuthorizationError" in _messages(answer)
    assert ("data" in answer.json()) is partial


def test_the_next_answers_can_be_empty_bodies(start):
    caller = start(catalog=CatalogSwitches(empty_bodies=2))
    answers = [caller.graphql(ALL, {"n": 5}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert [answer.json() == {} for answer in answers] == [True, True, False]


def test_the_read_only_token_may_read(caller, catalog):
    assert "data" in caller.graphql(ALL, {"n": 5}, token=catalog.read_token).json()


def test_a_bad_token_is_401(caller):
    assert caller.graphql(ALL, {"n": 5}, token="clsc_wrong").status_code == 401


def test_a_mutation_is_not_offered(caller):
    assert caller.graphql("mutation { upsertLineages { id } }").status_code == 400


def test_dashboards_appear_when_catalog_has_ingested_the_upload(caller, catalog):
    scope = f'scope: {{sourceId: "{catalog.source_id}"}}'
    query = f"{{ getDashboards({scope}) {{ totalCount data {{ url name }} }} }}"
    assert caller.graphql(query).json()["data"]["getDashboards"]["totalCount"] == 0
    rows = [{"token": "aaaaaaaaaaaa", "id": 1, "name": None}, {"token": "bbbbbbbbbbbb", "id": 2, "name": "B"}]
    caller.upload("1-report.json", json.dumps(rows[:1]).encode())
    caller.upload("2-report.json", json.dumps(rows).encode())
    catalog.ingest_mode()
    found = caller.graphql(query).json()["data"]["getDashboards"]
    assert found["totalCount"] == 2
    assert "aaaaaaaaaaaa" in found["data"][0]["url"]
    assert catalog.source(catalog.source_id).last_refreshed_at is not None


def test_lineages_are_what_the_test_says_they_are(caller, catalog):
    scope = f'scope: {{childSourceId: "{catalog.source_id}", withChildAssetType: DASHBOARD}}'
    query = f"{{ getLineages({scope}) {{ totalCount }} }}"
    catalog.lineages.append({"id": "1", "_childSourceId": catalog.source_id})
    assert caller.graphql(query).json()["data"]["getLineages"]["totalCount"] == 1


def test_one_of_several_operations_is_chosen_by_its_name(caller, catalog):
    document = "query A { getSources { totalCount } } query B { getSources { nbPerPage } }"
    headers = {"Authorization": f"Token {catalog.token}"}
    chosen = caller.session.post(
        catalog.api_url, json={"query": document, "operationName": "B"}, headers=headers
    )
    assert list(chosen.json()["data"]["getSources"]) == ["nbPerPage"]
    assert caller.graphql(document).status_code == 400
