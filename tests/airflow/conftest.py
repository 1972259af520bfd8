"""The ``dag.test()`` harness: real DAG runs, in this process, against a private Airflow."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.airflow.environment import DAG_FOLDERS, prepare
from tests.airflow_versions import AIRFLOW
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape
from tests.sandbox.credentials import Credentials

AIRFLOW_HOME = prepare()


@dataclass(frozen=True)
class FinishedRun:
    """What a DAG run left behind."""

    dag_id: str
    run_id: str
    state: str
    tasks: Mapping[str, str | None]
    xcoms: Mapping[tuple[str, str], Any] = field(repr=False)
    tries: Mapping[str, int] = field(repr=False)

    def result(self, task_id: str, key: str = "return_value") -> Any:
        """The value a task pushed, ``None`` when it pushed none."""
        return self.xcoms.get((task_id, key))


@pytest.fixture(scope="session")
def airflow_home() -> Iterator[Path]:
    """The home of an initialised Airflow; ask for it in every test that needs the database."""
    from airflow.utils.db import initdb

    initdb()
    yield AIRFLOW_HOME
    from airflow import settings

    settings.dispose_orm(do_log=False)


@pytest.fixture
def run_dag(airflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FinishedRun]:
    """Run one DAG to its end: ``run_dag(dag_id, conf=..., env=...)``.

    :param conf: the run's configuration, as typed into the params form.
    :param env: environment for parsing and running: ``AIRFLOW_CONN_...``, ``AIRFLOW__MODE_CATALOG__...``.
    :param logical_date: ``None`` (a manual trigger through the API) unless given.
    :param retry_delay: replaces every task's own delay, so that a retry costs no waiting.
    :param adjust: called with the parsed DAG before it runs.
    """

    def run(
        dag_id: str,
        conf: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        *,
        logical_date: datetime | None = None,
        retry_delay: timedelta = timedelta(0),
        adjust: Callable[[Any], None] | None = None,
    ) -> FinishedRun:
        for name, value in (env or {}).items():
            monkeypatch.setenv(name, value)
        dag = parse_dag(dag_id)
        for task in dag.tasks:
            task.retry_delay = retry_delay
            task.retry_exponential_backoff = 0
        if adjust is not None:
            adjust(dag)
        # In this process the task runner's own handlers would outlive the run.
        handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            return describe(dag.test(run_conf=dict(conf or {}), logical_date=logical_date))
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    return run


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A small workspace with every nasty row, at a hundred times the speed, and a warehouse just ingested."""
    shape = WorkspaceShape(collections=4, reports=12, members=5, nasty=True, seed=7)
    # Without the Discovery API: the faults of these tests lie on the REST route; `auto` would go round them.
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off", batch=404), time_scale=0.01) as started:
        started.catalog.ingest_warehouse()
        yield started


@pytest.fixture
def rotate_mode_key(sandbox: Sandbox) -> Callable[[], Credentials]:
    """Do what a person does: make a new key, put it into Airflow's connection, delete the old one."""

    def rotate() -> Credentials:
        new = sandbox.mode.add_key().credentials
        connection = json.loads(os.environ["AIRFLOW_CONN_MODE_DEFAULT"])
        connection.update(login=new.token, password=new.secret)
        os.environ["AIRFLOW_CONN_MODE_DEFAULT"] = json.dumps(connection)
        sandbox.mode.revoke_after(0)
        return new

    return rotate


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    """Where the sync DAG stages its snapshots."""
    return tmp_path / "staging"


@pytest.fixture
def sync(run_dag: Callable[..., FinishedRun], sandbox: Sandbox, staging: Path) -> Callable[..., FinishedRun]:
    """Run ``mode_catalog_sync`` against the sandbox: ``sync(conf, env=..., **run_dag_options)``."""

    def run(
        conf: Mapping[str, Any] | None = None, *, env: Mapping[str, str] | None = None, **options: Any
    ) -> FinishedRun:
        output_dir = {"AIRFLOW__MODE_CATALOG__OUTPUT_DIR": str(staging)}
        return run_dag(
            "mode_catalog_sync", conf, {**sandbox.environment(), **output_dir, **(env or {})}, **options
        )

    return run


def parse_dag(dag_id: str) -> Any:
    """Parse the configured folders as they are now, environment included, and return one DAG of them."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag

    errors: dict[str, str] = {}
    for bundle, folder in DAG_FOLDERS.items():
        if not folder.is_dir():
            continue
        bag = DagBag(str(folder))
        errors |= bag.import_errors
        if dag_id in bag.dags:
            if AIRFLOW < (3, 2):
                _write_to_database(bag, bundle)
            return bag.dags[dag_id]
    raise AssertionError(f"DAG {dag_id!r} was not found; import errors: {errors or 'none'}")


def _write_to_database(bag: Any, bundle: str) -> None:
    """Let Airflow know the DAGs: dag.test() of 3.1 does not do it itself."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.models.dagbag import sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    sync_bag_to_db(bag, bundle, None)


def describe(dag_run: Any) -> FinishedRun:
    """Read a run's task states, tries and XComs from the database."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    instances = dag_run.get_task_instances()
    with create_session() as session:
        rows = (
            session.query(XComModel)
            .filter(XComModel.dag_id == dag_run.dag_id, XComModel.run_id == dag_run.run_id)
            .all()
        )
        xcoms = {(row.task_id, row.key): XComModel.deserialize_value(row) for row in rows}
    return FinishedRun(
        dag_id=dag_run.dag_id,
        run_id=dag_run.run_id,
        state=str(getattr(dag_run.state, "value", dag_run.state)),
        tasks={ti.task_id: ti.state and str(getattr(ti.state, "value", ti.state)) for ti in instances},
        xcoms=xcoms,
        tries={ti.task_id: ti.try_number for ti in instances},
    )


@pytest.fixture(autouse=True)
def _no_leftover_environment() -> Iterator[None]:
    """A DAG run in this process may set variables (Airflow does); what one test sets no other sees."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
