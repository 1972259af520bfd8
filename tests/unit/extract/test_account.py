"""What a person is told of an extraction."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.extract.account import tell_datasets, tell_filtered, warn_of_left_out
from mode_catalog_provider.extract.capture import CaptureResult
from mode_catalog_provider.extract.left_out import LeftOut, Reason
from mode_catalog_provider.snapshot.layout import Layout
from tests.integration.incremental_cases import running, take
from tests.sandbox import Sandbox, WorkspaceShape


@pytest.fixture
def empty() -> Iterator[Sandbox]:
    """A workspace in which the key sees nothing but members."""
    with running(WorkspaceShape(collections=0, reports=0, members=2, data_sources=0, nasty=False)) as sandbox:
        yield sandbox


@pytest.fixture
def filled() -> Iterator[Sandbox]:
    """Two shared collections with reports, and everybody's personal one."""
    with running(WorkspaceShape(collections=2, reports=6, members=2, nasty=False)) as sandbox:
        yield sandbox


def captured(sandbox: Sandbox, folder: Path, **options: object) -> CaptureResult:
    return take(sandbox, Layout.nested(folder, "acme"), incremental=False, **options)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_a_key_that_sees_nothing_is_told_so_for_each_asset_with_the_cure(
    empty: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    empty.mode.world.collections.clear()
    result = captured(empty, tmp_path)
    assert result.manifest.empty == ("datasource", "collection", "report")
    told = warnings(caplog)
    assert [line.split(" in workspace")[0] for line in told] == [
        f"NOTHING FOUND: this key sees no {asset}" for asset in ("datasource", "collection", "report")
    ]
    assert all("workspace key" in line for line in told)


@pytest.mark.parametrize(
    ("route", "key", "asset"),
    [("reports/*/queries", "queries", "query"), ("memberships*", "memberships", "member")],
)
def test_reports_without_any_query_or_any_member_are_told(
    filled: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture, route: str, key: str, asset: str
) -> None:
    def empty(body: dict[str, Any]) -> None:
        body["_embedded"][key] = []
        body.pop("pagination", None)

    filled.mode.alter(route, empty, times=None)
    captured(filled, tmp_path)
    assert any(line.startswith(f"NOTHING FOUND: this key sees no {asset} in") for line in warnings(caplog))


@pytest.mark.parametrize("status", [403, 404])
def test_members_that_were_refused_are_told_once(
    filled: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    filled.mode.switches.throw(memberships=status, memberships_lite=status)
    captured(filled, tmp_path)
    (line,) = warnings(caplog)
    assert line.startswith("Left out 1 member")


def test_a_workspace_with_something_in_it_is_not_told_to_be_empty(
    filled: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert captured(filled, tmp_path).manifest.empty == ()
    assert warnings(caplog) == []


def test_personal_collections_left_out_are_told_in_one_line_with_the_option(
    filled: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    result = captured(filled, tmp_path)
    count = result.manifest.filtered["personal"]
    (line,) = (record.getMessage() for record in caplog.records if "by choice" in record.getMessage())
    assert line.startswith(f"Left out by choice: {count} collections (personal)")
    assert "--include-personal" in line


def test_where_nothing_is_left_but_personal_collections_the_warning_says_so(
    filled: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for collection in filled.mode.world.collections:
        collection.space_type = "private"
    captured(filled, tmp_path)
    assert any(
        "no report" in line and "personal collections are left out" in line for line in warnings(caplog)
    )


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("personal", "3 collections (personal); to take them in: include_personal (command line: --include-"),
        ("archived", "3 archived reports; to take them in: include_archived"),
        ("datasets", "3 datasets; to take them in: include_datasets"),
        ("excluded", "3 collections (excluded)"),
        ("not_included", "3 collections (not_included)"),
    ],
)
def test_what_was_left_out_by_choice_is_told_with_the_option_that_takes_it_in(
    caplog: pytest.LogCaptureFixture, what: str, told: str
) -> None:
    caplog.set_level(logging.INFO)
    tell_filtered({"personal": 0, "archived": 0, what: 3}, logging.getLogger("account"))
    (line,) = caplog.messages
    assert line.startswith(f"Left out by choice: {told}")
    assert ("to take them in" in line) is ("include_" in told)


def test_datasets_among_the_reports_are_told_where_there_are_any(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    tell_datasets(0, logging.getLogger("account"))
    assert caplog.messages == []
    tell_datasets(2, logging.getLogger("account"))
    assert "(DatasetReport): 2; to leave them out: include_datasets=False" in caplog.text


def test_what_was_refused_is_told_by_kind_and_reason_under_the_best_name_there_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def entry(asset: str, token: str | None, name: str | None, reason: Reason = "gone") -> LeftOut:
        return LeftOut(asset, token, name, reason, "detail")

    reports = [entry("report", f"r{n}", f"Report {n}") for n in range(5)]
    others = [entry("report", "r9", None, "forbidden"), entry("member", None, None)]
    warn_of_left_out([*reports, *others], logging.getLogger("account"))
    assert [line.removesuffix(" The manifest lists them all.") for line in warnings(caplog)] == [
        "Left out 5 report (gone): Report 0, Report 1, Report 2, Report 3, Report 4.",
        "Left out 1 report (forbidden): r9.",
        "Left out 1 member (gone): the whole listing.",
    ]
