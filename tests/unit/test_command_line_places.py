"""Folders as they are typed, for every command."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from upath import UPath

from mode_catalog_provider.cli import places
from mode_catalog_provider.cli.arguments import module_of, parser
from mode_catalog_provider.cli.connections import mode_secret
from mode_catalog_provider.cli.environment import UsageError
from mode_catalog_provider.cli.output import Output
from mode_catalog_provider.cli.places import folder_of
from mode_catalog_provider.cli.values import days, hours, seconds
from mode_catalog_provider.errors import ConfigurationError, ServiceUnavailableError

COMMANDS = {
    "audit": ["-d"],
    "diff": ["-d"],
    "index": ["-o", "index.csv", "-d"],
    "report": ["-o", "report.html", "-d"],
    "schedules": ["-d"],
    "usage": ["-d"],
}


@pytest.mark.parametrize("location", ["s3://bucket/x", "s3:/bucket/x", "S3://bucket/x", "gs://b", "abfs:/b"])
@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_takes_the_url_of_a_store_for_a_folder(command: str, location: str) -> None:
    arguments = parser().parse_args([command, *COMMANDS[command], location])
    with pytest.raises(UsageError, match=r"URL|://"):
        module_of(command).run(arguments, Output(quiet=True, as_json=False))


def test_a_file_location_keeps_what_an_address_would_not() -> None:
    assert folder_of("file:///data/a#b?c%20d", "-o") == Path("/data/a#b?c d")
    assert folder_of("FILE:///data/a", "-o") == Path("/data/a")
    with pytest.raises(ConfigurationError, match="names the host 'nas'"):
        folder_of("file://nas/data", "-o")


def test_a_folder_named_by_way_of_the_one_above_it_lies_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert folder_of(f"{tmp_path}/a/../b", "-d") == tmp_path / "b"


@pytest.mark.parametrize("answers", [False, True], ids=["silent", "refuses"])
def test_a_store_without_an_answer_is_given_up_soon(monkeypatch: pytest.MonkeyPatch, answers: bool) -> None:
    monkeypatch.setattr(places, "FIRST_ANSWER", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = 1 if answers else silent.getsockname()[1]
        store = UPath(
            "s3://bucket/mode/.lock",
            key="a",
            secret="b",
            endpoint_url=f"http://127.0.0.1:{port}",
        )
        with pytest.raises(ServiceUnavailableError, match=r"out of reach: .*within 0\.5 seconds"):
            places.look_at(store)


@pytest.mark.parametrize("location", ["", " "])
@pytest.mark.parametrize("command", COMMANDS)
def test_an_empty_folder_is_not_the_one_that_the_shell_is_in(
    capsys: pytest.CaptureFixture[str], command: str, location: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parser().parse_args([command, *COMMANDS[command], location])
    assert "is empty" in capsys.readouterr().err


def test_an_empty_folder_of_a_variable_is_none_either() -> None:
    with pytest.raises(UsageError, match="is empty"):
        folder_of(" ", "-d/--directory_path")


@pytest.mark.parametrize("read", [days, hours])
@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "99999999", "1e30", ""])
def test_a_time_to_look_back_is_above_zero_and_at_most_a_hundred_years(
    read: Callable[[str], timedelta], text: str
) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        read(text)
    assert read("876600" if read is hours else "36525") == timedelta(days=36525)


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "1e30", "a"])
def test_a_wait_that_no_platform_can_hold_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        seconds(text)


@pytest.mark.parametrize(
    "command", ["audit", "index", "permissions", "reconcile", "report", "schedules", "upload"]
)
def test_a_folder_that_is_not_there_is_told_in_one_short_sentence(command: str, tmp_path: Path) -> None:
    folder = tmp_path / "typo"
    needed = {
        "index": ["-o", str(tmp_path / "index.csv")],
        "permissions": ["-w", "acme", "-t", "a", "-s", "b"],
        "schedules": ["-w", "acme", "-t", "a", "-s", "b"],
        "reconcile": ["-k", "a", "-s", "00000000-0000-4000-8000-000000000000"],
        "upload": ["-k", "a", "-s", "00000000-0000-4000-8000-000000000000"],
    }
    program = [sys.executable, "-m", "mode_catalog_provider.cli", command, "-d", str(folder)]
    done = subprocess.run([*program, *needed.get(command, [])], capture_output=True, text=True, timeout=60)
    assert done.returncode == 5
    assert f"There is no {folder}" in done.stderr
    assert "workers" not in done.stderr


@pytest.mark.parametrize("closed", [1, 2])
def test_who_closed_an_output_gets_the_exit_code_all_the_same(closed: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mode_catalog_provider.cli", "diff", "-d", str(tmp_path)],
        preexec_fn=lambda: os.close(closed),
        check=False,
    )
    assert done.returncode == 5


def test_a_device_without_end_is_no_secret() -> None:
    arguments = argparse.Namespace(mode_secret=None, mode_secret_file="/dev/zero")
    with pytest.raises(ConfigurationError, match="holds no secret"):
        mode_secret(arguments)


def test_credentials_in_the_url_of_a_lock_are_refused_before_airflow_can_log_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(places, "found_connection", pytest.fail)
    with pytest.raises(ConfigurationError, match="has credentials in it") as refused:
        places.place_of("s3://AKIAKEY:hunter2@bucket/.lock")
    assert "hunter2" not in str(refused.value)
