from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from tests.sandbox import WorkspaceShape

BASE = "/batch/acme"
SCOPE = {"authentication_for": "batch-api", "authorization_type": "read-only"}


def _wish(**changes):
    expires = (datetime.now(UTC) + timedelta(minutes=10)).isoformat()
    return {"signature_token": {"name": "nightly", "expires_at": expires, "auth_scope": SCOPE, **changes}}


def _mint(caller, **options):
    options.setdefault("json", _wish())
    return caller.mode(f"{BASE}/signature_tokens", "POST", **options)


def _header(minted):
    parts = ":".join(minted[name] for name in ("token", "access_key", "access_secret"))
    return f"Bearer {base64.b64encode(parts.encode()).decode()}"


@pytest.fixture
def batch(caller):
    """Ask the Discovery API with a fresh token."""
    header = _header(_mint(caller).json())

    def ask(path, **params):
        return caller.session.get(
            f"{caller.sandbox.mode.url}{BASE}/{path}",
            params=params,
            headers={"Authorization": header},
            timeout=10,
        )

    return ask


def test_a_minted_token_opens_the_listings(batch):
    body = batch("queries").json()
    assert len(body["queries"]) == body["pagination"]["total_count"] > 100


@pytest.mark.parametrize("status", [401, 403, 404])
def test_the_mint_can_be_refused(start, status):
    assert _mint(start(batch=status)).status_code == status


def test_a_member_key_may_not_mint(start):
    assert _mint(start(key_scope="member")).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "abc"},
        {"auth_scope": {"authentication_for": "batch-api"}},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "tomorrow"},
    ],
)
def test_a_malformed_wish_is_refused(caller, changes):
    assert _mint(caller, json=_wish(**changes)).status_code == 400
    assert caller.sandbox.mode.discovery.tokens == {}


def test_the_rest_key_does_not_open_the_listings(caller):
    assert caller.mode(f"{BASE}/queries").status_code == 401


def test_a_deleted_token_is_dead(caller):
    minted = _mint(caller).json()
    path = f"{BASE}/signature_tokens/{minted['token']}"
    assert caller.mode(path, "DELETE").status_code == 204
    assert caller.mode(path, "DELETE").status_code == 404
    answer = caller.mode(f"{BASE}/spaces", auth=None, headers={"Authorization": _header(minted)})
    assert answer.status_code == 401


def test_an_expired_token_is_dead(caller):
    minted = _mint(
        caller, json=_wish(expires_at=(datetime.now(UTC) + timedelta(seconds=1)).isoformat())
    ).json()
    token = caller.sandbox.mode.discovery.tokens[minted["token"]]
    object.__setattr__(token, "expires_at", datetime.now(UTC))
    answer = caller.session.get(
        f"{caller.sandbox.mode.url}{BASE}/spaces", headers={"Authorization": _header(minted)}, timeout=10
    )
    assert answer.status_code == 401


def test_listings_are_recorded_under_a_label_of_their_own(caller, batch):
    batch("members")
    assert caller.sandbox.mode.requests[-1].key == "mode:batch-1"


def test_pages_follow_the_links_to_the_end_and_hold_every_query_once(caller, batch):
    seen, path = [], f"{BASE}/queries?per_page=50"
    while path:
        page = batch(path.removeprefix(f"{BASE}/")).json()
        seen += [row["token"] for row in page["queries"]]
        path = page["_links"].get("next_page", {}).get("href")
    assert len(seen) == len(set(seen)) == page["pagination"]["total_count"]


def test_queries_carry_what_batch_has_and_lack_what_it_has_not(caller, batch):
    rows = batch("queries").json()["queries"]
    assert {"raw_query", "report_token", "data_source_token"} <= rows[0].keys()
    assert not {"data_source_id", "created_at"} & rows[0].keys()
    reports = batch("reports").json()["reports"]
    assert not {"type", "archived", "query_count", "_links"} & reports[0].keys()


