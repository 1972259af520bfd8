"""What is refused now and was not refused before."""

from __future__ import annotations

import pytest

from mode_catalog_provider.snapshot.layout import Layout
from mode_catalog_provider.snapshot.reader import newest_snapshot
from mode_catalog_provider.snapshot.refusals import (
    asked_for_before,
    describe_forbidden,
    newly_forbidden,
    out_of_sight,
)
from mode_catalog_provider.snapshot.writer import SnapshotWriter
from tests.unit.snapshot.days import OPTIONS, day


def refused(token, *, asset="report", reason="forbidden"):
    return {"asset": asset, "token": token, "name": f"Name of {token}", "reason": reason, "detail": ""}


@pytest.fixture
def previous(tmp_path):
    layout = Layout.nested(tmp_path, "acme")

    def previous(*left_out):
        with SnapshotWriter(layout=layout, workspace="acme", host="https://app.mode.com") as writer:
            writer.finish(strategy="rest", options={}, left_out=left_out, filtered={}, figures={})
        return newest_snapshot(layout).manifest

    return previous


def test_only_what_was_not_refused_before_is_new(previous):
    assert newly_forbidden([refused("a"), refused("b")], previous(refused("a"))) == [refused("b")]


def test_an_object_that_was_gone_before_and_is_refused_now_is_new(previous):
    assert newly_forbidden([refused("a")], previous(refused("a", reason="gone"))) == [refused("a")]


@pytest.mark.parametrize("asset", ["collection", "datasource"])
def test_what_a_right_is_given_on_and_is_gone_counts_as_refused(previous, asset):
    gone = refused("a", asset=asset, reason="gone")
    assert newly_forbidden([gone], previous()) == [gone]
    assert newly_forbidden([gone], previous(gone)) == []
    assert newly_forbidden([gone], previous(refused("a", asset=asset))) == []


def test_a_report_that_is_gone_is_not_refused(previous):
    assert newly_forbidden([refused("a", reason="gone")], previous()) == []


def test_without_an_earlier_snapshot_nothing_is_new(tmp_path):
    assert newest_snapshot(Layout.nested(tmp_path, "acme")) is None
    assert newly_forbidden([refused("a")], None) == []


def test_the_newest_snapshot_is_the_one_compared_with(previous):
    previous(refused("a"))
    assert newly_forbidden([refused("a")], previous()) == [refused("a")]


def test_refusals_are_told_per_kind_with_names_and_who_can_help():
    nameless = {**refused("d"), "name": None}
    listing = {**refused(None, asset="member"), "name": None}
    collection = refused("c", asset="collection")
    assert describe_forbidden([refused("a"), refused("b"), collection, nameless, listing]) == (
        "report (3): Name of a, Name of b, d; collection (1): Name of c; member (1): the whole listing. A "
        "workspace admin, or whoever manages the collection or connection, can grant View to the member "
        "whose key this is; what was deleted in Mode is rightly gone."
    )


def test_twenty_names_of_a_kind_are_told_and_how_many_more_there_are():
    said = describe_forbidden([refused(f"r{number}") for number in range(22)])
    names = ", ".join(f"Name of r{number}" for number in range(20))
    assert said.startswith(f"report (22): {names}, and 2 more. A workspace admin")


OBJECTS = [
    *[("datasource", token, {"name": token.upper()}) for token in ("d1", "d2")],
    *[("collection", token, {"name": token.upper()}) for token in ("c1", "c2")],
    ("report", "r1", {"name": "R1"}),
]


def gone(asset, token):
    return {"asset": asset, "token": token, "name": token.upper(), "reason": "gone"}


def test_connections_and_collections_that_are_not_listed_any_more_are_out_of_sight(tmp_path):
    before = day(tmp_path, 0, OBJECTS)
    shown = {"datasource": {"d1", "d3"}, "collection": {"c2"}}
    missing = [gone("datasource", "d2"), gone("collection", "c1")]
    assert list(out_of_sight(shown, options=OPTIONS, previous=before)) == missing
    everything = {"datasource": {"d1", "d2"}, "collection": {"c1", "c2"}}
    assert list(out_of_sight(everything, options=OPTIONS, previous=before)) == []
    assert [one["token"] for one in out_of_sight({}, options=OPTIONS, previous=before)] == [
        *("d1", "d2"),
        *("c1", "c2"),
    ]
    assert list(out_of_sight({}, options=OPTIONS, previous=None)) == []


@pytest.mark.parametrize(
    "other",
    [{"include_collections": ["F*"]}, {"exclude_collections": ["F*"]}, {"include_personal": True}],
    ids=lambda other: next(iter(other)),
)
def test_who_was_to_read_other_collections_is_told_of_connections_only(tmp_path, other):
    before = day(tmp_path, 0, OBJECTS)
    found = list(out_of_sight({"datasource": {"d1"}}, options={**OPTIONS, **other}, previous=before))
    assert found == [gone("datasource", "d2")]


@pytest.mark.parametrize(
    "other",
    [
        {"include_collections": ["F*"]},
        {"exclude_collections": ["F*"]},
        {"include_personal": True},
        {"include_archived": False},
        {"include_datasets": False},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_snapshot_that_was_to_read_less_says_nothing_about_what_it_left_out(tmp_path, other):
    before = day(tmp_path, 0, OBJECTS)
    always = [refused("d9", asset="datasource"), refused("m9", asset="member"), refused(None, asset="report")]
    had = [refused("r1"), refused("c1", asset="collection")]
    entries = [*always, *had, refused("r9"), refused("c9", asset="collection")]
    assert list(asked_for_before(entries, options={**OPTIONS, **other}, previous=before)) == [*always, *had]
    assert list(asked_for_before(entries, options=OPTIONS, previous=before)) == entries


def test_options_that_choose_no_collections_do_not_matter_to_what_is_out_of_sight(tmp_path):
    before = day(tmp_path, 0, OBJECTS)
    options = {**OPTIONS, "include_archived": False}
    found = list(out_of_sight({"datasource": {"d1", "d2"}}, options=options, previous=before))
    assert found == [gone("collection", "c1"), gone("collection", "c2")]
