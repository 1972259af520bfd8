"""What a connection says about the wire holds for both services, by one rule."""

from __future__ import annotations

from typing import Any

import pytest

from mode_catalog_provider.catalog.api import CatalogApi
from mode_catalog_provider.catalog.endpoint import CatalogEndpoint
from mode_catalog_provider.catalog.ingest import CatalogIngest, OutgoingFile
from mode_catalog_provider.errors import ConfigurationError
from mode_catalog_provider.http.connection import Exchanges
from mode_catalog_provider.http.endpoint import Endpoint
from mode_catalog_provider.mode.client import ModeClient, ModeCredentials, ModeEndpoint

ID = "11111111-1111-4111-8111-111111111111"


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), 86_401, 1e10, float("inf"), (1, 0), (1e9, 5)])
def test_a_timeout_that_no_clock_holds_is_refused_with_the_place_it_stands_in(timeout: Any) -> None:
    with pytest.raises(ConfigurationError, match="timeout of connection 'mode_x'"):
        Endpoint(connection="mode_x", timeout=timeout)


@pytest.fixture
def deadlines(monkeypatch: pytest.MonkeyPatch) -> list[float | None]:
    """How long each exchange was allowed to take; none is made."""
    asked: list[float | None] = []

    def begin(self: Exchanges, *, deadline: float | None) -> Any:
        asked.append(deadline)
        raise ConfigurationError("no exchange is made here")

    monkeypatch.setattr(Exchanges, "begin", begin)
    return asked


def test_a_long_timeout_is_obeyed_by_every_client_by_the_same_rule(deadlines: list[float | None]) -> None:
    catalog = CatalogEndpoint(token=lambda: "clsc_x", timeout=600)
    key = ModeCredentials(token="t" * 12, secret="s")
    file = OutgoingFile(open=lambda: None, name="x.json", size=0, sha256="")  # type: ignore[arg-type,return-value]
    for ask in (
        lambda: ModeClient(ModeEndpoint(workspace="acme", credentials=lambda: key, timeout=600)).verify(),
        lambda: CatalogApi(catalog).query("{ x }", field="x"),
        lambda: CatalogIngest(catalog, source_id=ID).push(file),
    ):
        with pytest.raises(ConfigurationError, match="no exchange"):
            ask()
    assert deadlines == [3000, 3000, 3000]
