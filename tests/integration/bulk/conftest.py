"""A workspace, and where its snapshots go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mode_catalog_provider.snapshot.layout import Layout
from tests.integration.bulk.cases import SHAPE
from tests.integration.incremental_cases import running
from tests.sandbox import Sandbox


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with running(getattr(request, "param", SHAPE)) as sandbox:
        yield sandbox


@pytest.fixture
def layout(sandbox: Sandbox, tmp_path: Path) -> Layout:
    return Layout.nested(tmp_path, sandbox.mode.workspace)
