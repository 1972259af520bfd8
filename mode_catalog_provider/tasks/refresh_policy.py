"""The rendered arguments of a cache refresh as values, checked before anything is asked of Mode."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from mode_catalog_provider.catalog.ingestion import moment_or_ingestion
from mode_catalog_provider.catalog.sources import ListedSources
from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.hooks.catalog import CatalogHook
from mode_catalog_provider.refresh.endpoint import checked_path
from mode_catalog_provider.refresh.targets import Selection
from mode_catalog_provider.tasks.rendered import (
    rendered,
    rendered_count,
    rendered_mapping,
    rendered_number,
    rendered_truth,
    rendered_words,
)
from mode_catalog_provider.tasks.request_meter import metered

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
    annotate: bool
    parameters: Mapping[str, Any]
    endpoint: str

    @classmethod
    def of(
        cls,
        *,
        refresh: str,
        failure: str,
        max_concurrent_runs: int | str,
        max_runs: int | str | None,
        max_failed: int | str,
        wait_for_completion: bool | str,
        dry_run: bool | str,
        cancel_on_kill: bool | str,
        annotate: bool | str,
        timeout: timedelta | float | str,
        execution_timeout: timedelta | None,
        check_interval: timedelta | float | str,
        parameters: Mapping[str, Any] | str | None,
        endpoint: str,
    ) -> RefreshPolicy:
        """Read the operator's arguments, their templates rendered.

        :param execution_timeout: of the task; a shorter one takes the place of ``timeout``.
        :raises ConfigurationError: an argument makes no sense.
        """
        if refresh not in (RESULTS, SCHEMA, ENDPOINT):
            raise ConfigurationError(
                f"refresh={refresh!r} is not known; use 'results', 'schema' or 'endpoint'."
            )
        if failure not in ("fail", "warn", "threshold"):
            raise ConfigurationError(f"failure={failure!r} is not known; use 'fail', 'warn' or 'threshold'.")
        wait = rendered_truth("wait_for_completion", wait_for_completion, default=True)
        wants_notes = rendered_truth("annotate", annotate)
        if wants_notes and (not wait or refresh != RESULTS):
            raise ConfigurationError(
                "annotate=True needs runs that are waited for: leave it out with "
                "wait_for_completion=False, and with refresh='schema' or 'endpoint'."
            )
        seconds = _seconds("timeout", timeout)
        if execution_timeout is not None:
            hard = execution_timeout.total_seconds()
            seconds = min(seconds, max(hard - _CLOSING_SECONDS, hard / 2))
        return cls(
            refresh=refresh,
            limit=rendered_count("max_concurrent_runs", max_concurrent_runs, least=1) if wait else None,
            max_runs=_most("max_runs", max_runs),
            wait=wait,
            dry_run=rendered_truth("dry_run", dry_run),
            timeout=seconds,
            check_interval=_seconds("check_interval", check_interval),
            failure=failure,
            max_failed=rendered_count("max_failed", max_failed),
            cancel_on_kill=rendered_truth("cancel_on_kill", cancel_on_kill, default=True),
            annotate=wants_notes,
            parameters=rendered_mapping("parameters", parameters) or {},
            endpoint=checked_path(endpoint) if refresh == ENDPOINT else "",
        )


def selection_of(
    *,
    refresh: str,
    reports: Iterable[str] | str | None,
    datasets: Iterable[str] | str | None,
    collections: Iterable[str] | str | None,
    data_sources: Iterable[str] | str | None,
    include_archived: bool | str,
    stale_since: datetime | float | str | None,
    catalog_conn_id: str,
) -> Selection:
    """Return what the operator's arguments, their templates rendered, select.

    Asks Catalog when ``stale_since`` names a source.

    :raises ConfigurationError: an argument makes no sense, or the source was never ingested.
    """
    selection = Selection(
        reports=rendered_words("reports", reports),
        datasets=rendered_words("datasets", datasets),
        collections=rendered_words("collections", collections),
        data_sources=rendered_words("data_sources", data_sources),
        include_archived=rendered_truth("include_archived", include_archived),
    )
    if refresh == SCHEMA and (selection.reports or selection.datasets or selection.collections):
        raise ConfigurationError(
            "refresh='schema' is about connections: give data_sources, and neither reports, datasets nor "
            "collections."
        )
    if selection.empty or refresh != RESULTS:
        return selection
    return replace(selection, stale_since=_stale_since(stale_since, catalog_conn_id))


def _stale_since(given: datetime | float | str | None, catalog_conn_id: str) -> datetime | None:
    def sources() -> ListedSources:
        with metered(CatalogHook(catalog_conn_id).get_api()) as api:
            return api.listed_sources()

    return moment_or_ingestion("stale_since", given, sources=sources)


def _most(name: str, value: float | str | None) -> int | None:
    given = rendered(value)
    return None if given is None else rendered_count(name, given)


def _seconds(name: str, value: timedelta | float | str) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else rendered_number(name, value)
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise ConfigurationError(f"{name}={value!r} must be more than zero, and at most a year.")
    return seconds
