"""What `mode-catalog` says, and that it always says it: usage, errors, JSON, the vendor's words."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mode_catalog_provider.cli.arguments import COMMANDS, parser
from mode_catalog_provider.cli.environment import fill_from_environment
from mode_catalog_provider.cli.output import FAULT, Output
from tests.integration.command_line import CommandLine
from tests.sandbox import Sandbox, WorkspaceShape

SECRET = "TOPSECRETVALUE"


@pytest.fixture(scope="module")
def mode_catalog() -> Iterator[CommandLine]:
    shape = WorkspaceShape(collections=2, reports=4, members=2, nasty=True, seed=3)
    with Sandbox(shape=shape, time_scale=0.001) as sandbox:
        yield CommandLine(sandbox)


def arguments_of(*typed: str, **environment: str) -> Any:
    arguments = parser().parse_args(typed)
    fill_from_environment(arguments, environment)
    return arguments


def refusal_of(capsys: pytest.CaptureFixture[str], *typed: str) -> str:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(typed)
    assert ended.value.code == 2
    return capsys.readouterr().err


# -- what is typed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "name", "value"),
    [
        (("upload", "--dir", "F"), "directory_path", "F"),
        (("upload", "--source", "S"), "source_id", "S"),
        (("upload", "--tok", "T"), "catalog_token", "T"),
        (("upload", "--file_p=x.json"), "file_path", "x.json"),
        (("upload", "--z", "US"), "zone", "US"),
        (("extract", "--sec", "S"), "mode_secret", "S"),
        (("extract", "--out", "F"), "output", "F"),
        (("extract", "--ho=https://x.example"), "host", "https://x.example"),
        (("extract", "-Hhttps://x.example"), "host", "https://x.example"),
        (("extract", "--secret-f", "F"), "mode_secret_file", "F"),
    ],
)
def test_an_abbreviation_that_the_vendors_commands_take_means_the_same(
    typed: tuple[str, ...], name: str, value: str
) -> None:
    assert getattr(arguments_of(*typed), name) == value


@pytest.mark.parametrize(
    "typed",
    [
        ("check", f"-{SECRET}"),
        ("check", SECRET),
        ("check", f"--mode-scret={SECRET}"),
        ("check", "-z", SECRET),
        ("upload", "-t", SECRET),
        ("upload", "--max-shrink", SECRET),
        ("extract", "--strategy", SECRET),
        ("extract", f"--quiet={SECRET}"),
        ("refresh", "--max-runs", "9" * 5000),
        ("refresh", "--parameter", SECRET),
        (SECRET,),
    ],
)
def test_a_wrong_call_does_not_repeat_what_may_be_a_secret(
    typed: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal_of(capsys, *typed)
    assert SECRET not in said
    assert "9" * 5000 not in said


BLANK = [
    ("extract", "--lock"),
    ("extract", "--include-collection"),
    ("extract", "--exclude-collection"),
    ("extract", "--output"),
    ("extract", "--secret-file"),
    ("upload", "--ingest-url"),
    ("upload", "--api-url"),
    ("upload", "--lock"),
    ("upload", "--conn-id"),
    ("upload", "--source_id"),
    ("refresh", "--stale-since"),
    ("refresh", "--report"),
    ("audit", "--text"),
    ("audit", "--table"),
    ("unlock", "--lock"),
]


@pytest.mark.parametrize("blank", ["", "  "])
@pytest.mark.parametrize(("command", "flag"), BLANK)
def test_a_flag_whose_variable_is_not_set_is_refused_and_does_not_mean_the_default(
    capsys: pytest.CaptureFixture[str], command: str, flag: str, blank: str
) -> None:
    needed = {"audit": ("-d", "somewhere")}.get(command, ())
    assert re.search(rf"{flag}\S* is empty", refusal_of(capsys, command, *needed, flag, blank))


def test_a_flag_that_does_not_exist_is_named_with_the_usage_of_its_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = refusal_of(capsys, "extract", "--nope")
    assert said.startswith("usage: mode-catalog extract ")
    assert said.endswith("mode-catalog extract: error: unknown: --nope\n")


def test_a_wrong_choice_names_the_right_ones(capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal_of(capsys, "extract", "--strategy", "fast")
    assert "choose from auto, rest, hybrid" in said.replace("'", "")


@pytest.mark.parametrize("typed", [("--file_type", "LOOKML"), ("-t", "lookml")])
def test_lookml_is_left_to_the_vendors_command(
    typed: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "upload it with castor-upload" in refusal_of(capsys, "upload", *typed, "-f", "x")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_into_a_terminal(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args([command, "--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


@pytest.mark.parametrize("module", ["mode_catalog_provider", "mode_catalog_provider.cli"])
def test_the_package_is_the_command_too(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "extract", "--nope"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("usage: mode-catalog extract ")


@pytest.mark.parametrize("typed", [[], ["extract", "--nope"], ["nope"], ["upload", "-t", "x"]])
def test_a_wrong_call_is_json_too(typed: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args([*typed, "--json"])
    assert json.loads(capsys.readouterr().out)["error"] == "UsageError"


# -- variables ----------------------------------------------------------------------------------------------


def test_variables_count_in_whatever_case_they_are_written() -> None:
    arguments = arguments_of("extract", castor_mode_analytics_token="t", Castor_Output_Directory="o")
    assert (arguments.mode_token, arguments.output) == ("t", "o")


def test_an_empty_variable_is_none() -> None:
    assert arguments_of("upload", CASTOR_UPLOADER_ZONE="", CASTOR_TIMEOUT_OVERRIDE="").zone == "EU"


@pytest.mark.parametrize(("typed", "seconds"), [((), 300.0), (("--timeout", "5"), 5.0)])
def test_the_vendors_timeout_is_that_of_uploads_unless_one_is_typed(
    typed: tuple[str, ...], seconds: float
) -> None:
    assert arguments_of("upload", *typed, CASTOR_TIMEOUT_OVERRIDE="300").timeout == seconds


def test_an_extraction_does_not_take_the_timeout_of_uploads() -> None:
    assert arguments_of("extract", CASTOR_TIMEOUT_OVERRIDE="300").timeout == 60.0


@pytest.mark.parametrize(
    "name", ["CASTOR_TIMEOUT_OVERRIDE", "CASTOR_RETRY_OVERRIDE", "castor_retry_override"]
)
def test_a_variable_without_a_number_is_named(name: str, mode_catalog: CommandLine, tmp_path: Path) -> None:
    done = mode_catalog("upload", "-d", tmp_path, **{name: "many"})
    assert done.returncode == 2
    assert f"{name.upper()}: it is not a" in done.stderr


def test_with_a_file_and_a_folder_in_the_environment_the_folder_is_uploaded(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    mode_catalog.json("extract", "-o", tmp_path / "set")
    done = mode_catalog(
        "upload",
        "--dry-run",
        CASTOR_UPLOADER_FILE_PATH=str(tmp_path / "nowhere.json"),
        CASTOR_UPLOADER_DIRECTORY_PATH=str(tmp_path / "set"),
    )
    assert done.returncode == 0, done.stderr
    assert "the folder is uploaded, not the file" in done.stderr


# -- places -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed", [("extract", "-o"), ("upload", "-d"), ("upload", "-f"), ("audit", "-d")], ids=" ".join
)
def test_the_url_of_a_store_is_no_folder(
    typed: tuple[str, str], mode_catalog: CommandLine, tmp_path: Path
) -> None:
    done = subprocess.run(
        mode_catalog.command(*typed, "s3://bucket/x"),
        env=mode_catalog.environment | {"PYTHONPATH": str(Path.cwd())},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 2
    assert "takes a path of this machine" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["LOOKML", "nonsense"])
def test_a_type_in_the_environment_is_checked_as_a_typed_one(
    value: str, mode_catalog: CommandLine, tmp_path: Path
) -> None:
    done = mode_catalog("upload", "-d", tmp_path, CASTOR_UPLOADER_FILE_TYPE=value)
    assert done.returncode == 2
    assert "CASTOR_UPLOADER_FILE_TYPE: " in done.stderr


def test_a_type_counts_in_whatever_case_it_is_written(mode_catalog: CommandLine, tmp_path: Path) -> None:
    mode_catalog.json("extract", "-o", tmp_path)
    mode_catalog.json("upload", "--dry-run", "-d", tmp_path, CASTOR_UPLOADER_FILE_TYPE="viz")


def test_what_dbt_writes_is_called_manifest_in_catalog(mode_catalog: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "prod_manifest.json"
    file.write_text("{}")
    [pushed] = mode_catalog.json("upload", "-t", "DBT", "-f", file)["pushed"]
    assert pushed.endswith("-manifest.json")
    assert "prod" not in pushed


def test_plain_http_to_another_machine_is_refused_until_it_is_allowed(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    host = "http://nowhere.invalid"
    refused = mode_catalog("extract", "-o", tmp_path, "-H", host)
    assert refused.returncode == 3
    assert "--allow-http" in refused.stderr
    allowed = mode_catalog("extract", "-o", tmp_path, "-H", host, "--allow-http")
    assert allowed.returncode == 4


# -- the end ------------------------------------------------------------------------------------------------


def test_a_reader_who_wants_only_the_head_of_the_result_is_no_error(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    mode_catalog.json("extract", "-o", tmp_path)
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        mode_catalog.command("audit", "-d", tmp_path, "--json"),
        env=mode_catalog.environment,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=240,
        check=False,
    )
    os.close(write)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_a_fault_of_the_program_is_told_in_a_sentence_and_in_json(tmp_path: Path) -> None:
    program = (
        "import sys; from mode_catalog_provider.cli import audit, main; "
        "audit.newest_or_adopted = lambda path: 1 / 0; "
        f"sys.exit(main(['audit', '-d', {str(tmp_path)!r}, '--json']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=240)
    assert done.returncode == FAULT
    assert "Traceback" not in done.stderr
    assert "ZeroDivisionError, division by zero" in done.stderr
    assert json.loads(done.stdout)["error"] == "ZeroDivisionError"


@pytest.mark.parametrize(
    "odd", ["\ud800", float("nan"), float("inf"), {"deep": {1: {2}}}, b"bytes", Path("x")], ids=repr
)
def test_whatever_is_in_a_result_it_is_valid_json(odd: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Output(quiet=False, as_json=True).result({"odd": odd}, [])
    said = capsys.readouterr().out
    said.encode()
    json.loads(said, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_a_name_can_neither_forge_a_line_nor_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    import logging

    output = Output(quiet=False, as_json=False)
    logging.getLogger("mode_catalog_provider").error("Left out %s", "\x1b[2J\rx\nERROR - all is well\x9b31m")
    output.result({}, ["name \x1b]0;PWNED\x07 \u202e"])
    said = capsys.readouterr()
    assert not [line for line in said.err.splitlines() if line.startswith("ERROR - all is well")]
    for text in (said.out, said.err):
        assert text.replace("\n", "").isprintable()


def test_check_reads_the_connections_of_airflow(mode_catalog: CommandLine, tmp_path: Path) -> None:
    environment = {**mode_catalog.sandbox.environment(), "AIRFLOW_HOME": str(tmp_path)}
    typed = [
        "check",
        "--conn-id",
        "mode_default",
        "--conn-id",
        "coalesce_catalog_default",
        "--conn-id",
        "nope",
    ]
    done = mode_catalog(*typed, "--json", **environment)
    found = {finding["what"]: finding["state"] for finding in json.loads(done.stdout)["findings"]}
    assert found["Mode credentials"] == found["Catalog source"] == "fine"
    assert found["Airflow connection 'nope'"] == "wrong"
    assert done.returncode == 3


def test_one_wrong_setting_does_not_keep_check_from_the_rest(mode_catalog: CommandLine) -> None:
    said = mode_catalog("check", "-H", "mode.example").stdout
    assert "FAIL Mode settings: " in said
    assert "ok   Catalog credentials: " in said


def test_a_dry_run_says_that_the_refresh_would_be_refused(mode_catalog: CommandLine) -> None:
    typed = ("refresh", "--collection", "*", "--dry-run")
    runs = mode_catalog.json(*typed)["runs"]
    assert runs > 1
    done = mode_catalog(*typed, "--max-runs", "1")
    assert done.returncode == 0
    assert f"{runs} would be run, " in done.stdout
    assert "More than --max-runs 1: " in done.stdout
    assert mode_catalog.json(*typed, "--max-runs", "1")["refused"]
    assert "More than" not in mode_catalog(*typed, "--max-runs", "99").stdout


def test_a_secret_file_that_everybody_can_read_is_told(mode_catalog: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(mode_catalog.environment["CASTOR_MODE_ANALYTICS_SECRET"])
    file.chmod(0o644)
    typed = ("check", "--mode-secret-file", file)
    assert f"Everybody on this machine can read the secret file {file}" in mode_catalog(*typed).stderr
    file.chmod(0o600)
    assert "Everybody" not in mode_catalog(*typed).stderr


@pytest.mark.parametrize("typed", [("upload", "-d"), ("upload", "-f"), ("audit", "-d")], ids=" ".join)
def test_a_folder_that_is_not_there_is_told_without_a_lecture_on_workers(
    typed: tuple[str, str], mode_catalog: CommandLine, tmp_path: Path
) -> None:
    done = mode_catalog(*typed, tmp_path / "typo")
    assert done.returncode == 5
    assert "worker" not in done.stderr
    assert f"There is no {tmp_path / 'typo'}" in done.stderr


def test_a_flag_is_called_by_its_name(mode_catalog: CommandLine) -> None:
    said = mode_catalog("refresh", "--collection", "nowhere*").stderr
    assert said.startswith("ERROR - --collection: ")


def test_where_the_credentials_come_from_is_told_by_the_command_lines_own_names(
    mode_catalog: CommandLine,
) -> None:
    said = mode_catalog("check", CASTOR_MODE_ANALYTICS_SECRET="wrong", CASTOR_UPLOADER_TOKEN="wrong").stdout
    assert "They come from CASTOR_MODE_ANALYTICS_TOKEN and CASTOR_MODE_ANALYTICS_SECRET" in said
    assert "It comes from CASTOR_UPLOADER_TOKEN" in said
    assert "connection" not in said


def test_datasets_among_the_reports_are_told_with_the_flag_that_leaves_them_out(
    mode_catalog: CommandLine, tmp_path: Path
) -> None:
    world = mode_catalog.sandbox.mode.world
    collection = next(one for one in world.collections if not one.personal and not one.refused)
    dataset = world.add_report(collection, "Orders", type="DatasetReport")
    told = mode_catalog("extract", "-o", tmp_path / "with").stderr
    without = mode_catalog("extract", "-o", tmp_path / "without", "--no-include-datasets").stderr
    world.remove_report(dataset)
    assert "Datasets among the reports (DatasetReport): 1; to leave them out: " in told
    assert "--no-include-datasets" in told
    assert "DatasetReport" not in without


def test_datasets_are_left_out_when_that_is_asked(mode_catalog: CommandLine, tmp_path: Path) -> None:
    mode_catalog.json("extract", "-o", tmp_path, "--no-include-datasets")
    [file] = tmp_path.glob("*-report.json")
    assert {row["type"] for row in json.loads(file.read_text())} == {"Report"}


def test_earlier_sets_stay_unless_keep_says_otherwise(mode_catalog: CommandLine, tmp_path: Path) -> None:
    for _ in range(2):
        mode_catalog.json("extract", "-o", tmp_path)
    assert len(list(tmp_path.glob("*.manifest"))) == 2
    mode_catalog.json("extract", "-o", tmp_path, "--keep", "1")
    assert len(list(tmp_path.glob("*.manifest"))) == 1
