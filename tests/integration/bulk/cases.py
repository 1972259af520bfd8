"""Nights of a workspace whose Discovery API is open."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from mode_catalog_provider.extract.capture import CaptureResult
from mode_catalog_provider.snapshot.layout import Layout
from tests.integration.incremental_cases import contents, take
from tests.sandbox import Sandbox, WorkspaceShape
from tests.sandbox.objects import Report

SHAPE = WorkspaceShape(collections=8, reports=90, members=3, datasets=5, nasty=False, sql_bytes=40)
#: Where it is enough that there are some.
SMALL = replace(SHAPE, reports=48)


def night(sandbox: Sandbox, layout: Layout, **options: Any) -> tuple[CaptureResult, list[str]]:
    """An incremental snapshot by whatever is cheapest, and the paths that were asked for."""
    before = len(sandbox.mode.requests)
    result = take(sandbox, layout, **{"strategy": "auto", "members": "lite", **options})
    return result, [request.path for request in sandbox.mode.requests[before:]]


def truth(sandbox: Sandbox, tmp_path: Path, **options: Any) -> dict[str, bytes]:
    """What a full extraction by REST gives."""
    chosen = {"strategy": "rest", "incremental": False, "members": "lite", **options}
    return contents(take(sandbox, Layout.nested(tmp_path / "truth", "acme"), **chosen))


def shared(sandbox: Sandbox) -> list[Report]:
    world = sandbox.mode.world
    return [one for space in world.collections if not space.personal for one in world.reports_in(space)]


def listings(paths: list[str]) -> int:
    """How many pages of reports of collections were asked for."""
    return sum(path.startswith("/api/acme/spaces/") and path.endswith("/reports") for path in paths)


def collections_listed(paths: list[str]) -> set[str]:
    return {path for path in paths if path.startswith("/api/acme/spaces/") and path.endswith("/reports")}
