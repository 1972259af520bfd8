"""What is newer than the oldest supported Airflow (3.1), in one place."""

from __future__ import annotations

try:
    from airflow.sdk.observability.stats import Stats  # Airflow 3.2+
except ImportError:
    from airflow.stats import Stats

__all__ = ["Stats"]
