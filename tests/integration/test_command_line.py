"""`mode-catalog` as a user runs it: a process of its own, real HTTP, exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.command_line import MODE_SECRET, CommandLine
from tests.sandbox import Sandbox, WorkspaceShape

ASSETS = ("datasource", "collection", "report", "query", "member")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    shape = WorkspaceShape(collections=4, reports=20, members=5, nasty=True, seed=3)
    with Sandbox(shape=shape, time_scale=0.001) as sandbox:
        yield sandbox


@pytest.fixture
def mode_catalog(sandbox: Sandbox) -> CommandLine:
    return CommandLine(sandbox)


def rows_in(folder: Path, asset: str) -> list[dict[str, Any]]:
    # Earlier sets stay, and the newest has the highest number.
    path = max(folder.glob(f"*-{asset}.json"))
    return list(json.loads(path.read_text()))


def make_vendor_folder(folder: Path) -> None:
    """Strip what only we write, so that the folder looks as the vendor's extractor leaves it."""
    for path in [*folder.glob("*.manifest"), *folder.glob("*.pushed")]:
        path.unlink()
    [summary] = folder.glob("*-summary.json")
    summary.write_text(json.dumps({**json.loads(summary.read_text()), "version": "0.26.131"}))


def test_the_files_of_an_extraction_hold_the_whole_workspace(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    result = mode_catalog.json("extract", "-o", tmp_path)
    expected = mode_catalog.sandbox.mode.expected()
    assert {asset: rows_in(tmp_path, asset) for asset in ASSETS} == {
        asset: expected[asset] for asset in ASSETS
    }
    assert result["rows"] == {asset: len(expected[asset]) for asset in ASSETS}


def test_an_incremental_extraction_into_the_same_folder_asks_for_no_report_again(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    first = mode_catalog.json("extract", "-o", tmp_path, "--strategy", "rest")
    before = {asset: rows_in(tmp_path, asset) for asset in ASSETS}
    second = mode_catalog.json("extract", "-o", tmp_path, "--strategy", "rest", "--incremental")
    assert {asset: rows_in(tmp_path, asset) for asset in ASSETS} == before
    assert second["requests"] < first["requests"] - 10
    manifest = max(tmp_path.glob("*.manifest"))
    assert json.loads(manifest.read_text())["reuse"]["snapshot"] == first["timestamp"]


@pytest.mark.parametrize("days", ["0", "-1", "week", "1e300"])
def test_an_age_that_makes_no_sense_is_wrong_usage(
    mode_catalog: CommandLine, tmp_path: Path, days: str
) -> None:
    done = mode_catalog("extract", "-o", tmp_path, "--incremental", "--full-refresh-after", days)
    assert done.returncode == 2
    assert "--full-refresh-after" in done.stderr


def test_arguments_win_over_the_environment_and_the_rest_comes_from_it(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    done = mode_catalog(
        "extract",
        "-w",
        mode_catalog.sandbox.mode.workspace,
        "-o",
        tmp_path,
        CASTOR_MODE_ANALYTICS_WORKSPACE="other",
    )
    assert done.returncode == 0, done.stderr


def test_plain_lines_say_what_happens_when_nobody_watches(mode_catalog: CommandLine, tmp_path: Path) -> None:
    lines = mode_catalog("extract", "-o", tmp_path).stderr.splitlines()
    assert lines[0] == "INFO - Authentication succeeded."
    assert any(line.startswith("INFO - Starting extraction for QUERY...") for line in lines)
    assert any(line.startswith("INFO - Wrote ") and line.endswith(".manifest") for line in lines)


def test_a_terminal_gets_a_progress_display(mode_catalog: CommandLine, tmp_path: Path) -> None:
    mode_catalog.sandbox.mode.switches.throw(latency=20.0)
    shown = mode_catalog.on_terminal("extract", "-o", tmp_path, shows="stderr", TERM="xterm", COLUMNS="120")
    assert b"rows" in shown
    assert b"query" in shown


def test_quiet_prints_nothing_when_all_is_well(mode_catalog: CommandLine, tmp_path: Path) -> None:
    mode_catalog("extract", "-o", tmp_path)
    done = mode_catalog("upload", "-d", tmp_path, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_second_extraction_leaves_the_first_set_and_other_files_alone(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "notes.json").write_text("mine")
    first = mode_catalog.json("extract", "-o", tmp_path)["timestamp"]
    second = mode_catalog.json("extract", "-o", tmp_path)["timestamp"]
    assert second > first
    assert len(list(tmp_path.glob(f"{first}-*.json"))) == 6
    assert mode_catalog.json("upload", "-d", tmp_path)["pushed"][0].startswith(f"{second}-")
    assert (tmp_path / "notes.json").read_text() == "mine"


def test_an_upload_stores_the_six_files_data_first_and_summary_last(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    mode_catalog("extract", "-o", tmp_path)
    result = mode_catalog.json("upload", "-d", tmp_path)
    uploads = mode_catalog.sandbox.catalog.uploads
    assert [upload.name for upload in uploads] == result["pushed"]
    assert [name.split("-")[1] for name in result["pushed"]] == [
        f"{asset}.json" for asset in (*ASSETS, "summary")
    ]
    assert all(upload.content == (tmp_path / upload.name).read_bytes() for upload in uploads)


def test_a_repeated_upload_sends_nothing_twice(mode_catalog: CommandLine, tmp_path: Path) -> None:
    mode_catalog("extract", "-o", tmp_path)
    pushed = mode_catalog.json("upload", "-d", tmp_path)["pushed"]
    again = mode_catalog.json("upload", "-d", tmp_path)
    assert (again["pushed"], again["already_there"]) == ([], pushed)
    assert len(mode_catalog.sandbox.catalog.uploads) == 6


def test_a_dry_run_checks_and_sends_nothing(mode_catalog: CommandLine, tmp_path: Path) -> None:
    mode_catalog("extract", "-o", tmp_path)
    done = mode_catalog("upload", "-d", tmp_path, "--dry-run")
    assert done.returncode == 0
    assert "dry run" in done.stdout.lower()
    assert not mode_catalog.sandbox.catalog.uploads


def test_a_folder_made_by_the_vendors_extractor_is_uploaded(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    mode_catalog("extract", "-o", tmp_path)
    make_vendor_folder(tmp_path)
    assert len(mode_catalog.json("upload", "-d", tmp_path)["pushed"]) == 6


def test_a_vendor_folder_that_lacks_a_file_is_refused_with_its_name(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    mode_catalog("extract", "-o", tmp_path)
    make_vendor_folder(tmp_path)
    next(tmp_path.glob("*-query.json")).unlink()
    done = mode_catalog("upload", "-d", tmp_path)
    assert done.returncode == 5
    assert "query" in done.stderr
    assert not mode_catalog.sandbox.catalog.uploads


def test_one_file_is_uploaded_as_it_is(mode_catalog: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "1649080890-dashboards.csv").write_text("id,name\n1,x\n")
    result = mode_catalog.json("upload", "-f", tmp_path / "1649080890-dashboards.csv")
    assert result["pushed"] == ["1649080890-dashboards.csv"]
    assert mode_catalog.sandbox.catalog.uploads[0].content == b"id,name\n1,x\n"


def test_a_typed_file_wins_over_a_folder_in_the_environment(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "1649080890-dashboards.csv").write_text("id\n1\n")
    done = mode_catalog(
        "upload",
        "-f",
        tmp_path / "1649080890-dashboards.csv",
        CASTOR_UPLOADER_DIRECTORY_PATH=str(tmp_path / "no"),
    )
    assert done.returncode == 0, done.stderr


def test_a_shrunk_set_is_refused_until_it_is_accepted(mode_catalog: CommandLine, tmp_path: Path) -> None:
    mode_catalog("extract", "-o", tmp_path)
    mode_catalog("upload", "-d", tmp_path)
    collection, *_ = mode_catalog.sandbox.mode.expected()["collection"]
    mode_catalog("extract", "-o", tmp_path, "--include-collection", collection["token"])
    refused = mode_catalog("upload", "-d", tmp_path)
    assert refused.returncode == 5
    assert "report" in refused.stderr
    accepted = mode_catalog("upload", "-d", tmp_path, "--accept-shrink")
    assert accepted.returncode == 0, accepted.stderr


def test_two_commands_on_one_folder_do_not_overlap(mode_catalog: CommandLine, tmp_path: Path) -> None:
    mode_catalog.sandbox.mode.fault("verify", hang=5.0)
    with subprocess.Popen(
        mode_catalog.command("extract", "-o", tmp_path),
        env=mode_catalog.environment,
        stderr=subprocess.DEVNULL,
    ) as first:
        try:
            while not list(tmp_path.glob(".lock/*.lease")):
                assert first.poll() is None
            second = mode_catalog("extract", "-o", tmp_path)
        finally:
            first.kill()
    assert second.returncode == 5
    assert "mode-catalog extract" in second.stderr


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_extraction_leaves_no_set_and_no_lock(
    mode_catalog: CommandLine, tmp_path: Path, kill: signal.Signals
) -> None:
    hanging = mode_catalog.sandbox.mode.fault("reports/*/queries", nth=3, hang=120.0)
    with subprocess.Popen(
        mode_catalog.command("extract", "-o", tmp_path),
        env=mode_catalog.environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not hanging.fired:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(kill)
        _, errors = process.communicate(timeout=240)
    assert process.returncode == 130
    assert "Interrupted" in errors
    assert not list(tmp_path.glob("*.manifest"))
    assert mode_catalog("upload", "-d", tmp_path).returncode == 5
    assert mode_catalog("extract", "-o", tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["extract"], 2, "CASTOR_OUTPUT_DIRECTORY"),
        (["upload"], 2, "-d/--directory_path"),
        (["extract", "-o", "x", "--members", "some"], 2, "--members"),
        (["upload", "-d", "/nowhere/at/all"], 5, "/nowhere/at/all"),
        (["upload", "-d", "/tmp", "-s", "not-a-uuid"], 3, "UUID"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(
    mode_catalog: CommandLine, arguments: list[str], code: int, sentence: str
) -> None:
    done = mode_catalog(*arguments)
    assert done.returncode == code, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_refused_key_is_a_matter_of_configuration(mode_catalog: CommandLine, tmp_path: Path) -> None:
    done = mode_catalog("extract", "-o", tmp_path, **{MODE_SECRET: "wrong-secret-wrong"})
    assert done.returncode == 3
    assert "401" in done.stderr
    assert "wrong-secret-wrong" not in done.stderr


def test_a_service_that_answers_nonsense_is_not_the_users_fault(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    mode_catalog.sandbox.mode.fault("data_sources", times=None, status=418)
    done = mode_catalog("extract", "-o", tmp_path)
    assert done.returncode == 4, done.stderr


def test_an_error_is_json_too_when_json_was_asked_for(mode_catalog: CommandLine, tmp_path: Path) -> None:
    done = mode_catalog("extract", "-o", tmp_path, "--json", **{MODE_SECRET: "wrong"})
    assert json.loads(done.stdout)["error"] == "ModeAuthenticationError"


def test_a_secret_as_an_argument_works_and_warns(mode_catalog: CommandLine, tmp_path: Path) -> None:
    secret = mode_catalog.environment.pop(MODE_SECRET)
    done = mode_catalog("extract", "-o", tmp_path, "-s", secret)
    assert done.returncode == 0, done.stderr
    assert "process list" in done.stderr
    assert secret not in done.stderr


def test_a_token_that_two_clients_use_is_warned_of_once(mode_catalog: CommandLine, tmp_path: Path) -> None:
    mode_catalog("extract", "-o", tmp_path)
    done = mode_catalog("upload", "-d", tmp_path, "-k", mode_catalog.environment.pop("CASTOR_UPLOADER_TOKEN"))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("process list") == 1


def test_a_secret_is_read_from_a_file(mode_catalog: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(mode_catalog.environment.pop(MODE_SECRET) + "\n")
    done = mode_catalog("extract", "-o", tmp_path / "out", "--secret-file", tmp_path / "secret")
    assert done.returncode == 0, done.stderr
    assert "process list" not in done.stderr


def test_a_missing_secret_is_asked_for_by_the_names_of_its_sources(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    del mode_catalog.environment[MODE_SECRET]
    done = mode_catalog("extract", "-o", tmp_path)
    assert done.returncode == 2
    assert MODE_SECRET in done.stderr


def test_check_finds_everything_in_order(mode_catalog: CommandLine) -> None:
    done = mode_catalog("check")
    assert done.returncode == 0, done.stdout
    assert "FAIL" not in done.stdout
    assert done.stdout.count("ok ") >= 6


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({MODE_SECRET: "wrong"}, "FAIL Mode credentials"),
        ({"CASTOR_MODE_ANALYTICS_WORKSPACE": "elsewhere"}, "elsewhere"),
        ({"CASTOR_UPLOADER_TOKEN": "wrong"}, "FAIL Catalog credentials"),
        ({"CASTOR_UPLOADER_SOURCE_ID": "11111111-1111-4111-8111-111111111111"}, "FAIL Catalog source"),
    ],
)
def test_check_names_what_is_wrong_and_goes_on_with_the_other_service(
    mode_catalog: CommandLine, environment: dict[str, str], sentence: str
) -> None:
    done = mode_catalog("check", **environment)
    assert done.returncode == 3
    assert sentence in done.stdout
    assert "Mode" in done.stdout
    assert "Catalog" in done.stdout


def test_no_secret_is_in_anything_that_commands_print_or_write(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    printed = ""
    for arguments in (["check"], ["extract", "-o", tmp_path], ["upload", "-d", tmp_path]):
        done = mode_catalog(*arguments)
        assert done.returncode == 0, done.stderr
        printed += done.stdout + done.stderr
    left = printed.encode() + b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for name in (MODE_SECRET, "CASTOR_UPLOADER_TOKEN", "CASTOR_MODE_ANALYTICS_TOKEN"):
        assert mode_catalog.environment[name].encode() not in left
