"""Airflow assets that stand for something that happened in Catalog or Mode, or is known of Mode's key.

An asset is one thing in all of Airflow, so its name tells everything that makes it up: the connection and the
kind of source too, where they are not the usual ones.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Asset, AssetAlias, AssetWatcher

from mode_catalog_provider.catalog.sources import WAREHOUSE
from mode_catalog_provider.hooks.catalog import CatalogHook
from mode_catalog_provider.hooks.mode import ModeHook
from mode_catalog_provider.tasks.announcement import event_asset
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


def catalog_fed(
    source_id: str | None = None, *, catalog_conn_id: str = CatalogHook.default_conn_name
) -> Asset:
    """Return the asset that gets an event each time a source of Catalog was fed; use it as a ``schedule``.

    The extra of an event has ``source_id``, ``workspace``, ``snapshot`` (its timestamp), ``manifest`` (where
    it lies), ``rows`` and ``change`` (per asset; against the upload before, ``None`` for the first one),
    ``bytes`` and ``dry_run``.

    :param source_id: UUID of the source, where the DAG that feeds it names one; default ``None``: that of the
        connection.
    :param catalog_conn_id: connection of type ``coalesce_catalog``, default ``coalesce_catalog_default``. The
        asset of the usual one is ``catalog_fed``, that of another ``catalog_fed@{connection}``.
    """
    of_source = f"_{identifier(source_id)}" if source_id else ""
    usual = catalog_conn_id == CatalogHook.default_conn_name
    return _event_asset(f"catalog_fed{of_source}", None if usual else catalog_conn_id)


def mode_fresh(mode_conn_id: str = ModeHook.default_conn_name) -> Asset:
    """Return the asset that gets an event each time Mode's stored results were refreshed without a failure.

    The extra of an event has ``connection``, ``workspace``, ``started``, ``joined``, ``skipped``, ``failed``
    and ``reports``: the tokens of what was run, at most 200.

    :param mode_conn_id: connection of type ``mode``; the asset of the usual one, ``mode_default``, is
        ``mode_fresh``, that of another ``mode_fresh@{connection}``.
    """
    return _event_asset("mode_fresh", None if mode_conn_id == ModeHook.default_conn_name else mode_conn_id)


def mode_api_key(mode_conn_id: str = ModeHook.default_conn_name) -> Asset:
    """Return the asset whose events tell how long a Mode API key will last; ``preflight`` emits them.

    :param mode_conn_id: connection of type ``mode``; the asset of the usual one, ``mode_default``, is
        ``mode_api_key``, that of another ``mode_api_key@{connection}``.
    """
    return _event_asset("mode_api_key", None if mode_conn_id == ModeHook.default_conn_name else mode_conn_id)


def when_true(asset: Asset) -> AssetAlias:
    """Return the outlet by which a task emits an asset only when it may: not by a dry run.

    Airflow emits an asset that stands itself in ``outlets`` whenever the task succeeds.

    :param asset: one of this module, without a watcher.
    """
    return AssetAlias(name=asset.name)


def _event_asset(kind: str, connection: str | None) -> Asset:
    name = kind if connection is None else f"{kind}@{identifier(connection)}"
    return event_asset(name)
