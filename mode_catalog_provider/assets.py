"""Airflow assets that stand for something that happened in Catalog."""

from __future__ import annotations

import re
from datetime import timedelta

from airflow.sdk import Asset, AssetWatcher

from mode_catalog_provider.catalog.sources import WAREHOUSE
from mode_catalog_provider.hooks.catalog import CatalogHook
from mode_catalog_provider.triggers.catalog_events import CatalogSourceIngestedTrigger


def catalog_ingested(
    source: str | None = None,
    *,
    source_type: str = WAREHOUSE,
    catalog_conn_id: str = CatalogHook.default_conn_name,
    check_interval: timedelta = timedelta(minutes=10),
) -> Asset:
    """Return an asset that gets an event each time Catalog has ingested a source; use it as a ``schedule``.

    :param source: id (UUID) or name of the source; default ``None``: any of ``source_type``.
    :param source_type: ``WAREHOUSE`` (default) or ``VISUALIZATION``.
    :param catalog_conn_id: connection of type ``coalesce_catalog``, default ``coalesce_catalog_default``.
    :param check_interval: time between two looks, default 10 minutes; assets with the same one share a poll.
        Give it the same in all DAGs that use the asset of one source: Airflow keeps one watcher for an asset.
    """
    name = re.sub(r"\W+", "_", f"catalog_ingested_{source or source_type}").lower()
    trigger = CatalogSourceIngestedTrigger(
        source=source,
        source_type=source_type,
        catalog_conn_id=catalog_conn_id,
        check_interval=check_interval.total_seconds(),
    )
    return Asset(name=name, watchers=[AssetWatcher(name=f"{name}_watcher", trigger=trigger)])
