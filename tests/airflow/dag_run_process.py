"""Run one DAG in a process of its own: ``python -m tests.airflow.dag_run_process DAG RUN_TYPE DATE``.

For tests in which two runs meet; the process inherits the test's Airflow and its environment.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from tests.airflow.conftest import parse_dag


def main(dag_id: str, run_type: str, date: str) -> int:
    """Run the DAG as a run of the given type and logical date; 0 when it succeeded."""
    from airflow.models import dagrun
    from airflow.utils.types import DagRunType

    create = dagrun.get_or_create_dagrun

    def create_as(**arguments: Any) -> Any:
        run = create(**arguments)
        run.run_type = DagRunType(run_type)
        arguments["session"].flush()
        return run

    dag = parse_dag(dag_id)
    for task in dag.tasks:
        # What fails fails at once: a test that waits for a retry tells nothing for minutes.
        task.retry_delay = timedelta(0)
        task.retry_exponential_backoff = 0
        if hasattr(task, "poll_interval"):
            task.poll_interval = timedelta(seconds=0.2)
    with patch.object(dagrun, "get_or_create_dagrun", create_as):
        run = dag.test(logical_date=datetime.fromisoformat(date))
    return 0 if run.state == "success" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
