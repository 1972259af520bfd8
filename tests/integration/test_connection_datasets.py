"""Datasets by connection instead of by collection: only after both gave the same, and never a row less."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.extract.capture import CaptureResult
from mode_catalog_provider.snapshot.layout import Layout
from tests.integration.incremental_cases import Editing, contents, running, take
from tests.sandbox import Sandbox, WorkspaceShape
from tests.sandbox.objects import Report

#: Forty datasets of three connections, so that a connection's listing has more than a page if one has most.
SHAPE = WorkspaceShape(collections=12, reports=24, members=3, datasets=40, nasty=False, sql_bytes=40)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running(SHAPE) as sandbox:
        yield sandbox


@pytest.fixture
def layout(sandbox: Sandbox, tmp_path: Path) -> Layout:
    return Layout.nested(tmp_path, sandbox.mode.workspace)


def night(sandbox: Sandbox, layout: Layout, **options: Any) -> tuple[CaptureResult, dict[str, int]]:
    """An incremental snapshot that lists everything by REST, and how many pages of datasets it asked for."""
    before = len(sandbox.mode.requests)
    result = take(sandbox, layout, **{"members": "lite", **options})
    paths = [request.path for request in sandbox.mode.requests[before:] if request.path.endswith("/datasets")]
    ways = {"collections": "/spaces/", "connections": "/data_sources/"}
    return result, {way: sum(part in path for path in paths) for way, part in ways.items()}


def truth(sandbox: Sandbox, tmp_path: Path, **options: Any) -> dict[str, bytes]:
    chosen = {"incremental": False, "members": "lite", **options}
    return contents(take(sandbox, Layout.nested(tmp_path / "truth", "acme"), **chosen))


def told(result: CaptureResult) -> dict[str, Any]:
    return dict(result.manifest.reuse.get("datasets", {}))


def datasets(sandbox: Sandbox) -> list[Report]:
    return [one for one in sandbox.mode.world.reports if one.is_dataset]


@pytest.mark.parametrize("strategy", ["rest", "hybrid"])
def test_a_full_read_makes_both_ways_and_the_next_asks_the_connections_alone(
    sandbox: Sandbox, layout: Layout, tmp_path: Path, strategy: str
) -> None:
    first, asked = night(sandbox, layout, strategy=strategy)
    assert asked["collections"] >= SHAPE.collections
    assert asked["connections"] >= SHAPE.data_sources
    assert told(first) == {
        "way": "both", "proven": True, "because": None,
        "compared": 40, "missing": 0, "extra": 0, "different": 0,
    }  # fmt: skip
    second, asked = night(sandbox, layout, strategy=strategy)
    assert asked["collections"] == 0
    assert 0 < asked["connections"] < SHAPE.collections
    assert told(second)["way"] == "connections"
    assert contents(first) == contents(second) == truth(sandbox, tmp_path)


def test_no_connection_is_asked_while_one_is_listed_that_cannot_be(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    unused = replace(sandbox.mode.world.data_sources[0], id=999, token=None)  # type: ignore[arg-type]
    sandbox.mode.world.data_sources.append(unused)
    for _ in range(2):
        result, asked = night(sandbox, layout)
        assert asked["connections"] == 0
    assert contents(result) == truth(sandbox, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        Editing.edit_sql,
        Editing.rename,
        Editing.move,
        Editing.remove,
        Editing.add_dataset,
        Editing.add_report,
        Editing.remove_collection,
    ],
    ids=lambda change: change.__name__,
)
def test_what_changes_afterwards_is_seen_by_connection_as_well(
    sandbox: Sandbox, layout: Layout, tmp_path: Path, change: Any
) -> None:
    night(sandbox, layout)
    for report in (datasets(sandbox)[2], datasets(sandbox)[17]):
        if sandbox.mode.world.report(report.token):
            change(Editing(sandbox), report)
    result, _ = night(sandbox, layout)
    assert contents(result) == truth(sandbox, tmp_path)


@pytest.mark.parametrize(
    "switches",
    [
        {"source_datasets": 404},
        {"source_datasets": 403},
        {"source_datasets_row": "homeless"},
        {"source_datasets_row": "bare"},
        {"source_datasets_row": "thin"},
        {"source_datasets_archived": True},
        {"datasets": 403},
        {"datasets": 404},
    ],
    ids=str,
)
def test_where_the_two_ways_do_not_give_the_same_collections_are_asked_every_night(
    sandbox: Sandbox, layout: Layout, tmp_path: Path, switches: dict[str, Any]
) -> None:
    sandbox.mode.switches.throw(**switches)
    datasets(sandbox)[3].archived = True
    first, _ = night(sandbox, layout)
    assert told(first)["proven"] is not True
    second, asked = night(sandbox, layout)
    assert asked["collections"] >= (SHAPE.collections if switches != {"datasets": 404} else 1)
    assert told(second).get("way") != "connections"
    assert contents(first) == contents(second) == truth(sandbox, tmp_path)


@pytest.mark.parametrize(
    "switches",
    [
        {"source_datasets_pages": "ignored"},
        {"source_datasets_multiplied": True},
        {"source_datasets_personal": False},
        {"page_after_last": "repeat"},
        {"page_after_last": "empty"},
    ],
    ids=str,
)
def test_whatever_the_listing_looks_like_the_rows_are_right(
    sandbox: Sandbox, layout: Layout, tmp_path: Path, switches: dict[str, Any]
) -> None:
    sandbox.mode.switches.throw(**switches)
    first, _ = night(sandbox, layout)
    assert told(first)["proven"] is True
    Editing(sandbox).edit_sql(datasets(sandbox)[5])
    second, asked = night(sandbox, layout)
    assert asked["collections"] == 0
    assert contents(second) == truth(sandbox, tmp_path)


def test_a_personal_dataset_that_no_connection_lists_is_not_lost_where_personal_collections_are_wanted(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    sandbox.mode.switches.source_datasets_personal = False
    personal = next(one for one in sandbox.mode.world.collections if one.personal)
    sandbox.mode.world.add_report(personal, type="DatasetReport")
    night(sandbox, layout)
    for _ in range(2):
        result, asked = night(sandbox, layout, include_personal=True)
        assert asked["collections"] > SHAPE.collections
        assert contents(result) == truth(sandbox, tmp_path, include_personal=True)


def test_a_known_dataset_that_no_connection_shows_any_more_has_all_collections_asked(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    night(sandbox, layout)
    sandbox.mode.switches.source_datasets_hidden = [datasets(sandbox)[7].token]
    result, asked = night(sandbox, layout)
    assert asked["collections"] >= SHAPE.collections
    assert told(result)["proven"] is False
    assert contents(result) == truth(sandbox, tmp_path)
    assert night(sandbox, layout)[1]["connections"] == 0


def test_many_known_datasets_that_no_connection_shows_are_not_looked_up_one_by_one(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    night(sandbox, layout)
    sandbox.mode.switches.source_datasets_hidden = [one.token for one in datasets(sandbox)[:15]]
    before = len(sandbox.mode.requests_to("reports/*"))
    result, asked = night(sandbox, layout)
    assert asked["collections"] >= SHAPE.collections
    assert len(sandbox.mode.requests_to("reports/*")) == before
    assert contents(result) == truth(sandbox, tmp_path)


def test_a_connection_that_is_refused_later_has_all_collections_asked(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    night(sandbox, layout)
    sandbox.mode.fault("data_sources/*/datasets", status=403, times=1)
    result, asked = night(sandbox, layout)
    assert asked["collections"] >= SHAPE.collections
    assert contents(result) == truth(sandbox, tmp_path)


def test_what_no_connection_ever_showed_shows_when_everything_is_read_again(
    sandbox: Sandbox, layout: Layout, tmp_path: Path
) -> None:
    night(sandbox, layout)
    new = sandbox.mode.world.add_report(sandbox.mode.world.collections[1], type="DatasetReport")
    sandbox.mode.switches.source_datasets_hidden = [new.token]
    result, asked = night(sandbox, layout, day=7.1)
    assert asked["collections"] >= SHAPE.collections
    assert told(result)["proven"] is False
    assert contents(result) == truth(sandbox, tmp_path)


def test_without_datasets_neither_way_is_asked(sandbox: Sandbox, layout: Layout) -> None:
    for _ in range(2):
        _, asked = night(sandbox, layout, include_datasets=False)
        assert asked == {"collections": 0, "connections": 0}


def test_who_does_not_extract_incrementally_pays_for_no_comparison(sandbox: Sandbox, layout: Layout) -> None:
    _, asked = night(sandbox, layout, incremental=False)
    assert asked["connections"] == 0


def test_more_connections_than_half_the_collections_are_not_asked(tmp_path: Path) -> None:
    shape = WorkspaceShape(collections=6, reports=20, members=2, datasets=4, nasty=False)
    with running(shape) as sandbox:
        layout = Layout.nested(tmp_path, sandbox.mode.workspace)
        for _ in range(2):
            assert night(sandbox, layout)[1]["connections"] == 0


def test_a_workspace_without_any_dataset_proves_nothing(tmp_path: Path) -> None:
    shape = WorkspaceShape(collections=12, reports=20, members=2, datasets=0, nasty=False)
    with running(shape) as sandbox:
        layout = Layout.nested(tmp_path, sandbox.mode.workspace)
        first, _ = night(sandbox, layout)
        assert told(first)["proven"] is None
        sandbox.mode.world.add_report(sandbox.mode.world.collections[1], type="DatasetReport")
        second, asked = night(sandbox, layout)
        assert asked["collections"] >= shape.collections
        assert told(second)["proven"] is True
