from __future__ import annotations

import pytest

from tests.sandbox import WorkspaceShape


def test_verify_names_the_workspace_and_the_scope_of_the_key(caller):
    body = caller.mode("/api/verify").json()
    assert (body["workspace"], body["api_key_scope"]) == ("acme", "workspace")


def test_account_is_refused_to_every_api_key(caller):
    answer = caller.mode("/api/account")
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "This endpoint is unsupported for use with Api Keys",
    )


def test_the_workspace_record_is_public_and_so_proves_nothing(caller):
    assert caller.mode("/api/acme", auth=None, headers={}).status_code == 200


@pytest.mark.parametrize("path", ["/api/verify", "spaces", "data_sources"])
def test_everything_else_needs_the_key(caller, path):
    wrong = (caller.sandbox.mode.token, "wrong")
    answers = [caller.mode(path, auth=wrong), caller.mode(path, auth=lambda request: request)]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json()["id"] == "unauthorized"


def test_the_workspace_is_lower_case_and_another_one_is_not_found(caller):
    assert [caller.mode(f"/api/{name}/spaces").status_code for name in ("acme", "ACME", "other")] == [
        200,
        404,
        404,
    ]


def test_without_filter_only_joined_collections_are_listed(caller):
    everything = caller.tokens("spaces", "spaces", filter="all", page=1)
    joined = caller.tokens("spaces", "spaces", page=1)
    assert set(joined) < set(everything)


@pytest.mark.parametrize("wrong", ["All", "everything", ""])
def test_a_misspelt_filter_is_answered_as_if_there_were_none(caller, wrong):
    assert caller.tokens("spaces", "spaces", filter=wrong) == caller.tokens("spaces", "spaces")


def test_filter_custom_leaves_out_personal_collections(caller):
    kinds = {row["space_type"] for row in caller.rows("spaces", "spaces", filter="custom")}
    assert "private" not in kinds
    assert "private" in {row["space_type"] for row in caller.rows("spaces", "spaces", filter="all")}


def test_collections_is_another_name_for_spaces(caller):
    assert caller.tokens("collections", "spaces", filter="all") == caller.tokens(
        "spaces", "spaces", filter="all"
    )


def test_personal_collections_can_be_absent(start):
    caller = start(personal_spaces=False)
    assert all(row["name"] != "Personal" for row in caller.rows("spaces", "spaces", filter="all"))


@pytest.mark.parametrize(("form", "kinds"), [("string", {str}), ("number", {int}), ("mixed", {int, str})])
def test_ids_are_strings_or_numbers_as_the_switch_says(start, form, kinds):
    caller = start(id_type=form)
    spaces = caller.rows("spaces", "spaces", filter="all", page=1)
    assert {type(row["id"]) for row in spaces} == kinds


def test_the_same_id_in_every_form_names_the_same_thing(start):
    caller = start(id_type="string")
    as_strings = [row["id"] for row in caller.rows("data_sources", "data_sources")]
    caller.sandbox.mode.switches.throw(id_type="number")
    assert [str(row["id"]) for row in caller.rows("data_sources", "data_sources")] == as_strings


def test_a_switch_that_does_not_exist_is_refused(caller):
    with pytest.raises(ValueError, match="no such switch"):
        caller.sandbox.mode.switches.throw(id_typ="number")


def test_a_refused_collection_is_listed_but_its_reports_are_not(caller):
    refused = [one for one in caller.sandbox.mode.world.collections if one.refused]
    listed = caller.tokens("spaces", "spaces", filter="all", page=1)
    answers = {one.refused: caller.mode(f"spaces/{one.token}/reports").status_code for one in refused}
    assert answers == {404: 404, 403: 403}
    assert {one.token for one in refused} <= set(listed)
    caller.sandbox.mode.switches.throw(refused_collections=False)
    assert all(caller.mode(f"spaces/{one.token}/reports").status_code == 200 for one in refused)


def test_a_report_vanishes_once_it_was_listed(caller):
    gone = next(one for one in caller.sandbox.mode.world.reports if one.vanishes)
    assert caller.mode(f"reports/{gone.token}/queries").status_code == 200
    assert gone.token in caller.tokens(f"spaces/{gone.collection}/reports", "reports", page=1)
    assert caller.mode(f"reports/{gone.token}/queries").status_code == 404
    caller.sandbox.mode.switches.throw(vanishing_reports=False)
    assert caller.mode(f"reports/{gone.token}/queries").status_code == 200


def test_archived_reports_can_be_absent_from_listings(caller):
    archived = next(one for one in caller.sandbox.mode.world.reports if one.archived)
    path = f"spaces/{archived.collection}/reports"
    assert archived.token in caller.tokens(path, "reports", page=1)
    caller.sandbox.mode.switches.throw(archived_rows=False)
    assert archived.token not in caller.tokens(path, "reports", page=1)


def test_datasets_are_listed_as_reports_of_their_own_type(caller):
    dataset = next(one for one in caller.sandbox.mode.world.reports if one.is_dataset)
    rows = caller.rows(f"spaces/{dataset.collection}/datasets", "reports")
    row = next(one for one in rows if one["token"] == dataset.token)
    assert row["type"] == "DatasetReport"
    assert not {"archived", "chart_count", "expected_runtime"} & row.keys()


