from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from upath import UPath

from mode_catalog_provider.snapshot.layout import Layout, StoragePath
from tests.unit.snapshot.sets import WORKSPACE


@pytest.fixture(params=["local disk", "object store", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoragePath]:
    """An output directory that does not exist yet."""
    if request.param == "local disk":
        yield tmp_path / "out"
    elif request.param == "s3":
        yield request.getfixturevalue("s3_folder") / "out"
    else:
        store = UPath(f"memory:///{uuid.uuid4()}")
        yield store / "out"
        if store.exists():
            store.fs.rm(store.path, recursive=True)


@pytest.fixture(params=["nested", "flat"])
def layout(request: pytest.FixtureRequest, root: StoragePath) -> Layout:
    return Layout.nested(root, WORKSPACE) if request.param == "nested" else Layout.flat(root)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what has no meaning on S3.

    The flat layout: only the command line makes one, and it writes to local folders. Crashes at set steps:
    the steps of a real store cannot be counted from within (tests/campaign kills real processes there).
    """

    def is_pointless(item: pytest.Item) -> bool:
        chosen = (
            item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        )
        return chosen.get("root") == "s3" and (
            chosen.get("layout") == "flat" or item.path.name == "test_crashes.py"
        )

    pointless = [item for item in items if is_pointless(item)]
    if pointless:
        config.hook.pytest_deselected(items=pointless)
        items[:] = [item for item in items if item not in pointless]
