from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.endpoint import CatalogEndpoint
from mode_catalog_provider.catalog.ingest import CatalogIngest
from tests.sandbox import CatalogSandbox
from tests.unit.catalog.serving import QuickStop, running_catalog


@pytest.fixture
def stop() -> QuickStop:
    return QuickStop()


@pytest.fixture
def catalog() -> Iterator[CatalogSandbox]:
    with running_catalog() as sandbox:
        yield sandbox


@pytest.fixture
def new_ingest(catalog: CatalogSandbox, stop: QuickStop) -> Iterator[Callable[..., CatalogIngest]]:
    made: list[CatalogIngest] = []

    def make(**changes: Any) -> CatalogIngest:
        arguments: dict[str, Any] = {
            "token": lambda: catalog.token,
            "ingest_url": catalog.ingest_url,
            "connection": "catalog_prod",
            "timeout": 5,
            "stop": stop,
        }
        own = {name: changes.pop(name) for name in ("source_id", "file_type") if name in changes}
        endpoint = CatalogEndpoint(**{**arguments, **changes})
        made.append(CatalogIngest(endpoint, **{"source_id": catalog.source_id, **own}))
        return made[-1]

    yield make
    for ingest in made:
        ingest.close()


@pytest.fixture
def new_api(catalog: CatalogSandbox, stop: QuickStop) -> Iterator[Callable[..., CatalogApi]]:
    made: list[CatalogApi] = []

    def make(**changes: Any) -> CatalogApi:
        arguments: dict[str, Any] = {
            "token": lambda: catalog.token,
            "api_url": catalog.api_url,
            "connection": "catalog_prod",
            "timeout": 5,
            "stop": stop,
        }
        made.append(CatalogApi(CatalogEndpoint(**{**arguments, **changes})))
        return made[-1]

    yield make
    for api in made:
        api.close()
