from __future__ import annotations

from pathlib import Path

import pytest

from mode_catalog_provider.storage import StoragePath


@pytest.fixture(params=["local", "s3"])
def staging(request: pytest.FixtureRequest, tmp_path: Path) -> StoragePath:
    """Where snapshots are staged: on the disk, and in an object store."""
    place: StoragePath = tmp_path if request.param == "local" else request.getfixturevalue("s3_folder")
    return place
