"""What `make run` does before and while Airflow runs: ports, words while it waits, a part that dies."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from mode_catalog_provider.audit.workspace import audit_snapshot
from mode_catalog_provider.snapshot.choice import kept_snapshots
from mode_catalog_provider.snapshot.reader import open_snapshot
from tests.demo import workspace
from tests.demo.ports import give_port_back, take_port
from tests.demo.standalone import AirflowNotReadyError, StandaloneAirflow
from tests.demo.told import Told
from tests.documentation import ROOT
from tests.sandbox import Sandbox

_TAKE = """
import sys
from tests.demo.ports import take_port
print(take_port(int(sys.argv[1])))
"""


def test_two_demos_at_the_same_moment_take_different_ports() -> None:
    mine = take_port(31_000)
    try:
        other = subprocess.run(
            [sys.executable, "-c", _TAKE, str(mine)], cwd=ROOT, capture_output=True, text=True
        )
        assert int(other.stdout) > mine
        assert take_port(mine) > mine
    finally:
        give_port_back(mine)


def test_who_waits_is_told_what_for() -> None:
    lines: list[str] = []
    said = threading.Event()

    def say(line: str) -> None:
        lines.append(line)
        said.set()

    told = Told(say, silence=0.01)
    with told.waiting_for(lambda: "Airflow to start", account="start"):
        assert said.wait(10)
    assert lines[0].startswith("  waiting for Airflow to start (")
    assert told.account["start"] > 0


def _airflow(home: Path, program: str) -> StandaloneAirflow:
    """An Airflow whose parts a program of ours starts."""
    return StandaloneAirflow(home=home, dags=home, program=[sys.executable, "-c", textwrap.dedent(program)])


def test_a_part_that_dies_is_told_with_its_last_error(tmp_path: Path) -> None:
    airflow = _airflow(
        tmp_path,
        """
        import os, pathlib, subprocess, sys, time
        home = pathlib.Path(os.environ["AIRFLOW_HOME"])
        (home / "api-server.log").write_text("fine\\n")
        (home / "dag-processor.log").write_text("ValidationError: 2 errors for DagInfo\\n")
        part = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        (home / "partial").write_text(str(part.pid))
        (home / "partial").replace(home / "dag-processor.pid")
        while not (home / "die").exists():
            time.sleep(0.05)
        part.kill()
        time.sleep(60)
        """,
    )
    airflow.begin()
    try:
        while not (tmp_path / "dag-processor.pid").exists():
            airflow._refuse_dead_parts()
        (tmp_path / "die").touch()
        with pytest.raises(AirflowNotReadyError, match="dag-processor ended: ValidationError: 2 errors"):
            airflow.wait_until_healthy(timeout=50)
    finally:
        airflow.stop()


def test_an_airflow_that_ends_is_told(tmp_path: Path) -> None:
    airflow = _airflow(tmp_path, "print('sqlite3.OperationalError: database or disk is full')")
    airflow.begin()
    try:
        with pytest.raises(AirflowNotReadyError, match="disk is full"):
            airflow.wait_until_healthy(timeout=50)
    finally:
        airflow.stop()


def test_the_demo_has_something_to_show(tmp_path: Path) -> None:
    with Sandbox(shape=workspace.SHAPE) as sandbox:
        workspace.prepare(sandbox.mode.world)
        assert workspace.snapshot(sandbox, tmp_path).rows["report"] >= workspace.SHAPE.reports
        workspace.change(sandbox.mode.world)
        today = workspace.snapshot(sandbox, tmp_path, incremental=True)
        workspace.ingest(sandbox)
        assert sandbox.mode.switches.limiter != "off"
    # Each waits its turn in a run.
    assert today.figures["requests"] <= 36
    manifests = kept_snapshots(tmp_path / "acme")
    found = audit_snapshot(open_snapshot(manifests[max(manifests)]))
    assert {"drifted_copy", "duplicate_report"} <= {finding.check for finding in found.findings}
    assert 3 in {len(family.members) for family in found.families}


@pytest.mark.parametrize("name", ["AIRFLOW_CONN_MODE_DEFAULT", "AIRFLOW_CONN_COALESCE_CATALOG_DEFAULT"])
def test_half_a_pair_of_connections_is_told_in_a_sentence(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.demo", "--once", "--folder", str(tmp_path)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", name: "mode://x"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "set both for a real run, or none for the sandbox" in done.stderr
    assert "Traceback" not in done.stderr
