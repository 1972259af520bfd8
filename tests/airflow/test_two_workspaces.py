"""Two workspaces in one Airflow, as the documentation shows them: nothing of one reaches the other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mode_catalog_provider.contract import DATA_ASSETS
from tests.airflow.conftest import parse_dag
from tests.airflow.environment import DAG_FOLDERS, REPOSITORY
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape

EXAMPLE = re.search(
    r"<!-- two workspaces -->\n```python\n(.*?)```",
    (REPOSITORY / "docs" / "how-to" / "several-workspaces.md").read_text(),
    re.DOTALL,
)


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of the documentation, in a DAG folder of its own."""
    assert EXAMPLE is not None
    folder = tmp_path / "dags"
    folder.mkdir()
    text = EXAMPLE[1].replace("s3://my-bucket", str(tmp_path))
    (folder / "mode_workspaces.py").write_text(text)
    monkeypatch.setitem(DAG_FOLDERS, "dags", folder)
    local = "airflow.dag_processing.bundles.local.LocalDagBundle"
    bundles = [{"name": "dags", "classpath": local, "kwargs": {"path": str(folder)}}]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(bundles))


@pytest.fixture
def workspaces(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Sandbox]]:
    """Two installations of Mode whose workspaces even have the same name, and a Catalog source for each."""
    shapes = {
        "eu": WorkspaceShape(collections=2, reports=5, members=3, seed=7),
        "us": WorkspaceShape(collections=3, reports=8, members=4, seed=8),
    }
    switches = ModeSwitches(limiter="off", batch=404)
    with (
        Sandbox(shape=shapes["eu"], mode=switches, time_scale=0.01) as eu,
        Sandbox(shape=shapes["us"], mode=switches, time_scale=0.01) as us,
    ):
        for name, one in (("eu", eu), ("us", us)):
            one.catalog.ingest_warehouse()
            connections = one.connections()
            monkeypatch.setenv(f"AIRFLOW_CONN_MODE_{name.upper()}", connections["mode_default"])
            monkeypatch.setenv(
                f"AIRFLOW_CONN_CATALOG_{name.upper()}", connections["coalesce_catalog_default"]
            )
        yield {"eu": eu, "us": us}


@pytest.mark.usefixtures("example")
def test_each_workspace_arrives_in_its_own_source(run_dag, workspaces):
    for name, sandbox in workspaces.items():
        run = run_dag(f"mode_catalog_sync_{name}")
        assert run.state == "success", run.tasks
        assert len(sandbox.catalog.uploads) == 6
    for sandbox in workspaces.values():
        for upload, asset in zip(sandbox.catalog.uploads, DATA_ASSETS, strict=False):
            assert json.loads(upload.content) == sandbox.mode.expected()[asset]


@pytest.mark.usefixtures("example")
def test_two_workspaces_share_neither_place_nor_asset_nor_schedule():
    eu, us = (parse_dag(f"mode_catalog_sync_{name}") for name in ("eu", "us"))
    for task_id, attribute in [
        ("preflight", "mode_conn_id"),
        ("extract", "output_dir"),
        ("upload", "catalog_conn_id"),
        ("acquire_lock", "path"),
        ("wait_for_warehouse", "source_name"),
    ]:
        assert getattr(eu.get_task(task_id), attribute) != getattr(us.get_task(task_id), attribute)
    assert (eu.schedule, str(eu.timezone)) == ("30 5 * * *", "Europe/Berlin")
    assert (us.schedule, str(us.timezone)) == ("0 4 * * *", "America/New_York")
    keys = {dag.get_task("preflight").outlets[0].name for dag in (eu, us)}
    assert keys == {"mode_api_key@mode_eu", "mode_api_key@mode_us"}


@pytest.mark.usefixtures("example")
def test_the_other_dags_of_a_workspace_look_at_the_same_places():
    sync, audit = parse_dag("mode_catalog_sync_us"), parse_dag("mode_workspace_audit_us")
    assert audit.get_task("audit").output_dir == sync.get_task("extract").output_dir
    assert audit.get_task("audit").mode_conn_id == sync.get_task("extract").mode_conn_id
    refresh = parse_dag("mode_cache_refresh_us")
    assert refresh.get_task("refresh").mode_conn_id == "mode_us"
