"""Rights as a service may write them that nobody has seen yet."""

from __future__ import annotations

from typing import Any

import pytest

from mode_catalog_provider.errors import MalformedResponseError
from mode_catalog_provider.rights.reading import RightsReading
from mode_catalog_provider.rights.store import RightsStore

LISTINGS: dict[str, Any] = {
    "memberships": [{"member_token": "m1", "username": "ann", "state": "active"}],
    "memberships/lite": [],
    "groups": [{"token": "g1", "id": 77, "name": "Finance"}],
    "groups/g1/memberships": [{"member_token": "m1"}],
    "data_sources": [{"token": "d1", "name": "Warehouse"}],
    "spaces": [{"token": "s1", "name": "Gold", "space_type": "custom", "default_access_level": "restricted"}],
    "spaces/s1/permissions": [],
    "data_sources/d1/permissions": [],
}


class Mode:
    """Answers the listings; ``None`` for rows is an answer without any."""

    def __init__(self, **listings: Any) -> None:
        self.listings = {**LISTINGS, **listings}

    def get(self, path: str, *, params: Any) -> dict[str, Any]:
        rows = self.listings[path]
        if isinstance(rows, dict):
            return rows
        return {"_links": {}, "_embedded": {"anything": rows if params["page"] == 1 else None}}

    def pages(self, path: str, _key: str, **_: Any) -> list[Any]:
        return [self.listings[path]]

    def cancel(self) -> None:
        pass


def read(**listings: Any) -> tuple[RightsStore, list[str]]:
    store, mode = RightsStore(), Mode(**listings)
    client: Any = mode
    reading = RightsReading(client, store)
    reading.read()
    return store, [one.detail for one in reading.not_read]


def grants(store: RightsStore) -> list[tuple[str, str, str]]:
    return [(one.member, one.level, one.through) for one in store.grants(on="s1")]


@pytest.mark.parametrize(
    "entry",
    [
        {"accessor_type": "Account", "accessor_token": "m1"},
        {"accessor": {"type": "Account", "token": "m1"}},
        {"accessor": {"type": "account", "username": "ann"}},
        {"member": {"token": "m1"}},
        {"user": {"username": "ann"}},
        {"_links": {"account": {"href": "https://app.mode.com/api/ann/?x=1"}}},
        {"member_token": "m1"},
    ],
    ids=str,
)
def test_a_member_is_recognised_in_each_form(entry: dict[str, Any]) -> None:
    store, not_read = read(**{"spaces/s1/permissions": [{**entry, "access_level": "Edit"}]})
    assert (grants(store), not_read) == ([("ann", "edit", "direct")], [])


@pytest.mark.parametrize(
    "entry",
    [
        {"accessor_type": "UserGroup", "accessor_token": "g1"},
        {"accessor": {"type": "UserGroup", "token": "g1"}},
        {"user_group": {"token": "g1"}},
        {"group_token": "g1"},
        {"_links": {"accessor": {"href": "/api/acme/groups/g1"}}},
        {"accessor_type": "UserGroup", "accessor_id": 77},
        {"grantee_type": "UserGroup", "grantee_id": "77"},
    ],
    ids=str,
)
def test_a_group_is_recognised_in_each_form(entry: dict[str, Any]) -> None:
    store, not_read = read(**{"spaces/s1/permissions": [{**entry, "level": "view"}]})
    assert (grants(store), not_read) == ([("ann", "view", "group Finance")], [])


@pytest.mark.parametrize(
    "row",
    [
        {"member_token": "m1"},
        {"member": {"token": "m1"}},
        {"_links": {"member": {"href": "/api/ann"}}},
        {"member_username": "ann"},
    ],
    ids=str,
)
def test_who_is_in_a_group_is_recognised_in_each_form(row: dict[str, Any]) -> None:
    entry = {"user_group_token": "g1", "level": "view"}
    store, not_read = read(**{"groups/g1/memberships": [row], "spaces/s1/permissions": [entry]})
    assert (grants(store), not_read) == ([("ann", "view", "group Finance")], [])


@pytest.mark.parametrize(
    ("path", "table"), [("spaces/s1/permissions", "object"), ("groups/g1/memberships", "team")]
)
def test_an_entry_that_names_nobody_is_told_and_its_part_is_not_read(path: str, table: str) -> None:
    store, (detail,) = read(**{path: [{"token": "p1", "level": "edit"}, {"member_token": "m1"}]})
    assert "1 of 2 entries" in detail
    token = path.split("/")[1]
    rows = store.database.execute(f"SELECT read FROM {table} WHERE token = ?", (token,))
    assert rows.fetchall() == [(0,)]


@pytest.mark.parametrize("embedded", [{"permissions": {"rows": [1]}}, {"permissions": "none"}, {"total": 3}])
def test_what_is_no_list_is_not_taken_for_an_empty_one(embedded: dict[str, Any]) -> None:
    with pytest.raises(MalformedResponseError, match="no list"):
        read(**{"spaces/s1/permissions": {"_links": {}, "_embedded": embedded}})


@pytest.mark.parametrize("embedded", [{}, {"permissions": None}, {"permissions": []}, {"permissions": {}}])
def test_an_empty_listing_is_one(embedded: dict[str, Any]) -> None:
    store, not_read = read(**{"spaces/s1/permissions": {"_links": {}, "_embedded": embedded}})
    assert (grants(store), not_read) == ([], [])


@pytest.mark.parametrize("kind", ["private", "Private", "personal"])
def test_personal_collections_are_not_looked_at(kind: str) -> None:
    more = {"token": "own", "name": "Personal", "space_type": kind}
    store, not_read = read(spaces=[*LISTINGS["spaces"], more])
    assert store.database.execute("SELECT count(*) FROM object").fetchone() == (2,)
    assert not_read == []


@pytest.mark.parametrize(
    ("admin", "known"), [(True, 1), (1, 1), ("True", 1), (0, 0), ("no", None), ([], None)]
)
def test_an_admin_is_one_however_that_is_written(admin: Any, known: int | None) -> None:
    store, _ = read(memberships=[{"member_token": "m1", "admin": admin}])
    assert store.database.execute("SELECT admin FROM member").fetchall() == [(known,)]


def test_half_a_surrogate_pair_and_a_slash_in_a_token_end_nothing() -> None:
    odd = {"token": "a/b\ud800", "name": "x\ud800"}
    store, not_read = read(
        memberships=[{"member_token": "m1", "username": "\ud800", "name": "\ud800"}],
        groups=[odd],
        **{"groups/a%2Fb%3F/memberships": []},
    )
    assert store.database.execute("SELECT token, name FROM team").fetchall() == [("a/b?", "x?")]
    assert not_read == []


@pytest.mark.parametrize("kind", ["Account", "UserGroup"])
def test_the_id_of_somebody_that_no_listing_tells_is_not_taken_for_somebody_who_left(kind: str) -> None:
    entry = {"accessor_type": kind, "accessor_id": 4711, "access_level": "edit"}
    store, (detail,) = read(**{"spaces/s1/permissions": [entry]})
    assert "do not say whom they are about" in detail
    assert store.database.execute("SELECT count(*) FROM member").fetchone() == (1,)


def test_listings_without_a_single_member_are_not_read_and_nobody_left() -> None:
    store, (detail,) = read(memberships=[])
    assert "no member" in detail
    assert store.database.execute("SELECT token, state FROM member").fetchall() == [("m1", None)]
