"""Tell Airflow each time Catalog has ingested a source: an event that starts DAGs instead of a clock."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent
from asgiref.sync import sync_to_async

from mode_catalog_provider.catalog.ingestion import ingested_at, last_ingested
from mode_catalog_provider.catalog.sources import WAREHOUSE, CatalogSource, ListedSources
from mode_catalog_provider.errors import MalformedResponseError, UnknownSourceError
from mode_catalog_provider.get_provider_info import UUID_PATTERN
from mode_catalog_provider.hooks.catalog import CatalogHook
from mode_catalog_provider.moments import spoken
from mode_catalog_provider.tasks.compat import SharedStreamProducer
from mode_catalog_provider.tasks.request_meter import metered
from mode_catalog_provider.triggers.catalog_sources import JITTER, POLL_BUDGET

log = logging.getLogger(__name__)

#: Stands for the ingestion of a source that had none so far: its first one is news.
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Look:
    """What one look at Catalog has shown.

    :param sources: all sources of the connection.
    :param afterwards: what watchers have to do when Airflow has stored the events that they made of it.
    """

    sources: Sequence[CatalogSource]
    afterwards: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    async def note(self) -> None:
        """Do what was left for afterwards."""
        for do in self.afterwards:
            await do()


class CatalogPoll(SharedStreamProducer):
    """Lists all sources of a connection again and again, for all of its watchers.

    :param catalog_conn_id: connection of type ``coalesce_catalog``.
    :param check_interval: seconds between two looks, spread by a fifth.
    """

    def __init__(self, *, catalog_conn_id: str, check_interval: float) -> None:
        self._catalog_conn_id = catalog_conn_id
        self._check_interval = check_interval

    async def open_stream(self) -> AsyncIterator[tuple[Look, Look]]:
        """Look at Catalog for ever; an end or an error would make Airflow start over at once."""
        while True:
            try:
                # In a thread, because client and hook wait for their answers.
                sources = await sync_to_async(_read_sources, thread_sensitive=False)(self._catalog_conn_id)
            except Exception as error:
                log.warning("Catalog could not be asked for its sources, waiting on: %s", error)
            else:
                look = Look(sources)
                yield look, look
            spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - only scatter
            await asyncio.sleep(self._check_interval * spread)

    async def advance(self, batch: Sequence[Any]) -> None:
        """Note what was told; Airflow calls this when it has stored the events of some looks."""
        for payload, outcome in batch:
            # Of an event that Airflow did not store nothing is noted: it is told again.
            if not outcome.failed:
                await payload.note()


class CatalogSourceIngestedTrigger(BaseEventTrigger):
    """Fires each time Catalog has ingested a source; for an ``AssetWatcher``.

    On Airflow 3.3+ all watchers of one connection and interval share one poll, and the last ingestion told of
    is kept in the asset's state store, once Airflow confirms that it has stored the event. So after a restart
    of the triggerer what happened meanwhile is told of, and nothing is lost. The two stores cannot be
    written at once: a triggerer that dies in the second between them tells of one ingestion twice, with the
    same payload. Give each asset a watcher of its own. Below 3.3 each watcher polls for itself, and an
    ingestion while no triggerer runs goes unnoticed. The ingestion that Catalog shows at the very first look
    is where counting begins; it fires nothing. When there is none yet, the first one fires. What cannot be
    looked at is looked at again.

    The event's payload is ``{"source": {"id", "name", "technology", "type", "last_refreshed_at"}}``.

    :param source: id (UUID) or name of the source; default ``None``: any of ``source_type``.
    :param source_type: ``WAREHOUSE`` (default) or ``VISUALIZATION``.
    :param catalog_conn_id: connection of type ``coalesce_catalog``, default ``coalesce_catalog_default``.
    :param check_interval: seconds between two looks, spread by a fifth; default 600.
    """

    def __init__(
        self,
        *,
        source: str | None = None,
        source_type: str = WAREHOUSE,
        catalog_conn_id: str = CatalogHook.default_conn_name,
        check_interval: float = 600.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.source = source
        self.source_type = source_type
        self.catalog_conn_id = catalog_conn_id
        self.check_interval = check_interval
        self._told: str | None = None
        self._to_keep: str | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments, all of them JSON."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "source": self.source,
                "source_type": self.source_type,
                "catalog_conn_id": self.catalog_conn_id,
                "check_interval": self.check_interval,
            },
        )

    def shared_stream_key(self) -> Hashable | None:
        """Name the poll that watchers share: it lists all sources of a connection (Airflow 3.3+)."""
        return ("mode_catalog_provider.catalog_sources", self.catalog_conn_id, self.check_interval)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> CatalogPoll:
        """Return the poll that watchers share."""
        return CatalogPoll(catalog_conn_id=kwargs["catalog_conn_id"], check_interval=kwargs["check_interval"])

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Look]) -> AsyncIterator[TriggerEvent]:
        """Turn the looks at Catalog into one event for each ingestion of the source."""
        async for look in shared_stream:
            try:
                source = self._watched(look.sources)
                news = await self._is_news(source)
            except Exception as error:
                self.log.warning("Not known whether Catalog ingested %s: %s", self.source or "any", error)
                continue
            if source is not None and news:
                self.log.info("Catalog ingested %s at %s.", source, source.last_refreshed_at)
                look.afterwards.append(partial(self._keep, self._told))
                yield TriggerEvent({"source": source.to_json()})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll for this watcher alone, on an Airflow that shares no streams."""
        async for event in self.filter_shared_stream(self._looks()):
            yield event

    async def _looks(self) -> AsyncIterator[Look]:
        async for look, _ in self.create_shared_stream_producer(self.serialize()[1]).open_stream():
            yield look
            await look.note()

    def _watched(self, sources: Iterable[CatalogSource]) -> CatalogSource | None:
        if self.source is not None:
            source = last_ingested(sources, self.source, type=self.source_type)
            if source.last_refreshed_at is not None and ingested_at(source) is None:
                # Noted, it would be later than every ingestion to come, and none would be news.
                raise MalformedResponseError(
                    f"Catalog says that it ingested {source} at {spoken(source.last_refreshed_at)}, which is "
                    f"still to come."
                )
            return source
        living = [one for one in sources if one.may_be(self.source_type) and one.deleted_at is None]
        if not living:
            # Taken for "never ingested", the last ingestion of a source that is listed again would be news.
            raise UnknownSourceError(f"Catalog lists no {self.source_type} source.")
        ingested = [one for one in living if ingested_at(one) is not None]
        return max(ingested, key=lambda one: str(one.to_json()["last_refreshed_at"]), default=None)

    async def _is_news(self, source: CatalogSource | None) -> bool:
        at = None if source is None else source.last_refreshed_at
        seen = _NEVER if at is None else at
        if self._to_keep is not None:
            await self._keep(self._to_keep)
        if self._told is None:
            self._told = await self._recall()
        if self._told is not None and seen <= datetime.fromisoformat(self._told):
            return False
        first, self._told = self._told is None, seen.isoformat()
        if first:
            await self._keep(self._told)
        return not first

    # -- what is kept across restarts ----------------------------------------------------------------------

    @property
    def _key(self) -> str:
        of = identifier(self.source) if self.source is not None else "any"
        key = f"catalog_ingested_{self.source_type}_{of}".lower()
        if self.catalog_conn_id == CatalogHook.default_conn_name:
            return key
        return f"{key}@{identifier(self.catalog_conn_id)}"

    async def _recall(self) -> str | None:
        # Airflow before 3.3 has no such store.
        store = getattr(self, "asset_state_store", None)
        kept = None if store is None else await store.aget(self._key)
        return kept if isinstance(kept, str) else None

    async def _keep(self, told: str | None) -> None:
        store = getattr(self, "asset_state_store", None)
        try:
            if store is not None:
                await store.aset(self._key, told)
        except Exception as error:
            self.log.warning("The last ingestion could not be kept, trying again later: %s", error)
            self._to_keep = told
        else:
            self._to_keep = None


def identifier(name: str) -> str:
    """Return a name as part of an identifier, told from others but for case and blanks.

    Words with blanks or underscores between them, and UUIDs, stay as they read (``snowflake_production``). To
    every other name some digits of its hash are added: "BigQuery (EU)" and "BigQuery EU" would be one.
    """
    readable = re.sub(r"\W+", "_", name, flags=re.ASCII).lower()
    if re.fullmatch(r"[A-Za-z0-9]+([ _][A-Za-z0-9]+)*|" + UUID_PATTERN.strip("^$"), name):
        return readable
    return f"{readable[:100]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _read_sources(catalog_conn_id: str) -> ListedSources:
    with metered(CatalogHook(catalog_conn_id).get_api(retry_budget=POLL_BUDGET)) as api:
        return api.listed_sources()
