"""The truth the sandbox tells is what a patient walk through its listings finds."""

from __future__ import annotations

import pytest

from tests.sandbox import WorkspaceShape, World, generate_workspace
from tests.sandbox.expected import CONTRACT_KEYS


def _walk(caller, path):
    """All rows of a paged listing, or the status that refused it."""
    rows, number = {}, 1
    while True:
        answer = caller.mode(path, params={"page": number, "filter": "all"})
        if answer.status_code != 200:
            return answer.status_code
        page = next(iter(answer.json()["_embedded"].values()), [])
        unseen = [row for row in page if row["token"] not in rows]
        if not unseen:
            return list(rows.values())
        rows.update((row["token"], row) for row in unseen)
        number += 1


def _row(asset, wire, **known):
    row = {key: wire.get(key) for key in CONTRACT_KEYS[asset]}
    if "creator" in row:
        row["creator"] = wire["_links"].get("creator", {}).get("href", "/api/").removeprefix("/api/") or None
    return {**row, **known}


def _reason(status):
    return "forbidden" if status == 403 else "gone"


def _crawl(caller, *, personal=False, archived=True):
    """A plain extraction by REST: rows per asset, and what is left out."""
    found = {asset: [] for asset in CONTRACT_KEYS}
    left_out = set()
    found["datasource"] = [_row("datasource", one) for one in caller.rows("data_sources", "data_sources")]
    for space in _walk(caller, "spaces"):
        if space["space_type"] == "private" and not personal:
            continue
        found["collection"].append(_row("collection", space))
        reports = _walk(caller, f"spaces/{space['token']}/reports")
        if isinstance(reports, int):
            left_out.add(("collection", space["token"], _reason(reports)))
            continue
        datasets = _walk(caller, f"spaces/{space['token']}/datasets")
        listed = {one["token"]: one for one in reports + (datasets if isinstance(datasets, list) else [])}
        for report in listed.values():
            if report.get("archived") and not archived:
                continue
            answer = caller.mode(f"reports/{report['token']}/queries")
            if answer.status_code != 200:
                left_out.add(("report", report["token"], _reason(answer.status_code)))
            if answer.status_code != 404:
                found["report"].append(_row("report", report, space_token=space["token"]))
            if answer.status_code != 200:
                continue
            for query in answer.json()["_embedded"]["queries"]:
                found["query"].append(_row("query", query, report_token=report["token"]))
    _crawl_members(caller, found, left_out)
    return {asset: sorted(rows, key=lambda row: row["token"]) for asset, rows in found.items()}, left_out


def _crawl_members(caller, found, left_out):
    lite = caller.mode("memberships/lite")
    full = caller.mode("memberships")
    if lite.status_code != 200 != full.status_code:
        left_out.add(("member", None, _reason(full.status_code)))
        return
    for listed in (lite if lite.status_code == 200 else full).json()["_embedded"]["memberships"]:
        username = listed.get("username") or listed.get("member_username")
        row = {"id": None, "token": listed["member_token"], "username": username}
        row.update(name=listed.get("name"), email=listed.get("email"), created_at=None)
        if username:
            profile = caller.mode(f"/api/{username}")
            if profile.status_code == 200:
                body = profile.json()
                row.update(id=body["id"], created_at=body["created_at"], name=body["name"])
                row["email"] = row["email"] or body.get("email")
            else:
                left_out.add(("member", row["token"], _reason(profile.status_code)))
        found["member"].append(row)


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"id_type": "mixed", "page_after_last": "empty", "creator_link": "none"},
        {"id_type": "number", "page_after_last": "repeat", "null_names": False},
        {"spaces_paging": "never", "datasets": 404},
        {"memberships_lite": 404, "user_email": "withheld"},
        {"memberships_lite": 403, "memberships": 403},
        {"refused_collections": False, "vanishing_reports": False, "archived_rows": False},
        {"moving_rows": "duplicates", "personal_spaces": False},
    ],
)
def test_a_patient_walk_finds_exactly_what_is_expected(start, switches):
    caller = start(**switches)
    rows, left_out = _crawl(caller)
    assert rows == caller.sandbox.mode.expected()
    assert left_out == caller.sandbox.mode.expected_left_out()


def test_personal_collections_and_archived_reports_count_when_asked_for(start):
    caller = start()
    rows, left_out = _crawl(caller, personal=True, archived=False)
    options = {"include_personal": True, "include_archived": False}
    assert rows == caller.sandbox.mode.expected(**options)
    assert left_out == caller.sandbox.mode.expected_left_out(**options)
    assert rows["collection"] != caller.sandbox.mode.expected()["collection"]


