"""Addresses of things in Mode and Catalog as plain ``inlets`` and ``outlets``, and as OpenLineage's datasets.

``mode://{host}/{workspace}``, that with ``/reports/{token}`` or ``/datasets/{token}``, and
``coalesce-catalog://{host of the zone's API}/sources/{id}``. Airflow finds the functions here by the
provider's ``asset-uris``; they give the names of :mod:`mode_catalog_provider.tasks.lineage`.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import SplitResult, urlsplit

from airflow.sdk import Asset

from mode_catalog_provider.get_provider_info import UUID_PATTERN
from mode_catalog_provider.mode.hosts import lineage_host

_MODE_PATH = re.compile(r"/([A-Za-z0-9_][\w.-]*)(/(?:reports|datasets)/[\w-]+)?", re.ASCII)
_CATALOG_PATH = re.compile(f"/sources/{UUID_PATTERN.strip('^$')}")


def sanitize_mode_uri(uri: SplitResult) -> SplitResult:
    """Bring an address in Mode into one spelling.

    :raises ValueError: it names no workspace, report or dataset.
    """
    host, path = _host_of(uri), _MODE_PATH.fullmatch(uri.path)
    if not host or path is None:
        raise ValueError(
            "An asset of Mode is written mode://app.mode.com/{workspace}, and for a report or dataset "
            f"/reports/{{token}} or /datasets/{{token}} after that. This is none: {_shown(uri)}"
        )
    return SplitResult("mode", lineage_host(host), f"/{path[1].lower()}{path[2] or ''}", "", "")


def sanitize_catalog_uri(uri: SplitResult) -> SplitResult:
    """Bring the address of a source of Catalog into one spelling.

    :raises ValueError: it names no source.
    """
    host = _host_of(uri)
    if not host or not _CATALOG_PATH.fullmatch(uri.path):
        raise ValueError(
            "An asset of Catalog is written coalesce-catalog://api.castordoc.com/sources/{UUID}. This is "
            f"none: {_shown(uri)}"
        )
    return SplitResult("coalesce-catalog", host, uri.path.lower(), "", "")


def mode_dataset(asset: Asset, lineage_context: Any) -> Any:
    """Return an asset of Mode as a dataset of OpenLineage; called by Airflow's provider for it."""
    return _dataset(sanitize_mode_uri(urlsplit(asset.uri)))


def catalog_dataset(asset: Asset, lineage_context: Any) -> Any:
    """Return a source of Catalog as a dataset of OpenLineage; called by Airflow's provider for it."""
    return _dataset(sanitize_catalog_uri(urlsplit(asset.uri)))


def _dataset(uri: SplitResult) -> Any:
    from airflow.providers.common.compat.openlineage.facet import Dataset

    return Dataset(namespace=f"{uri.scheme}://{uri.netloc}", name=uri.path.lstrip("/"))


def _host_of(uri: SplitResult) -> str:
    # A name and password before it say nothing of where the thing is.
    return uri.netloc.rpartition("@")[2].lower()


def _shown(uri: SplitResult) -> str:
    return f"{uri.scheme}://{_host_of(uri)}{uri.path}"
