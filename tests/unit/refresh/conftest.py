from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mode_catalog_provider.mode.client import ModeClient
from mode_catalog_provider.refresh.progress import plan
from mode_catalog_provider.refresh.refresh import Refresh
from tests.sandbox import ModeSwitches, Sandbox
from tests.sandbox.mode import ModeSandbox
from tests.unit.mode.conftest import connect, sandbox
from tests.unit.refresh.workspace import FOREVER, SHAPE, make_client

__all__ = ["connect", "sandbox"]


@pytest.fixture
def mode() -> Iterator[ModeSandbox]:
    """A Mode whose runs never end by themselves."""
    with Sandbox(shape=SHAPE, mode=ModeSwitches(limiter="off", run_seconds=FOREVER)) as sandbox:
        yield sandbox.mode


@pytest.fixture
def client(mode: ModeSandbox) -> Iterator[ModeClient]:
    with make_client(mode) as client:
        yield client


@pytest.fixture
def reports(mode: ModeSandbox) -> list[str]:
    return [report.token for report in mode.world.reports if not report.is_dataset]


@pytest.fixture
def datasets(mode: ModeSandbox) -> list[str]:
    return [report.token for report in mode.world.reports if report.is_dataset]


@pytest.fixture
def refresh(client: ModeClient) -> Callable[..., Refresh]:
    """Make a refresh that does not wait: ``refresh(reports=[...], datasets=[...], memory=...)``."""

    def make(
        *,
        reports: Any = (),
        datasets: Any = (),
        memory: Any = None,
        limit: int | None = 4,
        **options: Any,
    ) -> Refresh:
        progress = plan(reports=reports, datasets=datasets, memory=memory)
        return Refresh(
            client=client, progress=progress, limit=limit, **{"sleep": lambda seconds: None, **options}
        )

    return make
