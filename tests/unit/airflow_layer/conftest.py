"""These tests import Airflow, which reads its environment at that moment."""

from __future__ import annotations

from tests.airflow.environment import prepare

prepare()
