"""`make run`: a sandbox (unless real connections are given), a real Airflow, and the product's whole day."""

from __future__ import annotations

import argparse
import errno
import fcntl
import functools
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from textwrap import shorten
from types import FrameType
from typing import Any, NoReturn

import requests

from tests.demo import workspace
from tests.demo.ports import NoFreePortError
from tests.demo.standalone import AirflowNotReadyError, StandaloneAirflow
from tests.demo.told import Told
from tests.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]
SYNC, AUDIT, ARRIVAL = "mode_catalog_sync", "mode_workspace_audit", "mode_catalog_arrival"
CONNECTIONS = ("AIRFLOW_CONN_MODE_DEFAULT", "AIRFLOW_CONN_COALESCE_CATALOG_DEFAULT")
ASSETS = ("datasource", "collection", "report", "query", "member")
#: How much faster the sandbox lets requests through than Mode, which allows four a second.
SPEED = 10
#: Bytes that Airflow's database, logs and the snapshots need.
_ROOM = 300_000_000
_UNEVENTFUL = (None, "scheduled", "queued")


class Demo:
    """One demo in one folder, from the sandbox to the page.

    :param folder: home of Airflow, and the staging area.
    :param told: what is printed.
    :param timeout: seconds for one DAG run.
    """

    def __init__(self, *, folder: Path, told: Told, timeout: float) -> None:
        self.folder = folder
        self.staging = folder / "staging"
        self.told = told
        self.timeout = timeout
        self.sandbox: Sandbox | None = None

    def run(self, stack: ExitStack) -> tuple[StandaloneAirflow, bool]:
        """Start everything, let the DAGs run, and tell what came of it."""
        connections = self._connections(stack)
        airflow = StandaloneAirflow(
            home=self.folder / "airflow",
            dags=ROOT / "dags",
            environment={**connections, **self._settings()},
            kept=self.folder,
        )
        stack.callback(airflow.stop)
        with self.told.waiting_for(lambda: "Airflow to start", account="start"):
            airflow.begin()
            # Airflow takes half a minute; the snapshot that stands for yesterday's is taken meanwhile.
            if self.sandbox:
                self._yesterday(self.sandbox)
            airflow.wait_until_healthy(timeout=900)
            airflow.wait_for_dag(SYNC)
        succeeded = self._sync(airflow)
        if succeeded:
            succeeded = self._afterwards(airflow)
        return airflow, succeeded

    def _connections(self, stack: ExitStack) -> dict[str, str]:
        """Return the connection variables: none where the user gave them, else those of a sandbox."""
        given = [name for name in CONNECTIONS if os.environ.get(name)]
        if len(given) == len(CONNECTIONS):
            self.told.say("Using the Mode and Catalog connections given in the environment.")
            return {}
        if given:
            missing = next(name for name in CONNECTIONS if name not in given)
            raise SystemExit(
                f"{given[0]} is set but {missing} is not: set both for a real run, or none for the sandbox."
            )
        # A sandbox forgets what was pushed to it, so the staging area of an earlier one is worth nothing.
        shutil.rmtree(self.staging, ignore_errors=True)
        self.sandbox = stack.enter_context(Sandbox(shape=workspace.SHAPE, time_scale=1 / SPEED))
        workspace.prepare(self.sandbox.mode.world)
        self.told.say(
            f"Sandbox, {SPEED} times as fast: Mode at {self.sandbox.mode.url}, "
            f"Catalog at {self.sandbox.catalog.ingest_url}"
        )
        return self.sandbox.environment()

    def _settings(self) -> dict[str, str]:
        """Return the DAGs' settings, as far as the user's environment does not say otherwise."""
        settings = {
            "AIRFLOW__MODE_CATALOG__OUTPUT_DIR": str(self.staging),
            **({"AIRFLOW__MODE_CATALOG__INCREMENTAL": "True"} if self.sandbox else {}),
            # Unpausing a scheduled DAG starts a run at once, and this command starts those of its own.
            "AIRFLOW__MODE_CATALOG__SCHEDULE": "none",
            "AIRFLOW__MODE_CATALOG__AUDIT_SCHEDULE": "none",
            # How long the next task waits once the one before is done.
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
        }
        return {name: os.environ.get(name, value) for name, value in settings.items()}

    def _yesterday(self, sandbox: Sandbox) -> None:
        reports = workspace.snapshot(sandbox, self.staging).rows["report"]
        workspace.change(sandbox.mode.world)
        self.told.say(
            f"A snapshot of {reports} reports stands for yesterday's; since then some were changed."
        )

    # -- DAG runs ------------------------------------------------------------

    def _sync(self, airflow: StandaloneAirflow) -> bool:
        (run_id,) = self._run(airflow, SYNC)
        if run_id is None:
            return False
        extracted: dict[str, Any] = airflow.xcom(SYNC, run_id, "extract")
        uploaded: dict[str, Any] = airflow.xcom(SYNC, run_id, "upload")
        self.told.say(f"\nUploaded to Catalog source {uploaded['source_id']}:")
        for asset in ASSETS:
            left_out = extracted["left_out"].get(asset, 0)
            self.told.say(
                f"  {asset:<12}{extracted['rows'][asset]:>8} rows"
                + (f"  ({left_out} left out)" if left_out else "")
            )
        self.told.say(f"  {len(uploaded['pushed'])} files, {uploaded['bytes']:,} bytes")
        self.told.say(f"  {extracted['requests']} requests to Mode in {extracted['seconds']:.0f} s")
        self.told.say(f"  Staged in {extracted['directory']}")
        if self.sandbox:
            self.told.say("\nWhat changed since yesterday:")
            self._show(airflow.try_xcom(SYNC, run_id, "what_changed", "summary_markdown"))
        return True

    def _afterwards(self, airflow: StandaloneAirflow) -> bool:
        """What the other DAGs do later in the day: the audit, and the look at what arrived."""
        dag_ids = [AUDIT]
        if self.sandbox:
            workspace.ingest(self.sandbox)
            self.told.say(
                "\nCatalog has ingested it, but for one report, and without the lineage of another."
            )
            dag_ids.append(ARRIVAL)
        runs = dict(zip(dag_ids, self._run(airflow, *dag_ids), strict=True))
        if (run_id := runs[AUDIT]) is not None:
            self.told.say("\nWhat somebody should mend in Mode:")
            self._show(airflow.try_xcom(AUDIT, run_id, "audit", "summary_markdown"))
            families = airflow.xcom(AUDIT, run_id, "audit").get("families", 0)
            self.told.say(f"  Families of copies: {families}")
        if (run_id := runs.get(ARRIVAL)) is not None:
            self._show_arrival(airflow.xcom(ARRIVAL, run_id, "reconcile"))
        self._report()
        return all(runs.values())

    def _run(self, airflow: StandaloneAirflow, *dag_ids: str) -> list[str | None]:
        """Run DAGs side by side; return the id of each run, ``None`` for one that failed."""
        run_id = f"make_run__{time.strftime('%Y%m%dT%H%M%S')}"
        going = dict.fromkeys(dag_ids, "")
        told = self.told
        with told.waiting_for(
            lambda: ", ".join(f"{dag} ({at or 'queued'})" for dag, at in going.items()), account="run"
        ):
            for dag_id in dag_ids:
                airflow.wait_for_dag(dag_id)
                airflow.trigger(dag_id, run_id=run_id)
                told.say(f"\nRunning {dag_id} ({run_id}) ...")
            for dag_id in dag_ids:
                for task_id, state in airflow.watch(dag_id, run_id, timeout=self.timeout):
                    if state not in _UNEVENTFUL:
                        going[dag_id] = task_id
                        told.say(f"  {task_id:<24}{state}")
                del going[dag_id]
        ended: list[str | None] = []
        for dag_id in dag_ids:
            good = airflow.run_state(dag_id, run_id) == "success"
            ended.append(run_id if good else None)
            if not good:
                logs = airflow.home / "logs"
                told.say(f"\nThe run failed. See {airflow.url}/dags/{dag_id}/runs/{run_id} and {logs}")
        return ended

    # -- what is shown ------------------------------------------------------------

    def _show(self, markdown: str | None, lines: int = 25) -> None:
        shown = [line for line in (markdown or "").splitlines() if line.strip()]
        for line in shown[:lines]:
            # It is text for mails and chats: the escapes of Markdown mean nothing here.
            self.told.say(f"  {shorten(line.replace(chr(92), ''), 160, placeholder=' ...')}")
        if len(shown) > lines:
            self.told.say(f"  and {len(shown) - lines} lines more in the task's log")

    def _show_arrival(self, result: dict[str, Any]) -> None:
        self.told.say(
            f"\nArrived in Catalog: {result['arrived']} of {result['reports']} reports, "
            f"{result['with_lineage']} with lineage"
        )
        for kind in ("missing", "without_lineage"):
            for found in result["first"].get(kind, [])[:5]:
                self.told.say(f"  {kind:<16} {found['what']}")

    def _report(self) -> None:
        place = self.folder / "report.html"
        home = next(path for path in self.staging.iterdir() if path.is_dir() and path.name[0] != ".")
        done = subprocess.run(
            [sys.executable, "-m", "mode_catalog_provider.cli", "report", "-d", str(home), "-o", str(place)],
            capture_output=True,
            text=True,
        )
        if done.returncode == 0:
            self.told.say(f"\nEverything that is known, in one file: {place.as_uri()}")
        else:
            self.told.say(f"\nNo report file: {done.stderr.strip()}")


