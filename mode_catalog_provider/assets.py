"""Airflow assets that stand for something that happened in Catalog, or is known of Mode's key.

An asset is one thing in all of Airflow, so its name tells everything that makes it up: the connection and the
kind of source too, where they are not the usual ones.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Asset, AssetWatcher

from mode_catalog_provider.catalog.sources import WAREHOUSE
from mode_catalog_provider.hooks.catalog import CatalogHook
from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.triggers.catalog_events import CatalogSourceIngestedTrigger, identifier


def catalog_ingested(
    source: str | None = None,
    *,
    source_type: str = WAREHOUSE,
    catalog_conn_id: str = CatalogHook.default_conn_name,
    check_interval: timedelta = timedelta(minutes=10),
) -> Asset:
    """Return an asset that gets an event each time Catalog has ingested a source; use it as a ``schedule``.

    Its name is ``catalog_ingested_snowflake`` for the warehouse "Snowflake" of the usual connection,
    ``catalog_ingested_snowflake@catalog_us`` for that of another one: two Catalogs are two assets.

    :param source: id (UUID) or name of the source; default ``None``: any of ``source_type``.
    :param source_type: ``WAREHOUSE`` (default) or ``VISUALIZATION``.
    :param catalog_conn_id: connection of type ``coalesce_catalog``, default ``coalesce_catalog_default``.
    :param check_interval: time between two looks, default 10 minutes; assets with the same one share a poll.
        Give it the same in all DAGs that use the asset of one source: Airflow keeps one watcher for an asset.
    """
    of_type = "" if source is None or source_type == WAREHOUSE else f"{source_type}_"
    name = f"catalog_ingested_{of_type.lower()}{identifier(source or source_type)}"
    if catalog_conn_id != CatalogHook.default_conn_name:
        name += f"@{identifier(catalog_conn_id)}"
    trigger = CatalogSourceIngestedTrigger(
        source=source,
        source_type=source_type,
        catalog_conn_id=catalog_conn_id,
        check_interval=check_interval.total_seconds(),
    )
    return Asset(name=name, watchers=[AssetWatcher(name=f"{name}_watcher", trigger=trigger)])


def mode_api_key(mode_conn_id: str = ModeHook.default_conn_name) -> Asset:
    """Return the asset whose events tell how long a Mode API key will last; ``preflight`` emits them.

    :param mode_conn_id: connection of type ``mode``; the asset of the usual one, ``mode_default``, is
        ``mode_api_key``, that of another ``mode_api_key@{connection}``.
    """
    of_connection = "" if mode_conn_id == ModeHook.default_conn_name else f"@{identifier(mode_conn_id)}"
    name = f"mode_api_key{of_connection}"
    return Asset(name=name, uri=f"mode-catalog://{name}")
