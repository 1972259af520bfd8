"""One real Airflow for all tests of this folder, because it takes half a minute to start."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.standalone import StandaloneAirflow, standalone_airflow
from tests.sandbox import Sandbox, WorkspaceShape

REPOSITORY = Path(__file__).resolve().parents[2]
SYNC_DAG = REPOSITORY / "dags" / "mode_catalog_sync.py"

#: The sync DAG once more, with a schedule, places and connections of its own.
DAILY_DAG_ID = "mode_catalog_daily"
_DAILY = f"""from airflow.sdk import DAG  # so that Airflow reads this file

from mode_catalog_provider.dags import read_settings, sync_dag

sync_dag(
    "{DAILY_DAG_ID}",
    schedule="@daily",
    mode_conn_id="mode_daily",
    catalog_conn_id="catalog_daily",
    output_dir=f"{{read_settings().output_dir}}-daily",
)
"""


def make_sandbox(seed: int) -> Sandbox:
    shape = WorkspaceShape(collections=5, reports=30, members=6, nasty=True, seed=seed)
    return Sandbox(shape=shape, time_scale=0.01)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with make_sandbox(7) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def staging(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("staging")


@pytest.fixture(scope="session")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dags")
    (folder / SYNC_DAG.name).write_text(SYNC_DAG.read_text())
    (folder / "daily.py").write_text(_DAILY)
    return folder


@pytest.fixture(scope="session")
def airflow(
    sandbox: Sandbox, staging: Path, dags: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StandaloneAirflow]:
    # What other tests set for an Airflow in their own process must not reach this one.
    inherited = {name: value for name, value in os.environ.items() if "AIRFLOW" not in name}
    environment = {
        **sandbox.environment(),
        # The package of this checkout, wherever another one may be installed from.
        "PYTHONPATH": str(REPOSITORY),
        "AIRFLOW__MODE_CATALOG__SCHEDULE": "none",
        "AIRFLOW__MODE_CATALOG__OUTPUT_DIR": str(staging),
        "AIRFLOW__MODE_CATALOG__RETRIES": "0",
    }
    with standalone_airflow(
        home=tmp_path_factory.mktemp("airflow"),
        kept=tmp_path_factory.getbasetemp(),
        dags=dags,
        environment=environment,
        inherited=inherited,
        # Two test runs that start at once must not both find the same port free.
        port=20_000 + os.getpid() % 10_000,
    ) as airflow:
        yield airflow
