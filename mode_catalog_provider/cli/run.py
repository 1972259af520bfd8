"""Run one command and turn its end, good or bad, into an exit code."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import signal
import traceback
from pathlib import Path
from types import FrameType
from typing import NoReturn

from mode_catalog_provider.cli.arguments import module_of
from mode_catalog_provider.cli.connections import warn_of_open_secrets
from mode_catalog_provider.cli.environment import ENVIRONMENT, UsageError, fill_from_environment
from mode_catalog_provider.cli.output import USAGE, Output, exit_code, of_a_store
from mode_catalog_provider.errors import (
    CancelledError,
    CatalogAuthenticationError,
    ModeAuthenticationError,
    ModeCatalogError,
)
from mode_catalog_provider.text import visible

log = logging.getLogger(__name__)

#: Whoever wants to see where an error came from sets this variable.
DEBUG = "MODE_CATALOG_DEBUG"

_FULL = ". The disk is full: make room where the files go and in the temporary folder, then try again."
_ADVICE = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: ". A file may not grow so large here: look at `ulimit -f` and at the file system.",
    errno.EROFS: ". Nothing can be written there: name another folder.",
    errno.EACCES: ". Name another folder, or have its owner let you in.",
}


_HINTS: dict[type, str] = {
    ModeAuthenticationError: f" They come from {ENVIRONMENT['mode_token']} and {ENVIRONMENT['mode_secret']}, "
    "or from a flag and a file (see --help).",
    CatalogAuthenticationError: f" It comes from {ENVIRONMENT['catalog_token']}, or a file (see --help).",
}


def run(arguments: argparse.Namespace) -> int:
    """Run the command that ``arguments`` name and return the exit code."""
    arguments.typed = {name for name, value in vars(arguments).items() if value is not None}
    output = Output(quiet=arguments.quiet, as_json=arguments.json)
    command = module_of(arguments.command)
    # A scheduler ends a job with SIGTERM: that must clean up just as Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        fill_from_environment(arguments, os.environ)
        warn_of_open_secrets(arguments)
        return int(command.run(arguments, output))
    except UsageError as error:
        log.error("%s See mode-catalog %s --help.", error, arguments.command)
        output.error(error)
        return USAGE
    except (KeyboardInterrupt, CancelledError) as error:
        message = f"Interrupted. {command.LEFT_BEHIND}"
        log.error("%s", message)
        output.error(error, message)
        return exit_code(error)
    except Exception as error:
        message = _sentence(error)
        log.error("%s", message, exc_info=bool(os.environ.get(DEBUG)))
        output.error(error, message)
        return exit_code(error)


def _sentence(error: Exception) -> str:
    """Return what is told of an error, ours or not."""
    if isinstance(error, ModeCatalogError):
        return f"{error}{_HINTS.get(type(error), '')}"
    said = str(error) or type(error).__name__
    if isinstance(error, OSError):
        return f"{said}{_ADVICE.get(error.errno or 0, '')}"
    if of_a_store(error):
        return f"The object store did not do what was asked: {visible(said, 300)}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"An error that this program did not foresee, in {Path(frame.filename).name} line {frame.lineno}: "
        f"{type(error).__name__}, {visible(said, 300)}. Please report it, with what {DEBUG}=1 prints."
    )


def _interrupt(_signum: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
