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
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg2
import redis
import yaml

from tests.demo.ports import take_port
from tests.demo.standalone import AirflowNotReadyError, StandaloneAirflow
from tests.distributed.programs import Program, postgres_binaries

BIN = Path(sys.executable).parent
REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


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
        self._postgres_port = take_port(15432)
        self._redis_port = take_port(16379)
        self._log_port = take_port(18893)
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
            "PYTHONPATH": str(REPOSITORY),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{self._redis_port}/0",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{database}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
            "AIRFLOW__CELERY__WORKER_ENABLE_REMOTE_CONTROL": "False",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self._log_port),
            # Looks often. How long something must have lasted stays as in production: see :meth:`let_pass`.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "1",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            **self._extra,
        }

    def start(self, *, timeout: float = 600) -> None:
        """Start all but the workers, in the background once the database is there."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._start_postgres()
        self._start_redis()
        (self.home / "passwords.json").write_text(json.dumps({"admin": self.password}))
        subprocess.run(
            [str(BIN / "airflow"), "db", "migrate"],
            env=self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            timeout=timeout,
        )
        for part in ("api-server", "scheduler", "dag-processor", "triggerer"):
            command = SERVICES[part]["command"].split()
            self._programs.append(self._airflow(command, name=part, env=self.environment))

    def wait_until_healthy(self, *, timeout: float = 600) -> None:
        """Wait until every part but the workers reports healthy."""
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
        command = SERVICES["worker-1"]["command"].split()
        command += ["--celery-hostname", f"{name}@%h", "--queues", ",".join(queues)]
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

    # -- time -----------------------------------------------------------------------------------------------

    def let_pass(self, length: timedelta, *, of: str, run_id: str) -> None:
        """Make Airflow believe that so much time has passed, so that no test waits or depends on speed.

        :param length: how much.
        :param of: what began so much earlier: ``run`` (its start) or ``silence`` (the last sign of life of
            its running tasks).
        """
        statement = {
            "run": "update dag_run set start_date = start_date - %s where run_id = %s",
            "silence": "update task_instance set last_heartbeat_at = last_heartbeat_at - %s"
            " where run_id = %s and state = 'running'",
        }[of]
        with closing(self._database("airflow")) as connection:
            cursor = connection.cursor()
            cursor.execute(statement, (length, run_id))
            assert cursor.rowcount == 1

    def deliver_again(self) -> int:
        """Hand every message that a worker has not finished to the workers once more; return how many.

        What Redis' transport does when Celery's visibility timeout has passed.
        """
        broker = redis.Redis(port=self._redis_port)
        unfinished = [json.loads(entry) for entry in broker.hvals("unacked")]
        for message, _, queue in unfinished:
            broker.lpush(queue, json.dumps(message))
        return len(unfinished)

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

    def story(self, dag_id: str, run_id: str) -> str:
        """How a run's tasks ended, and the last lines of their logs, for the message of a failed test."""
        place = f"home-of-*/logs/dag_id={dag_id}/run_id={run_id}/task_id=*/attempt=*.log"
        logs = [
            "\n".join([str(log), *log.read_text(errors="replace").splitlines()[-8:]])
            for log in sorted(self.home.glob(place))
        ]
        return "\n".join([str(self.task_states(dag_id, run_id)), *logs])

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
        try:
            connection = self._database("postgres")
        except psycopg2.OperationalError:
            return False
        with closing(connection):
            connection.cursor().execute("create database airflow")
        return True

    def _database(self, name: str) -> Any:
        connection = psycopg2.connect(host="127.0.0.1", port=self._postgres_port, user="airflow", dbname=name)
        connection.autocommit = True
        return connection

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