def test_batch_and_rest_tell_of_the_same_queries_where_rest_may_look(caller, batch):
    rest = {row["token"]: row for row in caller.sandbox.mode.expected()["query"]}
    rows = {row["token"]: row for row in batch("queries").json()["queries"]}
    assert rest.keys() <= rows.keys()
    assert all(rows[token]["raw_query"] == row["raw_query"] for token, row in rest.items())
    refused = {one.token for one in caller.sandbox.mode.world.collections if one.refused}
    assert {rows[token]["space_token"] for token in rows.keys() - rest.keys()} == refused


def test_a_vanished_report_is_gone_from_batch_too(caller, batch):
    gone = next(one.token for one in caller.sandbox.mode.world.reports if one.vanishes)
    assert gone not in {row["report_token"] for row in batch("queries").json()["queries"]}


def test_reports_in_personal_collections_come_only_when_asked_for(caller, batch):
    world = caller.sandbox.mode.world
    personal = {one.token for one in world.collections if one.personal}
    usual = {row["space_token"] for row in batch("reports").json()["reports"]}
    everything = {row["space_token"] for row in batch("reports", include_spaces="all").json()["reports"]}
    assert not usual & personal
    assert everything & personal
    assert not {row["token"] for row in batch("spaces", include_spaces="all").json()["spaces"]} & personal


def test_archived_reports_can_be_absent_from_batch(caller, batch):
    archived = {one.token for one in caller.sandbox.mode.world.reports if one.archived}
    assert archived <= {row["token"] for row in batch("reports").json()["reports"]}
    caller.sandbox.mode.switches.throw(batch_archived=False)
    assert not archived & {row["token"] for row in batch("reports").json()["reports"]}


def test_queries_can_be_missing_from_batch(caller, batch):
    world = caller.sandbox.mode.world
    late, partial = [one for one in world.reports if not one.nasty and world.query_total(one) > 1][:2]
    late.batch = False
    world.edit_queries(partial)[0].batch = False
    rows = batch("queries").json()["queries"]
    assert late.token not in {row["report_token"] for row in rows}
    assert sum(row["report_token"] == partial.token for row in rows) == world.query_total(partial) - 1


def test_one_listing_can_be_out_of_order_while_the_others_work(caller, batch):
    caller.sandbox.mode.switches.throw(batch_listings={"members": 503})
    assert batch("members").status_code == 503
    assert batch("queries").status_code == 200


def test_members_have_no_name(batch):
    rows = batch("members").json()["members"]
    assert len(rows) == 10
    assert "member_username" in rows[0]
    assert "name" not in rows[0]


@pytest.mark.parametrize(("form", "kind"), [("string", str), ("number", int)])
def test_batch_ids_have_a_type_of_their_own(caller, batch, form, kind):
    caller.sandbox.mode.switches.throw(batch_id_type=form)
    assert isinstance(batch("reports").json()["reports"][0]["id"], kind)


def test_per_page_is_clamped(caller, batch):
    caller.sandbox.mode.switches.throw(batch_per_page_cap=7)
    assert len(batch("reports", per_page=5000).json()["reports"]) == 7


def test_stats_have_the_view_counts(caller, batch):
    views = {row["report_token"]: row["view_count"] for row in batch("report_stats").json()["report_stats"]}
    report = caller.sandbox.mode.world.reports[5]
    assert views[report.token] == report.view_count


@pytest.mark.parametrize(("limited", "last"), [(True, 429), (False, 200)])
def test_batch_requests_use_the_budget_of_the_key_if_the_switch_says_so(start, limited, last):
    caller = start(WorkspaceShape(reports=2), limiter="window", rate_limit=3, batch_limited=limited)
    header = {"Authorization": _header(_mint(caller).json())}
    url = f"{caller.sandbox.mode.url}{BASE}/spaces"
    assert [caller.session.get(url, headers=header).status_code for _ in range(3)] == [200, 200, last]
