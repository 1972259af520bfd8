"""One refresh, its arguments from the run's configuration; and one whose worker is lost on the first try."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, get_current_context, task

from mode_catalog_provider.operators.cache_refresh import ModeCacheRefreshOperator


class LosesItsWorkerOnce(ModeCacheRefreshOperator):
    """Dies on the first try, when everything that could be started was started."""

    def _wait_in_triggerer(self, *args: Any) -> None:
        if get_current_context()["ti"].try_number == 1:
            raise ConnectionError("the worker is gone")
        super()._wait_in_triggerer(*args)


ARGUMENTS: dict[str, Any] = {
    "task_id": "refresh",
    "reports": "{{ params.reports }}",
    "datasets": "{{ params.datasets }}",
    "max_concurrent_runs": "{{ params.max_concurrent_runs }}",
    "wait_for_completion": "{{ params.wait_for_completion }}",
    "timeout": "{{ params.timeout }}",
    "check_interval": "{{ params.check_interval }}",
    "failure": "{{ params.failure }}",
    "max_failed": "{{ params.max_failed }}",
    "cancel_on_kill": "{{ params.cancel_on_kill }}",
    "retry_delay": timedelta(0),
}
PARAMS: dict[str, Any] = {
    "reports": [],
    "datasets": [],
    "max_concurrent_runs": 4,
    "wait_for_completion": True,
    "timeout": 600,
    "check_interval": 0.05,
    "failure": "fail",
    "max_failed": 0,
    "cancel_on_kill": True,
}

for deferrable in (True, False):
    name = "deferred" if deferrable else "waiting"
    with DAG(f"refresh_{name}", schedule=None, params=PARAMS) as dag:
        ModeCacheRefreshOperator(**ARGUMENTS, deferrable=deferrable)
    globals()[f"refresh_{name}"] = dag

with DAG("refresh_loses_its_worker", schedule=None, params=PARAMS) as refresh_loses_its_worker:
    LosesItsWorkerOnce(**ARGUMENTS, deferrable=True, retries=1)

with DAG("refresh_mapped", schedule=None, params=PARAMS) as refresh_mapped:

    @task
    def each_report() -> list[list[str]]:
        """One task for each."""
        return [[report] for report in get_current_context()["params"]["reports"]]

    ModeCacheRefreshOperator.partial(
        task_id="refresh", check_interval=0.05, retry_delay=timedelta(0), retries=1, deferrable=True
    ).expand(reports=each_report())