def test_lite_members_have_neither_id_nor_creation_time_and_none_is_left_out(start):
    mode = start().sandbox.mode
    members = mode.expected(members="lite")["member"]
    assert {(one["id"], one["created_at"]) for one in members} == {(None, None)}
    assert not [entry for entry in mode.expected_left_out(members="lite") if entry[0] == "member"]


def test_changes_people_make_are_in_the_listings_and_in_the_truth(start):
    caller = start(WorkspaceShape(nasty=False))
    world = caller.sandbox.mode.world
    first, second = world.collections[:2]
    world.remove_report(world.reports_in(first)[0])
    world.move_report(world.reports_in(first)[0], second, first=True)
    world.add_report(second, name="Brand new", queries=3)
    world.edit_queries(world.reports_in(first)[0])[0].raw_query = "select 'edited'"
    world.add_query(world.reports_in(first)[1], "select 'added'")
    world.edit_report(world.reports_in(second)[3], archived=True)
    world.add_member("newcomer")
    world.add_report(world.add_collection("Brand new collection"), queries=2)
    world.remove_collection(world.collections[2])
    rows, _ = _crawl(caller)
    assert rows == caller.sandbox.mode.expected()
    sql = {row["raw_query"] for row in rows["query"]}
    assert {"select 'edited'", "select 'added'"} <= sql


def test_an_edit_moves_the_edit_stamps():
    world = generate_workspace(WorkspaceShape())
    report = world.reports[0]
    before = (report.edited_at, report.last_saved_at, report.updated_at)
    world.edit_report(report, name="Other")
    assert all(new > old for new, old in zip((report.edited_at, report.last_saved_at), before, strict=False))


def test_reordering_may_not_lose_a_report():
    world = generate_workspace(WorkspaceShape())
    with pytest.raises(ValueError, match="order only"):
        world.reorder(world.collections[0], world.reports_in(world.collections[0])[1:])


def test_the_same_shape_gives_the_same_workspace_and_another_seed_another():
    def fingerprint(seed):
        world = generate_workspace(WorkspaceShape(seed=seed))
        return [(report.token, query.token, query.raw_query) for report, query in world.all_queries()]

    assert fingerprint(1) == fingerprint(1)
    assert not {token for token, *_ in fingerprint(1)} & {token for token, *_ in fingerprint(2)}


@pytest.mark.parametrize(("reports", "queries"), [(40, None), (1, 7), (0, 0), (300, 900), (100, 16000)])
def test_the_counts_are_exactly_those_of_the_shape(reports, queries):
    shape = WorkspaceShape(collections=5, reports=reports, members=4, queries=queries, datasets=2)
    world = generate_workspace(shape)
    shared = {one.token for one in world.collections if not one.personal and one.refused is None}
    plain = [one for one in world.reports if one.collection in shared and not one.is_dataset]
    assert len(shared) == 5
    assert len(plain) == reports
    assert sum(world.query_total(one) for one in plain) == (3 * reports if queries is None else queries)
    assert max((world.query_total(one) for one in plain), default=0) <= 160


def test_a_shape_that_no_mode_could_hold_is_refused():
    with pytest.raises(ValueError, match="at most 160"):
        generate_workspace(WorkspaceShape(reports=1, queries=161))


def test_every_token_is_unique():
    world = generate_workspace(WorkspaceShape(collections=50, reports=2000, members=100))
    tokens = [query.token for _, query in world.all_queries()] + [one.token for one in world.reports]
    tokens += [one.token for one in world.collections] + [one.token for one in world.members]
    assert len(tokens) == len(set(tokens))


def test_collections_have_pages_that_are_long_full_and_empty():
    world = generate_workspace(WorkspaceShape(collections=6, reports=100))
    sizes = [sum(not one.is_dataset for one in world.reports_in(space)) for space in world.collections[:6]]
    assert sizes[0] > 30
    assert sizes[1] == 30
    assert sizes[5] == 0


def test_nasty_queries_are_as_nasty_as_promised():
    world = generate_workspace(WorkspaceShape())
    first = {
        one.nasty: world.queries_of(one)[0] for one in world.reports if one.nasty and world.queries_of(one)
    }
    assert len(first["200 kB of SQL"].raw_query) > 200_000
    assert "{% form %}" in first["Liquid and definitions"].raw_query
    assert "{{ @" in first["Liquid and definitions"].raw_query
    assert "\x00" in first["awkward characters"].raw_query
    assert first["query without SQL"].raw_query is None
    assert first["query on a deleted connection"].data_source_id not in {one.id for one in world.data_sources}
    assert "no queries" not in first


def test_queries_nobody_has_edited_take_no_memory():
    world: World = generate_workspace(WorkspaceShape(reports=100, queries=9000))
    assert sum(1 for _ in world.all_queries()) > 9000
    assert all(report.queries is None for report in world.reports)
