"""`mode-catalog usage` as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.command_line import CommandLine
from tests.sandbox import Sandbox, WorkspaceShape
from tests.unit.snapshot.days import DAY, day
from tests.unit.snapshot.sets import AT


@pytest.fixture
def mode_catalog() -> Iterator[CommandLine]:
    with Sandbox(shape=WorkspaceShape(collections=1, reports=1, members=1)) as sandbox:
        yield CommandLine(sandbox)


def test_what_is_viewed_and_what_is_not_is_told(mode_catalog: CommandLine, tmp_path: Path) -> None:
    for number, views in enumerate([1, 4]):
        day(
            tmp_path,
            number,
            [
                ("report", "r1", {"name": "Sales \x1b[2J", "view_count": views}),
                ("report", "r2", {"view_count": 0}),
            ],
        )
    found = mode_catalog.json("usage", "-d", tmp_path)
    assert [one["views_recent"] for one in found["most_viewed"]] == [3]
    assert [one["token"] for one in found["never_opened"]] == ["r2"]
    told = mode_catalog("usage", "-d", tmp_path, "--days", "7").stdout
    assert "3 views      ? runs  Sales" in told
    assert "\x1b" not in told


def test_views_that_nobody_counted_are_told_as_unknown(mode_catalog: CommandLine, tmp_path: Path) -> None:
    for number in range(2):
        day(tmp_path, number, [("report", "r1", {"name": "Sales"})])
    assert "How often they were viewed is not known" in mode_catalog("usage", "-d", tmp_path).stdout


def test_a_damaged_snapshot_is_named_and_the_others_are_used(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    spoiled = ["manifest", "report", None, None]
    for number, what in enumerate(spoiled):
        made = day(tmp_path, number, [("report", "r1", {"name": "Sales", "view_count": 10 * number})])
        path = Path(str(made.manifest_path))
        if what == "report":
            path = path.with_name(f"{made.manifest.timestamp}-report.json")
        if what is not None:
            path.write_bytes(path.read_bytes()[:-9])
    answer = mode_catalog("usage", "-d", tmp_path, "--json")
    found = json.loads(answer.stdout)
    assert (found["days"], [one["views_recent"] for one in found["most_viewed"]]) == (1.0, [10])
    assert found["damaged"] == [AT, AT + DAY]
    assert answer.stderr.count("Passed over") == 2
    assert f"{AT}.manifest" in answer.stderr
    assert f"{AT + DAY}-report.json" in answer.stderr
    days = mode_catalog.json("usage", "-d", tmp_path, "--api", "--days", "9999")
    assert (days["damaged"], sum(one["snapshots"] for one in days["days"])) == ([AT], 3)


def test_one_snapshot_is_too_few_and_none_is_an_error(mode_catalog: CommandLine, tmp_path: Path) -> None:
    assert mode_catalog("usage", "-d", tmp_path).returncode == 5
    day(tmp_path, 0, [])
    told = mode_catalog("usage", "-d", tmp_path).stdout
    assert "one snapshot only" in told
    day(tmp_path, 1.2 / 86_400, [])
    assert "one snapshot only" not in mode_catalog("usage", "-d", tmp_path).stdout


def test_the_requests_of_each_day_are_told_against_what_mode_allows(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    for _ in range(2):
        assert mode_catalog("extract", "-o", tmp_path).returncode == 0
    (today,) = mode_catalog.json("usage", "-d", tmp_path, "--api")["days"]
    assert today["snapshots"] == 2
    assert today["requests"] == len(mode_catalog.sandbox.mode.requests) == sum(today["operations"].values())
    assert {"verify", "spaces", "reports", "sources"} <= set(today["operations"])
    assert today["share_of_day"] == round(today["requests"] / 345_600, 6)
    told = mode_catalog("usage", "-d", tmp_path, "--api").stdout
    assert "345600 a day" in told
    assert today["day"] in told


def test_a_manifest_of_an_earlier_version_counts_as_unknown(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    day(tmp_path, 0, [])
    days = mode_catalog.json("usage", "-d", tmp_path, "--api", "--days", "36500")["days"]
    assert [set(one["operations"]) <= {"unknown"} for one in days] == [True]
