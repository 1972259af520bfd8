"""One distributed Airflow for all tests of this folder, and what they look at."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mode_catalog_provider.lock import RunLock
from tests.distributed.programs import missing_programs
from tests.distributed.stack import DistributedAirflow
from tests.object_store import S3Server
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    shape = WorkspaceShape(collections=4, reports=20, members=4, nasty=True, seed=7)
    with Sandbox(shape=shape, mode=ModeSwitches(limiter="off"), time_scale=0.01) as started:
        yield started


@pytest.fixture(scope="module")
def airflow(
    sandbox: Sandbox, s3: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DistributedAirflow]:
    if missing := missing_programs():
        pytest.skip(f"needs {' and '.join(missing)} (apt-get install {' '.join(missing)})")
    environment = {
        **sandbox.environment(),
        "AIRFLOW_CONN_STAGING": s3.connection(),
        "AIRFLOW__MODE_CATALOG__OUTPUT_DIR": f"s3://{s3.bucket}/spread",
        "AIRFLOW__MODE_CATALOG__OUTPUT_CONN_ID": "staging",
    }
    dags = Path(__file__).parent / "dags"
    airflow = DistributedAirflow(home=tmp_path_factory.mktemp("spread"), dags=dags, environment=environment)
    try:
        airflow.start()
        airflow.start_worker("w1", "default", "extract")
        airflow.start_worker("w2", "default", "upload")
        airflow.wait_until_healthy()
        for dag_id in ("spread", "spread_over_local_disks", "spread_at_last"):
            airflow.wait_for_dag(dag_id)
        yield airflow
    finally:
        airflow.stop()


@pytest.fixture(autouse=True)
def _nothing_from_before(sandbox: Sandbox) -> None:
    sandbox.catalog.forget_uploads()
    sandbox.mode.faults.clear()


@pytest.fixture
def lock(s3: S3Server) -> RunLock:
    """The lock as somebody sees it who cannot ask Airflow."""
    return RunLock(s3.path("spread", ".lock"), ttl=timedelta(seconds=1))


class Stuck:
    """An extraction that gets stuck in the middle.

    :param sandbox: where it reads from.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._faults = sandbox.mode.faults
        self._is_stuck = threading.Event()
        self._go_on = threading.Event()
        sandbox.mode.when("reports/*/queries", self._stand_still, nth=8, times=None)

    def wait(self, seconds: float) -> None:
        """Wait until it is, however often it tries again."""
        assert self._is_stuck.wait(seconds), "no extraction came this far"

    def let_others_through(self) -> None:
        """Whatever asks from now on is answered."""
        self._faults.clear()

    def go_on(self) -> None:
        """Answer those as well who have waited."""
        self.let_others_through()
        self._go_on.set()

    def _stand_still(self) -> None:
        self._is_stuck.set()
        self._go_on.wait()


@pytest.fixture
def extraction(sandbox: Sandbox) -> Iterator[Stuck]:
    """The next extraction, which gets stuck in the middle."""
    stuck = Stuck(sandbox)
    yield stuck
    stuck.go_on()
