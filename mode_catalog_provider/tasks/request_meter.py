"""Sends what requests cost while a task works, and at its end however it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.ingest import CatalogIngest
from mode_catalog_provider.http.statistics import RequestStatistics
from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.tasks import metrics

#: Seconds between two sendings while work goes on.
EVERY = 60.0

AnyClient = TypeVar("AnyClient", ModeClient, CatalogApi, CatalogIngest)


class RequestMeter:
    """Tells Airflow's metrics what was added to the figures of one client.

    It sends about once a minute from whichever thread has just ended a request, so that long work shows on a
    dashboard without a thread of its own; :meth:`send` sends the rest.

    :param statistics: of the client; the meter makes itself their watcher.
    :param service: ``mode`` or ``catalog``.
    :param monotonic: clock in seconds.
    """

    def __init__(
        self,
        statistics: RequestStatistics,
        service: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._statistics = statistics
        self._service = service
        self._monotonic = monotonic
        self._sent: dict[tuple[str, ...], int] = {}
        self._sending = threading.Lock()
        self._next_at = monotonic() + EVERY
        statistics.on_ended = self._look

    def send(self) -> None:
        """Send what was not sent yet."""
        with self._sending:
            self._send(self._statistics.to_json())

    def _look(self) -> None:
        if self._monotonic() < self._next_at or not self._sending.acquire(blocking=False):
            return
        try:
            self._send(self._statistics.to_json())
        finally:
            self._sending.release()

    def _send(self, figures: dict[str, Any]) -> None:
        self._next_at = self._monotonic() + EVERY
        service = self._service
        for operation, one in figures["operations"].items():
            of = {"service": service, "operation": operation}
            for outcome, total in one["outcomes"].items():
                self._add(metrics.HTTP_REQUESTS, total, **of, outcome=outcome)
            self._add(metrics.HTTP_RETRIES, one["retries"], **of)
            self._add(metrics.HTTP_BYTES, one["bytes_received"], **of)
            self._add(metrics.HTTP_MILLISECONDS, round(one["seconds"] * 1000), **of)
            metrics.gauge(metrics.HTTP_SLOWEST, one["slowest_seconds"], **of)
        throttled, asked = figures["throttled_seconds"], figures["retry_after_seconds"]
        self._add(metrics.HTTP_THROTTLED, round(throttled * 1000), service=service)
        self._add(metrics.HTTP_RETRY_AFTER, round(asked * 1000), service=service)

    def _add(self, metric: metrics.Metric, total: int, **tags: str) -> None:
        key = (metric.name, *tags.values())
        # An answer that turned out to be spoiled goes from one outcome to another: a counter cannot go back.
        more = max(0, total - self._sent.get(key, 0))
        self._sent[key] = max(total, self._sent.get(key, 0))
        metrics.count(metric, more, **tags)


@contextmanager
def metered(client: AnyClient) -> Iterator[AnyClient]:
    """Use a client, close it in the end, and send what its requests cost, also when the block fails."""
    meter = RequestMeter(client.statistics, service_of(client))
    with client:
        try:
            yield client
        finally:
            meter.send()


def service_of(client: ModeClient | CatalogApi | CatalogIngest) -> str:
    """Return the word for the service that a client talks to."""
    return "mode" if isinstance(client, ModeClient) else "catalog"
