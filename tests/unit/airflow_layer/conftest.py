"""These tests import Airflow, which reads its environment at that moment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.airflow.environment import prepare
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape

prepare()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    shape = WorkspaceShape(collections=2, reports=3, members=2)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off"), time_scale=0.01) as started:
        yield started


@pytest.fixture
def connect(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Store one of the sandbox's connections in the environment, changed in some points."""

    def store(conn_id: str, *, extra: dict[str, Any] | None = None, **changes: Any) -> None:
        connection = json.loads(sandbox.connections()[conn_id])
        connection["extra"].update(extra or {})
        connection.update(changes)
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))

    store("mode_default")
    store("coalesce_catalog_default")
    return store
