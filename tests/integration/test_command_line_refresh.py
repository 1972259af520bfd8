"""`mode-catalog refresh` as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.sandbox.mode import ModeSandbox
from tests.sandbox.objects import stamp

SHAPE = WorkspaceShape(collections=1, reports=4, members=1, datasets=0, personal_reports=0, nasty=False)
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(shape=SHAPE, mode=ModeSwitches(limiter="off", run_seconds=0.1)) as sandbox:
        yield sandbox


@pytest.fixture
def mode(sandbox: Sandbox) -> ModeSandbox:
    return sandbox.mode


@pytest.fixture
def environment(mode: ModeSandbox) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "CASTOR_MODE_ANALYTICS_HOST": mode.url,
        "CASTOR_MODE_ANALYTICS_WORKSPACE": mode.workspace,
        "CASTOR_MODE_ANALYTICS_TOKEN": mode.token,
        "CASTOR_MODE_ANALYTICS_SECRET": mode.secret,
    }


def command(*arguments: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "mode_catalog_provider.cli",
        "refresh",
        "--check-interval",
        "0.05",
        *arguments,
    ]


@pytest.fixture
def refresh(environment: dict[str, str]) -> Command:
    return lambda *arguments: subprocess.run(
        command(*arguments), env=environment, capture_output=True, text=True, timeout=240, check=False
    )


def posts(mode: ModeSandbox) -> list[str]:
    return [one.path.split("/")[-2] for one in mode.requests if one.method == "POST"]


def test_a_collection_is_refreshed_and_the_result_is_one_json_object(
    mode: ModeSandbox, refresh: Command
) -> None:
    done = refresh("--collection", "*", "--json")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    assert (result["started"], result["failed"]) == (4, 0)
    assert sorted(posts(mode)) == sorted(report.token for report in mode.world.reports)


def test_a_failed_run_is_a_failed_service_with_modes_reason(mode: ModeSandbox, refresh: Command) -> None:
    report = mode.world.reports[0]
    mode.runs.script(report, outcome="failed", error_message="no such table")
    done = refresh("--report", report.token, "--json")
    assert done.returncode == 4
    assert "no such table" in done.stderr
    assert json.loads(done.stdout)["failed"] == 1


def test_a_dry_run_lists_and_starts_nothing(mode: ModeSandbox, refresh: Command) -> None:
    done = refresh("--report", str(mode.world.reports[0].name), "--dry-run")
    assert done.returncode == 0, done.stderr
    assert f"run report {mode.world.reports[0].token}" in done.stdout
    assert posts(mode) == []


def test_only_what_is_older_than_a_warehouses_last_ingestion_is_run(
    sandbox: Sandbox, environment: dict[str, str]
) -> None:
    now, catalog, reports = datetime.now(UTC), sandbox.catalog, sandbox.mode.world.reports
    catalog.ingest_warehouse(now - timedelta(hours=1))
    for report in reports[:3]:
        report.last_run_at = report.last_successfully_run_at = stamp(now)
    warehouse = catalog.source(catalog.warehouse_id).name
    account = ["--stale-since", warehouse, "--api-url", catalog.api_url]
    done = subprocess.run(
        command("--collection", "*", *account),
        env={**environment, "CASTOR_UPLOADER_TOKEN": catalog.token},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert posts(sandbox.mode) == [reports[3].token]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 2),
        (("--refresh", "schema"), 2),
        (("--collection", "*", "--max-runs", "3"), 5),
        (("--refresh", "endpoint"), 3),
        (("--report", "No such report"), 3),
        (("--collection", "*", "--stale-since", "No time"), 2),
        (("--collection", "*", "--stale-since", "2999-01-01"), 3),
    ],
    ids=[
        "nothing",
        "no connection",
        "too many",
        "no such call",
        "no such report",
        "a source, no token",
        "a time to come",
    ],
)
def test_what_is_refused_has_its_exit_code_and_starts_nothing(
    mode: ModeSandbox, refresh: Command, arguments: tuple[str, ...], code: int
) -> None:
    assert refresh(*arguments).returncode == code
    assert mode.runs.started() == []


def test_ctrl_c_cancels_the_runs_that_were_started_and_not_the_joined_one(
    mode: ModeSandbox, environment: dict[str, str]
) -> None:
    mode.switches.throw(run_seconds=3600)
    joined = mode.runs.start(mode.world.reports[0], by="a person")
    process = subprocess.Popen(
        command("--collection", "*"), env=environment, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 40
    while len(mode.runs.started()) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    # Its last look may still be under way: only then does it wait.
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 130, said
    states = {run.token: run.state(mode.service_now()) for run in mode.runs.started()}
    assert states.pop(joined.token) == "enqueued"
    assert set(states.values()) == {"cancelled"}


def test_annotate_says_in_each_refreshed_report_of_when_its_numbers_are(
    mode: ModeSandbox, refresh: Command
) -> None:
    report = mode.world.reports[0]
    report.description = "About revenue"
    done = refresh("--report", report.token, "--stale-since", "2026-01-01", "--annotate", "--json")
    assert done.returncode == 0, done.stderr
    (note,) = json.loads(done.stdout)["notes"]
    assert (note["report"], note["state"]) == (report.token, "written")
    assert report.description == f"About revenue\n\n{note['line']}"
    assert [one.method for one in mode.requests if one.method not in ("GET", "POST")] == ["PATCH"]


def test_a_note_that_mode_refuses_fails_no_refresh(mode: ModeSandbox, refresh: Command) -> None:
    mode.switches.report_writes = 403
    done = refresh("--report", mode.world.reports[0].token, "--annotate", "--json")
    assert done.returncode == 0, done.stderr
    assert [note["state"] for note in json.loads(done.stdout)["notes"]] == ["refused"]


def test_notes_need_runs_that_are_waited_for(mode: ModeSandbox, refresh: Command) -> None:
    done = refresh("--report", mode.world.reports[0].token, "--annotate", "--no-wait")
    assert done.returncode == 2
    assert posts(mode) == []
