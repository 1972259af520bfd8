"""``mode-catalog --conn-id`` finds what Airflow's own database holds, as a task does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sandbox import Sandbox

KNOWN = ("mode_in_ui", "catalog_in_ui", "aws_in_ui")


@pytest.fixture
def created_in_the_ui(airflow_home: Path, sandbox: Sandbox) -> Iterator[None]:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    mode, catalog = sandbox.connections().values()
    store = {"conn_type": "aws", "login": "a", "password": "b"}
    store["extra"] = json.dumps({"endpoint_url": "http://127.0.0.1:1", "region_name": "eu-west-1"})
    with create_session() as session:
        for conn_id, text in zip(KNOWN, (mode, catalog, json.dumps(store)), strict=True):
            fields = json.loads(text)
            if not isinstance(fields["extra"], str):
                fields["extra"] = json.dumps(fields["extra"])
            session.add(Connection(conn_id=conn_id, **fields))
    yield
    with create_session() as session:
        session.query(Connection).filter(Connection.conn_id.in_(KNOWN)).delete()


@pytest.fixture
def mode_catalog() -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*typed: str) -> subprocess.CompletedProcess[str]:
        # Whatever of Airflow ran in this process may have said that it is a server.
        environment = {
            name: value for name, value in os.environ.items() if name != "_AIRFLOW_PROCESS_CONTEXT"
        }
        program = [sys.executable, "-m", "mode_catalog_provider.cli", *typed]
        return subprocess.run(program, env=environment, capture_output=True, text=True, timeout=120)

    return run


@pytest.mark.usefixtures("created_in_the_ui")
def test_check_finds_connections_that_were_created_in_the_ui(mode_catalog) -> None:
    done = mode_catalog("check", "--conn-id", "mode_in_ui", "--conn-id", "catalog_in_ui", "--json")
    found = {finding["what"]: finding["state"] for finding in json.loads(done.stdout)["findings"]}
    assert found["Airflow connection 'mode_in_ui'"] == found["Mode credentials"] == "fine"
    assert found["Airflow connection 'catalog_in_ui'"] == found["Catalog source"] == "fine"
    assert done.returncode == 0


@pytest.mark.usefixtures("created_in_the_ui")
def test_a_lock_is_reached_through_a_connection_that_was_created_in_the_ui(mode_catalog) -> None:
    done = mode_catalog("unlock", "--lock", "s3://bucket/.lock", "--conn-id", "aws_in_ui", "--yes", "--json")
    assert done.returncode == 4, done.stderr
    assert "out of reach" in json.loads(done.stdout)["message"]


def test_without_a_database_a_connection_is_still_told_as_missing(
    mode_catalog, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{tmp_path}/no/airflow.db")
    done = mode_catalog("check", "--conn-id", "nope", "--json")
    assert "There is no Airflow connection 'nope'" in json.loads(done.stdout)["findings"][0]["text"]
    assert done.returncode == 3
