"""`mode-catalog`: extract, upload, refresh, audit, check and unlock without Airflow.

Exit codes: 0 done, 1 a fault of this program, 2 wrong usage, 3 credentials or configuration, 4 a service
failed, 5 refused (incomplete, altered, shrunk, stale, locked, too many runs, new findings), 130 interrupted.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    :param argv: the arguments without the program's name; those of the process when ``None``.
    :return: the exit code (see the module's docstring).
    """
    from mode_catalog_provider.cli.arguments import parser

    # Who closed them (`>&-`) wants to hear nothing.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows no such letter gets its number.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        arguments = parser().parse_args(argv)
        # Everything heavy (requests, rich) is imported from here on, so that `--help` answers at once.
        from mode_catalog_provider.cli.run import run

        return run(arguments)
    finally:
        _flush()


def _flush() -> None:
    """Write out what was printed; who reads only its head (`| head`) is not an error of ours."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
