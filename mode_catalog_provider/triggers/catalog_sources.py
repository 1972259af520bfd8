"""Wait, in the triggerer, until Catalog has ingested sources."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from mode_catalog_provider.catalog.ingestion import IngestionState, ingested_since
from mode_catalog_provider.errors import ModeCatalogError
from mode_catalog_provider.hooks.catalog import CatalogHook
from mode_catalog_provider.tasks import metrics
from mode_catalog_provider.tasks.request_meter import metered

#: Share of the interval by which polls are spread, so that many waiting tasks do not ask in the same second.
JITTER = 0.2
#: Seconds that one poll may spend on retries; the next poll is the better retry.
POLL_BUDGET = 30.0


class CatalogSourceTrigger(BaseTrigger):
    """Polls until the sources were ingested since a moment, or the deadline passes.

    It only reads, so it may be started again at any time, by any triggerer. It reads the connection anew
    when Catalog refuses the token, so a rotated token is picked up.

    What looks as if no retry could help (a source that is unknown, a token that is refused) ends the wait
    when two polls in a row say so: one odd answer is no reason to give up a wait of a day.

    Its one event is ``{"status": "ingested", "message", "sources"}``, or ``"timeout"`` or ``"failed"`` with
    ``"message"``, and then ``"permanent"``: whether a retry cannot help.

    :param catalog_conn_id: connection of type ``coalesce_catalog``.
    :param source_type: ``WAREHOUSE`` or ``VISUALIZATION``.
    :param source_ids: ids of sources that must all be ingested; ``None`` or empty: see ``source_names``.
    :param source_names: names of sources that must all be ingested; with neither, any source of the type.
    :param ingested_after: ISO time; an ingestion from then on counts. ``None``: ``max_age`` counts.
    :param max_age: seconds before each poll from which an ingestion counts.
    :param deadline: when waiting ends, in seconds since 1970.
    :param check_interval: seconds between two polls, spread by a fifth.
    :param tolerated_errors: how many polls in a row may fail before the wait is given up, default 5.
    """

    def __init__(
        self,
        *,
        catalog_conn_id: str,
        source_type: str,
        source_ids: list[str] | None,
        source_names: list[str] | None,
        ingested_after: str | None,
        max_age: float,
        deadline: float,
        check_interval: float,
        tolerated_errors: int = 5,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.catalog_conn_id = catalog_conn_id
        self.source_type = source_type
        self.source_ids = source_ids
        self.source_names = source_names
        self.ingested_after = ingested_after
        self.max_age = max_age
        self.deadline = deadline
        self.check_interval = check_interval
        self.tolerated_errors = tolerated_errors

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments, all of them JSON."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "catalog_conn_id": self.catalog_conn_id,
                "source_type": self.source_type,
                "source_ids": self.source_ids,
                "source_names": self.source_names,
                "ingested_after": self.ingested_after,
                "max_age": self.max_age,
                "deadline": self.deadline,
                "check_interval": self.check_interval,
                "tolerated_errors": self.tolerated_errors,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until there is something to say, and say it once."""
        errors = 0
        was_permanent = False
        message = "Catalog was not asked, since the time was over."
        # The deadline comes before the state: after a long outage of the triggerer the wait is over.
        while (left := self.deadline - time.time()) > 0:
            # The sensor has just looked by itself, so the wait comes first.
            spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - only scatter
            await asyncio.sleep(min(self.check_interval * spread, left))
            try:
                # In a thread, because the client waits for its answers. The hook reads the connection there
                # as well; before Airflow 3.3 that works in threads of this making only.
                state = await sync_to_async(self.look, thread_sensitive=False)()
            except Exception as error:
                errors += 1
                metrics.count(metrics.TRIGGER_POLLS, trigger="catalog_sources", outcome="failed")
                permanent = isinstance(error, ModeCatalogError) and error.permanent
                message = str(error)
                if (permanent and was_permanent) or errors > self.tolerated_errors:
                    yield _event("failed", message=message, permanent=permanent)
                    return
                was_permanent = permanent
                self.log.warning("%s (error %d in a row, waiting on)", message, errors)
            else:
                errors, was_permanent = 0, False
                metrics.count(metrics.TRIGGER_POLLS, trigger="catalog_sources", outcome="answered")
                message = state.message
                if state.ready:
                    yield _event("ingested", **state_result(state))
                    return
                self.log.info("%s", message)
        yield _event("timeout", message=message)

    def look(self) -> IngestionState:
        """Ask Catalog once; blocks until it answers."""
        since = (
            datetime.fromisoformat(self.ingested_after)
            if self.ingested_after is not None
            else datetime.now(UTC) - timedelta(seconds=self.max_age)
        )
        with metered(CatalogHook(self.catalog_conn_id).get_api(retry_budget=POLL_BUDGET)) as api:
            return ingested_since(
                api.listed_sources(),
                since=since,
                source_id=self.source_ids,
                source_name=self.source_names,
                type=self.source_type,
            )


def state_result(state: IngestionState) -> dict[str, Any]:
    """Return what a sensor pushes: ``{"message", "sources": [{"id", "name", "last_refreshed_at", ...}]}``."""
    return {"message": state.message, "sources": [source.to_json() for source in state.sources]}


def _event(status: str, **payload: Any) -> TriggerEvent:
    return TriggerEvent({"status": status, **payload})
