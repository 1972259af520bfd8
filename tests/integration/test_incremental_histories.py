"""Whatever people do to a workspace, an incremental extraction gives what a full one gives."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from upath import UPath

from mode_catalog_provider.snapshot.layout import Layout
from tests.integration.incremental_cases import Editing, contents, running, take
from tests.sandbox import Sandbox, WorkspaceShape
from tests.sandbox.generate import generate_workspace
from tests.sandbox.objects import Report

Change = tuple[Callable[[Editing, Report], None], int]

SHAPE = WorkspaceShape(collections=3, reports=26, members=7, datasets=2, personal_reports=2, sql_bytes=60)

changes = st.tuples(st.sampled_from(Editing.changes()), st.integers(0, 99))
options = st.fixed_dictionaries(
    {},
    optional={
        "include_archived": st.booleans(),
        "include_personal": st.booleans(),
        "members": st.sampled_from(["full", "full", "lite"]),
        "strategy": st.sampled_from(["rest", "rest", "hybrid"]),
    },
)
days = st.lists(st.tuples(st.lists(changes, max_size=4), options), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(SHAPE) as sandbox:
        yield sandbox


numbers = itertools.count()


def begin_again(sandbox: Sandbox) -> Editing:
    """The workspace as it was generated."""
    vars(sandbox.mode.world).update(vars(generate_workspace(SHAPE)))
    return Editing(sandbox)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=days, flat=st.booleans(), first=options)
def test_after_every_day_the_files_are_those_of_a_full_extraction(
    sandbox: Sandbox, history: list[tuple[list[Change], dict[str, Any]]], flat: bool, first: dict[str, Any]
) -> None:
    editing = begin_again(sandbox)
    root = UPath(f"memory:///incremental-histories/{next(numbers)}")
    layout = Layout.flat(root) if flat else Layout.nested(root, sandbox.mode.workspace)
    take(sandbox, layout, **first)
    for changes_of_the_day, chosen in history:
        for change, which in changes_of_the_day:
            reports = editing.world.reports
            if reports:
                change(editing, reports[which % len(reports)])
        result = take(sandbox, layout, **chosen)
        full = take(
            sandbox, Layout.flat(root / "full"), **{**chosen, "incremental": False, "strategy": "rest"}
        )
        assert result.manifest.reuse["full_because"] is None
        assert contents(result) == contents(full)
        assert sorted(map(str, result.manifest.left_out)) == sorted(map(str, full.manifest.left_out))
    root.fs.rm(root.path, recursive=True)


@pytest.fixture(scope="module", params=["rest", "hybrid"])
def before(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[tuple[UPath, str, dict[str, bytes]]]:
    """The workspace as it was generated, extracted once: where it lies, the way, and its contents."""
    begin_again(sandbox)
    root = UPath(f"memory:///incremental-changes/{next(numbers)}")
    yield root, request.param, contents(take(sandbox, Layout.flat(root), strategy=request.param))
    root.fs.rm(root.path, recursive=True)


@pytest.mark.parametrize("change", Editing.changes(), ids=lambda change: change.__name__)
def test_after_each_kind_of_change_the_files_are_those_of_a_full_extraction(
    sandbox: Sandbox,
    before: tuple[UPath, str, dict[str, bytes]],
    change: Callable[[Editing, Report], None],
) -> None:
    extracted, strategy, contents_before = before
    editing = begin_again(sandbox)
    layout = Layout.flat(UPath(f"memory:///incremental-changes/{next(numbers)}"))
    for file in extracted.iterdir():
        (layout.home / file.name).write_bytes(file.read_bytes())
    for report in editing.world.reports[::3]:
        if editing.world.report(report.token):
            change(editing, report)
    after = contents(take(sandbox, Layout.flat(layout.home / "full"), incremental=False))
    assert after != contents_before
    result = take(sandbox, layout, strategy=strategy)
    assert contents(result) == after
    assert result.manifest.reuse["full_because"] is None