def _claimed(stack: ExitStack, wanted: Path) -> Path:
    """Return the folder, or one in it that no other demo runs in."""
    for number in range(1, 100):
        folder = wanted if number == 1 else wanted / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        lock = stack.enter_context((folder / "lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        return folder
    raise SystemExit(f"Too many demos run in {wanted}.")


def _check_room(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _ROOM:
        raise SystemExit(
            f"The disk of {folder} is full: {free / 1e6:.0f} MB are free, {_ROOM / 1e6:.0f} are needed."
        )


def _account(told: Told, parts: Iterable[str]) -> str:
    return ", ".join(f"{part} {told.account.get(part, 0):.0f} s" for part in parts)


def _interrupted(_signum: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument(
        "--once", action="store_true", help="stop after the runs; exit code 0 only on success"
    )
    parser.add_argument(
        "--folder", type=Path, default=ROOT / ".demo", help="home of Airflow and the staging area"
    )
    parser.add_argument("--timeout", type=float, default=900, help="seconds for a DAG run (default 900)")
    arguments = parser.parse_args()
    # A hang-up or a `kill` must clean up just as Ctrl-C does, and Ctrl-C also where a shell started
    # this in the background, with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    # What the first snapshot warns of is told again by the DAG; it is not the demo's to print.
    logging.getLogger().addHandler(logging.NullHandler())
    told = Told(functools.partial(print, flush=True))
    with ExitStack() as stack:
        folder = _claimed(stack, arguments.folder.resolve())
        _check_room(folder)
        shutil.rmtree(folder / "airflow", ignore_errors=True)
        demo = Demo(folder=folder, told=told, timeout=arguments.timeout)
        running = stack.enter_context(ExitStack())
        told.say("Starting Airflow (half a minute) ...")
        airflow, succeeded = demo.run(running)
        # A second Ctrl-C while stopping would only leave processes behind.
        running.callback(signal.signal, signal.SIGINT, signal.SIG_IGN)
        told.say(f"\nAirflow UI: {airflow.url}   login: admin   password: {airflow.password}")
        told.say(f"What is known of the workspace: {airflow.url}/plugin/mode-catalog")
        if not arguments.once:
            told.say("Stop everything with Ctrl-C.")
            while True:
                signal.pause()
        with told.waiting_for(lambda: "Airflow to stop", account="stop"):
            told.say("Stopping ...")
            # Nothing runs any more, and nothing of this Airflow is needed again.
            airflow.stop(patience=0)
            running.close()
        told.say(f"Seconds: {_account(told, ('start', 'run', 'stop'))}")
    return 0 if succeeded else 1


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"The disk is full: {error.filename or 'make room'}."
    if isinstance(error, requests.RequestException):
        return f"Airflow no longer answers: {error}"
    return str(error)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nStopped.")
        sys.exit(130)
    except (AirflowNotReadyError, NoFreePortError, requests.RequestException, OSError) as error:
        print(_sentence(error), file=sys.stderr)
        sys.exit(1)
