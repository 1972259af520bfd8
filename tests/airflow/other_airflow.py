"""Run one DAG in an Airflow of its own: ``python -m tests.airflow.other_airflow DAG DATE CONF``."""

from __future__ import annotations

import json
import sys
from datetime import datetime


def main(dag_id: str, date: str, conf: str) -> int:
    """Make a fresh Airflow, and run the DAG in it; 0 when it succeeded."""
    from tests.airflow.environment import prepare

    prepare()
    from airflow.utils.db import initdb

    initdb()
    from tests.airflow.conftest import parse_dag

    run = parse_dag(dag_id).test(logical_date=datetime.fromisoformat(date), run_conf=json.loads(conf))
    return 0 if run.state == "success" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
