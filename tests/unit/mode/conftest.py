"""A sandbox without rate limit, and clients of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mode_catalog_provider.mode.client import ModeClient, ModeCredentials, ModeEndpoint
from tests.sandbox import ModeSwitches, Sandbox, WorkspaceShape

Connect = Callable[..., ModeClient]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(
        shape=WorkspaceShape(collections=3, reports=20, members=3), mode=ModeSwitches(limiter="off")
    ) as running:
        yield running


@pytest.fixture
def connect(sandbox: Sandbox) -> Iterator[Callable[..., ModeClient]]:
    """Build clients of the sandbox that are closed in the end."""
    clients: list[ModeClient] = []

    def build(**options: Any) -> ModeClient:
        arguments: dict[str, Any] = {
            "workspace": sandbox.mode.workspace,
            "host": sandbox.mode.url,
            "credentials": credentials_of(sandbox),
            "requests_per_second": 2000,
            "timeout": 5,
            **options,
        }
        clients.append(ModeClient(ModeEndpoint(**arguments)))
        return clients[-1]

    yield build
    for client in clients:
        client.close()


def credentials_of(sandbox: Sandbox) -> Callable[[], ModeCredentials]:
    return lambda: ModeCredentials(token=sandbox.mode.token, secret=sandbox.mode.secret)
