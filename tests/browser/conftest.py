"""One real Airflow and one real browser for all tests of this folder.

``MODE_CATALOG_SCREENSHOTS=docs/images`` has the tests write the pictures that the documentation shows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from mode_catalog_provider.catalog.push import push_snapshot
from mode_catalog_provider.snapshot.choice import kept_snapshots
from mode_catalog_provider.snapshot.reader import open_snapshot
from tests.browser.visitor import PATIENCE, SCREENS, Visitor
from tests.demo import workspace
from tests.demo.standalone import StandaloneAirflow, standalone_airflow
from tests.integration.upload_cases import new_ingest
from tests.machine import chromium
from tests.object_store.server import S3Server
from tests.sandbox import Sandbox, WorkspaceShape

REPOSITORY = Path(__file__).resolve().parents[2]
SHAPE = WorkspaceShape(collections=8, reports=40, members=12, nasty=True, seed=1)
SYNC, AUDIT, ARRIVAL = "mode_catalog_sync", "mode_workspace_audit", "mode_catalog_arrival"
#: Sync DAGs of connections of their own: the key is refused, nobody answers, and a person is asked.
REFUSED, SILENT, ASKS = "mode_key_refused", "mode_host_silent", "mode_catalog_asks"
#: The one that stages in an object store, and its connection.
ON_S3, STORE = "mode_on_s3", "staging_store"
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
#: Seconds for what takes some on an idle machine.
LONG = 600

_MORE_DAGS = f"""from airflow.sdk import DAG  # so that Airflow reads this file

from mode_catalog_provider.dags import read_settings, sync_dag

for dag_id in {(REFUSED, SILENT, ASKS)!r}:
    sync_dag(dag_id, mode_conn_id=dag_id, output_dir=f"{{read_settings().output_dir}}-{{dag_id}}")
sync_dag("{ON_S3}", mode_conn_id="{ON_S3}", output_dir="s3://staging/mode", output_conn_id="{STORE}")
"""


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    expect.set_options(timeout=PATIENCE)
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS)) as started,
    ):
        yield started


@pytest.fixture(scope="package")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(shape=SHAPE, time_scale=0.01) as started:
        yield started


@pytest.fixture(scope="package")
def staging(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("staging") / "mode"


@pytest.fixture(scope="package")
def store() -> Iterator[S3Server]:
    with S3Server() as started:
        yield started


@pytest.fixture(scope="package")
def airflow(
    browser: Browser,
    sandbox: Sandbox,
    staging: Path,
    store: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[StandaloneAirflow]:
    """An Airflow after some days: good runs, failed ones, and one that asks. Asked for after the browser."""
    workspace.prepare(sandbox.mode.world)
    workspace.snapshot(sandbox, staging)
    asking = staging.with_name(f"{staging.name}-{ASKS}")
    workspace.snapshot(sandbox, asking)
    kept = kept_snapshots(asking / sandbox.mode.workspace)
    push_snapshot(snapshot=open_snapshot(kept[max(kept)]), ingest=new_ingest(sandbox.catalog, timeout=60))
    workspace.snapshot(sandbox, store.path("mode"))
    workspace.change(sandbox.mode.world)
    sandbox.catalog.ingest_warehouse()
    dags = tmp_path_factory.mktemp("dags")
    for dag_id in (SYNC, AUDIT, ARRIVAL):
        (dags / f"{dag_id}.py").write_text((REPOSITORY / "dags" / f"{dag_id}.py").read_text())
    (dags / "more.py").write_text(_MORE_DAGS)
    with standalone_airflow(
        home=tmp_path_factory.mktemp("airflow"),
        kept=tmp_path_factory.getbasetemp(),
        dags=dags,
        environment=_environment(sandbox, staging, store),
        inherited={name: value for name, value in os.environ.items() if "AIRFLOW" not in name},
        parallelism=2,
        port=30_000 + os.getpid() % 10_000,
    ) as started:
        for dag_id in (SYNC, REFUSED, SILENT, ASKS, AUDIT, ARRIVAL):
            started.wait_for_dag(dag_id)
        started.trigger(SYNC, run_id="first")
        assert started.wait_for_run(SYNC, "first", timeout=LONG) == "success"
        workspace.ingest(sandbox)
        started.trigger(AUDIT, run_id="first")
        started.trigger(ARRIVAL, run_id="first")
        started.trigger(SYNC, run_id="misspelt", conf={"aprove_shrink": "ask"})
        for dag_id in (REFUSED, SILENT):
            started.trigger(dag_id, run_id="first")
        started.trigger(
            ASKS, run_id="smaller", conf={"include_collections": ["Finance"], "approve_shrink": "ask"}
        )
        assert started.wait_for_run(AUDIT, "first", timeout=LONG) == "success"
        assert started.wait_for_run(ARRIVAL, "first", timeout=LONG) == "success"
        assert started.wait_for_run(SYNC, "misspelt", timeout=LONG) == "failed"
        yield started


def _environment(sandbox: Sandbox, staging: Path, store: S3Server) -> dict[str, str]:
    mode = json.loads(sandbox.connections()["mode_default"])
    connections = {
        **dict.fromkeys((ASKS, ON_S3), mode),
        REFUSED: {**mode, "password": "not the secret"},
        # Nobody listens there.
        SILENT: {**mode, "host": "http://127.0.0.1:1"},
    }
    return {
        **sandbox.environment(),
        **{f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()},
        f"AIRFLOW_CONN_{STORE.upper()}": store.connection(),
        "PYTHONPATH": str(REPOSITORY),
        "AIRFLOW__MODE_CATALOG__SCHEDULE": "none",
        "AIRFLOW__MODE_CATALOG__OUTPUT_DIR": str(staging),
        "AIRFLOW__MODE_CATALOG__RETRIES": "0",
        # Files are read once: what is read again takes the machine from those who look.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
    }


@pytest.fixture(scope="package")
def visitor(browser: Browser, airflow: StandaloneAirflow) -> Iterator[Visitor]:
    width, height = SCREENS["desk"]
    with browser.new_context(viewport={"width": width, "height": height}) as context:
        found = Visitor(context, airflow)
        found.log_in()
        yield found


@pytest.fixture(scope="package")
def home(visitor: Visitor) -> str:
    """The path of the workspace on the page."""
    page = visitor.open(f"/mode-catalog/dags/{SYNC}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Mode and Catalog: acme")
    return page.url.removeprefix(visitor.airflow.url)
