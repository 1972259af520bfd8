"""The sync's middle part with extract and upload pinned to different workers.

``AIRFLOW__MODE_CATALOG__...`` says where the staging area is; each worker has a disk of its own
(``WORKER_DISK``).
"""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta

from airflow.sdk import DAG

from mode_catalog_provider.dags.settings import read_settings
from mode_catalog_provider.operators.extract import ModeExtractOperator
from mode_catalog_provider.operators.lock import run_lock
from mode_catalog_provider.operators.upload import CatalogUploadOperator

settings = read_settings()
OWN_DISK = os.environ.get("WORKER_DISK", "/nowhere")
# As in production, longer than any test: what happens after it, tests see by a clock of their own.
TTL = timedelta(minutes=30)


def on_this_disk(path: str) -> str:
    """What a path of one worker's disk means on another worker's: the same place on its own disk."""
    return re.sub(r"/disk-of-\w+", f"/{os.path.basename(OWN_DISK)}", path)  # noqa: PTH119


def spread(dag_id: str, output_dir: str, queue: str = "extract") -> DAG:
    with DAG(
        dag_id=dag_id,
        schedule=None,
        start_date=datetime(2026, 1, 1),
        max_active_runs=4,
        dagrun_timeout=timedelta(hours=1),
        default_args={"retries": 2, "retry_delay": timedelta(seconds=1)},
        user_defined_macros={"on_this_disk": on_this_disk},
    ) as dag:
        lock = run_lock(
            settings.lock_path,
            ttl=TTL,
            timeout=timedelta(minutes=30),
            poll_interval=timedelta(seconds=1),
            output_conn_id=settings.output_conn_id,
        )
        extract = ModeExtractOperator(
            task_id="extract",
            output_dir=output_dir,
            output_conn_id=settings.output_conn_id,
            lease=lock.lease,
            strategy="rest",  # tests get it stuck at a request that only this route makes
            queue=queue,
        )
        upload = CatalogUploadOperator(
            task_id="upload",
            manifest="{{ on_this_disk(ti.xcom_pull('extract')['manifest']) }}",
            lease=lock.lease,
            queue="upload",
        )
        lock.acquire >> extract >> upload >> lock.release
    return dag


spread("spread", settings.output_dir)
spread("spread_over_local_disks", f"{OWN_DISK}/staging")
spread("spread_at_last", settings.output_dir, queue="last")
