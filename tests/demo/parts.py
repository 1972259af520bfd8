"""The parts of one Airflow on this machine, as forks of one process that has imported Airflow once.

``python -P -u parts.py [KEPT]`` is `airflow standalone` without importing Airflow five times, and the product
in each task: each part is Airflow's own command, in a fork, with its log and its process id in files of
`AIRFLOW_HOME`. `airflow db migrate` makes the database, or it is copied from the file KEPT, where an empty
one is left for the next time.
"""

from __future__ import annotations

import gc
import os
import sqlite3
import sys
import traceback
from collections.abc import Callable
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

#: The API server first: it takes longest.
PARTS = ("api-server", "scheduler", "dag-processor", "triggerer")
SHARED = (
    "airflow.cli.commands.api_server_command",
    "airflow.cli.commands.dag_processor_command",
    "airflow.cli.commands.scheduler_command",
    "airflow.cli.commands.triggerer_command",
    "airflow.executors.local_executor",
    "airflow.dag_processing.processor",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.api_fastapi.execution_api.app",
    "airflow.api_fastapi.execution_api.routes",
    "airflow.api_fastapi.execution_api.versions",
    "airflow.migrations.utils",
    "airflow.utils.serve_logs",
    "alembic.runtime.environment",
)


def main(kept: Path | None = None) -> None:
    home = Path(os.environ["AIRFLOW_HOME"])
    database = home / "airflow.db"
    if known := kept is not None and kept.exists():
        _copy(kept, database)
    # As late as this, and in this order: Airflow's own start imports its settings so.
    from airflow import configuration  # noqa: F401
    from airflow.cli import cli_parser
    from airflow.configuration import write_default_airflow_configuration_if_needed

    write_default_airflow_configuration_if_needed()
    parser = cli_parser.get_parser()

    def command(*words: str) -> Callable[[], None]:
        def run() -> None:
            # Airflow's record of what was done, and its own parts, know a command by these.
            sys.argv = ["airflow", *words]
            arguments = parser.parse_args(words)
            arguments.func(arguments)

        return run

    _import_what_all_need()
    if not known:
        made = _forked(command("db", "migrate"))
        if code := os.waitstatus_to_exitcode(os.waitpid(made, 0)[1]):
            sys.exit(code)
        if kept is not None:
            _copy(database, kept)
    # What is there now is shared by all, and no collector needs to look at it again.
    gc.freeze()
    for part in PARTS:
        pid = _forked(command(part), log=home / f"{part}.log")
        (home / "partial").write_text(str(pid))
        (home / "partial").replace(home / f"{part}.pid")
    for _ in PARTS:
        os.wait()


def _import_what_all_need() -> None:
    """Import what each part, each task and each reading of a DAG file would import by itself."""
    for module in SHARED:
        # One that this version of Airflow does not have is imported by no part.
        with suppress(ModuleNotFoundError):
            import_module(module)
    dags = import_module("mode_catalog_provider.dags")
    for builder in dags.__all__:
        getattr(dags, builder)


def _forked(run: Callable[[], None], *, log: Path | None = None) -> int:
    """Run something in a fork; return the fork's process id."""
    pid = os.fork()
    if pid == 0:
        _run_and_exit(run, log)
    return pid


def _run_and_exit(run: Callable[[], None], log: Path | None) -> NoReturn:
    code = 1
    try:
        if log is not None:
            with log.open("ab") as file:
                os.dup2(file.fileno(), sys.stdout.fileno())
                os.dup2(file.fileno(), sys.stderr.fileno())
        run()
        code = 0
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _copy(source: Path, destination: Path) -> None:
    """Copy a database; it is there whole or not at all."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    partial = destination.with_name(f"{destination.name}.{os.getpid()}")
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(partial)) as written:
        read.backup(written)
    partial.replace(destination)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
