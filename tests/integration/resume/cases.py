"""An extraction that dies, and the one that goes on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.errors import ModeCatalogError
from mode_catalog_provider.extract import unfinished
from mode_catalog_provider.extract.capture import CaptureResult
from mode_catalog_provider.snapshot.layout import Layout, entries
from mode_catalog_provider.storage import StoragePath
from tests.integration.incremental_cases import take
from tests.sandbox import Sandbox, WorkspaceShape
from tests.sandbox.objects import Report

SHAPE = WorkspaceShape(collections=4, reports=24, members=8, datasets=4, nasty=False, sql_bytes=80)
QUERIES = "*/reports/*/queries"


#: Reports that are read before an extraction dies.
READ = 16


def reports_of(sandbox: Sandbox) -> list[Report]:
    world = sandbox.mode.world
    return [one for space in world.collections if not space.personal for one in world.reports_in(space)]


def whole(sandbox: Sandbox, layout: Layout, **options: Any) -> CaptureResult:
    return take(sandbox, layout, **{"incremental": False, **options})


def die(sandbox: Sandbox, layout: Layout, **options: Any) -> list[str]:
    """Let an extraction die of a refusal that it does not understand; return the reports it had read."""
    fault = sandbox.mode.fault(QUERIES, status=400, nth=READ + 1)
    before = len(sandbox.mode.requests)
    with pytest.raises(ModeCatalogError):
        whole(sandbox, layout, max_in_flight=1, **options)
    assert fault.fired
    answered = [one for one in sandbox.mode.requests[before:] if one.status == 200]
    return reports_in(one.path for one in answered)


def reports_in(paths: Iterable[str]) -> list[str]:
    """The reports of which these paths are the queries."""
    return [path.split("/")[4] for path in paths if "/reports/" in path and path.endswith("/queries")]


def go_on(sandbox: Sandbox, layout: Layout, **options: Any) -> tuple[CaptureResult, list[str]]:
    """The snapshot that is made next, and the reports that were asked for."""
    before = len(sandbox.mode.requests)
    result = whole(sandbox, layout, **options)
    return result, reports_in(one.path for one in sandbox.mode.requests[before:])


def from_zero(sandbox: Sandbox, tmp_path: Path, **options: Any) -> CaptureResult:
    return whole(sandbox, Layout.nested(tmp_path / "zero", "acme"), **options)


def spool(layout: Layout) -> list[StoragePath]:
    return [path for _, path in sorted(entries(layout.home / unfinished.FOLDER).items())]


def assert_from_zero(sandbox: Sandbox, layout: Layout, **options: Any) -> None:
    result, reports = go_on(sandbox, layout, **options)
    assert len(reports) == len(set(reports))
    assert result.manifest.reuse == {}
    assert result.manifest.rows["query"] > 0
    assert not spool(layout)
