"""Two installations of Airflow, each with its own database, that share the folder of a lock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from mode_catalog_provider.lock import RunLock

DATE = "2026-01-01T00:00:00+00:00"


def start(directory: Path, log: Path, *, timeout: str, **conf: str) -> subprocess.Popen[bytes]:
    """Run the probe as the same run of the same DAG as everywhere else, in an Airflow of its own."""
    own = {name: value for name, value in os.environ.items() if "AIRFLOW" not in name}
    given = json.dumps({"path": str(directory), **conf})
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.airflow.other_airflow", "lock_probe", DATE, given],
            env={**own, "LOCK_TIMEOUT": timeout},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


# Two databases are made.
@pytest.mark.timeout(900)
def test_neither_takes_the_live_lease_of_the_other(tmp_path: Path) -> None:
    directory, go = tmp_path / "lock", tmp_path / "go"
    lock = RunLock(directory, ttl=timedelta(hours=1))
    first = start(directory, tmp_path / "first.log", timeout="0", work="wait", go=str(go))
    try:
        while lock.state() is None:
            assert first.poll() is None, (tmp_path / "first.log").read_text()
            time.sleep(0.1)
        held = lock.state()
        assert held is not None
        second = start(directory, tmp_path / "second.log", timeout="0")
        assert second.wait(timeout=280) == 1, (tmp_path / "second.log").read_text()
        assert "held by " in (tmp_path / "second.log").read_text()
        now = lock.state()
        assert now is not None
        assert (now.generation, now.released) == (held.generation, False)
        assert now.claim is not None
        assert held.claim is not None
        assert now.claim.holder == held.claim.holder
    finally:
        go.touch()
        ended = first.wait(timeout=280)
    assert ended == 0, (tmp_path / "first.log").read_text()
    released = lock.state()
    assert released is not None
    assert (released.generation, released.released) == (1, True)
