"""The smallest DAG: shows that the harness itself runs, retries, defers and returns what tasks pushed."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, get_current_context, task


@dag(schedule=None)
def harness_probe():
    @task(retries=1, retry_delay=timedelta(hours=1))
    def greet():
        context = get_current_context()
        if context["ti"].try_number == 1:
            raise ConnectionError("the first try never works")
        return context["dag_run"].conf["greeting"]

    greet()


harness_probe()
