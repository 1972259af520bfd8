"""The settings of the ready DAGs: section ``[mode_catalog]`` of Airflow's configuration.

Read from ``airflow.cfg`` or ``AIRFLOW__MODE_CATALOG__...``, so that parsing a DAG touches no database. What
each option means, and its default, is written in :mod:`mode_catalog_provider.get_provider_info`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.get_provider_info import CONFIG_SECTION, UUID_PATTERN, get_provider_info
from mode_catalog_provider.tasks.compat import conf
from mode_catalog_provider.truth import WORDS, truth


@dataclass(frozen=True)
class Settings:
    """What ``[mode_catalog]`` says, each value in the type it is used in; see the options of that section."""

    schedule: str | None
    mode_conn_id: str
    catalog_conn_id: str
    output_dir: str
    output_conn_id: str | None
    lock_path: str
    lock_ttl: timedelta
    lock_timeout: timedelta
    warehouse_sources: tuple[str, ...]
    warehouse_max_age: timedelta
    warehouse_timeout: timedelta
    strategy: str
    incremental: bool
    full_refresh_after: timedelta
    include_personal: bool
    include_archived: bool
    members: str
    on_forbidden: str
    on_covered: str
    key_lifetime: timedelta
    key_warning: timedelta
    max_shrink: float
    approve_shrink: str
    approval_timeout: timedelta
    deadline: timedelta | None
    deadline_notifier: str
    deadline_arguments: Mapping[str, Any]
    keep_snapshots: int
    reports: tuple[str, ...]
    datasets: tuple[str, ...]
    warehouse_asset: str
    refresh_collections: tuple[str, ...]
    refresh_data_sources: tuple[str, ...]
    refresh_max_runs: int
    refresh_timeout: timedelta
    audit_schedule: str | None
    audit_stale_after: timedelta
    audit_ignore: tuple[str, ...]
    audit_fail_on: tuple[str, ...]
    retries: int

    @property
    def warehouse_ids(self) -> tuple[str, ...]:
        """Those of ``warehouse_sources`` that are ids."""
        return tuple(source for source in self.warehouse_sources if re.match(UUID_PATTERN, source))

    @property
    def warehouse_names(self) -> tuple[str, ...]:
        """Those of ``warehouse_sources`` that are names."""
        return tuple(source for source in self.warehouse_sources if source not in self.warehouse_ids)


def read_settings() -> Settings:
    """Read the section as it is now.

    :raises ConfigurationError: when a value is not of its type; the message names option and value.
    """
    output_dir = _text("output_dir") or f"{_airflow_home()}/mode_catalog"
    return Settings(
        schedule=_schedule("schedule"),
        mode_conn_id=_text("mode_conn_id"),
        catalog_conn_id=_text("catalog_conn_id"),
        output_dir=output_dir,
        output_conn_id=_text("output_conn_id") or None,
        lock_path=_text("lock_path") or f"{output_dir.rstrip('/')}/.lock",
        lock_ttl=timedelta(minutes=_number("lock_ttl_minutes")),
        lock_timeout=timedelta(hours=_number("lock_timeout_hours")),
        warehouse_sources=_words("warehouse_sources"),
        warehouse_max_age=timedelta(hours=_number("warehouse_max_age_hours")),
        warehouse_timeout=timedelta(hours=_number("warehouse_timeout_hours")),
        strategy=_text("strategy"),
        incremental=_truth("incremental"),
        full_refresh_after=timedelta(days=_number("full_refresh_after_days")),
        include_personal=_truth("include_personal"),
        include_archived=_truth("include_archived"),
        members=_text("members"),
        on_forbidden=_text("on_forbidden"),
        on_covered=_text("on_covered"),
        key_lifetime=timedelta(days=_number("key_lifetime_days")),
        key_warning=timedelta(days=_number("key_warning_days")),
        max_shrink=_number("max_shrink"),
        approve_shrink=_text("approve_shrink"),
        approval_timeout=timedelta(hours=_number("approval_timeout_hours")),
        deadline=timedelta(hours=_number("deadline_hours")) or None,
        deadline_notifier=_text("deadline_notifier"),
        deadline_arguments=_mapping("deadline_arguments"),
        keep_snapshots=int(_number("keep_snapshots")),
        reports=_words("reports"),
        datasets=_words("datasets"),
        warehouse_asset=_text("warehouse_asset"),
        refresh_collections=_words("refresh_collections"),
        refresh_data_sources=_words("refresh_data_sources"),
        refresh_max_runs=int(_number("refresh_max_runs")),
        refresh_timeout=timedelta(hours=_number("refresh_timeout_hours")),
        audit_schedule=_schedule("audit_schedule"),
        audit_stale_after=timedelta(days=_number("audit_stale_after_days")),
        audit_ignore=_words("audit_ignore"),
        audit_fail_on=_words("audit_fail_on"),
        retries=int(_number("retries")),
    )


def _text(option: str) -> str:
    # The fallback serves an Airflow that has not loaded provider configuration (a bare worker of 3.1).
    default = _defaults()[option]["default"]
    return str(conf.get(CONFIG_SECTION, option, fallback=default) or "").strip()


def _schedule(option: str) -> str | None:
    text = _text(option)
    return None if text.lower() in {"", "none"} else text


def _words(option: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in _text(option).split(",") if word.strip())


def _number(option: str) -> float:
    text = _text(option)
    try:
        number = float(text)
    except ValueError:
        raise _refused(option, text, "a number") from None
    if not 0 <= number < float("inf"):
        raise _refused(option, text, "a number that is zero or more")
    return number


def _mapping(option: str) -> dict[str, Any]:
    text = _text(option)
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _refused(option, text, "a JSON object")
    return found


def _truth(option: str) -> bool:
    text = _text(option)
    try:
        return truth(text, default=truth(_defaults()[option]["default"], default=False))
    except ValueError:
        raise _refused(option, text, WORDS) from None


def _refused(option: str, text: str, wanted: str) -> ConfigurationError:
    return ConfigurationError(f"[{CONFIG_SECTION}] {option} is {text!r}; it must be {wanted}.")


def _defaults() -> dict[str, Any]:
    options: dict[str, Any] = get_provider_info()["config"][CONFIG_SECTION]["options"]
    return options


def _airflow_home() -> Path:
    return Path(os.environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
