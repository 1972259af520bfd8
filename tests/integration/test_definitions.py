"""Mode definitions in the queries of an extraction."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from mode_catalog_provider.errors import ConfigurationError, ServiceError
from mode_catalog_provider.extract.options import ExtractionOptions
from mode_catalog_provider.snapshot.layout import Layout
from tests.integration.command_line import CommandLine
from tests.integration.extracting import as_written, extract
from tests.integration.incremental_cases import asked, contents, running, take
from tests.sandbox import Sandbox, WorkspaceShape

SHAPE = WorkspaceShape(collections=3, reports=12, members=3, datasets=1, nasty=False, sql_bytes=60)
WRITTEN = "select * from {{ @active as a }} join {{ @nobody as n }} on true"
EXPANDED = (
    "select * from (select * from (select id from app.users) AS u where u.active) AS a "
    "join {{ @nobody as n }} on true"
)


def prepare(sandbox: Sandbox) -> str:
    """Let one query take in a definition that takes in another; return its token."""
    world = sandbox.mode.world
    other = world.data_sources[1].id
    world.add_definition("users", "select id from other.users", data_source_id=other)
    world.add_definition("users", "select id from app.users;")
    world.add_definition("active", "select * from {{ @users as u }} where u.active")
    world.add_definition("unnamed", "select 1", absent=frozenset({"name"}))
    shared = next(one for one in world.collections if not one.personal and world.reports_in(one))
    return world.add_query(world.reports_in(shared)[0], WRITTEN).token


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running(SHAPE) as sandbox:
        yield sandbox


def test_queries_stay_as_they_were_written_unless_asked_otherwise(sandbox: Sandbox) -> None:
    query = prepare(sandbox)
    rows = extract(sandbox).rows["query"]
    assert next(row["raw_query"] for row in rows if row["token"] == query) == WRITTEN
    assert asked(sandbox, "/definitions") == []


def test_the_sql_of_a_definition_takes_the_place_of_its_name_for_one_request(sandbox: Sandbox) -> None:
    query = prepare(sandbox)
    kept = extract(sandbox).rows["query"]
    before = len(sandbox.mode.requests)
    found = extract(sandbox, definitions="expand").rows["query"]
    assert len(asked(sandbox, "/definitions")) == 1
    assert len(sandbox.mode.requests) - before == before + 1
    differing = {row["token"]: row["raw_query"] for row in found if row not in kept}
    assert differing == {query: EXPANDED}


def test_the_rows_are_the_same_by_rest_and_by_hybrid(sandbox: Sandbox) -> None:
    prepare(sandbox)
    rest = extract(sandbox, definitions="expand")
    hybrid = extract(sandbox, definitions="expand", strategy="hybrid")
    assert hybrid.extraction.strategy == "hybrid"
    assert as_written(hybrid.rows) == as_written(rest.rows)


def test_an_incremental_extraction_gives_the_same_and_reads_nothing_again(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    prepare(sandbox)
    layout = Layout.nested(tmp_path, "acme")
    first = take(sandbox, layout, definitions="expand")
    before = len(asked(sandbox, "/queries"))
    second = take(sandbox, layout, definitions="expand")
    assert len(asked(sandbox, "/queries")) == before
    assert contents(second) == contents(first)
    full = take(sandbox, Layout.nested(tmp_path / "full", "acme"), definitions="expand", incremental=False)
    assert contents(second) == contents(full)


@pytest.mark.parametrize("change", ["edited", "added", "switched on", "switched off"])
def test_what_was_read_with_other_definitions_is_read_again(
    sandbox: Sandbox, tmp_path: Path, change: str
) -> None:
    prepare(sandbox)
    layout = Layout.nested(tmp_path, "acme")
    first, second = {"switched on": ("keep", "expand"), "switched off": ("expand", "keep")}.get(
        change, ("expand", "expand")
    )
    take(sandbox, layout, definitions=first)
    if change == "edited":
        sandbox.mode.world.definitions[1].source = "select 2 from app.users"
    if change == "added":
        sandbox.mode.world.add_definition("nobody", "select 3")
    result = take(sandbox, layout, definitions=second)
    full = take(sandbox, Layout.nested(tmp_path / "full", "acme"), definitions=second, incremental=False)
    assert contents(result) == contents(full)


def test_the_manifest_and_the_log_say_what_was_put_in_and_what_was_not(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prepare(sandbox)
    caplog.set_level(logging.INFO)
    result = take(sandbox, Layout.nested(tmp_path, "acme"), definitions="expand")
    assert result.manifest.figures["definitions"] == {
        "listed": 3,
        "used": 2,
        "queries": 1,
        "unresolved": [{"name": "nobody", "reason": "unknown", "queries": 1}],
        "refused": None,
    }
    assert json.loads(json.dumps(result.manifest.to_json()))
    assert "the key may see: nobody" in caplog.text
    plain = take(sandbox, Layout.nested(tmp_path / "plain", "acme"))
    assert "definitions" not in plain.manifest.figures


@pytest.mark.parametrize(("status", "word"), [(403, "forbidden"), (404, "gone")])
def test_a_list_of_definitions_that_is_refused_leaves_queries_as_they_are(
    tmp_path: Path, status: int, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    with running(SHAPE, definitions=status) as sandbox:
        prepare(sandbox)
        result = take(sandbox, Layout.nested(tmp_path, "acme"), definitions="expand")
        kept = take(sandbox, Layout.nested(tmp_path / "kept", "acme"))
    assert contents(result) == contents(kept)
    assert result.manifest.figures["definitions"]["refused"] == word
    assert "stay as they were written" in caplog.text


def test_a_list_of_definitions_that_fails_makes_no_snapshot(tmp_path: Path) -> None:
    with running(SHAPE, definitions=500) as sandbox, pytest.raises(ServiceError):
        take(sandbox, Layout.nested(tmp_path, "acme"), definitions="expand")


def test_another_word_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="definitions must be one of 'keep', 'expand'"):
        ExtractionOptions(definitions="yes")  # type: ignore[arg-type]


def test_the_command_line_has_a_flag(sandbox: Sandbox, tmp_path: Path) -> None:
    query = prepare(sandbox)
    CommandLine(sandbox).json("extract", "-o", tmp_path, "--definitions", "expand")
    (path,) = tmp_path.glob("*-query.json")
    rows = json.loads(path.read_bytes())
    assert next(row["raw_query"] for row in rows if row["token"] == query) == EXPANDED
