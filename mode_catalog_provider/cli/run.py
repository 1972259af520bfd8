"""Run one command and turn its end, good or bad, into an exit code."""

from __future__ import annotations

import argparse
import logging
import os
import signal
from types import FrameType
from typing import NoReturn

from mode_catalog_provider.cli.arguments import module_of
from mode_catalog_provider.cli.connections import warn_of_open_secrets
from mode_catalog_provider.cli.environment import UsageError, fill_from_environment
from mode_catalog_provider.cli.output import USAGE, Output, exit_code
from mode_catalog_provider.cli.sentences import DEBUG, sentence
from mode_catalog_provider.errors import CancelledError

log = logging.getLogger(__name__)


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
        message = sentence(error)
        log.error("%s", message, exc_info=bool(os.environ.get(DEBUG)))
        output.error(error, message)
        return exit_code(error)


def _interrupt(_signum: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
