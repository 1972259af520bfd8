from __future__ import annotations

import pytest

from tests.unit.audit.workspaces import Workspace


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)
