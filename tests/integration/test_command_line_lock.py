"""The run lock of the command line: where it lies, who is kept out, what is said."""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mode_catalog_provider.cli.locked import default_place, locked
from mode_catalog_provider.errors import SnapshotError
from mode_catalog_provider.lock import Holder, RunLock
from tests.integration.command_line import CommandLine
from tests.object_store import S3Server
from tests.sandbox import Sandbox, WorkspaceShape

HOUR = timedelta(hours=1)
AIRFLOW = Holder.here("airflow", dag_id="mode_catalog_sync", run_id="r1", task_id="acquire_lock")


@pytest.fixture
def mode_catalog() -> Iterator[CommandLine]:
    shape = WorkspaceShape(collections=2, reports=4, members=2, seed=3)
    with Sandbox(shape=shape, time_scale=0.001) as sandbox:
        yield CommandLine(sandbox)


@pytest.fixture
def staged(mode_catalog: CommandLine, tmp_path: Path) -> Path:
    """A snapshot as a DAG stages it: area, workspace, timestamp."""
    mode_catalog("extract", "-o", tmp_path / "flat", "--quiet")
    manifest = next((tmp_path / "flat").glob("*.manifest"))
    snapshot = tmp_path / "area" / "acme" / manifest.stem
    shutil.copytree(tmp_path / "flat", snapshot, ignore=shutil.ignore_patterns(".lock"))
    return snapshot


