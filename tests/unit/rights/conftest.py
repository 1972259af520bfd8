from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.rights.audit import RightsAudit
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.unit.mode.conftest import connect

__all__ = ["connect"]

SHAPE = WorkspaceShape(collections=3, reports=0, members=6, data_sources=2, personal_reports=0, nasty=False)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Three open collections, two connections, six active members of whom the first is admin; no groups."""
    with Sandbox(shape=SHAPE, mode=ModeSwitches(limiter="off")) as running:
        for collection in running.mode.world.collections:
            if not collection.personal:
                collection.default_access_level, collection.creator = "restricted", "person1"
        for source in running.mode.world.data_sources:
            source.default_access_level = "Restricted"
        yield running


@pytest.fixture
def audit(sandbox: Sandbox, connect: Callable[..., Any], tmp_path: Path) -> Callable[..., RightsAudit]:
    """Open an audit of the sandbox; all of them share a folder."""

    def open_audit(**options: Any) -> RightsAudit:
        return RightsAudit(connect(), **{"folder": tmp_path / "permissions", **options})

    return open_audit