def test_a_workspace_without_the_datasets_route_answers_404(start):
    caller = start(datasets=404)
    space = caller.sandbox.mode.world.collections[0].token
    assert caller.mode(f"spaces/{space}/datasets").status_code == 404
    assert caller.mode(f"spaces/{space}/reports").status_code == 200


@pytest.mark.parametrize(("switch", "null"), [(True, True), (False, False)])
def test_untitled_reports_have_a_null_name_if_the_switch_says_so(start, switch, null):
    caller = start(null_names=switch)
    untitled = next(one for one in caller.sandbox.mode.world.reports if one.name is None)
    assert (caller.mode(f"reports/{untitled.token}").json()["name"] is None) is null


@pytest.mark.parametrize(("switch", "present"), [("all", True), ("some", False), ("none", False)])
def test_creator_links_are_missing_where_the_switch_says_so(start, switch, present):
    caller = start(creator_link=switch)
    orphan = next(one for one in caller.sandbox.mode.world.reports if one.creator is None)
    assert ("creator" in caller.mode(f"reports/{orphan.token}").json()["_links"]) is present


@pytest.mark.parametrize("route", ["memberships", "memberships/lite"])
def test_membership_listings_can_be_refused(start, route):
    caller = start(**{route.replace("/", "_"): 404})
    assert caller.mode(route).status_code == 404
    other = "memberships" if "lite" in route else "memberships/lite"
    assert len(caller.rows(other, "memberships")) == 10


def test_memberships_have_neither_name_nor_email_but_the_lite_ones_do(caller):
    full, lite = (
        caller.rows("memberships", "memberships")[0],
        caller.rows("memberships/lite", "memberships")[0],
    )
    assert not {"email", "name"} & full.keys()
    assert {"email", "name", "username", "member_token"} <= lite.keys()
    assert full["member_token"] == lite["member_token"]


@pytest.mark.parametrize(("switch", "shown"), [("present", True), ("withheld", False)])
def test_the_email_of_a_user_can_be_withheld(start, switch, shown):
    caller = start(user_email=switch)
    assert ("email" in caller.mode("/api/person1").json()) is shown


def test_some_listed_members_have_no_readable_profile(caller):
    statuses = {one.profile: caller.mode(f"/api/{one.username}").status_code for one in _named(caller)}
    assert statuses == {200: 200, 404: 404, 403: 403}


def _named(caller):
    return [one for one in caller.sandbox.mode.world.members if one.username]


@pytest.mark.parametrize(("switch", "honoured"), [("ignored", False), ("honoured", True)])
def test_embedded_queries_are_given_only_if_the_switch_says_so(start, switch, honoured):
    caller = start(embed_queries=switch)
    report = caller.sandbox.mode.world.reports[0]
    body = caller.mode(f"reports/{report.token}", params={"embed[queries]": "1"}).json()
    assert ("_embedded" in body) is honoured


def test_a_connections_reports_are_listed_once_per_query(start):
    shape = WorkspaceShape(
        collections=1, reports=2, queries=8, members=1, data_sources=1, datasets=0, nasty=False
    )
    caller = start(shape)
    source = caller.sandbox.mode.world.data_sources[0]
    tokens = caller.tokens(f"data_sources/{source.token}/reports", "reports")
    assert len(tokens) == 8
    assert len(set(tokens)) == 2


def test_a_query_under_the_wrong_report_is_answered_all_the_same(caller):
    first, second = (one for one in caller.sandbox.mode.world.reports[:2])
    query = caller.sandbox.mode.world.queries_of(second)[0]
    body = caller.mode(f"reports/{first.token}/queries/{query.token}").json()
    assert second.token in body["_links"]["self"]["href"]


def test_the_first_page_of_an_untouched_listing_shows_every_nasty_report(caller):
    kinds = {one.nasty for one in caller.sandbox.mode.world.reports}
    assert len(kinds - {""}) == 25


@pytest.mark.parametrize(
    ("switch", "status", "kind"), [("html", 200, "text/html"), ("404", 404, "text/html")]
)
def test_a_host_that_is_not_mode_answers_html_everywhere(start, switch, status, kind):
    answer = start(not_mode=switch).mode("/api/verify")
    assert answer.status_code == status
    assert kind in answer.headers["Content-Type"]


@pytest.mark.parametrize("status", [301, 302, 308])
def test_a_redirecting_host_keeps_path_and_query(start, status):
    caller = start(redirect_to="https://elsewhere.example/", redirect_status=status)
    answer = caller.mode("spaces", params={"page": 2})
    assert answer.status_code == status
    assert answer.headers["Location"] == "https://elsewhere.example/api/acme/spaces?page=2"


def test_large_answers_are_compressed_only_if_the_switch_says_so(start):
    caller = start()
    assert caller.mode("data_sources").headers.get("Content-Encoding") == "gzip"
    caller.sandbox.mode.switches.throw(gzip=False)
    assert "Content-Encoding" not in caller.mode("data_sources").headers
