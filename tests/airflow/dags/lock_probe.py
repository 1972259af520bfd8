"""Work under the run lock, driven by the run's configuration; the durations come from the environment."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

from airflow.sdk import dag, get_current_context, task

from mode_catalog_provider.operators.lock import run_lock
from mode_catalog_provider.tasks.held_lease import held_lease


def seconds(name: str, default: float) -> timedelta:
    return timedelta(seconds=float(os.environ.get(name, default)))


@dag(schedule=None, default_args={"retries": 1})
def lock_probe():
    lock = run_lock(
        "{{ dag_run.conf['path'] }}",
        conflict="{{ dag_run.conf.get('conflict', 'wait') }}",
        ttl=seconds("LOCK_TTL", 3600),
        timeout=seconds("LOCK_TIMEOUT", 10),
        poll_interval=seconds("LOCK_POLL", 0.05),
        deferrable=os.environ.get("LOCK_DEFERRABLE", "true") == "true",
    )

    @task
    def work(lease):
        context = get_current_context()
        with held_lease(lease, on_lost=lambda: None) as fence:
            fence()
            match context["dag_run"].conf.get("work"):
                case "fail":
                    raise RuntimeError("the work failed")
                case "fail once" if context["ti"].try_number == 1:
                    raise RuntimeError("the first try failed")
                case "lose":
                    lose(lease)
                case "wait":
                    while not Path(context["dag_run"].conf["go"]).exists():
                        time.sleep(0.1)
        return lease["generation"]

    lock.acquire >> work(lock.lease) >> lock.release


def lose(lease):
    """As if the holder had been stopped for longer than its ttl, and somebody else had come."""
    from mode_catalog_provider.lock import Holder, Observation, RunLock, Watch

    lock = RunLock(Path(lease["path"]), ttl=timedelta(hours=1))
    record = lock.state()
    stood_still = Observation(
        generation=record.generation, fingerprint=record.fingerprint, unchanged_for=lease["ttl"]
    )
    lock.try_acquire(Holder.here("somebody else"), watch=Watch(seen=stood_still))


lock_probe()
