"""Bulk pages of long SQL: fewer rows are asked for at once, and none is lost where that is ignored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mode_catalog_provider.extract import batch
from tests.integration.extracting import as_written, extract
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape

SHAPE = WorkspaceShape(
    collections=5, reports=40, queries=2300, members=2, datasets=0, nasty=False, sql_bytes=60
)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(shape=SHAPE, mode=ModeSwitches(limiter="off")) as running:
        yield running


def pages_of_queries(sandbox: Sandbox) -> list[tuple[str | None, str | None]]:
    asked = sandbox.mode.requests_to("/batch/*/queries")
    return sorted((one.params.get("per_page") or "", one.params["page"]) for one in asked)


@pytest.mark.parametrize(("large", "rows"), [(250_000, "500"), (1, "125")])
def test_after_a_large_page_smaller_ones_follow_and_no_row_is_missing(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, large: int, rows: str
) -> None:
    monkeypatch.setattr(batch, "LARGE_PAGE", large)
    got = extract(sandbox, strategy="hybrid")
    assert as_written(got.rows) == as_written(sandbox.mode.expected())
    first, *others = pages_of_queries(sandbox)
    assert first == ("", "1")
    assert {size for size, _ in others} == {rows}
    # None twice, and none beyond the end.
    assert len(others) == len(set(others)) == -(-1300 // int(rows))
    # Only the report whose ids tell their types is read by REST.
    assert len(sandbox.mode.requests_to("reports/*/queries")) <= 3


def test_where_the_smaller_size_is_ignored_no_row_is_lost(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "LARGE_PAGE", 1)
    sandbox.mode.switches.batch_per_page = "ignored"
    got = extract(sandbox, strategy="hybrid")
    assert as_written(got.rows) == as_written(sandbox.mode.expected())


def test_a_listing_of_short_sql_is_read_in_pages_of_a_thousand(sandbox: Sandbox) -> None:
    extract(sandbox, strategy="hybrid")
    assert pages_of_queries(sandbox) == [("", "1"), ("", "2"), ("", "3")]


def test_a_single_large_page_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "LARGE_PAGE", 1)
    options: dict[str, Any] = {"collections": 5, "reports": 40, "queries": 1000, "members": 2, "datasets": 0}
    with Sandbox(shape=WorkspaceShape(**options, nasty=False), mode=ModeSwitches(limiter="off")) as sandbox:
        extract(sandbox, strategy="hybrid")
        assert pages_of_queries(sandbox) == [("", "1")]
