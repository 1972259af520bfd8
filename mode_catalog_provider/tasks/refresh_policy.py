"""The rendered arguments of a cache refresh as values, checked before anything is asked of Mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mode_catalog_provider.catalog.moment import moment_or_ingestion
from mode_catalog_provider.catalog.sources import CatalogSource
from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.hooks.catalog import CatalogHook
from mode_catalog_provider.refresh.endpoint import checked_path
from mode_catalog_provider.refresh.targets import Selection
from mode_catalog_provider.tasks.rendered import (
    rendered_mapping,
    rendered_number,
    rendered_truth,
    rendered_words,
)

if TYPE_CHECKING:
    from mode_catalog_provider.operators.cache_refresh import ModeCacheRefreshOperator

RESULTS, SCHEMA, ENDPOINT = "results", "schema", "endpoint"
# What a task needs at the end to cancel its runs and to say so, before `execution_timeout` cuts it off.
_CLOSING_SECONDS = 15.0
_LONGEST_SECONDS = 366 * 86400.0


@dataclass(frozen=True)
class RefreshPolicy:
    """How to refresh; see the operator's arguments of the same names."""

    refresh: str
    limit: int | None
    max_runs: int | None
    wait: bool
    dry_run: bool
    timeout: float
    check_interval: float
    failure: str
    max_failed: int
    cancel_on_kill: bool
    parameters: Mapping[str, Any]
    endpoint: str

    @classmethod
    def of(cls, operator: ModeCacheRefreshOperator) -> RefreshPolicy:
        """Read an operator whose templates are rendered.

        :raises ConfigurationError: an argument makes no sense.
        """
        if operator.refresh not in {RESULTS, SCHEMA, ENDPOINT}:
            raise ConfigurationError(
                f"refresh={operator.refresh!r} is not known; use 'results', 'schema' or 'endpoint'."
            )
        if operator.failure not in {"fail", "warn", "threshold"}:
            raise ConfigurationError(
                f"failure={operator.failure!r} is not known; use 'fail', 'warn' or 'threshold'."
            )
        wait = rendered_truth("wait_for_completion", operator.wait_for_completion, default=True)
        timeout = _seconds("timeout", operator.timeout)
        if operator.execution_timeout is not None:
            hard = operator.execution_timeout.total_seconds()
            timeout = min(timeout, max(hard - _CLOSING_SECONDS, hard / 2))
        return cls(
            refresh=operator.refresh,
            limit=_count("max_concurrent_runs", operator.max_concurrent_runs, least=1) if wait else None,
            max_runs=_most("max_runs", operator.max_runs),
            wait=wait,
            dry_run=rendered_truth("dry_run", operator.dry_run),  # type: ignore[arg-type]
            timeout=timeout,
            check_interval=_seconds("check_interval", operator.check_interval),
            failure=operator.failure,
            max_failed=_count("max_failed", operator.max_failed),
            cancel_on_kill=rendered_truth("cancel_on_kill", operator.cancel_on_kill, default=True),
            parameters=rendered_mapping("parameters", operator.parameters) or {},
            endpoint=checked_path(operator.endpoint) if operator.refresh == ENDPOINT else "",
        )


def selection_of(operator: ModeCacheRefreshOperator) -> Selection:
    """Return what an operator whose templates are rendered is to refresh.

    Asks Catalog when ``stale_since`` names a source.

    :raises ConfigurationError: an argument makes no sense, or the source was never ingested.
    """
    selection = Selection(
        reports=rendered_words("reports", operator.reports),
        datasets=rendered_words("datasets", operator.datasets),
        collections=rendered_words("collections", operator.collections),
        data_sources=rendered_words("data_sources", operator.data_sources),
        include_archived=rendered_truth("include_archived", operator.include_archived),
    )
    if operator.refresh == SCHEMA and (selection.reports or selection.datasets or selection.collections):
        raise ConfigurationError(
            "refresh='schema' is about connections: give data_sources, and neither reports, datasets nor "
            "collections."
        )
    if selection.empty or operator.refresh != RESULTS:
        return selection
    return replace(selection, stale_since=_stale_since(operator))


def _stale_since(operator: ModeCacheRefreshOperator) -> datetime | None:
    def sources() -> list[CatalogSource]:
        with CatalogHook(operator.catalog_conn_id).get_api() as api:
            return list(api.sources())

    return moment_or_ingestion("stale_since", operator.stale_since, sources=sources)


def _most(name: str, value: float | str | None) -> int | None:
    if value is None or str(value).strip() in {"", "None"}:
        return None
    return _count(name, value)


def _count(name: str, value: float | str, *, least: int = 0) -> int:
    number = rendered_number(name, value)
    if not number.is_integer() or number < least:
        raise ConfigurationError(f"{name}={value!r} must be a whole number, {least} or more.")
    return int(number)


def _seconds(name: str, value: timedelta | float | str) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else rendered_number(name, value)
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise ConfigurationError(f"{name}={value!r} must be more than zero, and at most a year.")
    return seconds
