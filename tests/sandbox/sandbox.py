"""Both servers together."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Self

from tests.sandbox.catalog import CatalogSandbox
from tests.sandbox.control import Control
from tests.sandbox.credentials import CredentialBook, Credentials
from tests.sandbox.generate import WorkspaceShape, generate_workspace
from tests.sandbox.mode import ModeSandbox
from tests.sandbox.switches import CatalogSwitches, ModeSwitches
from tests.sandbox.world import World

_UNLIMITED_REQUESTS_PER_SECOND = 1000.0


class Sandbox:
    """Mode and Catalog on two ports of this machine, for the length of a ``with`` block.

    :param shape: the workspace to generate, default a small one with every nasty row.
    :param mode: switches of Mode.
    :param catalog: switches of Catalog.
    :param time_scale: real seconds per service second (rate window, latency, run durations); default 1.0.
    :param host: address to listen on, default loopback.
    :param port_mode: port of Mode, default 0 = any free one.
    :param port_catalog: port of Catalog, likewise.
    :param world: a workspace made elsewhere, instead of ``shape``.
    :param mode_credentials: fixed API token of Mode, default a random one.
    :param catalog_token: fixed Read & Write token of Catalog, default a random one.
    :param source_id: fixed id (UUID v4) of the Mode source.
    :param advertise: host name in the addresses given out, default ``host``.
    """

    def __init__(
        self,
        *,
        shape: WorkspaceShape | None = None,
        mode: ModeSwitches | None = None,
        catalog: CatalogSwitches | None = None,
        time_scale: float = 1.0,
        host: str = "127.0.0.1",
        port_mode: int = 0,
        port_catalog: int = 0,
        world: World | None = None,
        mode_credentials: Credentials | None = None,
        catalog_token: str | None = None,
        source_id: str | None = None,
        advertise: str | None = None,
    ) -> None:
        shape = shape or WorkspaceShape()
        book = CredentialBook()
        self.mode = ModeSandbox(
            world=world or generate_workspace(shape),
            switches=mode or ModeSwitches(),
            book=book,
            credentials=mode_credentials,
            host=host,
            advertise=advertise,
            port=port_mode,
            time_scale=time_scale,
        )
        self.catalog = CatalogSandbox(
            switches=catalog or CatalogSwitches(),
            book=book,
            seed=shape.seed,
            token=catalog_token,
            source_id=source_id,
            host=host,
            advertise=advertise,
            port=port_catalog,
            time_scale=time_scale,
        )
        self.mode.control = self.catalog.control = Control(self)

    def start(self) -> Self:
        self.mode.start()
        self.catalog.start()
        return self

    def stop(self) -> None:
        self.mode.stop()
        self.catalog.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def requests_per_second(self) -> float:
        """The rate the sandbox's Mode really allows, in real seconds."""
        switches = self.mode.switches
        if switches.limiter == "off":
            return _UNLIMITED_REQUESTS_PER_SECOND
        return switches.rate_limit / switches.rate_window / self.mode.time_scale

    def connections(self) -> dict[str, str]:
        """The two Airflow connections as JSON texts, by connection id."""
        mode: dict[str, Any] = {
            "conn_type": "mode",
            "host": self.mode.url,
            "login": self.mode.token,
            "password": self.mode.secret,
            "extra": {"workspace": self.mode.workspace},
        }
        if self.requests_per_second != ModeSwitches.rate_limit / ModeSwitches.rate_window:
            mode["extra"]["requests_per_second"] = self.requests_per_second
        catalog: dict[str, Any] = {
            "conn_type": "coalesce_catalog",
            "password": self.catalog.token,
            "extra": {
                "source_id": self.catalog.source_id,
                "zone": "EU",
                "ingest_url": self.catalog.ingest_url,
                "api_url": self.catalog.api_url,
            },
        }
        if not self.mode.loopback:
            mode["extra"]["allow_http"] = catalog["extra"]["allow_http"] = True
        return {"mode_default": json.dumps(mode), "coalesce_catalog_default": json.dumps(catalog)}

    def environment(self) -> dict[str, str]:
        """The connections as the environment variables Airflow reads."""
        return {f"AIRFLOW_CONN_{name.upper()}": value for name, value in self.connections().items()}

    def describe(self) -> dict[str, Any]:
        """Addresses, credentials and connections: what another process needs."""
        mode, catalog = self.mode, self.catalog
        return {
            "mode": {
                "url": mode.url,
                "workspace": mode.workspace,
                "token": mode.token,
                "secret": mode.secret,
                "requests_per_second": self.requests_per_second,
            },
            "catalog": {
                "ingest_url": catalog.ingest_url,
                "api_url": catalog.api_url,
                "token": catalog.token,
                "read_token": catalog.read_token,
                "source_id": catalog.source_id,
                "warehouse_id": catalog.warehouse_id,
            },
            "connections": self.connections(),
            "environment": self.environment(),
        }
