"""`mode-catalog unlock` as a person runs it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.errors import LockLostError
from mode_catalog_provider.lock import Holder, RunLock
from tests.object_store import S3Server

HOUR = timedelta(hours=1)
PATIENCE = 200
HOLDER = Holder.here("airflow", dag_id="mode_catalog_sync", run_id="r1", task_id="acquire_lock")


def unlock(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mode_catalog_provider.cli", "unlock", *map(str, arguments)]
    return subprocess.run(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def answer(text: str, *arguments: str | Path) -> tuple[int, str]:
    """Run it on a terminal where a person types ``text``."""
    person, terminal = pty.openpty()
    command = [sys.executable, "-m", "mode_catalog_provider.cli", "unlock", *map(str, arguments)]
    with subprocess.Popen(command, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        os.write(person, f"{text}\n".encode())
        out, err = process.communicate(timeout=PATIENCE)
    os.close(person)
    os.close(terminal)
    return process.returncode, (out + err).decode()


def test_it_shows_who_holds_since_when_and_frees_on_demand(tmp_path):
    lock = RunLock(tmp_path / ".lock", ttl=HOUR)
    lease = lock.try_acquire(HOLDER)
    done = unlock("--lock", tmp_path / ".lock", "--yes")
    assert done.returncode == 0, done.stderr
    assert "held by DAG 'mode_catalog_sync', run 'r1'" in done.stderr
    assert "since 20" in done.stderr
    assert "is free" in done.stdout
    with pytest.raises(LockLostError, match="was released"):
        lock.check(lease)


@pytest.mark.parametrize(("typed", "code"), [("y", 0), ("yes", 0), ("n", 5), ("", 5)])
def test_it_asks_first(tmp_path, typed, code):
    lock = RunLock(tmp_path / ".lock", ttl=HOUR)
    lock.try_acquire(HOLDER)
    returned, said = answer(typed, "--lock", tmp_path / ".lock")
    assert returned == code, said
    assert "Free it? [y/N]" in said
    assert lock.state().released == (code == 0)


def test_it_changes_nothing_when_nobody_can_answer(tmp_path):
    lock = RunLock(tmp_path / ".lock", ttl=HOUR)
    lease = lock.try_acquire(HOLDER)
    done = unlock("--lock", tmp_path / ".lock")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    lock.check(lease)


def test_a_free_lock_is_called_free(tmp_path):
    lock = RunLock(tmp_path / ".lock", ttl=HOUR)
    lock.release(lock.try_acquire(HOLDER))
    done = unlock("--lock", tmp_path / ".lock", "--json")
    assert done.returncode == 0
    result: dict[str, Any] = json.loads(done.stdout)
    assert result["held"] is False
    assert result["holder"] is None


def test_a_place_without_a_lock_is_doubted(tmp_path):
    done = unlock("--lock", tmp_path / "elsewhere")
    assert done.returncode == 0
    assert "Is it the right place?" in done.stderr


def test_a_lock_on_s3_is_freed_through_its_airflow_connection(s3: S3Server, s3_folder):
    lock = RunLock(s3_folder / ".lock", ttl=HOUR)
    lock.try_acquire(HOLDER)
    connection = {"AIRFLOW_CONN_STAGING": s3.connection()}
    done = unlock("--lock", f"{s3_folder}/.lock", "--conn-id", "staging", "--yes", "--json", **connection)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["freed"] is True
    assert result["holder"]["run_id"] == "r1"
    assert lock.state().released


def test_a_connection_that_does_not_exist_is_told_and_the_lock_is_not_called_free(tmp_path):
    # Airflow's S3 would go on without credentials, or with those of the machine.
    done = unlock("--lock", "s3://bucket/mode/.lock", "--conn-id", "typo", "--yes", "--json")
    assert done.returncode == 3, done.stderr
    assert "There is no Airflow connection 'typo'" in json.loads(done.stdout)["message"]


def test_a_lease_taken_meanwhile_is_left_alone(tmp_path):
    lock = RunLock(tmp_path / ".lock", ttl=HOUR)
    lock.release(lock.try_acquire(HOLDER))
    seen = lock.state()
    lease = lock.try_acquire(HOLDER)
    assert lock.free(seen) is False
    lock.check(lease)
