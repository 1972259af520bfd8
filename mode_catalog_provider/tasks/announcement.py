"""Emits the assets that stand in a task's outlets, and says what goes with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow.sdk import Asset, AssetAlias, BaseOperator, Context

from mode_catalog_provider.catalog.push import PushResult
from mode_catalog_provider.tasks import compat

#: Reports that an event names, at most.
NAMED = 200


def event_asset(name: str) -> Asset:
    """Return the asset of this name whose events tell what happened.

    :param name: as in :mod:`mode_catalog_provider.assets`.
    """
    return Asset(name=name, uri=f"mode-catalog://{name}")


def announce(operator: BaseOperator, context: Context, extra: Mapping[str, Any], *, true: bool) -> None:
    """Give the events of a task's outlets their extra.

    :param operator: the task's operator.
    :param context: of the running task.
    :param extra: small; Airflow keeps it in its database for each event. Below Airflow 3.1.8 lists and
        mappings in it become their JSON text where an alias emits the asset.
    :param true: whether what the assets stand for has happened. If not, an outlet of
        :func:`~mode_catalog_provider.assets.when_true` emits nothing; an asset itself is emitted by Airflow.
    """
    events: Any = context.get("outlet_events")
    if events is None:
        return
    for outlet in operator.outlets:
        if isinstance(outlet, AssetAlias):
            if true:
                events[outlet].add(event_asset(outlet.name), extra=_by_alias(extra))
        elif isinstance(outlet, Asset):
            events[outlet].extra = dict(extra)


def _by_alias(extra: Mapping[str, Any]) -> dict[str, Any]:
    if compat.NESTED_EXTRAS:
        return dict(extra)
    return {key: json.dumps(of) if isinstance(of, dict | list) else of for key, of in extra.items()}


def fed(result: PushResult, summary: Mapping[str, Any], *, dry_run: bool) -> dict[str, Any]:
    """Return what goes with "Catalog was fed"; see :func:`~mode_catalog_provider.assets.catalog_fed`.

    :param result: what the push did.
    :param summary: of the snapshot (:func:`~mode_catalog_provider.tasks.sync_summary.sync_summary`), empty
        for files that are none.
    :param dry_run: whether nothing was to be sent.
    """
    rows = summary.get("rows", {})
    return {
        "source_id": result.source_id,
        "workspace": summary.get("workspace"),
        "snapshot": summary.get("snapshot"),
        "manifest": result.snapshot,
        "rows": {asset: of["rows"] for asset, of in rows.items()},
        "change": {asset: of["change"] for asset, of in rows.items()},
        "bytes": result.bytes,
        "dry_run": dry_run,
    }


def refreshed(result: Mapping[str, Any], *, connection: str, workspace: str) -> dict[str, Any]:
    """Return what goes with "Mode is fresh"; see :func:`~mode_catalog_provider.assets.mode_fresh`.

    :param result: of the refresh.
    :param connection: of type ``mode``.
    :param workspace: its name.
    """
    return {
        "connection": connection,
        "workspace": workspace,
        **{key: result[key] for key in ("started", "joined", "skipped", "failed")},
        "reports": [one["report"] for one in result["runs"][:NAMED]],
    }
