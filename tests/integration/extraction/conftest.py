"""Workspaces that are read whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A small workspace with every nasty row."""
    with Sandbox(mode=ModeSwitches(limiter="off")) as running:
        yield running


@pytest.fixture
def clean() -> Iterator[Sandbox]:
    """A small workspace without surprises: 4 shared collections, 20 reports, 4 datasets, 5 members."""
    shape = WorkspaceShape(collections=4, reports=20, datasets=4, members=5, nasty=False)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off")) as running:
        yield running