def test_a_command_that_was_killed_holds_nothing_up(mode_catalog: CommandLine, tmp_path: Path) -> None:
    mode_catalog.sandbox.mode.fault("verify", hang=5.0)
    with subprocess.Popen(
        mode_catalog.command("extract", "-o", tmp_path),
        env=mode_catalog.environment,
        stderr=subprocess.DEVNULL,
    ) as first:
        while not list(tmp_path.glob(".lock/*.lease")):
            assert first.poll() is None
        first.kill()
    done = mode_catalog("extract", "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "its process on this machine is gone" in done.stderr


def test_a_refusal_names_the_command_that_frees_the_lock(mode_catalog: CommandLine, tmp_path: Path) -> None:
    RunLock(tmp_path / ".lock", ttl=HOUR).try_acquire(AIRFLOW)
    done = mode_catalog("extract", "-o", tmp_path)
    assert done.returncode == 5
    assert f"mode-catalog unlock --lock {tmp_path}/.lock" in done.stderr


def test_a_lock_on_s3_keeps_out_as_the_dags_does(
    mode_catalog: CommandLine, tmp_path: Path, s3: S3Server, s3_folder
) -> None:
    lock = RunLock(s3_folder / ".lock", ttl=HOUR)
    lock.try_acquire(AIRFLOW)
    done = mode_catalog(
        *("extract", "-o", tmp_path, "--lock", f"s3://staging@{s3.bucket}/{s3_folder.name}/.lock"),
        HOME=str(tmp_path),
        AIRFLOW_CONN_STAGING=s3.connection(),
    )
    assert done.returncode == 5, done.stderr
    assert "held by DAG 'mode_catalog_sync'" in done.stderr
    assert not list(tmp_path.glob("*.manifest"))


@pytest.mark.parametrize("used", [None, "area", "area/acme", ""])
def test_the_lock_of_a_staged_snapshot_is_the_one_in_use_above_it(tmp_path: Path, used: str | None) -> None:
    snapshot = tmp_path / "area" / "acme" / "1795000000"
    snapshot.mkdir(parents=True)
    (snapshot / "1795000000.manifest").touch()
    if used is not None:
        (tmp_path / used / ".lock").mkdir()
    assert default_place(snapshot) == tmp_path / ("area" if used is None else used) / ".lock"


@pytest.mark.parametrize("link", ["latest", "area/latest", "workspace/1795000000"])
def test_a_link_to_a_staged_snapshot_has_the_lock_of_the_area_that_it_leads_to(
    tmp_path: Path, link: str
) -> None:
    snapshot = tmp_path / "area" / "acme" / "1795000000"
    snapshot.mkdir(parents=True)
    (snapshot / "1795000000.manifest").touch()
    (tmp_path / "area" / ".lock").mkdir()
    (tmp_path / "workspace").symlink_to(snapshot.parent)
    (tmp_path / "latest").symlink_to(snapshot)
    (tmp_path / "area" / "latest").symlink_to(snapshot)
    assert default_place(tmp_path / link) == tmp_path / "area" / ".lock"


def test_a_folder_that_only_looks_like_a_snapshot_has_a_lock_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "area" / "acme" / "1795000000"
    folder.mkdir(parents=True)
    assert default_place(folder) == folder / ".lock"


def test_a_slip_in_a_url_is_no_folder(mode_catalog: CommandLine, tmp_path: Path) -> None:
    done = mode_catalog("extract", "-o", tmp_path, "--lock", "s3:/bucket/.lock")
    assert done.returncode == 2
    assert "--lock s3:/bucket/.lock is neither a path nor a URL" in done.stderr


def test_a_staged_snapshot_is_uploaded_under_the_lock_of_its_staging_area(
    mode_catalog: CommandLine, staged: Path
) -> None:
    area = staged.parents[1]
    lock = RunLock(area / ".lock", ttl=HOUR)
    lease = lock.try_acquire(AIRFLOW)
    assert mode_catalog("upload", "-d", staged).returncode == 5
    lock.release(lease)
    done = mode_catalog("upload", "-d", next(staged.glob("*.manifest")))
    assert done.returncode == 0, done.stderr
    assert f"The lock {area}/.lock is taken" in done.stderr
    assert not (staged / ".lock").exists()


def test_the_lock_in_use_may_be_named_by_another_way_to_it(
    mode_catalog: CommandLine, staged: Path, tmp_path: Path
) -> None:
    used = RunLock(staged.parents[1] / ".lock", ttl=HOUR)
    used.release(used.try_acquire(AIRFLOW))
    (tmp_path / "linked").symlink_to(staged.parents[1])
    done = mode_catalog("upload", "-d", staged, "--lock", tmp_path / "linked" / ".lock")
    assert done.returncode == 0, done.stderr
    assert "which is in use here too" not in done.stderr


def test_an_interrupted_upload_says_what_stays_and_is_gone_on_with(
    mode_catalog: CommandLine, staged: Path
) -> None:
    hanging = mode_catalog.sandbox.catalog.fault("*-query.json", hang=120.0)
    with subprocess.Popen(
        mode_catalog.command("upload", "-d", staged),
        env=mode_catalog.environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not hanging.fired:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=240)
    assert process.returncode == 130
    assert "Interrupted. Files that were sent stay in Catalog" in errors
    assert len(mode_catalog.json("upload", "-d", staged)["already_there"]) == 3


def test_another_lock_than_the_one_in_use_is_told(
    mode_catalog: CommandLine, staged: Path, tmp_path: Path
) -> None:
    used = RunLock(staged.parents[1] / ".lock", ttl=HOUR)
    used.release(used.try_acquire(AIRFLOW))
    done = mode_catalog("upload", "-d", staged, "--lock", tmp_path / "mine")
    assert done.returncode == 0, done.stderr
    assert f"and not {used.path}, which is in use here too" in done.stderr


def test_a_single_file_is_uploaded_under_the_lock_that_is_named(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    file = tmp_path / "1795000000-report.json"
    file.write_text("[]")
    RunLock(tmp_path / "lock", ttl=HOUR).try_acquire(AIRFLOW)
    done = mode_catalog("upload", "-f", file, "--lock", tmp_path / "lock")
    assert done.returncode == 5
    assert not mode_catalog.sandbox.catalog.uploads


def test_a_lock_that_cannot_be_given_back_does_not_hide_why_the_command_failed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    arguments = argparse.Namespace(command="extract", lock=None, conn_id=None, lock_timeout=0.0)

    def work() -> None:
        with locked(arguments, tmp_path):
            shutil.rmtree(tmp_path / ".lock")
            (tmp_path / ".lock").touch()
            raise SnapshotError("the cause")

    with pytest.raises(SnapshotError, match="the cause"):
        work()
    assert f"The lock {tmp_path / '.lock'} could not be given back" in caplog.text


def test_a_disk_that_takes_no_lease_is_named(mode_catalog: CommandLine, tmp_path: Path) -> None:
    done = subprocess.run(
        mode_catalog.command("extract", "-o", tmp_path / "out"),
        env=mode_catalog.environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 3
    assert f"File too large: '{tmp_path / 'out' / '.lock'}'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("command", ["unlock", "extract"])
def test_a_store_that_cannot_be_reached_is_told_in_a_sentence(
    mode_catalog: CommandLine, tmp_path: Path, command: str
) -> None:
    extra = {"endpoint_url": "http://127.0.0.1:1", "config_kwargs": {"retries": {"max_attempts": 1}}}
    connection = {"conn_type": "aws", "login": "x", "password": "y", "extra": extra}
    more = ["-o", tmp_path] if command == "extract" else []
    done = mode_catalog(
        *(command, *more, "--lock", "s3://bucket/.lock", "--conn-id", "away", "--json"),
        HOME=str(tmp_path),
        AIRFLOW_CONN_AWAY=json.dumps(connection),
    )
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    assert "gives no useful answer" in json.loads(done.stdout)["message"]
