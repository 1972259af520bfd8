"""Marks for tests of what only newer Airflows can do: they say what they need, and CI lets them pass by.

Imports no Airflow: a plugin of pytest reads it before the tests have made an Airflow of their own.
"""

from __future__ import annotations

from importlib.metadata import version

import pytest

AIRFLOW = tuple(int(part) for part in version("apache-airflow-core").split(".")[:2])
#: How the reason of such a skip begins.
NEEDS = "needs Airflow"


def _needs(newer: tuple[int, int], what: str) -> pytest.MarkDecorator:
    shown = ".".join(map(str, newer))
    return pytest.mark.skipif(newer > AIRFLOW, reason=f"{NEEDS} {shown} or newer: {what}")


needs_task_memory = _needs((3, 3), "a task's state is kept across its tries")
needs_shared_streams = _needs((3, 3), "event triggers share a stream, and keep state with their asset")
needs_trigger_kill = _needs((3, 3), "a trigger is told when a person ends its task")
needs_questions = _needs((3, 3), "dag.test() lets a task ask whether a person has answered")
needs_refused_backfills = _needs((3, 2), "a DAG can refuse backfills")
needs_declared_forms = _needs((3, 2), "connection forms are made of what a provider declares")
needs_connections_anywhere = _needs((3, 2), "a connection can be looked up outside of a task")
needs_null_extras = _needs((3, 2), "a connection whose extra is the JSON null can be read")
