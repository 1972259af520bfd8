"""Folders as they are typed, for every command."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from mode_catalog_provider.cli.arguments import module_of, parser
from mode_catalog_provider.cli.environment import UsageError
from mode_catalog_provider.cli.output import Output
from mode_catalog_provider.cli.places import folder_of
from mode_catalog_provider.cli.values import seconds
from mode_catalog_provider.errors import ConfigurationError

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


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "1e30", "a"])
def test_a_wait_that_no_platform_can_hold_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        seconds(text)
