"""The sync DAG in a real Airflow: scheduler, workers, triggerer, REST API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.demo.standalone import StandaloneAirflow
from tests.sandbox import Sandbox

DAG_ID = "mode_catalog_sync"

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module", autouse=True)
def _unpaused(airflow: StandaloneAirflow) -> None:
    airflow.wait_for_dag(DAG_ID)


def form_defaults(airflow: StandaloneAirflow) -> dict[str, Any]:
    """What the form sends when a person changes nothing."""
    params = airflow.api("GET", f"dags/{DAG_ID}/details")["params"]
    return {name: param["value"] for name, param in params.items()}


def test_a_run_triggered_with_the_forms_json_brings_catalog_up_to_date(
    airflow: StandaloneAirflow, sandbox: Sandbox, staging: Path
) -> None:
    # Taken before the refresh at the end of the run, which moves the report's own times.
    expected = sandbox.mode.expected()
    report = expected["report"][0]["token"]
    # The other stories told to this Airflow may have left more rows in Catalog, and files and runs of theirs.
    conf = {**form_defaults(airflow), "reports": [report], "accept_shrink": True}
    uploaded_before, run_before = len(sandbox.catalog.uploads), len(sandbox.mode.runs.started())
    airflow.trigger(DAG_ID, run_id="form", conf=conf)
    state = airflow.wait_for_run(DAG_ID, "form", timeout=400)
    assert state == "success", airflow.task_states(DAG_ID, "form")

    extracted, uploaded = (airflow.xcom(DAG_ID, "form", task) for task in ("extract", "upload"))
    assert extracted["rows"] == {asset: len(rows) for asset, rows in expected.items()}
    uploads = sandbox.catalog.uploads[uploaded_before:]
    assert [upload.name for upload in uploads] == uploaded["pushed"]
    stored = {upload.name.split("-")[1]: upload for upload in uploads}
    for asset, rows in expected.items():
        assert json.loads(stored[f"{asset}.json"].content) == rows
    assert [run.report.token for run in sandbox.mode.runs.started()[run_before:]] == [report]
    assert airflow.task_states(DAG_ID, "form")["release_lock"] == "success"
    assert Path(extracted["manifest"]).is_relative_to(staging)


def test_the_form_refuses_a_value_that_is_not_in_its_list(airflow: StandaloneAirflow) -> None:
    with pytest.raises(requests.HTTPError, match="strategy"):
        airflow.trigger(DAG_ID, run_id="refused", conf={"strategy": "fastest"})


def test_a_person_who_presses_test_is_told_what_is_wrong(
    airflow: StandaloneAirflow, sandbox: Sandbox
) -> None:
    connection = {
        "connection_id": "mode_try",
        "conn_type": "mode",
        "host": sandbox.mode.url,
        "login": sandbox.mode.credentials().token,
        "password": "not-the-secret",
        "extra": json.dumps({"workspace": sandbox.mode.workspace}),
    }
    refused = airflow.api("POST", "connections/test", json=connection)
    assert refused["status"] is False
    assert "401" in refused["message"]
    connection["password"] = sandbox.mode.credentials().secret
    assert airflow.api("POST", "connections/test", json=connection)["status"] is True


def test_the_real_run_left_no_secret_anywhere(
    airflow: StandaloneAirflow, sandbox: Sandbox, staging: Path
) -> None:
    secrets = [sandbox.mode.credentials().secret, sandbox.catalog.token, sandbox.catalog.read_token]
    places = [path for root in (airflow.home, staging) for path in root.rglob("*") if path.is_file()]
    assert any(path.name == "airflow.db" for path in places)
    assert any(path.suffix == ".manifest" for path in places)
    found = [
        (path, index)
        for path in places
        for index, secret in enumerate(secrets)
        if secret.encode() in path.read_bytes()
    ]
    assert found == []
