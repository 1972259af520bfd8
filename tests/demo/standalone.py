"""Start, watch and stop one real Airflow of four processes (SQLite, LocalExecutor) on free ports."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import distributions
from pathlib import Path
from typing import IO, Any

import psutil
import requests

from tests.demo.parts import PARTS
from tests.demo.ports import give_port_back, take_port

FINISHED = ("success", "failed")
_AUTH_MANAGER = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class AirflowNotReadyError(RuntimeError):
    """Airflow stopped, or did not become healthy in time; the message ends with its last log lines."""


class StandaloneAirflow:
    """What `airflow standalone` starts, in a process group of its own: see :mod:`tests.demo.parts`.

    :param home: AIRFLOW_HOME; created when missing.
    :param dags: folder with the DAG files.
    :param environment: further environment variables (connections, configuration) for every Airflow process.
    :param inherited: the environment they are added to; default: this process's own.
    :param parallelism: number of LocalExecutor workers; each costs about 60 MB.
    :param port: port of the web server, or the next one that is free.
    :param kept: folder where an empty database is kept for the next Airflow of the same packages; default:
        none is kept.
    :param program: what starts the parts, default :mod:`tests.demo.parts` in this environment.
    """

    def __init__(
        self,
        *,
        home: Path,
        dags: Path,
        environment: Mapping[str, str] | None = None,
        inherited: Mapping[str, str] | None = None,
        parallelism: int = 4,
        port: int = 8080,
        kept: Path | None = None,
        program: Sequence[str] | None = None,
    ) -> None:
        self.home = home
        self.dags = dags
        self._program = program or [sys.executable, "-P", "-u", str(Path(__file__).with_name("parts.py"))]
        self._kept = kept
        self.port = take_port(port)
        self._log_ports = (take_port(18793), take_port(18794))
        self.password = secrets.token_urlsafe(9)
        self._jwt_secret = secrets.token_urlsafe(64)
        self._parallelism = parallelism
        self._extra = dict(environment or {})
        self._inherited = dict(os.environ if inherited is None else inherited)
        self._process: subprocess.Popen[bytes] | None = None
        self._triggerers: list[subprocess.Popen[bytes]] = []
        self._ended: set[int] = set()
        self._log: IO[bytes] | None = None
        self._bearer = ""

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def log_file(self) -> Path:
        """What was said before the parts were started."""
        return self.home / "airflow.log"

    def log_of(self, part: str) -> Path:
        """The log of one of :data:`tests.demo.parts.PARTS`."""
        return self.home / f"{part}.log"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the Airflow processes, for commands such as `airflow backfill` beside them."""
        return {
            **self._inherited,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{self._inherited.get('PATH', '')}",
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__AUTH_MANAGER": _AUTH_MANAGER,
            # Python 3.14 would rather import Airflow anew for each worker.
            "AIRFLOW__CORE__MP_START_METHOD": "fork",
            "AIRFLOW__CORE__PARALLELISM": str(self._parallelism),
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            # SQLite lets one process write at a time, and a busy machine keeps the others waiting for long.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db?timeout=60",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API_AUTH__JWT_SECRET": self._jwt_secret,
            # Workers derive the execution API from the base URL of the configuration they were started with.
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            # Its first answer takes longer than the five seconds that a worker waits, on a busy machine.
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(self._log_ports[0]),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self._log_ports[1]),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
            # So does reading a DAG: by default what takes half a minute is an import error.
            "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
            "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "300",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            **self._extra,
        }

    def start(self, *, timeout: float = 400) -> None:
        """Start it and wait until every part reports healthy."""
        self.begin()
        self.wait_until_healthy(timeout=timeout)

    def begin(self) -> None:
        """Start it, and wait for nothing."""
        self.home.mkdir(parents=True, exist_ok=True)
        passwords = self.home / "simple_auth_manager_passwords.json.generated"
        passwords.write_text(json.dumps({"admin": self.password}))
        passwords.chmod(0o600)
        self._log = self.log_file.open("ab")
        self._process = subprocess.Popen(
            [*self._program, *([] if self._kept is None else [self._kept / f"empty-{_packages()}.db"])],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait_until_healthy(self, *, timeout: float = 400) -> None:
        """Wait until every part reports healthy; one that ended is told within a second."""
        deadline = time.monotonic() + timeout
        while not self._healthy():
            self._refuse_dead_parts()
            if time.monotonic() > deadline:
                raise AirflowNotReadyError(
                    f"Airflow was not healthy after {timeout:.0f} s.\n{self._log_tail()}"
                )
            time.sleep(0.5)

    def stop(self, *, patience: float = 30) -> None:
        """End the whole process group: ending the parent alone leaves orphans that keep port and database.

        :param patience: seconds that the parts and running tasks have to end by themselves; with 0 they are
            not asked.
        """
        process, self._process = self._process, None
        if process is None:
            return
        for triggerer in self._triggerers:
            _signal_group(triggerer.pid, signal.SIGKILL)
            triggerer.wait()
        for sig, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 10)):
            if not seconds:
                continue
            if not _signal_group(process.pid, sig):
                break
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                process.poll()
                if not _signal_group(process.pid, 0):
                    break
                time.sleep(0.1)
        process.wait()
        if self._log is not None:
            self._log.close()
        for port in (self.port, *self._log_ports):
            give_port_back(port)

    def kill_triggerer(self) -> None:
        """End the triggerer at once, as when its machine is lost."""
        assert self._process is not None
        for triggerer in self._triggerers:
            _signal_group(triggerer.pid, signal.SIGKILL)
        triggerer = psutil.Process(self._pids()["triggerer"])
        self._ended.add(triggerer.pid)
        for process in (triggerer, *triggerer.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def start_triggerer(self) -> None:
        """Start another one; it ends with the rest."""
        another = subprocess.Popen(
            [str(Path(sys.executable).parent / "airflow"), "triggerer", "--skip-serve-logs"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._triggerers.append(another)

    # -- REST API ------------------------------------------------------------

    def api(self, method: str, path: str, **kwargs: Any) -> Any:
        """Call Airflow's public REST API and return the JSON answer."""
        if not self._bearer:
            login = {"username": "admin", "password": self.password}
            answer = requests.post(f"{self.url}/auth/token", json=login, timeout=120)
            answer.raise_for_status()
            self._bearer = answer.json()["access_token"]
        # On a busy machine one answer can take minutes; asking again does no harm where nothing is changed.
        for left in (4 if method == "GET" else 0, 3, 2, 1, 0):
            try:
                answer = requests.request(
                    method,
                    f"{self.url}/api/v2/{path}",
                    headers={"Authorization": f"Bearer {self._bearer}"},
                    timeout=120,
                    **kwargs,
                )
                break
            except requests.Timeout:
                self._refuse_dead_parts()
                if not left:
                    raise
        if answer.status_code >= 400:
            raise requests.HTTPError(f"{answer.status_code} {answer.text[:1000]}", response=answer)
        return answer.json() if answer.content else None

    def wait_for_dag(self, dag_id: str, *, timeout: float = 240) -> None:
        """Wait until the DAG processor has read the DAG, then unpause it."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.api("PATCH", f"dags/{dag_id}", json={"is_paused": False})
                return
            except requests.HTTPError:
                self._refuse_dead_parts()
                if time.monotonic() > deadline:
                    errors = self.api("GET", "importErrors")["import_errors"]
                    raise AirflowNotReadyError(
                        f"DAG {dag_id} did not appear; import errors: {errors}"
                    ) from None
            time.sleep(0.5)

    def trigger(self, dag_id: str, *, run_id: str, conf: Mapping[str, Any] | None = None) -> None:
        body = {"logical_date": None, "dag_run_id": run_id, "conf": dict(conf or {})}
        self.api("POST", f"dags/{dag_id}/dagRuns", json=body)

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        rows = self.api("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {row["task_id"]: row["state"] for row in rows}

    def run_state(self, dag_id: str, run_id: str) -> str:
        return str(self.api("GET", f"dags/{dag_id}/dagRuns/{run_id}")["state"])

    def watch(self, dag_id: str, run_id: str, *, timeout: float) -> Iterator[tuple[str, str | None]]:
        """Yield each change of a task's state until the run is finished."""
        seen: dict[str, str | None] = {}
        deadline = time.monotonic() + timeout
        while True:
            finished = self.run_state(dag_id, run_id) in FINISHED
            for task_id, state in sorted(self.task_states(dag_id, run_id).items()):
                if seen.get(task_id) != state:
                    seen[task_id] = state
                    yield task_id, state
            if finished:
                return
            self._refuse_dead_parts()
            if time.monotonic() > deadline:
                raise AirflowNotReadyError(
                    f"{dag_id} {run_id} was not finished after {timeout:.0f} s: {seen}"
                )
            time.sleep(0.5)

    def wait_for_run(self, dag_id: str, run_id: str, *, timeout: float = 300) -> str:
        for _ in self.watch(dag_id, run_id, timeout=timeout):
            pass
        return self.run_state(dag_id, run_id)

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        value = self.api("GET", path, params={"deserialize": "true"})["value"]
        return json.loads(value) if isinstance(value, str) and value[:1] in "{[" else value

    def try_xcom(self, dag_id: str, run_id: str, task_id: str, key: str) -> Any:
        """Return what a task left, ``None`` when it left nothing (it was skipped, say)."""
        try:
            return self.xcom(dag_id, run_id, task_id, key)
        except requests.HTTPError:
            return None

    # -- inside ------------------------------------------------------------

    def _refuse_dead_parts(self) -> None:
        """Raise when Airflow, or one of the processes that make it up, has ended by itself."""
        if self._process is None:
            return
        if self._process.poll() is not None:
            raise AirflowNotReadyError(f"Airflow stopped.\n{self._log_tail()}")
        for part, pid in self._pids().items():
            if pid not in self._ended and not _lives(pid):
                raise AirflowNotReadyError(
                    f"Airflow's {part} ended: {self._last_words(part)}\nThe whole log: {self.log_of(part)}"
                )

    def _pids(self) -> dict[str, int]:
        """The parts that were started, and their process ids."""
        files = {part: self.home / f"{part}.pid" for part in PARTS}
        return {part: int(file.read_text()) for part, file in files.items() if file.exists()}

    def _last_words(self, part: str) -> str:
        """Return the last error that a part logged, else its last line."""
        text = _COLOURS.sub("", self.log_of(part).read_text(errors="replace"))
        said = [line.strip() for line in text.splitlines() if line.strip()]
        errors = [line for line in said if re.match(r"[\w.]*(Error|Exception|Interrupt)\b", line)]
        return next(iter((errors or said)[-1:]), "it said nothing")

    def _healthy(self) -> bool:
        try:
            health = requests.get(f"{self.url}/api/v2/monitor/health", timeout=5).json()
        except (requests.RequestException, ValueError):
            return False
        parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all((health.get(part) or {}).get("status") == "healthy" for part in parts)

    def _log_tail(self, lines: int = 30) -> str:
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _packages() -> str:
    """Return what stands for all installed packages: the tables that Airflow makes depend on nothing else."""
    versions = sorted(f"{package.name}=={package.version}" for package in distributions())
    return hashlib.sha256("\n".join(versions).encode()).hexdigest()[:16]


def _signal_group(group: int, sig: int) -> bool:
    """Send ``sig`` to the group; False when nobody is left in it."""
    try:
        os.killpg(group, sig)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def standalone_airflow(**kwargs: Any) -> Iterator[StandaloneAirflow]:
    """Run a :class:`StandaloneAirflow` for the length of a `with` block."""
    airflow = StandaloneAirflow(**kwargs)
    try:
        airflow.start()
        yield airflow
    finally:
        airflow.stop(patience=0)
