"""Exceptions of Airflow that stand elsewhere in older versions."""

from __future__ import annotations

try:  # Airflow 3.2+
    from airflow.sdk.exceptions import AirflowRescheduleException, ParamValidationError, TaskDeferred
except ImportError:
    from airflow.exceptions import AirflowRescheduleException, ParamValidationError, TaskDeferred

__all__ = ["AirflowRescheduleException", "ParamValidationError", "TaskDeferred"]
