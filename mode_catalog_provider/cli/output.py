"""What a command leaves: log lines, a progress bar on a terminal, the result, the exit code."""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from mode_catalog_provider.errors import (
    AuthenticationError,
    CancelledError,
    ConfigurationError,
    ForbiddenError,
    LockError,
    ModeCatalogError,
    SnapshotError,
    TooManyRunsError,
    UploadConflictError,
)
from mode_catalog_provider.text import printable

LOGGER = "mode_catalog_provider"

# Exit codes, by kind of end.
DONE = 0
FAULT = 1
USAGE = 2
CONFIGURATION = 3
SERVICE = 4
REFUSED = 5
INTERRUPTED = 130


class Output:
    """The command's mouth: log lines and progress on stderr, the result on stdout.

    :param quiet: warnings and errors only, no result either.
    :param as_json: the result as one JSON object.
    """

    def __init__(self, *, quiet: bool, as_json: bool) -> None:
        self.quiet = quiet
        self.as_json = as_json
        self._answered = False
        self._console = Console(stderr=True)
        # On a terminal, lines are written above the live bar; elsewhere they are plain, one a line.
        handler: logging.Handler
        if self._console.is_terminal:
            handler = RichHandler(console=self._console, show_path=False, show_time=False, markup=False)
            handler.setFormatter(_Lines("%(message)s"))
        else:
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(_Lines("%(levelname)s - %(message)s"))
        # A reader of stderr that went away is nothing to write a stack about.
        logging.raiseExceptions = False
        logger = logging.getLogger(LOGGER)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.WARNING if quiet else logging.INFO)

    @property
    def width(self) -> int | None:
        """Characters of a line of the terminal that shows the result, ``None`` where none does."""
        return shutil.get_terminal_size().columns if sys.stdout.isatty() else None

    @contextmanager
    def progress(self) -> Iterator[Callable[[str, int], None] | None]:
        """Yield a callback ``(asset, rows so far)`` that drives a bar, or ``None`` off a terminal."""
        if self.quiet or not self._console.is_terminal:
            yield None
            return
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description:<12}"),
            TextColumn("{task.completed:>9,.0f} rows"),
        )
        with Progress(*columns, TimeElapsedColumn(), console=self._console, transient=True) as bars:
            tasks: dict[str, Any] = {}

            def advance(asset: str, rows: int) -> None:
                if asset not in tasks:
                    tasks[asset] = bars.add_task(asset, total=None)
                bars.update(tasks[asset], completed=rows)

            yield advance

    def result(self, result: Mapping[str, Any], lines: list[str]) -> None:
        """Print the result: ``result`` as JSON, or ``lines`` for a reader."""
        if self.as_json:
            self._print(_as_json(result))
        elif not self.quiet:
            self._print("\n".join(printable(line) for line in lines))

    def pieces(self, pieces: Iterable[str]) -> None:
        """Print a result piece by piece, for one that may be longer than what fits into memory."""
        if self.quiet and not self.as_json:
            return
        self._answered = True
        try:
            for piece in pieces:
                sys.stdout.write(piece)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def error(self, error: BaseException, message: str | None = None) -> None:
        """Print what ended the command as JSON, where JSON was asked for and nothing was printed yet.

        :param message: the sentence, default that of the error.
        """
        if self.as_json and not self._answered:
            self._print(_as_json({"error": type(error).__name__, "message": message or str(error)}))

    def _print(self, text: str) -> None:
        self._answered = True
        try:
            print(text, flush=True)
        except BrokenPipeError:
            # Whoever reads only the head of it (`| head`) has what he wanted; the work is done all the same.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Lines(logging.Formatter):
    """Log lines in which nobody else's text begins a line or moves a terminal's cursor."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's text; lines after the first are indented."""
        return "\n  ".join(printable(line) for line in super().format(record).split("\n"))


def _as_json(result: Mapping[str, Any]) -> str:
    """Return one JSON object, whatever a service or a file put into the result."""
    try:
        return json.dumps(result, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return json.dumps(_plain(result, depth=50), allow_nan=False)


def _plain(value: Any, *, depth: int) -> Any:
    """Return a value as JSON can hold it: no number that is none, nothing that has no form there."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float):
        return value
    if not depth:
        return "…"
    if isinstance(value, Mapping):
        return {str(key): _plain(of, depth=depth - 1) for key, of in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(of, depth=depth - 1) for of in value]
    return str(value)


def exit_code(error: BaseException) -> int:
    """Return the exit code that tells a scheduler what kind of failure ``error`` is."""
    match error:
        case KeyboardInterrupt() | CancelledError():
            return INTERRUPTED
        case SnapshotError() | LockError() | UploadConflictError() | TooManyRunsError():
            return REFUSED
        # An OSError is about the output folder: failures of the services have types of their own.
        case ConfigurationError() | AuthenticationError() | ForbiddenError() | OSError():
            return CONFIGURATION
        case ModeCatalogError():
            return SERVICE
    return SERVICE if of_a_store(error) else FAULT


def of_a_store(error: BaseException) -> bool:
    """Return whether an error comes from the library of an object store, which has a tree of its own."""
    libraries = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    return not libraries.isdisjoint(
        ("botocore", "aiobotocore", "aiohttp", "azure", "google", "gcsfs", "s3fs")
    )
