"""What the lock's tasks count."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from mode_catalog_provider.operators.lock import AcquireLockOperator, ReleaseLockOperator


@pytest.fixture(autouse=True)
def _this_airflow(monkeypatch):
    monkeypatch.setenv("AIRFLOW_VAR_MODE_CATALOG_INSTALLATION", "this one")


def acquire(place):
    task = SimpleNamespace(dag_id="sync", run_id="r1", task_id="acquire_lock", map_index=-1)
    return AcquireLockOperator(task_id="acquire_lock", path=str(place)).execute({"ti": task})


def test_a_takeover_is_counted_and_since_when_the_lock_is_held_is_a_figure(tmp_path, gauges):
    began = int(time.time())
    acquire(tmp_path)
    assert gauges.get(("lock.takeovers",), 0) == 0
    assert began <= gauges["lock.held_since",] <= time.time()
    lease = acquire(tmp_path)
    assert gauges["lock.takeovers",] == 1
    assert ReleaseLockOperator(task_id="release_lock", lease=lease).execute({}) is True
    assert gauges["lock.held_since",] == 0
