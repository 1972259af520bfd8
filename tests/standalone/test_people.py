"""What a person does in a real Airflow: answer a question, mistype a value, follow a link."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.demo.standalone import StandaloneAirflow
from tests.sandbox import Sandbox

DAG_ID = "mode_catalog_sync"
UPLOAD = f"dags/{DAG_ID}/dagRuns/{{}}/taskInstances/upload"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module", autouse=True)
def _unpaused(airflow: StandaloneAirflow) -> None:
    airflow.wait_for_dag(DAG_ID)


@pytest.fixture
def ask(airflow: StandaloneAirflow, sandbox: Sandbox) -> Callable[[str], str]:
    """Upload, remove most reports, run again until a person is asked, and return the question."""

    def ask(run_id: str) -> str:
        world = sandbox.mode.world
        added = [
            world.add_report(world.collections[0].token, f"Weekly figures {n}")
            for n in range(2 * len(world.reports))
        ]
        airflow.trigger(DAG_ID, run_id=f"before-{run_id}", conf={"accept_shrink": True})
        assert airflow.wait_for_run(DAG_ID, f"before-{run_id}", timeout=400) == "success"
        for report in added:
            world.remove_report(report)
        airflow.trigger(DAG_ID, run_id=run_id, conf={"approve_shrink": "ask"})
        # Until the scheduler has noted that the worker let go of the task: were it answered before, as no
        # person could, Airflow would take the late note for a failure of the task that goes on.
        noted = re.compile(
            rf"Received executor event with state success .*task_id='upload', run_id='{run_id}'"
        )
        deadline = time.monotonic() + 400
        while not noted.search(airflow.log_of("scheduler").read_text(errors="replace")):
            assert time.monotonic() < deadline, airflow.task_states(DAG_ID, run_id)
            time.sleep(0.5)
        assert airflow.task_states(DAG_ID, run_id)["upload"] in {"awaiting_input", "deferred"}
        return str(airflow.api("GET", f"{UPLOAD.format(run_id)}/-1/hitlDetails")["body"])

    return ask


def answer(airflow: StandaloneAirflow, run_id: str, option: str) -> str:
    path = f"{UPLOAD.format(run_id)}/-1/hitlDetails"
    airflow.api("PATCH", path, json={"chosen_options": [option]})
    return airflow.wait_for_run(DAG_ID, run_id, timeout=400)


def log_of(airflow: StandaloneAirflow, run_id: str, task_id: str) -> str:
    path = f"dags/{DAG_ID}/dagRuns/{run_id}/taskInstances/{task_id}/logs/1"
    return str(airflow.api("GET", path, params={"full_content": "true"}))


def test_a_smaller_snapshot_is_uploaded_when_a_person_approves_it(
    airflow: StandaloneAirflow, sandbox: Sandbox, ask: Callable[[str], str]
) -> None:
    assert "  - Weekly figures " in ask("approved")
    before = len(sandbox.catalog.uploads)
    assert answer(airflow, "approved", "Approve") == "success"
    assert len(sandbox.catalog.uploads) == before + 6
    links = airflow.api("GET", f"{UPLOAD.format('approved')}/links")["extra_links"]
    assert links["Catalog"] == "https://app.castordoc.com"
    assert links["The extraction"].endswith(f"/dags/{DAG_ID}/runs/approved/tasks/extract")


def test_a_smaller_snapshot_is_not_uploaded_when_a_person_rejects_it(
    airflow: StandaloneAirflow, sandbox: Sandbox, ask: Callable[[str], str]
) -> None:
    ask("rejected")
    before = len(sandbox.catalog.uploads)
    assert answer(airflow, "rejected", "Reject") == "failed"
    assert len(sandbox.catalog.uploads) == before
    assert airflow.task_states(DAG_ID, "rejected")["upload"] == "failed"


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({"keep_snapshots": "many"}, "keep_snapshots: 'many' is not of type 'integer'"),
        ({"approve_shrink": "perhaps"}, "approve_shrink: 'perhaps' is not one of"),
        ({"keep_snapshots": 5000}, "keep_snapshots: 5000 is greater than the maximum of 1000"),
    ],
    ids=["type", "choice", "range"],
)
def test_a_wrong_value_given_by_rest_starts_no_run(
    airflow: StandaloneAirflow, conf: dict[str, Any], said: str
) -> None:
    with pytest.raises(requests.HTTPError, match=said):
        airflow.trigger(DAG_ID, run_id="wrong", conf=conf)
    with pytest.raises(requests.HTTPError, match="404"):
        airflow.run_state(DAG_ID, "wrong")


def test_a_wrong_value_given_on_the_command_line_starts_no_run(airflow: StandaloneAirflow) -> None:
    command = [str(Path(sys.executable).parent / "airflow"), "dags", "trigger", DAG_ID]
    done = subprocess.run(
        [*command, "--run-id", "wrong", "--conf", '{"strategy": "fastest"}'],
        env=airflow.environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode != 0
    assert "strategy: 'fastest' is not one of ['auto', 'rest', 'hybrid']" in done.stdout + done.stderr
    with pytest.raises(requests.HTTPError, match="404"):
        airflow.run_state(DAG_ID, "wrong")


def test_a_field_that_the_form_does_not_have_fails_the_run_at_once(airflow: StandaloneAirflow) -> None:
    airflow.trigger(DAG_ID, run_id="misspelt", conf={"aprove_shrink": "ask"})
    assert airflow.wait_for_run(DAG_ID, "misspelt", timeout=400) == "failed"
    assert airflow.task_states(DAG_ID, "misspelt")["preflight"] == "failed"
    assert "Did you mean 'approve_shrink'?" in log_of(airflow, "misspelt", "preflight")
