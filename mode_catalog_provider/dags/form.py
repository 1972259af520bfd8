"""What the forms and the arguments of all ready DAGs have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pendulum
from airflow.sdk import Param

from mode_catalog_provider.dags.settings import Settings
from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.tasks.compat import REMEMBERS_TRIES, conf


def lines(default: Iterable[str], title: str, description: str, section: str) -> Param:
    """Return a form field for a list: one entry per line."""
    return Param(
        list(default),
        type=["array", "null"],
        items={"type": "string"},
        title=title,
        description_md=description,
        section=section,
    )


def dag_arguments(
    settings: Settings, own: Mapping[str, Any], given: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the arguments of a ready DAG.

    Schedules mean local time in the zone of the settings, or of ``[core] default_timezone``: 05:30 stays
    05:30 when summer time begins.

    :param own: those that this DAG has beside the common ones.
    :param given: those that whoever builds it wants otherwise; ``default_args``, ``params`` and ``tags`` are
        added to.
    :raises ConfigurationError: one of them is an argument of the call that builds the DAG.
    """
    given = dict(given or {})
    for name in ("dag_id", "schedule"):
        if name in given:
            raise ConfigurationError(
                f"dag_options has {name!r}, which is an argument of the call itself: for a schedule the "
                "option of that DAG (schedule, audit_schedule, permission_schedule, warehouse_asset)."
            )
    tags = given.pop("tags", None) or ()
    arguments = {
        "start_date": _in_the_past(settings),
        "catchup": False,
        "max_active_runs": 1,
        **own,
        "params": {**own.get("params", {}), **(given.pop("params", None) or {})},
        "default_args": {
            "retries": settings.retries,
            "retry_delay": timedelta(minutes=1),
            "retry_exponential_backoff": True,
            # Nobody renews the lock between two tries, so that wait must stay below its ttl.
            "max_retry_delay": timedelta(minutes=10),
            **(given.pop("default_args", None) or {}),
        },
        "tags": sorted({*own["tags"], *((tags,) if isinstance(tags, str) else tags)}),
    }
    return arguments | given


def refresh_retries(settings: Settings) -> int:
    """Return how often a refresh of Mode's results is tried again.

    Not at all where Airflow has no memory for a task (below 3.3): a repetition for one report that always
    fails would run all others again, which costs warehouse time.
    """
    return settings.retries if REMEMBERS_TRIES else 0


def _in_the_past(settings: Settings) -> datetime:
    name = settings.timezone or conf.get("core", "default_timezone", fallback="utc")
    return pendulum.datetime(2026, 1, 1, tz="local" if name == "system" else name)
