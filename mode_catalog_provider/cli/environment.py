"""The variables of the vendor's commands, so that their settings carry over. Imports nothing heavy."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import TypeVar

from mode_catalog_provider.cli.values import count, positive


class UsageError(Exception):
    """The command line lacks something; the message says what."""


#: The variable that stands in for an argument, by the argument's name.
ENVIRONMENT = {
    "host": "CASTOR_MODE_ANALYTICS_HOST",
    "workspace": "CASTOR_MODE_ANALYTICS_WORKSPACE",
    "mode_token": "CASTOR_MODE_ANALYTICS_TOKEN",
    "mode_secret": "CASTOR_MODE_ANALYTICS_SECRET",
    "output": "CASTOR_OUTPUT_DIRECTORY",
    "catalog_token": "CASTOR_UPLOADER_TOKEN",
    "source_id": "CASTOR_UPLOADER_SOURCE_ID",
    "file_type": "CASTOR_UPLOADER_FILE_TYPE",
    "zone": "CASTOR_UPLOADER_ZONE",
    "file_path": "CASTOR_UPLOADER_FILE_PATH",
    "directory_path": "CASTOR_UPLOADER_DIRECTORY_PATH",
}
#: Seconds for each read of a request.
DEFAULT_TIMEOUT = 60.0

#: What the vendor tells people to raise when uploads fail.
TIMEOUT, RETRIES = "CASTOR_TIMEOUT_OVERRIDE", "CASTOR_RETRY_OVERRIDE"

Number = TypeVar("Number", int, float)

DEFAULTS = {"host": "https://modeanalytics.com", "zone": "EU", "file_type": "VIZ"}


def fill_from_environment(arguments: argparse.Namespace, environment: Mapping[str, str]) -> None:
    """Complete what was not typed from the environment, then from the defaults.

    :param environment: names count without regard to case, as for the vendor's commands; an empty variable is
        none.
    :raises UsageError: a variable holds something else than the number that it should.
    """
    path_typed = bool(getattr(arguments, "file_path", None) or getattr(arguments, "directory_path", None))
    if arguments.timeout is None:
        seconds = _override(environment, TIMEOUT, positive) if arguments.command == "upload" else None
        arguments.timeout = seconds or DEFAULT_TIMEOUT
    arguments.retries = _override(environment, RETRIES, count) if arguments.command == "upload" else None
    for name, variable in ENVIRONMENT.items():
        # A typed path says what to upload: a variable must not add a second one.
        if name in ("file_path", "directory_path") and path_typed:
            continue
        if name in ("mode_secret", "catalog_token") and getattr(arguments, f"{name}_file", None):
            continue
        if hasattr(arguments, name) and getattr(arguments, name) is None:
            setattr(arguments, name, variable_of(environment, variable) or DEFAULTS.get(name))


def _override(environment: Mapping[str, str], name: str, read: Callable[[str], Number]) -> Number | None:
    value = variable_of(environment, name)
    if value is None:
        return None
    try:
        return read(value.strip())
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{name}: {error}.") from None


def variable_of(environment: Mapping[str, str], name: str) -> str | None:
    """Return a variable, in whatever case its name is written; ``None`` when it is not set, or empty."""
    if environment.get(name):
        return environment[name]
    return next((value for key, value in environment.items() if value and key.upper() == name), None)


def with_variable(name: str, text: str) -> str:
    """Return the help of an argument that a variable can stand in for."""
    default = f", default {DEFAULTS[name]}" if name in DEFAULTS else ""
    return f"{text} [{ENVIRONMENT[name]}{default}]"
