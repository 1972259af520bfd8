"""What one snapshot has and a later one lacks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mode_catalog_provider.contract import DATA_ASSETS, contract_row
from mode_catalog_provider.snapshot.disappeared import disappeared
from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import open_snapshot
from mode_catalog_provider.snapshot.writer import SnapshotWriter

TOKENS = st.sets(st.text(min_size=1, max_size=3), max_size=8)


def snapshot(directory, rows):
    layout = Layout.nested(directory, "acme")
    with SnapshotWriter(layout=layout, workspace="acme", host="https://app.mode.com") as writer:
        for asset, tokens in rows.items():
            for token, name in tokens.items():
                writer.add(asset, contract_row(asset, {"token": token, "name": name}))
        _, path = writer.finish(strategy="rest", options={}, left_out=[], filtered={}, figures={})
    return open_snapshot(path)


@settings(deadline=None, max_examples=30)
@given(before=TOKENS, after=TOKENS)
def test_what_is_gone_is_what_the_later_one_lacks(tmp_path_factory, before, after):
    directory = tmp_path_factory.mktemp("snapshots")
    pair = [
        snapshot(directory, {"report": {one: f"«{one}»" for one in tokens}}) for tokens in (before, after)
    ]
    found = disappeared(*pair, limit=100)
    gone = sorted(before - after)
    assert [(one.asset, one.count, one.names) for one in found] == (
        [("report", len(gone), tuple(f"«{one}»" for one in gone))] if gone else []
    )


def test_names_beyond_the_limit_are_counted_only(tmp_path):
    rows = {"collection": {"c1": "One", "c2": "Two"}, "report": {"r1": "Three", "r2": "Four"}}
    found = disappeared(snapshot(tmp_path, rows), snapshot(tmp_path, {}), limit=3)
    assert [(one.asset, one.count, one.names) for one in found] == [
        ("collection", 2, ("One", "Two")),
        ("report", 2, ("Three",)),
    ]


@pytest.mark.parametrize("asset", DATA_ASSETS)
def test_what_has_no_name_is_named_by_its_token(tmp_path, asset):
    (found,) = disappeared(snapshot(tmp_path, {asset: {"t1": None}}), snapshot(tmp_path, {}), limit=1)
    assert found.names == ("t1",)


def test_a_member_is_named_as_people_know_it(tmp_path):
    def one(name):
        layout = Layout.nested(tmp_path, "acme")
        with SnapshotWriter(layout=layout, workspace="acme", host="https://app.mode.com") as writer:
            writer.add("member", contract_row("member", {"token": "m1", "name": name, "username": "ann"}))
            _, path = writer.finish(strategy="rest", options={}, left_out=[], filtered={}, figures={})
        return open_snapshot(path)

    for name, told in (("Ann", "Ann"), (None, "ann")):
        (found,) = disappeared(one(name), snapshot(tmp_path, {}), limit=1)
        assert found.names == (told,)


def test_with_no_room_for_names_what_is_gone_is_only_counted(tmp_path):
    (found,) = disappeared(snapshot(tmp_path, {"report": {"r1": "One"}}), snapshot(tmp_path, {}), limit=0)
    assert (found.count, found.names) == (1, ())
