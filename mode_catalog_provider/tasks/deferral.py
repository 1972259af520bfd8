"""Leave the worker until a trigger has something to tell."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import NoReturn

from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger

#: How long after its deadline a wait is ended by Airflow. Triggers end it themselves; this limit is for a
#: triggerer that is not there.
TRIGGER_GRACE = timedelta(minutes=15)


def defer_until(
    deadline: float, operator: BaseOperator, *, trigger: BaseTrigger, method_name: str
) -> NoReturn:
    """Defer a task; ends this part of it.

    :param deadline: when the trigger ends the wait by itself, in seconds since 1970.
    :param operator: the task's operator.
    :param trigger: what waits.
    :param method_name: method of the operator that is given the trigger's event.
    """
    operator.defer(
        trigger=trigger,
        method_name=method_name,
        timeout=timedelta(seconds=max(0.0, deadline - time.time())) + TRIGGER_GRACE,
    )
