from __future__ import annotations

import pytest

from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape


@pytest.fixture
def sandbox():
    with Sandbox(
        shape=WorkspaceShape(collections=4, reports=12, members=5, nasty=True, seed=7),
        mode=ModeSwitches(limiter="off"),
        time_scale=0.01,
    ) as started:
        yield started


@pytest.fixture
def sync(run_dag, sandbox, tmp_path):
    """Run the sync DAG against the sandbox."""

    def run(conf=None, *, env=None, **options):
        environment = {
            **sandbox.environment(),
            "AIRFLOW__MODE_CATALOG__OUTPUT_DIR": str(tmp_path / "staging"),
            **(env or {}),
        }
        return run_dag("mode_catalog_sync", conf, environment, **options)

    return run


def test_the_whole_workspace_arrives_in_catalog(sync, sandbox):
    sandbox.catalog.ingest_warehouse()
    run = sync()
    assert run.state == "success"
    assert run.tasks == {
        "wait_for_warehouse": "success",
        "acquire_lock": "success",
        "extract": "success",
        "upload": "success",
        "release_lock": "success",
        "refresh_mode_results": "skipped",
        "confirm_outcome": "success",
    }
