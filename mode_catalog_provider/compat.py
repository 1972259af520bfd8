"""What is newer than the oldest supported Airflow (3.1), in one place."""

from __future__ import annotations

try:  # Airflow 3.2+
    from airflow.sdk import conf
    from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, AirflowSkipException
    from airflow.sdk.observability.stats import Stats
except ImportError:
    from airflow.configuration import conf  # type: ignore[assignment]
    from airflow.exceptions import (  # type: ignore[no-redef]
        AirflowFailException,
        AirflowSensorTimeout,
        AirflowSkipException,
    )
    from airflow.stats import Stats

__all__ = ["AirflowFailException", "AirflowSensorTimeout", "AirflowSkipException", "Stats", "conf"]
