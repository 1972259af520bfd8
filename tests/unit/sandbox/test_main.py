from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def _process(*arguments, **environment):
    """The sandbox as a process, and the line it printed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.sandbox", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait(10)


def test_one_command_runs_both_servers_and_says_in_json_how_to_reach_them():
    with _process("--shape", "reports=7", "workspace=globex", "--mode", "id_type=number") as (process, told):
        mode = told["mode"]
        auth = (mode["token"], mode["secret"])
        assert (
            requests.get(f"{mode['url']}/api/verify", auth=auth, timeout=10).json()["workspace"] == "globex"
        )
        rows = requests.get(f"{mode['url']}/api/globex/data_sources", auth=auth, timeout=10).json()
        assert isinstance(rows["_embedded"]["data_sources"][0]["id"], int)
        connections = json.loads(told["environment"]["AIRFLOW_CONN_COALESCE_CATALOG_DEFAULT"])
        assert connections["extra"]["ingest_url"] == told["catalog"]["ingest_url"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_credentials_and_advertised_host_can_be_fixed_beforehand():
    fixed = {
        "SANDBOX_MODE_TOKEN": "5a4db0c5a4db",
        "SANDBOX_MODE_SECRET": "s3cret",
        "SANDBOX_CATALOG_TOKEN": "clsc_fixed",
        "SANDBOX_SOURCE_ID": "5a4db0c5-0000-4000-8000-5a4db0c5a4db",
    }
    with _process("--advertise", "sandbox", **fixed) as (_, told):
        assert (told["mode"]["token"], told["mode"]["secret"]) == ("5a4db0c5a4db", "s3cret")
        assert told["catalog"]["token"] == "clsc_fixed"
        assert told["catalog"]["source_id"] == fixed["SANDBOX_SOURCE_ID"]
        assert told["mode"]["url"].startswith("http://sandbox:")
        assert json.loads(told["connections"]["mode_default"])["extra"]["allow_http"] is True


def test_the_values_for_docker_compose_are_those_of_the_sandbox():
    lines = (ROOT / "tests/sandbox/compose.env").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    mode = json.loads(values["AIRFLOW_CONN_MODE_DEFAULT"].strip("'"))
    catalog = json.loads(values["AIRFLOW_CONN_COALESCE_CATALOG_DEFAULT"].strip("'"))
    assert (mode["login"], mode["password"]) == (values["SANDBOX_MODE_TOKEN"], values["SANDBOX_MODE_SECRET"])
    assert catalog["password"] == values["SANDBOX_CATALOG_TOKEN"]
    assert catalog["extra"]["source_id"] == values["SANDBOX_SOURCE_ID"]
