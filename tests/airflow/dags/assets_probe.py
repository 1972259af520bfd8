"""A task that announces what it is told to, and a DAG of somebody else that waits for both."""

from __future__ import annotations

from airflow.sdk import DAG, get_current_context, task

from mode_catalog_provider.assets import catalog_fed, mode_fresh, when_true
from mode_catalog_provider.tasks.announcement import announce

with DAG("assets_probe", schedule=None):

    @task(outlets=[when_true(catalog_fed())])
    def feed():
        context = get_current_context()
        announce(context["task"], context, {"rows": {"report": 7}}, true=context["dag_run"].conf["fed"])

    @task(outlets=[when_true(mode_fresh())])
    def refresh():
        context = get_current_context()
        announce(context["task"], context, {}, true=context["dag_run"].conf["fresh"])

    feed()
    refresh()


with DAG("assets_consumer_probe", schedule=(catalog_fed() & mode_fresh()), is_paused_upon_creation=False):

    @task
    def consume(): ...

    consume()
