"""A running Catalog, a clock that does not make tests wait, and files to send."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mode_catalog_provider.catalog.ingest import OutgoingFile
from mode_catalog_provider.http.stop import StopSignal
from tests.sandbox import CatalogSandbox, CatalogSwitches
from tests.sandbox.credentials import CredentialBook

NAME = "1700000000-report.json"
ROWS = b'[{"id": 1}]'
UPLOADS = "*/visualization-*"


class QuickStop(StopSignal):
    """Waits take no time, but the clock says that they did."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def now(self) -> float:
        return super().now() + sum(self.waits)

    def sleep(self, seconds: float) -> None:
        self.check()
        self.waits.append(seconds)


@contextmanager
def running_catalog() -> Iterator[CatalogSandbox]:
    sandbox = CatalogSandbox(switches=CatalogSwitches(), book=CredentialBook())
    sandbox.start()
    try:
        yield sandbox
    finally:
        sandbox.stop()


def outgoing(content: bytes = ROWS, *, name: str = NAME, **changes: Any) -> OutgoingFile:
    fields: dict[str, Any] = {
        "open": lambda: io.BytesIO(content),
        "name": name,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return OutgoingFile(**{**fields, **changes})
