"""Start, watch and stop PostgreSQL, Redis and an Airflow with Celery workers, on free ports."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import redis

from tests.demo.standalone import AirflowNotReadyError, StandaloneAirflow, free_port

BIN = Path(sys.executable).parent
#: Seconds: short ones, so that a dead worker is noticed within a test's patience (the default is 300).
HEARTBEAT_TIMEOUT = 20


def postgres_binaries() -> Path | None:
    """The folder with `initdb` and `postgres`, ``None`` when they are not installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    found = [folder for folder in folders if (folder / "postgres").exists()]
    if found:
        return found[-1]
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


def missing_programs() -> list[str]:
    """What the stack needs and this machine lacks."""
    missing = [] if postgres_binaries() else ["postgresql"]
    return missing if shutil.which("redis-server") else [*missing, "redis-server"]


class Program:
    """One program in a process group of its own, with its output in a file."""

    def __init__(
        self, command: Sequence[str], *, log: Path, env: Mapping[str, str], user: str | None = None
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                list(command),
                env=dict(env),
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def family(self) -> list[psutil.Process]:
        try:
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def ask_to_stop(self, sig: signal.Signals = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(sig)

    def kill(self) -> None:
        """``kill -9`` of the program and everything it started, as when the machine dies."""
        for process in self.family():
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait(timeout=10)

    def stop(self, patience: float) -> None:
        family = self.family()
        self.ask_to_stop()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=patience)
        for process in family:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait(timeout=10)

    def tail(self, lines: int = 25) -> str:
        text = self.log.read_text(errors="replace").splitlines()
        return "\n".join([f"--- {self.log.name}", *text[-lines:]])


class DistributedAirflow(StandaloneAirflow):
    """The topology of ``docker-compose.yaml``, natively; workers are started and killed one by one.

    :param home: folder for everything: homes, logs, the workers' disks.
    :param dags: folder with the DAG files.
    :param environment: further environment variables for every Airflow process.
    """

    def __init__(self, *, home: Path, dags: Path, environment: Mapping[str, str]) -> None:
        inherited = {name: value for name, value in os.environ.items() if "AIRFLOW" not in name}
        super().__init__(home=home, dags=dags, environment=environment, inherited=inherited)
        self._programs: list[Program] = []
        self._servers: list[Program] = []
        self._postgres_port = free_port(15432)
        self._redis_port = free_port(16379)
        self._log_port = free_port(18893)
        self._keys = {
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(48),
        }
        self.workers: dict[str, Program] = {}

    @property
    def environment(self) -> dict[str, str]:
        database = f"postgresql+psycopg2://airflow@127.0.0.1:{self._postgres_port}/airflow"
        return {
            **super().environment,
            **self._keys,
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{self._redis_port}/0",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{database}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
            "AIRFLOW__CELERY__WORKER_ENABLE_REMOTE_CONTROL": "False",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self._log_port),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(HEARTBEAT_TIMEOUT),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
            **self._extra,
        }

    def start(self, *, timeout: float = 180) -> None:
        """Start all but the workers, and wait until every part reports healthy."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._start_postgres()
        self._start_redis()
        passwords = self.home / "simple_auth_manager_passwords.json.generated"
        passwords.write_text(json.dumps({"admin": self.password}))
        subprocess.run(
            [str(BIN / "airflow"), "db", "migrate"],
            env=self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            timeout=timeout,
        )
        for part in ("api-server", "scheduler", "dag-processor", "triggerer"):
            self._programs.append(self._airflow([part], name=part, env=self.environment))
        deadline = time.monotonic() + timeout
        while not self._healthy():
            dead = [program for program in self._programs if program.process.poll() is not None]
            if dead or time.monotonic() > deadline:
                raise AirflowNotReadyError("\n".join(program.tail() for program in dead or self._programs))
            time.sleep(0.3)

    def start_worker(self, name: str, *queues: str) -> Program:
        """Start a Celery worker as on a machine of its own: own home, own disk."""
        home, disk = self.home / f"home-of-{name}", self.home / f"disk-of-{name}"
        for folder in (home, disk):
            folder.mkdir(exist_ok=True)
        env = {**self.environment, "AIRFLOW_HOME": str(home), "WORKER_DISK": str(disk)}
        command = ["celery", "worker", "--celery-hostname", f"{name}@%h", "--queues", ",".join(queues)]
        command += ["--skip-serve-logs", "--without-mingle", "--without-gossip"]
        worker = self._airflow(command, name=name, env=env)
        self.workers[name] = worker
        return worker

    def stop(self) -> None:
        programs = [*self.workers.values(), *self._programs]
        for program in programs:
            program.ask_to_stop()
        deadline = time.monotonic() + 20
        for program in programs:
            program.stop(max(0.0, deadline - time.monotonic()))
        for server in reversed(self._servers):
            # For PostgreSQL: do not wait for clients.
            server.ask_to_stop(signal.SIGINT)
            server.stop(10)
        shutil.rmtree(self._database_home, ignore_errors=True)

    # -- what happened ------------------------------------------------------------------------------------

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """Task instances as the REST API gives them: state, try_number, hostname, queue, start and end."""
        rows = self.api("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {row["task_id"]: row for row in rows}

    def log_of(self, worker: str, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        """A task's log on one worker's disk, empty when it did not run there."""
        place = f"dag_id={dag_id}/run_id={run_id}/task_id={task_id}/attempt={attempt}.log"
        log = self.home / f"home-of-{worker}" / "logs" / place
        return log.read_text(errors="replace") if log.exists() else ""

    # -- inside ---------------------------------------------------------------------------------------------

    def _airflow(self, command: Sequence[str], *, name: str, env: Mapping[str, str]) -> Program:
        return Program([str(BIN / "airflow"), *command], log=self.home / f"{name}.log", env=env)

    def _start_postgres(self) -> None:
        binaries = postgres_binaries()
        assert binaries is not None
        # PostgreSQL refuses to run as root, and its own user may not enter pytest's folders.
        user = "postgres" if os.geteuid() == 0 else None
        self._database_home = Path(tempfile.mkdtemp(prefix="mode-catalog-pg-"))
        self._database_home.chmod(0o755)
        if user is not None:
            shutil.chown(self._database_home, user)
        cluster = str(self._database_home / "cluster")
        subprocess.run(
            [str(binaries / "initdb"), "-D", cluster, "-A", "trust", "-U", "airflow", "--no-sync"],
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            cwd="/",
            check=True,
            stdout=subprocess.DEVNULL,
        )
        command = [str(binaries / "postgres"), "-D", cluster, "-p", str(self._postgres_port)]
        command += ["-h", "127.0.0.1", "-k", str(self._database_home)]
        for setting in ("fsync=off", "max_connections=200"):
            command += ["-c", setting]
        log = self.home / "postgres.log"
        self._servers.append(Program(command, log=log, env=os.environ, user=user))
        self._until(self._database_exists, self._servers[-1])

    def _database_exists(self) -> bool:
        import psycopg2

        try:
            connection = psycopg2.connect(
                host="127.0.0.1", port=self._postgres_port, user="airflow", dbname="postgres"
            )
        except psycopg2.OperationalError:
            return False
        connection.autocommit = True
        connection.cursor().execute("create database airflow")
        connection.close()
        return True

    def _start_redis(self) -> None:
        command = ["redis-server", "--port", str(self._redis_port), "--bind", "127.0.0.1"]
        command += ["--save", "", "--appendonly", "no", "--dir", str(self.home)]
        self._servers.append(Program(command, log=self.home / "redis.log", env=os.environ))
        self._until(self._redis_answers, self._servers[-1])

    def _redis_answers(self) -> bool:
        try:
            return bool(redis.Redis(port=self._redis_port).ping())
        except redis.ConnectionError:
            return False

    def _until(self, condition: Any, program: Program, patience: float = 30) -> None:
        deadline = time.monotonic() + patience
        while not condition():
            if program.process.poll() is not None or time.monotonic() > deadline:
                raise AirflowNotReadyError(program.tail())
            time.sleep(0.1)
