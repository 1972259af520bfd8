from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from upath import UPath

from mode_catalog_provider.snapshot.layout import Layout, StoragePath
from tests.unit.snapshot.sets import WORKSPACE


@pytest.fixture(params=["local disk", "object store"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoragePath]:
    """An output directory that does not exist yet."""
    if request.param == "local disk":
        yield tmp_path / "out"
    else:
        store = UPath(f"memory:///{uuid.uuid4()}")
        yield store / "out"
        if store.exists():
            store.fs.rm(store.path, recursive=True)


@pytest.fixture(params=["nested", "flat"])
def layout(request: pytest.FixtureRequest, root: StoragePath) -> Layout:
    return Layout.nested(root, WORKSPACE) if request.param == "nested" else Layout.flat(root)
