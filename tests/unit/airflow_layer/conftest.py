"""These tests import Airflow, which reads its environment at that moment."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.airflow.environment import prepare
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape

prepare()

import fsspec  # noqa: E402
from airflow.sdk.io.store import _STORE_CACHE, ObjectStore  # noqa: E402

from mode_catalog_provider.tasks import metrics  # noqa: E402


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    shape = WorkspaceShape(collections=2, reports=3, members=2)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off"), time_scale=0.01) as started:
        yield started


@pytest.fixture
def memory_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object store that Airflow knows as ``memory://``, by itself and with two connections."""
    monkeypatch.setenv("AIRFLOW_CONN_STORE", "generic://")
    for conn_id in (None, "store", "aws_default"):
        store = ObjectStore("memory", conn_id, fs=fsspec.filesystem("memory"))
        monkeypatch.setitem(_STORE_CACHE, f"memory-{conn_id}" if conn_id else "memory", store)


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


@pytest.fixture
def gauges(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, ...], float]:
    """The metrics that were sent: name and the values of its tags, with the value."""
    found: dict[tuple[str, ...], float] = {}

    class Recorder:
        @staticmethod
        def gauge(name: str, value: float, tags: dict[str, str] | None = None) -> None:
            found[name.removeprefix("mode_catalog."), *(tags or {}).values()] = value

        incr = timing = gauge

    monkeypatch.setattr(metrics, "Stats", Recorder)
    return found
