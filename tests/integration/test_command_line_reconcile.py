"""`mode-catalog reconcile` from extraction to arrival."""

from __future__ import annotations

import json

import pytest

from tests.integration.command_line import CommandLine
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape

KEYS = {
    "source_id",
    "snapshot",
    "reports",
    "arrived",
    "with_lineage",
    "missing",
    "gone",
    "without_lineage",
    "renamed",
    "unknown_connections",
    "matched_by",
}


@pytest.fixture(scope="module")
def pushed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arrival")
    shape = WorkspaceShape(collections=3, reports=9, members=2, seed=5)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off", batch=404)) as sandbox:
        command = CommandLine(sandbox)
        command.json("extract", "-o", folder)
        command.json("upload", "-d", folder)
        yield sandbox, command, folder


def test_the_result_has_exactly_the_documented_keys(pushed):
    sandbox, command, folder = pushed
    sandbox.catalog.ingest_mode()
    result = command.json("reconcile", "-d", folder)
    assert result.keys() == KEYS
    assert result["source_id"] == sandbox.catalog.source_id
    assert result["missing"] == result["gone"] == []
    assert result["arrived"] == result["reports"] > 0
    assert len(list(folder.glob("*.arrival"))) == 1


def test_a_threshold_that_is_missed_ends_with_5_and_the_result(pushed):
    sandbox, command, folder = pushed
    sandbox.catalog.ingest_mode()
    lost = sandbox.catalog.dashboards.pop()
    done = command("reconcile", "-d", folder, "--min-arrived", "1", "--json")
    assert done.returncode == 5
    result = json.loads(done.stdout)
    assert [one["token"] for one in result["missing"]] == [lost["slug"]]
    assert [one["reason"] for one in result["missing"]] == ["unknown"]
    assert command("reconcile", "-d", folder, "--min-arrived", "0.5").returncode == 0
    sandbox.catalog.lineages.clear()
    done = command("reconcile", "-d", folder, "--min-lineage", "0.01")
    assert done.returncode == 5
    assert "are required" in done.stdout


def test_a_catalog_that_cannot_be_asked_ends_with_4(pushed):
    sandbox, command, folder = pushed
    sandbox.catalog.fault("*op=getLineages*", status=400, body=b'{"errors": [{"message": "no"}]}', times=None)
    done = command("reconcile", "-d", folder, "--json")
    sandbox.catalog.faults.clear()
    assert done.returncode == 4
    assert json.loads(done.stdout)["error"] == "GraphQLError"
