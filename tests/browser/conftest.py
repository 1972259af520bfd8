"""One real Airflow and one real browser for all tests of this folder.

``MODE_CATALOG_SCREENSHOTS=docs/images`` has the tests write the pictures that the documentation shows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.demo.standalone import StandaloneAirflow, standalone_airflow
from tests.integration.command_line import CommandLine
from tests.machine import chromium
from tests.sandbox import Sandbox, WorkspaceShape

REPOSITORY = Path(__file__).resolve().parents[2]
SYNC = "mode_catalog_sync"
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS)) as started,
    ):
        yield started


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    shape = WorkspaceShape(collections=5, reports=int(os.environ.get("MODE_CATALOG_REPORTS", "60")), seed=7)
    with Sandbox(shape=shape, time_scale=0.01) as started:
        yield started


@pytest.fixture(scope="session")
def staging(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("staging")


@pytest.fixture(scope="session")
def airflow(
    browser: Browser, sandbox: Sandbox, staging: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StandaloneAirflow]:
    """An Airflow whose sync ran well once, and failed once; asked for after the browser, which may lack."""
    inherited = {name: value for name, value in os.environ.items() if "AIRFLOW" not in name}
    environment = {
        **sandbox.environment(),
        "PYTHONPATH": str(REPOSITORY),
        "AIRFLOW__MODE_CATALOG__SCHEDULE": "none",
        "AIRFLOW__MODE_CATALOG__OUTPUT_DIR": str(staging),
        "AIRFLOW__MODE_CATALOG__RETRIES": "0",
    }
    dags = tmp_path_factory.mktemp("dags")
    (dags / f"{SYNC}.py").write_text((REPOSITORY / "dags" / f"{SYNC}.py").read_text())
    with standalone_airflow(
        home=tmp_path_factory.mktemp("airflow"),
        dags=dags,
        environment=environment,
        inherited=inherited,
        parallelism=2,
        port=30_000 + os.getpid() % 10_000,
    ) as started:
        sandbox.catalog.ingest_warehouse()
        started.wait_for_dag(SYNC)
        started.trigger(SYNC, run_id="first")
        assert started.wait_for_run(SYNC, "first", timeout=600) == "success"
        world = sandbox.mode.world
        report = next(one for one in world.reports if one.name and not one.is_dataset and not one.refused)
        world.edit_report(report, name="Renamed by a person")
        mode_catalog = CommandLine(sandbox)
        mode_catalog.json("extract", "-o", staging / "acme", "--keep", "9")
        mode_catalog.json("audit", "-d", staging / "acme")
        started.trigger(SYNC, run_id="misspelt", conf={"aprove_shrink": "ask"})
        assert started.wait_for_run(SYNC, "misspelt", timeout=600) == "failed"
        yield started
