"""A workspace in which extractions die."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mode_catalog_provider.extract import unfinished
from mode_catalog_provider.snapshot.layout import Layout
from tests.integration.incremental_cases import running
from tests.integration.resume.cases import SHAPE
from tests.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running(SHAPE) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def few_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this process; a command that runs by itself gathers as many as always."""
    monkeypatch.setattr(unfinished, "TOGETHER", 6)


@pytest.fixture
def layout(sandbox: Sandbox, tmp_path: Path) -> Layout:
    return Layout.nested(tmp_path, sandbox.mode.workspace)
