"""`make run`: a sandbox (unless real connections are given), a real Airflow, one run of the sync DAG."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from tests.demo.standalone import AirflowNotReadyError, StandaloneAirflow, standalone_airflow
from tests.sandbox import Sandbox, WorkspaceShape

ROOT = Path(__file__).resolve().parents[2]
DAG_ID = "mode_catalog_sync"
CONNECTIONS = ("AIRFLOW_CONN_MODE_DEFAULT", "AIRFLOW_CONN_COALESCE_CATALOG_DEFAULT")
DEMO_SHAPE = WorkspaceShape(collections=8, reports=60, members=12, nasty=True, seed=1)
ASSETS = ("datasource", "collection", "report", "query", "member")


@contextmanager
def _connections(folder: Path) -> Iterator[Mapping[str, str]]:
    """Yield the connection variables: the user's own ones, or those of a sandbox started here."""
    given = [name for name in CONNECTIONS if os.environ.get(name)]
    if len(given) == len(CONNECTIONS):
        print("Using the Mode and Catalog connections given in the environment.")
        yield {}
        return
    if given:
        missing = next(name for name in CONNECTIONS if name not in given)
        raise SystemExit(
            f"{given[0]} is set but {missing} is not: set both for a real run, or none for the sandbox."
        )
    # A sandbox forgets what was pushed to it, so the staging area of an earlier one means nothing any more.
    shutil.rmtree(folder / "staging", ignore_errors=True)
    with Sandbox(shape=DEMO_SHAPE) as sandbox:
        print(f"Sandbox: Mode at {sandbox.mode.url}, Catalog at {sandbox.catalog.ingest_url}")
        yield {f"AIRFLOW_CONN_{conn_id.upper()}": value for conn_id, value in sandbox.connections().items()}


def _settings(folder: Path) -> dict[str, str]:
    """Return the DAG's settings, as far as the user's environment does not say otherwise."""
    settings = {
        "AIRFLOW__MODE_CATALOG__OUTPUT_DIR": str(folder / "staging"),
        # Unpausing a scheduled DAG starts a run at once, and this command starts one of its own.
        "AIRFLOW__MODE_CATALOG__SCHEDULE": "none",
    }
    return {name: os.environ.get(name, value) for name, value in settings.items()}


def _print_result(airflow: StandaloneAirflow, run_id: str) -> None:
    extracted: dict[str, Any] = airflow.xcom(DAG_ID, run_id, "extract")
    uploaded: dict[str, Any] = airflow.xcom(DAG_ID, run_id, "upload")
    print(f"\nUploaded to Catalog source {uploaded['source_id']}:")
    for asset in ASSETS:
        left_out = extracted["left_out"].get(asset, 0)
        print(
            f"  {asset:<12}{extracted['rows'][asset]:>8} rows"
            + (f"  ({left_out} left out)" if left_out else "")
        )
    print(f"  {len(uploaded['pushed'])} files, {uploaded['bytes']:,} bytes")
    print(f"  {extracted['requests']} requests to Mode in {extracted['seconds']:.0f} s")
    print(f"  Staged in {extracted['directory']}")


def _run_sync(airflow: StandaloneAirflow, timeout: float) -> bool:
    run_id = f"make_run__{time.strftime('%Y%m%dT%H%M%S')}"
    airflow.wait_for_dag(DAG_ID)
    airflow.trigger(DAG_ID, run_id=run_id)
    print(f"Running {DAG_ID} ({run_id}) ...")
    for task_id, state in airflow.watch(DAG_ID, run_id, timeout=timeout):
        if state not in (None, "scheduled", "queued"):
            print(f"  {task_id:<24}{state}")
    succeeded = airflow.run_state(DAG_ID, run_id) == "success"
    if succeeded:
        _print_result(airflow, run_id)
    else:
        print(f"\nThe run failed. See {airflow.url}/dags/{DAG_ID}/runs/{run_id} and {airflow.home / 'logs'}")
    return succeeded


def _wait_for_ctrl_c() -> None:
    while True:
        signal.pause()


def _interrupted(_signum: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument(
        "--once", action="store_true", help="stop after the sync; exit code 0 only on success"
    )
    parser.add_argument(
        "--folder", type=Path, default=ROOT / ".demo", help="home of Airflow and the staging area"
    )
    parser.add_argument("--timeout", type=float, default=900, help="seconds for the DAG run (default 900)")
    arguments = parser.parse_args()
    # A hang-up or a `kill` must clean up just as Ctrl-C does, and Ctrl-C also where a shell started
    # this in the background, with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    folder = arguments.folder.resolve()
    shutil.rmtree(folder / "airflow", ignore_errors=True)
    with ExitStack() as stack:
        connections = stack.enter_context(_connections(folder))
        print("Starting Airflow (half a minute) ...")
        airflow = stack.enter_context(
            standalone_airflow(
                home=folder / "airflow",
                dags=ROOT / "dags",
                environment={**connections, **_settings(folder)},
            )
        )
        # Runs first on the way out: a second Ctrl-C while stopping would only leave processes behind.
        stack.callback(signal.signal, signal.SIGINT, signal.SIG_IGN)
        succeeded = _run_sync(airflow, arguments.timeout)
        print(f"\nAirflow UI: {airflow.url}   login: admin   password: {airflow.password}")
        if not arguments.once:
            print("Stop everything with Ctrl-C.", flush=True)
            _wait_for_ctrl_c()
        print("Stopping ...")
    return 0 if succeeded else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nStopped.")
        sys.exit(130)
    except AirflowNotReadyError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
