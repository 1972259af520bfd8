"""What the two sensors share: wait until Catalog has ingested sources, without holding a worker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar, NoReturn

from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue

from mode_catalog_provider.catalog.ingestion import IngestionState, ingested_since
from mode_catalog_provider.errors import ModeCatalogError, ServiceUnavailableError
from mode_catalog_provider.hooks.catalog import CatalogHook
from mode_catalog_provider.moments import in_words, point_in_time
from mode_catalog_provider.tasks.compat import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    conf,
)
from mode_catalog_provider.tasks.errors import airflow_errors
from mode_catalog_provider.tasks.job import job
from mode_catalog_provider.tasks.links import CatalogSourceLink
from mode_catalog_provider.tasks.rendered import rendered_truth, rendered_words
from mode_catalog_provider.tasks.request_meter import metered
from mode_catalog_provider.triggers.catalog_sources import CatalogSourceTrigger, state_result


class SourceIngestedSensor(BaseSensorOperator):
    """Waits for sources of one type; see the two sensors for users."""

    source_type: ClassVar[str]
    #: What to do when the wait is over, as sentences.
    when_late: ClassVar[str] = "Look at the source in Catalog."
    max_age = timedelta(hours=24)

    template_fields: Sequence[str] = (
        "source_id",
        "source_name",
        "ingested_after",
        "catalog_conn_id",
        "skip_when",
    )
    operator_extra_links = (CatalogSourceLink(),)

    def __init__(
        self,
        *,
        source_id: str | Sequence[str] | None = None,
        source_name: str | Sequence[str] | None = None,
        ingested_after: str | datetime | None = None,
        catalog_conn_id: str = CatalogHook.default_conn_name,
        skip_when: bool | str = False,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poke_interval: timedelta | float = timedelta(minutes=10),
        timeout: timedelta | float = timedelta(hours=24),
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, timeout=timeout, **kwargs)
        self.source_id = source_id
        self.source_name = source_name
        self.ingested_after = ingested_after
        self.catalog_conn_id = catalog_conn_id
        self.skip_when = skip_when
        self.deferrable = deferrable
        self._seen = ""

    @cached_property
    def hook(self) -> CatalogHook:
        """The hook, made when it is first used."""
        return CatalogHook(self.catalog_conn_id)

    @job("wait_for_source", lambda self: f"Waiting for Catalog to ingest a {self.source_type} source.")
    def execute(self, context: Context) -> Any:
        """Look once, then wait by the way that was chosen.

        :return: ``{"message", "sources": [{"id", "name", "technology", "type", "last_refreshed_at"}]}``.
        :raises AirflowSkipException: when ``skip_when`` says so.
        :raises AirflowSensorTimeout: when nothing was ingested in time; not retried.
        :raises AirflowFailException: when a source is unknown or deleted, or the token is refused.
        """
        with airflow_errors():
            if rendered_truth("skip_when", self.skip_when):
                raise AirflowSkipException("This run was asked not to wait for Catalog.")
            if not self.deferrable:
                return self._stay(context)
            try:
                state = self._look(context)
            except AirflowFailException as error:
                self._give_up(error)
            return state_result(state) if state.ready else self._wait(context)

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        state = self._look(context)
        self._seen = state.message
        return PokeReturnValue(is_done=state.ready, xcom_value=state_result(state))

    @job("wait_for_source", lambda self: "Reading what the triggerer saw in Catalog.")
    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Turn the trigger's event into the result of the task."""
        with airflow_errors():
            return self._judged(event)

    def _judged(self, event: dict[str, Any] | None) -> dict[str, Any]:
        match event:
            case {"status": "ingested", "message": message, "sources": sources}:
                self.log.info("%s", message)
                return {"message": message, "sources": sources}
            case {"status": "timeout", "message": message}:
                raise self._late(self._patience(), message)
            case {"status": "failed", "message": message, "permanent": True}:
                raise AirflowFailException(message)
            case {"status": "failed", "message": message}:
                raise ServiceUnavailableError(message)
        raise ModeCatalogError(f"The trigger sent an event that this version does not know: {event!r}.")

    def _look(self, context: Context) -> IngestionState:
        with airflow_errors(context), metered(self.hook.get_api()) as api:
            CatalogSourceLink().publish(context, api.zone.app_url)
            since = self._ingested_after(context) or datetime.now(UTC) - self.max_age
            state = ingested_since(
                api.listed_sources(),
                since=since,
                source_id=self._source_ids(),
                source_name=rendered_words("source_name", self.source_name),
                type=self.source_type,
            )
        self.log.info("%s", state.message)
        return state

    def _stay(self, context: Context) -> Any:
        """Wait on the worker, as every sensor does."""
        try:
            return super().execute(context)
        except AirflowSensorTimeout:
            raise self._late(self.timeout, self._seen) from None

    def _late(self, patience: float, seen: str) -> AirflowSensorTimeout:
        return AirflowSensorTimeout(f"The wait of {in_words(patience)} is over. {seen} {self.when_late}")

    def _patience(self) -> float:
        # Airflow does not end a deferred task by its execution_timeout, so the trigger does.
        limits = [self.timeout]
        if self.execution_timeout is not None:
            limits.append(self.execution_timeout.total_seconds())
        return min(limits)

    def _wait(self, context: Context) -> NoReturn:
        patience = self._patience()
        ingested_after = self._ingested_after(context)
        self.defer(
            trigger=CatalogSourceTrigger(
                catalog_conn_id=self.catalog_conn_id,
                source_type=self.source_type,
                source_ids=list(self._source_ids()),
                source_names=list(rendered_words("source_name", self.source_name)),
                ingested_after=ingested_after.isoformat() if ingested_after else None,
                max_age=self.max_age.total_seconds(),
                deadline=time.time() + patience,
                check_interval=self.poke_interval,
            ),
            method_name="execute_complete",
            # Longer than the trigger's own deadline, so that its event with the reason comes first.
            timeout=timedelta(seconds=patience + 300),
        )

    def _give_up(self, error: AirflowFailException) -> NoReturn:
        if self.soft_fail or self.never_fail:
            raise AirflowSkipException(str(error)) from error
        raise error

    def _source_ids(self) -> tuple[str, ...]:
        return rendered_words("source_id", self.source_id)

    def _ingested_after(self, context: Context) -> datetime | None:
        return point_in_time("ingested_after", self.ingested_after)
