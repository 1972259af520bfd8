"""Run one command and turn its end, good or bad, into an exit code."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from mode_catalog_provider.cli.arguments import fill_from_environment
from mode_catalog_provider.cli.audit import audit
from mode_catalog_provider.cli.check import check
from mode_catalog_provider.cli.console import Output
from mode_catalog_provider.cli.exit_codes import USAGE, exit_code
from mode_catalog_provider.cli.extract import extract
from mode_catalog_provider.cli.refresh import refresh
from mode_catalog_provider.cli.unlock import unlock
from mode_catalog_provider.cli.upload import upload
from mode_catalog_provider.cli.usage import UsageError
from mode_catalog_provider.errors import CancelledError, ModeCatalogError

log = logging.getLogger(__name__)

COMMANDS: dict[str, Callable[[argparse.Namespace, Output], int]] = {
    "extract": extract,
    "upload": upload,
    "refresh": refresh,
    "audit": audit,
    "check": check,
    "unlock": unlock,
}

_NO_SET = "Nothing that could be taken for a complete set was left behind."
_LEFT_BEHIND = {
    "extract": _NO_SET,
    "upload": _NO_SET,
    "refresh": "The runs that this command started were cancelled, unless --keep-running was given.",
    "audit": "Nothing was changed.",
    "check": "Nothing was changed.",
    "unlock": "Nothing was changed.",
}


def run(arguments: argparse.Namespace) -> int:
    """Run the command that ``arguments`` name and return the exit code."""
    arguments.typed = {name for name, value in vars(arguments).items() if value is not None}
    fill_from_environment(arguments, os.environ)
    output = Output(quiet=arguments.quiet, as_json=arguments.json)
    # A scheduler ends a job with SIGTERM: that must clean up just as Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return COMMANDS[arguments.command](arguments, output)
    except UsageError as error:
        log.error("%s See mode-catalog %s --help.", error, arguments.command)
        return USAGE
    except (KeyboardInterrupt, CancelledError) as error:
        log.error("Interrupted. %s", _LEFT_BEHIND[arguments.command])
        return exit_code(error)
    except (ModeCatalogError, OSError) as error:
        log.error("%s", error)
        if arguments.json:
            print(json.dumps({"error": type(error).__name__, "message": str(error)}))
        return exit_code(error)


def _interrupt(_signum: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
