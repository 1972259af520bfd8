"""What is printed: log lines, a progress bar on a terminal, the result."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

LOGGER = "mode_catalog_provider"


class Output:
    """The command's mouth: log lines and progress on stderr, the result on stdout.

    :param quiet: warnings and errors only, no result either.
    :param as_json: the result as one JSON object.
    """

    def __init__(self, *, quiet: bool, as_json: bool) -> None:
        self.quiet = quiet
        self.as_json = as_json
        self._console = Console(stderr=True)
        # On a terminal, lines are written above the live bar; elsewhere they are plain, one a line.
        handler: logging.Handler
        if self._console.is_terminal:
            handler = RichHandler(console=self._console, show_path=False, show_time=False, markup=False)
            handler.setFormatter(logging.Formatter("%(message)s"))
        else:
            handler = logging.StreamHandler(sys.stderr)
            handler.setFormatter(logging.Formatter("%(levelname)s - %(message)s"))
        logger = logging.getLogger(LOGGER)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.WARNING if quiet else logging.INFO)

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
            print(json.dumps(result))
        elif not self.quiet:
            print("\n".join(lines))
