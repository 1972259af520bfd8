"""Why an object is in one of two snapshots only: refused, filtered, or really new or gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.snapshot.change_texts import as_markdown, log_lines
from mode_catalog_provider.snapshot.changes import changes_between
from mode_catalog_provider.snapshot.diff import SnapshotDiff
from tests.unit.snapshot.days import Object, day, refused, told

COLLECTION = {"name": "Finance", "space_type": "custom", "state": "active", "default_access_level": "view"}
REPORT = {"name": "Sales", "space_token": "c1", "archived": False, "creator": "ann", "type": "Report"}
DATASET = {**REPORT, "type": "DatasetReport"}


def test_a_collection_that_is_refused_and_lost_its_row_is_told_once(tmp_path: Path) -> None:
    rows: list[Object] = [("collection", "c1", {"name": "Locked"}), ("collection", "c2", {"name": "Old"})]
    before = day(tmp_path, 0, rows)
    after = day(tmp_path, 1, [], left_out=[refused("collection", "c1", "Locked")])
    assert told(before, after) == [
        ("collection", "c1", "access_lost", None, None),
        ("collection", "c2", "deleted", None, None),
    ]


def test_a_report_whose_queries_are_refused_lost_access_and_its_queries_are_not_deleted(
    tmp_path: Path,
) -> None:
    report: Object = ("report", "r1", REPORT)
    other: Object = ("query", "q2", {"report_token": "r2"})
    before = day(tmp_path, 0, [report, ("query", "q1", {"report_token": "r1"}), other])
    after = day(tmp_path, 1, [report], left_out=[refused("report", "r1", "Sales")])
    assert told(before, after) == [
        ("report", "r1", "access_lost", None, "forbidden"),
        ("query", "q2", "deleted", None, None),
    ]
    assert told(after, before) == [
        ("report", "r1", "access_gained", "forbidden", None),
        ("query", "q2", "created", None, None),
    ]
    assert told(after, after) == []


@pytest.mark.parametrize("odd", [{"a": 1}, ["c1"], 7, None])
def test_what_refers_to_something_odd_comes_and_goes_as_anything_else(tmp_path: Path, odd: Any) -> None:
    rows: list[Object] = [("report", "r1", {"space_token": odd}), ("query", "q1", {"report_token": odd})]
    before, after = day(tmp_path, 0, []), day(tmp_path, 1, rows)
    assert [one[2] for one in told(before, after)] == ["created"] * 2
    assert [one[2] for one in told(after, before)] == ["deleted"] * 2


def test_what_is_shown_again_with_a_row_of_its_own_is_told_once(tmp_path: Path) -> None:
    rows: list[Object] = [("collection", "c1", COLLECTION), ("report", "r1", REPORT)]
    missing = [refused("collection", "c1", "Finance", "gone"), refused("report", "r1", "Sales", "gone")]
    before, after = day(tmp_path, 0, [], left_out=missing), day(tmp_path, 1, rows)
    assert told(before, after) == [
        ("collection", "c1", "access_gained", None, None),
        ("report", "r1", "access_gained", None, None),
    ]
    assert told(after, before) == [
        ("collection", "c1", "access_lost", None, None),
        ("report", "r1", "access_lost", None, None),
    ]


def test_what_is_refused_is_told_in_the_order_of_its_tokens_the_whole_listing_first(tmp_path: Path) -> None:
    before = day(tmp_path, 0, [])
    missing = [refused("report", "r2", "B"), refused("report", None, None), refused("report", "r1", None)]
    after = day(tmp_path, 1, [], left_out=missing)
    assert [(one.token, one.name, one.change) for one in changes_between(before, after)] == [
        (None, "the whole listing", "access_lost"),
        ("r1", "r1", "refused"),
        ("r2", "B", "refused"),
    ]
    assert [(one.token, one.change) for one in changes_between(after, day(tmp_path, 2, []))] == [
        (None, "access_gained")
    ]


def test_a_listing_of_members_that_is_refused_deletes_nobody(tmp_path: Path) -> None:
    before = day(tmp_path, 0, [("member", "m1", {"username": "a"})])
    after = day(tmp_path, 1, [], left_out=[refused("member", None, None)])
    assert told(before, after) == [
        ("member", "m1", "access_lost", None, None),
        ("member", None, "access_lost", None, "forbidden"),
    ]


@pytest.mark.parametrize(
    ("options", "lost"),
    [
        ({"include_archived": False}, {("report", "r2")}),
        ({"include_datasets": False}, {("report", "r4")}),
        ({"include_personal": False}, {("collection", "p1"), ("report", "r3")}),
        ({"exclude_collections": ["F*"]}, {("collection", "c1"), ("report", "r1"), ("report", "r2")}),
    ],
)
def test_what_the_options_account_for_is_not_called_deleted(
    tmp_path: Path, options: dict[str, Any], lost: set[tuple[str, str]]
) -> None:
    objects: list[Object] = [
        ("collection", "c1", COLLECTION),
        ("collection", "p1", {"name": "Personal", "space_type": "private"}),
        ("report", "r1", REPORT),
        ("report", "r2", {**REPORT, "archived": True}),
        ("report", "r3", {**REPORT, "space_token": "p1"}),
        ("report", "r4", {**REPORT, "type": "DatasetReport"}),
        ("query", "q2", {"report_token": "r2"}),
    ]
    kept = [one for one in objects if one[:2] not in lost]
    before = day(tmp_path, 0, objects, include_personal=True)
    after = day(tmp_path, 1, kept, **{"include_personal": True, **options})
    assert {one[:3] for one in told(before, after)} == {
        (*one, "not_extracted") for one in lost if one[0] != "query"
    }
    assert {one[:3] for one in told(after, before)} == {(*one, "now_extracted") for one in lost}
    with SnapshotDiff(before, after) as diff:
        assert set(diff.options) == set(options)
        assert "different options" in "\n".join(log_lines(diff))
        assert "different options" in as_markdown(diff)


def test_a_report_that_is_really_deleted_is_told_as_that_though_the_options_differ(tmp_path: Path) -> None:
    before = day(tmp_path, 0, [("collection", "c1", COLLECTION), ("report", "r1", REPORT)])
    after = day(tmp_path, 1, [("collection", "c1", COLLECTION)], include_personal=True)
    assert told(before, after) == [("report", "r1", "deleted", None, None)]


def test_without_archived_reports_nobody_can_tell_archived_from_deleted(tmp_path: Path) -> None:
    before = day(tmp_path, 0, [("report", "r1", REPORT)], include_archived=False)
    after = day(tmp_path, 1, [], include_archived=False)
    assert told(before, after) == [("report", "r1", "archived_or_deleted", None, None)]


def test_collections_that_are_shown_again_are_told_in_the_order_of_their_tokens(tmp_path: Path) -> None:
    rows: list[Object] = [("collection", token, COLLECTION) for token in ("c1", "c2")]
    missing = [refused("collection", token, None) for token in ("c2", "c1")]
    before, after = day(tmp_path, 0, rows, left_out=missing), day(tmp_path, 1, rows)
    assert told(before, after) == [
        ("collection", "c1", "access_gained", "forbidden", None),
        ("collection", "c2", "access_gained", "forbidden", None),
    ]


def test_a_listing_that_is_refused_accounts_for_the_datasets_and_not_for_reports(tmp_path: Path) -> None:
    missing = [refused("report", None, None)]
    with_both = day(tmp_path, 0, [("report", "r1", REPORT), ("report", "r2", DATASET)])
    without = day(tmp_path, 1, [], left_out=missing)
    assert told(with_both, without) == [
        ("report", "r1", "deleted", None, None),
        ("report", "r2", "access_lost", None, None),
        ("report", None, "access_lost", None, "forbidden"),
    ]
    assert told(without, with_both) == [
        ("report", "r1", "created", None, None),
        ("report", "r2", "access_gained", None, None),
        ("report", None, "access_gained", "forbidden", None),
    ]


def test_where_the_options_are_the_same_every_kind_of_object_is_really_deleted(tmp_path: Path) -> None:
    objects: list[Object] = [
        ("collection", "c1", COLLECTION),
        ("collection", "p1", {**COLLECTION, "space_type": "private"}),
        ("report", "r1", {**REPORT, "archived": True}),
        ("report", "r2", DATASET),
        ("report", "r3", {**REPORT, "space_token": "unseen"}),
    ]
    full, empty = day(tmp_path, 0, objects), day(tmp_path, 1, [])
    assert [one[2] for one in told(full, empty)] == ["deleted"] * 5
    assert [one[2] for one in told(empty, full)] == ["created"] * 5


def test_an_option_accounts_only_for_what_it_filters(tmp_path: Path) -> None:
    objects: list[Object] = [
        ("collection", "c1", COLLECTION),
        ("report", "r1", {**REPORT, "space_token": "c2"}),
        ("report", "r2", {**DATASET, "space_token": "c2"}),
    ]
    before = day(tmp_path, 0, objects, include_personal=True)
    narrower = {"include_personal": False, "include_archived": False}
    assert [one[1:3] for one in told(before, day(tmp_path, 1, [], **narrower))] == [
        ("c1", "deleted"),
        ("r1", "archived_or_deleted"),
        ("r2", "deleted"),
    ]
    wider = day(
        tmp_path, 2, [("collection", "c1", COLLECTION)], include_personal=True, include_datasets=False
    )
    assert [one[1:3] for one in told(before, wider)] == [("r1", "deleted"), ("r2", "not_extracted")]


def test_what_went_while_the_options_became_wider_is_deleted(tmp_path: Path) -> None:
    objects: list[Object] = [
        ("collection", "p1", {**COLLECTION, "space_type": "private"}),
        ("report", "r1", {**REPORT, "archived": True}),
        ("report", "r2", DATASET),
    ]
    narrow = {"include_personal": False, "include_archived": False, "include_datasets": False}
    wide = dict.fromkeys(narrow, True)
    assert [one[2] for one in told(day(tmp_path, 0, objects, **narrow), day(tmp_path, 1, [], **wide))] == [
        "deleted"
    ] * 3
